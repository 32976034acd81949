//! What `arcwright connect` does when nothing is in the way.
use crate::site::{Site, helm};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn helm_installs_the_agents_and_a_cluster_that_does_not_call_is_told_with_what_is_wrong() {
    if helm().is_none() {
        return;
    }
    let site = Site::new();
    let ran =
        site.run("connect", "north", &["--timeout", "1", "--image", "registry.example.org/arcwright:9", "-o", "json"]);
    // No kubelet runs here, so that no agent calls.
    assert!(!ran.is_fine);
    assert!(ran.stderr.contains("the cluster is not Connected after 1 s"), "{}", ran.stderr);
    let told = ran.json();
    assert!(
        told["checks"]
            .as_array()
            .is_some_and(|all| all.len() == 10 && all.iter().all(|one| one["verdict"] == "passed")),
        "{told:#}"
    );
    assert_eq!(told["connectivityStatus"], "Connecting");
    assert_eq!(
        (&told["resource"]["distribution"], &told["resource"]["infrastructure"]),
        (&"k3s".into(), &"generic".into())
    );
    let problems = told["problems"].to_string();
    assert!(problems.contains("the control plane has not heard of the cluster yet"), "{problems}");
    assert!(
        problems.contains("Deployment azure-arc-arcwright") || problems.contains("Pod azure-arc-arcwright-"),
        "{problems}"
    );
    let resource = site.resource("north").expect("a resource");
    assert_eq!(resource["location"], "here", "that of the group");
    assert_eq!(resource["properties"]["distribution"], "k3s");
    let deployment =
        site.kubectl(&["get", "deployment", "-n", "azure-arc", "azure-arc-arcwright", "-o", "json"]).expect("there");
    let deployment: Value = serde_json::from_str(&deployment).expect("JSON");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example.org/arcwright:9");
    let args = container["args"].to_string();
    assert!(args.contains(&format!("--hub={}", site.plane.hub.endpoint)) && args.contains("--hub-ca="), "{args}");
    assert!(args.contains(resource["id"].as_str().expect("an id")), "{args}");
    // Once more, the same key is used, and what an owner has set stays.
    let key = site.public_key("north");
    let again = site.run("connect", "north", &["--timeout", "1"]);
    assert!(
        again.line("agents").contains("will be upgraded") && again.line("resource").contains("brought up to date"),
        "{}",
        again.stderr
    );
    assert_eq!(site.public_key("north"), key);
    let values =
        site.kubectl(&["get", "deployment", "-n", "azure-arc", "azure-arc-arcwright", "-o", "jsonpath={..image}"]);
    assert_eq!(values.expect("there").as_str(), "registry.example.org/arcwright:9", "values of before stay");
}

#[test]
fn manifests_are_written_for_those_who_have_no_helm() {
    let site = Site::new();
    let no_helm = ["--helm-command", "/nonexistent"];
    let ran = site.run("connect", "north", &[&["--manifests", "-"], &no_helm[..]].concat());
    assert!(ran.is_fine, "{}", ran.stderr);
    site.apply(&ran.stdout);
    let key = site.public_key("north");
    let again = site.run("connect", "north", &[&["--manifests", "out"], &no_helm[..]].concat());
    assert!(again.is_fine, "{}", again.stderr);
    assert_eq!(site.public_key("north"), key, "the key in the cluster is used again");
    let file = site.path("out/agents.yaml");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&file).expect("a text"), ran.stdout);
    // Helm would not take over what it has not made.
    if helm().is_some() {
        let by_helm = site.run("connect", "north", &["--timeout", "1"]);
        assert!(!by_helm.is_fine && by_helm.line("agents").contains("FAILED"), "{}", by_helm.stderr);
        assert!(by_helm.stderr.contains("nothing was changed"), "{}", by_helm.stderr);
    }
}

#[test]
fn resource_and_key_can_be_made_where_no_cluster_is() {
    let site = Site::new();
    let more = [
        "--no-install",
        "--values-file",
        "values.yaml",
        "--kubeconfig",
        "/nonexistent",
        "--distribution",
        "eks",
        "--tag",
        "team=shop",
    ];
    let ran = site.run("connect", "north", &more);
    assert!(ran.is_fine, "{}", ran.stderr);
    let key = site.public_key("north");
    let resource = site.resource("north").expect("a resource");
    assert_eq!((&resource["properties"]["distribution"], &resource["tags"]["team"]), (&"eks".into(), &"shop".into()));
    let file = site.path("values.yaml");
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let values = std::fs::read_to_string(&file).expect("a text");
    assert!(values.contains("BEGIN RSA PRIVATE KEY") && values.contains(&site.plane.hub.endpoint));
    let again = site.run("connect", "north", &more);
    assert!(again.is_fine, "{}", again.stderr);
    assert_eq!(site.public_key("north"), key, "the key in the file is used again");
    assert_eq!(std::fs::read_to_string(&file).expect("a text"), values);
    std::fs::write(&file, "something: else\n").expect("a file");
    let wrong = site.run("connect", "north", &more);
    assert!(!wrong.is_fine && wrong.stderr.contains("holds no values with a key"), "{}", wrong.stderr);
}

#[test]
fn a_group_is_made_where_there_is_none_and_a_key_can_be_brought() {
    let site = Site::new();
    let made =
        std::process::Command::new("openssl").args(["genrsa", "-out"]).arg(site.path("key.pem")).arg("2048").output();
    assert!(made.expect("openssl runs").status.success());
    let more = ["--no-install", "--values-file", "values.yaml", "--onboarding-key", "key.pem", "-g", "markets"];
    let mut args: Vec<&str> = vec!["connect", "--name", "north", "--credential", "bootstrap.json"];
    args.extend(more);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_arcwright"));
    let done = command.args(&args).current_dir(site.plane.directory.path()).output().expect("arcwright runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("resource group markets was made in Global"), "{said}");
    let public = std::process::Command::new("openssl")
        .args(["rsa", "-in", "key.pem", "-RSAPublicKey_out", "-outform", "DER"])
        .current_dir(site.plane.directory.path())
        .output()
        .expect("openssl runs");
    let path = site.plane.cluster("north").replace("/shops/", "/markets/");
    let resource = site.plane.ask("GET", &path, None).body;
    use base64::Engine as _;
    let public = base64::engine::general_purpose::STANDARD.encode(public.stdout);
    assert_eq!(resource["properties"]["agentPublicKeyCertificate"], public.as_str());
}
