//! All the way to `Connected`, and back: what is installed runs as a process beside the API server, with the rights of its account.
use crate::{
    bed::on_runtime,
    git_server::Server,
    pod::Pod,
    site::{Ran, Site, helm},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// How long anything may take: only what hangs gets there.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);

fn eventually(what: &str, pod: &Pod, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}:\n{}", pod.said());
        std::thread::park_timeout(LOOK);
    }
}

fn git(directory: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(directory);
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]).args(args);
    let done = command.output().expect("git runs");
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A repository with a ConfigMap, and the server of it.
fn repository(site: &Site) -> Server {
    let root = site.path("repositories");
    let work = root.join("shop");
    std::fs::create_dir_all(work.join("app")).expect("a directory");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: colours, namespace: shop}\ndata: {colour: blue}\n";
    std::fs::write(work.join("app/colours.yaml"), map).expect("a file");
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    git(&work, &["add", "--all"]);
    git(&work, &["commit", "--quiet", "--message=change"]);
    on_runtime(Server::plain(&root))
}

/// The node has a size, as a kubelet would tell.
fn sized(site: &Site) {
    let size = r#"{"status": {"capacity": {"cpu": "4"}}}"#;
    site.kubectl(&["patch", "node", "one", "--subresource=status", "-p", size]).expect("patched");
}

fn properties(site: &Site) -> Value {
    site.resource("north").expect("a resource")["properties"].take()
}

/// A configuration made at the control plane is applied and told, and goes with it.
fn a_configuration_comes_and_goes(site: &Site, pod: &Pod) {
    let server = repository(site);
    let path = site.plane.flux("north", "shop");
    let body = json!({"properties": {"namespace": "shop", "scope": "cluster",
        "gitRepository": {"url": server.url("shop/.git"), "repositoryRef": {"branch": "main"}, "syncIntervalInSeconds": 1},
        "kustomizations": {"app": {"path": "app", "prune": true}}}});
    let made = site.plane.ask("PUT", &path, Some(&body));
    assert_eq!(made.status, 201, "{}", made.body);
    let told = || site.plane.ask("GET", &path, None);
    eventually("compliance", pod, || told().body["properties"]["complianceState"] == "Compliant");
    let colour = || site.kubectl(&["get", "configmap", "colours", "-n", "shop", "-o", "jsonpath={.data.colour}"]);
    assert_eq!(colour().as_deref(), Ok("blue"));
    let deleted = site.plane.ask("DELETE", &path, None);
    assert!(matches!(deleted.status, 200 | 202 | 204), "{}", deleted.body);
    eventually("end of the object", pod, || colour().is_err());
    eventually("end of the configuration", pod, || told().status == 404);
    site.kubectl(&["delete", "namespace", "shop", "--ignore-not-found"]).expect("deleted");
}

/// Every agent of the process runs, and says so beside it.
fn all_agents_run(pod: &Pod) {
    eventually("health of all agents", pod, || {
        let all = pod.agents();
        let names: Vec<&str> = all.iter().filter_map(|agent| agent["name"].as_str()).collect();
        names == ["config", "config-pull", "identity", "identity-requests", "metadata", "sync"]
            && all.iter().all(|agent| agent["state"] == "Running")
    });
}

/// A token for another service of the cluster.
fn a_token_is_served(site: &Site, pod: &Pod) {
    let request = json!({"apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "AzureClusterIdentityRequest",
        "metadata": {"name": "metrics", "namespace": "azure-arc"}, "spec": {"audience": "https://monitoring.example.org/"}});
    site.apply(&request.to_string());
    let path = "jsonpath={.data.cluster-identity-token}";
    eventually("token", pod, || {
        site.kubectl(&["get", "secret", "metrics-token", "-n", "azure-arc", "-o", path])
            .is_ok_and(|token| !token.is_empty())
    });
}

/// What the agents know of the cluster is at the control plane, and in the cluster.
fn the_cluster_is_known(site: &Site, pod: &Pod) {
    eventually("size of the cluster", pod, || properties(site)["totalCoreCount"] == 4);
    eventually("distribution", pod, || properties(site)["distribution"] == "k3s");
    let told = properties(site);
    assert_eq!(told["connectivityStatus"], "Connected");
    assert_eq!(told["totalNodeCount"], 1);
    assert_eq!(told["infrastructure"], "generic");
    assert_eq!(told["agentVersion"], env!("CARGO_PKG_VERSION"));
    assert!(told["kubernetesVersion"].as_str().is_some_and(|version| version.starts_with("1.")), "{told:#}");
    assert!(told["managedIdentityCertificateExpirationTime"].is_string(), "{told:#}");
    let read = ["get", "connectedcluster", "clustermetadata", "-n", "azure-arc", "-o", "jsonpath={.status.nodeCount}"];
    eventually("record in the cluster", pod, || site.kubectl(&read).as_deref() == Ok("1"));
}

/// Nothing that the agents asked the API server for was refused.
fn the_rights_suffice(pod: &Pod) {
    let log = pod.log();
    let refused = |line: &&str| line.contains("\"http.status_code\":403") || line.to_lowercase().contains("forbidden");
    assert!(log.contains("\"http.status_code\":200"), "requests are logged: {log}");
    assert_eq!(log.lines().filter(refused).collect::<Vec<_>>(), Vec::<&str>::new());
}

fn both_sides_are_cleaned(site: &Site, more: &[&str]) {
    let ran = site.run("disconnect", "north", &[&["--yes"], more].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    assert!(site.resource("north").is_none());
    assert!(site.kubectl(&["get", "namespace", "azure-arc"]).is_err(), "{}", ran.stderr);
}

fn is_connected(ran: &Ran) {
    assert!(ran.is_fine, "{}", ran.stderr);
    assert!(ran.line("connected").contains("it is Connected"), "{}", ran.stderr);
}

#[test]
fn what_helm_installs_connects_the_cluster_and_the_same_command_ends_when_it_has() {
    if helm().is_none() {
        return;
    }
    let site = Site::new();
    sized(&site);
    // Nothing runs pods here: the first one ends in vain, and the second one finds what was installed at work.
    let first = site.run("connect", "north", &["--timeout", "1"]);
    assert!(!first.is_fine && first.stderr.contains("is not Connected after 1 s"), "{}", first.stderr);
    let pod = Pod::start(&site);
    let again = site.run("connect", "north", &["--timeout", "60", "-o", "json"]);
    assert!(again.is_fine, "{}\n{}", again.stderr, pod.log());
    assert_eq!(again.json()["connectivityStatus"], "Connected");
    the_cluster_is_known(&site, &pod);
    a_configuration_comes_and_goes(&site, &pod);
    a_token_is_served(&site, &pod);
    all_agents_run(&pod);
    the_rights_suffice(&pod);
    is_connected(&site.run("connect", "north", &["--timeout", "60"]));
    drop(pod);
    both_sides_are_cleaned(&site, &[]);
}

#[test]
fn what_manifests_install_connects_the_cluster() {
    let site = Site::new();
    sized(&site);
    let no_helm = ["--helm-command", "/nonexistent"];
    // What is not known at the onboarding is told by the nodes later, unless the owner says it.
    let plain = ["--manifests", "-", "--distribution", "generic"];
    let ran = site.run("connect", "north", &[&plain, &no_helm[..]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    assert_eq!(properties(&site)["distribution"], "generic");
    let body = json!({"location": "here", "identity": {"type": "SystemAssigned"},
        "properties": {"agentPublicKeyCertificate": site.public_key("north")}});
    assert_eq!(site.plane.ask("PUT", &site.plane.cluster("north"), Some(&body)).status, 200);
    site.apply(&ran.stdout);
    let pod = Pod::start(&site);
    eventually("connection", &pod, || properties(&site)["connectivityStatus"] == "Connected");
    the_cluster_is_known(&site, &pod);
    a_configuration_comes_and_goes(&site, &pod);
    a_token_is_served(&site, &pod);
    all_agents_run(&pod);
    the_rights_suffice(&pod);
    drop(pod);
    both_sides_are_cleaned(&site, &no_helm);
}
