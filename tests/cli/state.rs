//! `validate`, and the commands that begin by reading state files.
use crate::support::Home;
use insta::assert_snapshot;

const GOOD: &str = "\
apiVersion: clusterconfig.azure.com/v1beta1
kind: FluxConfiguration
metadata: {name: shop}
spec:
  namespace: shop
  gitRepository: {url: https://git.example.org/shop, repositoryRef: {branch: main}}
  kustomizations: {app: {path: app}}
";

#[test]
fn good_state_is_counted_and_bad_state_is_placed() {
    let home = Home::new();
    home.write("good.yaml", GOOD);
    assert_snapshot!(home.run(&["validate", "good.yaml"]).all(), @r#"
    exit 0
    -- stdout
    1 valid configuration, 0 errors
    -- stderr
    "#);
    home.write("bad.yaml", &GOOD.replace("url: https://git.example.org/shop, ", ""));
    let ran = home.run(&["validate", "bad.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("bad.yaml:") && ran.stdout.contains("gitRepository"), "{}", ran.stdout);
    for form in [["-o", "json"].as_slice(), &["--json"]] {
        let ran = home.run(&[["validate", "bad.yaml"].as_slice(), form].concat());
        let issues: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!((ran.code, issues[0]["severity"].as_str()), (1, Some("error")), "{issues}");
    }
}

#[test]
fn state_that_is_not_there_is_named() {
    let home = Home::new();
    assert_snapshot!(home.run(&["validate", "nowhere.yaml"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: nowhere.yaml does not exist
    Hint: give YAML files, or directories of them
    "#);
    assert_snapshot!(home.run(&["agent", "--state", "nowhere.yaml", "--once"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: state file nowhere.yaml does not exist
    Hint: give a YAML file, or a directory of them
    "#);
    assert_snapshot!(home.run(&["plan", "--state", "nowhere.yaml"]).all(), @r#"
    exit 2
    -- stdout
    -- stderr
    Error: state file nowhere.yaml does not exist
    Hint: give a YAML file, or a directory of them
    "#);
}

#[test]
fn a_configuration_that_is_not_in_the_state_is_no_plan() {
    let home = Home::new();
    home.write("state.yaml", GOOD);
    let ran = home.run(&["plan", "--state", "state.yaml", "shpo"]).all();
    assert_snapshot!(ran, @r#"
    exit 2
    -- stdout
    -- stderr
    Error: no configuration is named shpo
    Hint: did you mean shop?
    "#);
    assert_eq!(home.run(&["diff", "--state", "state.yaml", "shpo"]).all(), ran);
}

#[test]
fn prune_deletes_nothing_by_itself() {
    let home = Home::new();
    home.write("state.yaml", GOOD);
    assert_snapshot!(home.run(&["prune", "shop", "--state", "state.yaml"]).all(), @r#"
    exit 2
    -- stdout
    -- stderr
    Error: prune works only with --dry-run
    Hint: the agent deletes what left the manifests by itself, in configurations that say prune: true
    "#);
}

#[test]
fn a_cluster_that_cannot_be_reached_is_an_error_with_a_hint() {
    let home = Home::new();
    home.write("state.yaml", GOOD);
    home.write("kubeconfig", "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n");
    for (command, code) in [("plan", 2), ("diff", 2), ("agent", 1)] {
        let ran = home.run(&[command, "--state", "state.yaml", "--kubeconfig", "kubeconfig"]);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains("Error: the API server does not answer"), "{}", ran.stderr);
        assert!(ran.stderr.contains("Hint: check the server address"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    let ran = home.run(&["events", "--kubeconfig", "kubeconfig"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("Error: the events cannot be read"), "{}", ran.stderr);
}

#[test]
fn an_agent_does_not_start_over_suspensions_that_it_cannot_read() {
    let home = Home::new();
    home.write("state.yaml", GOOD);
    home.write("data/suspended.json", "[]");
    let ran = home.run(&["agent", "--state", "state.yaml", "--once"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("suspended.json cannot be read"), "{}", ran.stderr);
}

#[test]
fn an_image_of_an_operator_is_one_word() {
    let home = Home::new();
    home.write("good.yaml", GOOD);
    let ran = home.run(&["plan", "--state", "good.yaml", "--flux-image", "registry.example.org/flux 1.25.4"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("an image is one word"), "{}", ran.stderr);
}
