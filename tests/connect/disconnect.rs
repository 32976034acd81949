//! What `arcwright disconnect` takes away, and what it leaves.
use crate::site::{Site, helm};
use serde_json::json;

const PLAIN: [&str; 2] = ["--manifests", "-"];

fn is_gone(site: &Site) {
    for what in [
        vec!["namespace", "azure-arc"],
        vec!["clusterrole", "azure-arc-arcwright"],
        vec!["clusterrolebinding", "azure-arc-arcwright"],
    ] {
        assert!(site.kubectl(&[&["get"], what.as_slice()].concat()).is_err(), "{what:?}");
    }
    assert!(site.kubectl(&["get", "crd", "fluxconfigurations.clusterconfig.azure.com"]).is_ok(), "definitions stay");
}

#[test]
fn both_sides_are_cleaned_of_what_helm_installed() {
    if helm().is_none() {
        return;
    }
    let site = Site::new();
    site.run("connect", "north", &["--timeout", "1"]);
    let asked = site.run("disconnect", "north", &[]);
    assert!(!asked.is_fine && asked.stderr.contains("give --yes"), "{}", asked.stderr);
    assert!(site.resource("north").is_some());
    let ran = site.run("disconnect", "north", &["--yes", "-o", "json"]);
    assert!(ran.is_fine, "{}", ran.stderr);
    let told = ran.json();
    assert_eq!((&told["resource"]["deleted"], &told["cluster"]), (&json!(true), &json!({"cleaned": true, "left": []})));
    assert!(ran.stderr.contains("what configurations have applied in the cluster was not touched"), "{}", ran.stderr);
    assert!(site.resource("north").is_none());
    is_gone(&site);
    let again = site.run("disconnect", "north", &["--yes"]);
    assert!(again.is_fine && again.line("resource").contains("was not there"), "{}", again.stderr);
}

#[test]
fn both_sides_are_cleaned_of_manifests_and_what_is_somebody_elses_stays() {
    let site = Site::new();
    let ran = site.run("connect", "north", &PLAIN);
    assert!(ran.is_fine, "{}", ran.stderr);
    site.apply(&ran.stdout);
    site.kubectl(&["create", "configmap", "mine", "-n", "azure-arc", "--from-literal=a=b"]).expect("made");
    let token = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x-token", "namespace": "azure-arc"},
        "stringData": {"cluster-identity-token": "token"}});
    site.apply(&token.to_string());
    let no_helm = ["--yes", "--helm-command", "/nonexistent"];
    let ran = site.run("disconnect", "north", &no_helm);
    assert!(ran.is_fine, "{}", ran.stderr);
    assert!(
        ran.line("namespace").contains("azure-arc stays") && ran.line("namespace").contains("ConfigMap mine"),
        "{}",
        ran.stderr
    );
    assert!(site.resource("north").is_none());
    let left =
        site.kubectl(&["get", "secret,deployment,serviceaccount", "-n", "azure-arc", "-o", "name"]).expect("listed");
    assert_eq!(left.lines().filter(|name| !name.ends_with("/default")).collect::<Vec<_>>(), Vec::<&str>::new());
    site.kubectl(&["delete", "configmap", "mine", "-n", "azure-arc"]).expect("deleted");
    let ran = site.run("disconnect", "north", &no_helm);
    assert!(ran.is_fine, "{}", ran.stderr);
    is_gone(&site);
}

#[test]
fn one_side_alone_takes_force() {
    let site = Site::new();
    let ran = site.run("connect", "north", &PLAIN);
    site.apply(&ran.stdout);
    let nowhere = ["--yes", "--kubeconfig", "/nonexistent"];
    let ran = site.run("disconnect", "north", &nowhere);
    assert!(
        !ran.is_fine && ran.stderr.contains("the cluster cannot be worked with; nothing was changed"),
        "{}",
        ran.stderr
    );
    assert!(site.resource("north").is_some());
    let ran = site.run("disconnect", "north", &[&nowhere[..], &["--force"]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    assert!(site.resource("north").is_none());
    let deaf = ["--yes", "--hub", "https://127.0.0.1:1"];
    let ran = site.run("disconnect", "north", &deaf);
    assert!(!ran.is_fine && ran.stderr.contains("the control plane cannot be worked with"), "{}", ran.stderr);
    let neither = site.run("disconnect", "north", &[&deaf[..], &["--force", "--kubeconfig", "/nonexistent"]].concat());
    assert!(!neither.is_fine && neither.stderr.contains("neither cluster nor control plane"), "{}", neither.stderr);
    let ran = site.run("disconnect", "north", &[&deaf[..], &["--force", "--helm-command", "/nonexistent"]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    is_gone(&site);
}

#[test]
fn force_lets_nothing_wait_for_agents_that_are_gone() {
    let site = Site::new();
    let ran = site.run("connect", "north", &PLAIN);
    site.apply(&ran.stdout);
    site.apply(&json!({"apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "FluxConfiguration",
        "metadata": {"name": "shop", "namespace": "azure-arc", "finalizers": ["clusterconfig.azure.com/arcwright"]},
        "spec": {"namespace": "azure-arc", "gitRepository": {"url": "https://git.example.org/a", "repositoryRef": {"branch": "main"}},
            "kustomizations": {"app": {}}}}).to_string());
    let no_helm = ["--yes", "--helm-command", "/nonexistent"];
    let ran = site.run("disconnect", "north", &no_helm);
    assert!(ran.is_fine && ran.line("namespace").contains("FluxConfiguration shop"), "{}", ran.stderr);
    site.kubectl(&["delete", "fluxconfiguration", "shop", "-n", "azure-arc", "--wait=false"]).expect("told");
    let ran = site.run("disconnect", "north", &[&no_helm[..], &["--force"]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    is_gone(&site);
}
