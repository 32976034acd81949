//! `arcwright connect`, from a control plane to pods that work, and the way back.
use crate::{
    bed::{Release, apply, attempt, eventually, import_image, kubectl, node_address, read, tell, wait},
    plane::{Bed, Hub},
    repository::{Repository, SHOP, colours},
};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

const DEPLOYMENT: &str = "azure-arc-arcwright";

/// A control plane that pods reach.
fn control_plane() -> Bed {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("hub.db").display().to_string();
    let hub = Hub::start_at(&format!("{}:0", node_address()), &data, directory.path(), &[]);
    Bed::of(data, directory, hub)
}

/// Runs the program as the owner would, with `helm` and the kubeconfig of the environment.
fn arcwright(directory: &Path, command: &str, more: &[&str]) -> Value {
    let mut program = Command::new(env!("CARGO_BIN_EXE_arcwright"));
    program.args([command, "--name", "north", "-g", "shops", "--credential", "bootstrap.json", "-o", "json"]);
    let done = program.args(more).current_dir(directory).stdin(Stdio::null()).output().expect("arcwright runs");
    let (out, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command}: {out}\n{said}");
    serde_json::from_str(&out).expect("JSON")
}

/// Takes away what a test leaves that fails, and the definitions that `disconnect` leaves.
struct Cleaned;

impl Drop for Cleaned {
    fn drop(&mut self) {
        Release::clean();
    }
}

/// What all pods of the agents have logged.
fn log() -> String {
    kubectl(&["logs", "--namespace", Release::NAMESPACE, "--selector", Release::SELECTOR, "--tail=-1"])
}

#[test]
#[ignore = "it takes a node: ./test node"]
fn a_cluster_is_connected_by_one_command_and_disconnected_by_another() {
    let repository = Repository::serve(&[("app/colours.yaml", &colours("blue")), ("app/shop.yaml", SHOP)]);
    let plane = control_plane();
    let directory = plane.directory.path();
    import_image();
    let _cleaned = Cleaned;
    kubectl(&["create", "namespace", Release::NAMESPACE]);
    kubectl(&["label", "namespace", Release::NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
    let mut values = repository.values(&[]);
    values["image"] = json!({"pullPolicy": "Never"});
    // Also what is not worth a warning may be a right that is missing.
    values["log"] = json!({"level": "info,arcwright=debug,kube_client=debug"});
    std::fs::write(directory.join("more.yaml"), values.to_string()).expect("a file");
    let connect = ["--image", "node.test/arcwright:1", "--values", "more.yaml", "--timeout", "120"];
    let begun = Instant::now();
    let told = arcwright(directory, "connect", &connect);
    tell(&format!("connected: the control plane says so {:.1} s after `connect` began", begun.elapsed().as_secs_f64()));
    assert_eq!(told["connectivityStatus"], "Connected");
    assert!(told["checks"].as_array().is_some_and(|all| all.iter().all(|one| one["verdict"] == "passed")), "{told:#}");
    let known = eventually("size of the cluster", || {
        let known = plane.ask("GET", &plane.cluster("north"), None).body["properties"].take();
        known["totalNodeCount"].is_number().then_some(known)
    });
    assert_eq!(known["totalNodeCount"], 1);
    assert!(known["totalCoreCount"].as_u64() > Some(0) && known["kubernetesVersion"].is_string(), "{known:#}");

    a_configuration_of_the_control_plane_is_kept(&plane, &repository);
    let request = json!({"apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "AzureClusterIdentityRequest",
        "metadata": {"name": "metrics", "namespace": Release::NAMESPACE}, "spec": {"audience": "https://monitoring.example.org/"}});
    apply(&request.to_string());
    wait(Release::NAMESPACE, "secret/metrics-token", "create");
    wait(Release::NAMESPACE, "azureclusteridentityrequest/metrics", "condition=Ready");
    wait(Release::NAMESPACE, "connectedcluster/clustermetadata", "jsonpath={.status.nodeCount}=1");
    let log = log();
    let refused = |line: &&str| line.contains("\"http.status_code\":403") || line.to_lowercase().contains("forbidden");
    assert!(log.contains("\"http.status_code\":200"), "requests are logged: {log}");
    assert_eq!(log.lines().filter(refused).collect::<Vec<_>>(), Vec::<&str>::new(), "the rights of the chart suffice");
    let begun = Instant::now();
    arcwright(directory, "connect", &connect);
    tell(&format!("connected already: the same command again takes {:.1} s", begun.elapsed().as_secs_f64()));
    for pod in read(&["pods", "-n", Release::NAMESPACE, "-l", Release::SELECTOR])["items"].as_array().expect("a list") {
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{pod:#}");
    }

    let gone = arcwright(directory, "disconnect", &["--yes"]);
    assert_eq!((&gone["resource"]["deleted"], &gone["cluster"]), (&json!(true), &json!({"cleaned": true, "left": []})));
    assert_eq!(plane.ask("GET", &plane.cluster("north"), None).status, 404);
    assert!(attempt("kubectl", &["get", "namespace", Release::NAMESPACE], "").is_err());
    assert!(attempt("kubectl", &["get", "clusterrole", DEPLOYMENT], "").is_err());
    // What configurations have applied stays.
    kubectl(&["get", "configmap", "colours", "--namespace", "shop"]);
    kubectl(&["delete", "namespace", "shop"]);
}

/// A configuration comes by way of the control plane, its pods run, and the control plane is told.
fn a_configuration_of_the_control_plane_is_kept(plane: &Bed, repository: &Repository) {
    let path = plane.flux("north", "shop");
    let body = json!({"properties": {"namespace": "shop", "scope": "cluster",
        "gitRepository": {"url": repository.url(), "repositoryRef": {"branch": "main"}, "syncIntervalInSeconds": 1},
        "kustomizations": {"app": {"path": "app", "prune": true, "syncIntervalInSeconds": 1}}}});
    let begun = Instant::now();
    let made = plane.ask("PUT", &path, Some(&body));
    assert_eq!(made.status, 201, "{}", made.body);
    eventually("compliance at the control plane", || {
        let told = plane.ask("GET", &path, None).body;
        (told["properties"]["complianceState"] == "Compliant").then_some(())
    });
    tell(&format!(
        "a configuration is Compliant, with a pod of its own, {:.1} s after it was made",
        begun.elapsed().as_secs_f64()
    ));
    wait("shop", "deployment/shop", "condition=Available");
    repository.commit(&[("app/colours.yaml", &colours("green"))]);
    wait("shop", "configmap/colours", "jsonpath={.data.colour}=green");
}
