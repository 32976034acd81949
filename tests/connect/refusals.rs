//! What is in the way, and how that is told: all of it at once, before anything is changed.
use crate::site::Site;
use serde_json::{Value, json};

/// Arguments that take no helm.
const PLAIN: [&str; 2] = ["--manifests", "-"];

/// The owner's credential with other entries, in a file.
fn changed(site: &Site, entries: &[(&str, &str)]) -> String {
    let mut credential = site.plane.hub.bootstrap.clone();
    for (name, value) in entries {
        credential[*name] = json!(value);
    }
    let path = site.path("changed.json");
    std::fs::write(&path, credential.to_string()).expect("a file");
    path.display().to_string()
}

#[test]
fn a_control_plane_that_cannot_be_worked_with_is_told_with_what_to_do() {
    let site = Site::new();
    let other = crate::bed::Bed::new();
    let foreign =
        other.directory.path().join(other.hub.bootstrap["caFile"].as_str().expect("a path")).display().to_string();
    let named = site.plane.hub.endpoint.replace("127.0.0.1", "nowhere.invalid");
    let api = site.kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]).expect("a server");
    for (entries, name, said) in [
        (vec![("endpoint", "https://127.0.0.1:1")], "control plane", "nobody listens there"),
        (vec![("endpoint", named.as_str())], "control plane", "no such name is known"),
        (vec![("caFile", foreign.as_str())], "control plane", "give the control plane's FILE.ca.pem"),
        (vec![("endpoint", api.as_str())], "control plane", "--hub-ca"),
        (vec![("clientSecret", "wrong")], "sign-in", "correct clientId and clientSecret"),
        (vec![("tenantId", "another")], "sign-in", "correct tenantId"),
        (vec![("subscriptionId", "another")], "providers", "SubscriptionNotFound"),
    ] {
        let ran = site.run_as(&changed(&site, &entries), "connect", "north", &PLAIN);
        assert!(!ran.is_fine, "{entries:?}");
        assert!(ran.line(name).starts_with("FAILED"), "{entries:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{entries:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("nothing was changed") && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    assert!(site.resource("north").is_none());
    assert!(site.kubectl(&["get", "namespace", "azure-arc"]).is_err());
    let secret = site.plane.hub.bootstrap["clientSecret"].as_str().expect("a text");
    let ran = site.run_as(&changed(&site, &[("endpoint", "http://127.0.0.1:1")]), "connect", "north", &PLAIN);
    assert!(ran.stderr.contains("is no https URL") && !ran.stderr.contains(secret), "{}", ran.stderr);
}

#[test]
fn everything_that_is_in_the_way_is_told_at_once() {
    let site = Site::new();
    site.kubectl(&["create", "serviceaccount", "nobody", "-n", "default"]).ok();
    let token = site.kubectl(&["create", "token", "nobody", "-n", "default"]).expect("a token");
    let config = site.kubectl(&["config", "view", "--raw", "-o", "json"]).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["users"][0]["user"] = json!({"token": token.trim()});
    std::fs::write(site.path("limited"), config.to_string()).expect("a file");
    let credential = changed(&site, &[("clientSecret", "wrong")]);
    let ran = site.run_as(
        &credential,
        "connect",
        "north",
        &["--kubeconfig", "limited", "--helm-command", "/nonexistent", "-o", "json"],
    );
    assert!(!ran.is_fine);
    let told = ran.json();
    let of = |verdict: &str| -> Vec<String> {
        let all = told["checks"].as_array().expect("checks").iter().filter(|one| one["verdict"] == verdict);
        all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(of("failed"), ["helm", "rights", "agents", "identity", "sign-in"], "{told:#}");
    assert_eq!((of("warning"), of("skipped")), (vec!["nodes".to_owned()], vec!["providers".to_owned()]));
    assert!(ran.line("rights").contains("create clusterrolebindings"), "{}", ran.stderr);
    let nowhere = site.run_as(&credential, "connect", "north", &["--kubeconfig", "/nonexistent", "--manifests", "-"]);
    assert!(nowhere.line("cluster").starts_with("FAILED"), "{}", nowhere.stderr);
}

#[test]
fn a_cluster_that_is_another_resource_is_not_connected_and_not_disconnected() {
    let site = Site::new();
    let first = site.run("connect", "north", &PLAIN);
    assert!(first.is_fine, "{}", first.stderr);
    site.apply(&first.stdout);
    for more in [vec![], vec!["--force"]] {
        let ran = site.run("connect", "south", &[&PLAIN[..], &more].concat());
        assert!(
            !ran.is_fine && ran.stderr.contains("this cluster is connected as north in resource group shops"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("arcwright disconnect --name north --resource-group shops"), "{}", ran.stderr);
        let ran = site.run("disconnect", "south", &[&["--yes"], more.as_slice()].concat());
        assert!(!ran.is_fine && ran.stderr.contains("this cluster is connected as north"), "{}", ran.stderr);
    }
    assert!(site.resource("north").is_some() && site.resource("south").is_none());
}

#[test]
fn a_resource_of_another_key_is_taken_over_by_force_only() {
    let site = Site::new();
    site.plane.make("north");
    let ran = site.run("connect", "north", &PLAIN);
    assert!(!ran.is_fine && ran.stdout.is_empty(), "{}", ran.stderr);
    assert!(ran.stderr.contains("was made with another key") && ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(site.public_key("north"), "MII=");
    let ran = site.run("connect", "north", &[&PLAIN[..], &["--force"]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    assert!(site.public_key("north").len() > 600);
    assert_eq!(site.resource("north").expect("a resource")["tags"]["a"], "b", "what else it has stays");
}

#[test]
fn files_that_are_not_what_they_should_be_are_told_before_anybody_is_asked() {
    let site = Site::new();
    std::fs::write(site.path("key.pem"), "S3CRET").expect("a file");
    for (more, said) in [
        (vec!["--onboarding-key", "key.pem"], "the key in key.pem cannot be used"),
        (vec!["--onboarding-key", "none.pem"], "none.pem cannot be read"),
        (vec!["--hub-ca", "key.pem"], "key.pem has no certificate in PEM"),
    ] {
        let ran = site.run("connect", "north", &[&PLAIN[..], &more].concat());
        assert!(!ran.is_fine && ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!ran.stderr.contains("S3CRET") && !ran.stderr.contains("control plane  "), "{}", ran.stderr);
    }
    let ran = site.run_as("key.pem", "connect", "north", &PLAIN);
    assert!(ran.stderr.contains("key.pem is no credential"), "{}", ran.stderr);
}
