//! What an agent reads straight from a resource manager, with an identity of Azure.
use crate::bed::{Bed, flux};
use arcwright::cloud::{Arm, Cloud, Credential, Http, Proof, TokenSource, Trouble};
use secrecy::SecretString;

async fn connected(bed: &Bed, secret: Option<&str>) -> Arm {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let credential = Credential::read(&bed.directory.path().join("bootstrap.json")).expect("a credential");
    let authorities = std::fs::read(credential.ca_file.as_ref().expect("authorities")).expect("a file");
    let http = Http::new(Some(&authorities)).expect("a client");
    let cloud: Cloud = credential.endpoint.parse().expect("a cloud");
    let endpoints = cloud.endpoints(&http).await.expect("it says where to sign in");
    let secret = secret.map_or(credential.secret, SecretString::from);
    let proof = Proof::Secret { tenant: credential.tenant, client: credential.client, secret };
    let tokens = TokenSource::identity(&http, &endpoints, proof).expect("an identity");
    Arm::new(http, cloud.url(), &endpoints, tokens)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_configuration_of_a_cluster_is_read_from_all_pages() {
    let bed = tokio::task::spawn_blocking(|| {
        let bed = Bed::new();
        bed.make("north");
        for number in 0..120 {
            let put = bed.ask("PUT", &bed.flux("north", &format!("web-{number}")), Some(&flux()));
            assert_eq!(put.status, 201, "{}", put.body);
        }
        bed
    });
    let bed = bed.await.expect("a control plane");
    let arm = connected(&bed, None).await;
    let all = arm.configurations(&bed.cluster("north")).await.expect("a list");
    assert_eq!(all.len(), 120);
    assert!(all.is_sorted_by(|one, other| one.id < other.id));
    assert_eq!(all[0].kind, "Microsoft.KubernetesConfiguration/fluxConfigurations");
    assert_eq!(all[0].properties["gitRepository"]["url"], "https://git.example.org/web");
    assert!(!all[0].properties.contains_key("complianceState"), "what is wanted, and not how it is");
    let error = arm.configurations(&bed.cluster("south")).await.expect_err("no such cluster");
    assert_eq!(error.status(), Some(404), "{error}");
    let error = connected(&bed, Some("wrong")).await.configurations(&bed.cluster("north")).await.expect_err("refused");
    assert_eq!(Trouble::of(&error), Trouble::Secret);
    let told = arcwright::error::Chain(&error).to_string();
    assert!(told.contains("Invalid client"), "{told}");
    tokio::task::spawn_blocking(move || drop(bed)).await.expect("an end");
}
