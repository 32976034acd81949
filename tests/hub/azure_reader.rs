//! The agent's reading straight from a resource manager, by the credentials that Azure's own library makes.
use crate::bed::{Bed, arcwright, flux, on_runtime};
use ::arcwright::cloud::{AzureCloud, AzureCredential, AzureReader, Http};
use secrecy::SecretString;
use serde_json::json;

fn reader(bed: &Bed, credential: AzureCredential) -> AzureReader {
    let authority = bed.directory.path().join(bed.hub.bootstrap["caFile"].as_str().expect("a path"));
    let authority = std::fs::read(authority).expect("a file");
    let cloud = AzureCloud::At(bed.hub.endpoint.clone());
    on_runtime(async {
        let http = Http::new(Some(&authority)).expect("a client");
        AzureReader::new(http, cloud, credential, &bed.cluster("north"))
    })
}

/// A cluster with more configurations of both kinds than a page holds.
fn filled(bed: &Bed) {
    bed.make("north");
    for number in 0..101 {
        assert_eq!(bed.ask("PUT", &bed.flux("north", &format!("web-{number:03}")), Some(&flux())).status, 201);
    }
    let first = json!({"properties": {"repositoryUrl": "https://git.example.org/first", "operatorNamespace": "first"}});
    let path = bed.flux("north", "first").replace("fluxConfigurations", "sourceControlConfigurations");
    let path = path.replace("2025-04-01", "2023-05-01");
    let made = bed.ask("PUT", &path, Some(&first));
    assert_eq!(made.status, 201, "{}", made.body);
}

fn text(bed: &Bed, field: &str) -> String {
    bed.hub.bootstrap[field].as_str().expect("a text").to_owned()
}

#[test]
fn what_is_wanted_is_read_with_a_secret() {
    let bed = Bed::new();
    filled(&bed);
    let secret = SecretString::from(text(&bed, "clientSecret"));
    let credential = AzureCredential::Secret { tenant: text(&bed, "tenantId"), client: text(&bed, "clientId"), secret };
    let reader = reader(&bed, credential);
    let wanted = on_runtime(reader.wanted()).expect("read");
    assert_eq!(wanted.configurations.len(), 102);
    let web = &wanted.configurations[0];
    assert_eq!(
        (web.name.as_str(), &web.properties["gitRepository"]["url"]),
        ("web-000", &json!("https://git.example.org/web"))
    );
    assert!(
        !web.properties.contains_key("complianceState")
            && web.properties["configurationProtectedSettings"] == json!({})
    );
    assert_eq!(on_runtime(reader.wanted()).expect("read"), wanted, "nothing has changed");
}

#[test]
fn what_is_wanted_is_read_with_a_certificate() {
    let bed = Bed::new();
    filled(&bed);
    let key = openssl::rsa::Rsa::generate(2048).expect("a key").private_key_to_pem().expect("PEM");
    let key = String::from_utf8(key).expect("PEM");
    let pair = rcgen::KeyPair::from_pem(&key).expect("a key");
    let certificate =
        rcgen::CertificateParams::new(Vec::new()).expect("parameters").self_signed(&pair).expect("signed").pem();
    let path = bed.directory.path().join("reader.pem");
    std::fs::write(&path, &certificate).expect("written");
    let path = path.display().to_string();
    let args = ["user", "add", "--data", &bed.data, "--role", "reader", "--name", "agent", "--certificate", &path];
    let (is_done, said, printed) = arcwright(bed.directory.path(), &args);
    assert!(is_done, "{said}");
    let user: serde_json::Value = serde_json::from_str(&printed).expect("a credential");
    let credential = AzureCredential::Certificate {
        tenant: text(&bed, "tenantId"),
        client: user["clientId"].as_str().expect("an id").to_owned(),
        certificate: (certificate + &key).into_bytes().into(),
        password: None,
    };
    assert_eq!(on_runtime(reader(&bed, credential).wanted()).expect("read").configurations.len(), 102);
}

#[test]
fn a_wrong_secret_is_told_without_being_repeated() {
    let bed = Bed::new();
    let secret = SecretString::from("wr0ng-S3CRET");
    let credential = AzureCredential::Secret { tenant: text(&bed, "tenantId"), client: text(&bed, "clientId"), secret };
    let refused = on_runtime(reader(&bed, credential).wanted()).expect_err("refused");
    let said = format!("{refused} {refused:?}");
    assert!(said.contains("AADSTS7000215") && !said.contains("S3CRET"), "{said}");
}
