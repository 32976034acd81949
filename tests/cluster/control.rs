//! What a person asks of a running agent, and what is shown of its work.
use crate::support::{Bed, Running, eventually, kubeconfig, kubectl};
use std::process::{Output, Stdio};

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: NAMESPACE}\ndata: {colour: blue}\n";
const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: NAMESPACE}\nstringData: {token: hunter2}\n";

fn colour(bed: &Bed) -> Result<String, String> {
    kubectl(&["get", "configmap", "app", "-n", &bed.namespace, "-o", "jsonpath={.data.colour}"])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running agent that looks at the repository every hour, after its first look.
fn rarely_looking(name: &str) -> (Bed, Running) {
    let bed = Bed::new(name);
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    bed.commit(&[("app/config.yaml", CONFIG)]);
    let state = bed.state("{path: app, prune: true}");
    let text = std::fs::read_to_string(&state).expect("the state");
    std::fs::write(&state, text.replace("syncIntervalInSeconds: 1", "syncIntervalInSeconds: 3600")).expect("written");
    let agent = start(&bed);
    eventually("first apply", || colour(&bed).as_deref() == Ok("blue"));
    eventually("control socket", || bed.directory.path().join("data/control.sock").exists());
    (bed, agent)
}

fn start(bed: &Bed) -> Running {
    let mut agent = bed.command();
    agent
        .arg("agent")
        .arg("--state")
        .arg(bed.directory.path().join("state.yaml"))
        .arg("--kubeconfig")
        .arg(kubeconfig());
    Running(agent.stderr(Stdio::null()).spawn().expect("arcwright runs"))
}

fn ask(bed: &Bed, args: &[&str]) -> Output {
    bed.command().args(args).output().expect("arcwright runs")
}

#[test]
fn reconcile_fetches_at_once_and_ends_with_the_outcome() {
    let (bed, _agent) = rarely_looking("ask");
    bed.commit(&[("app/config.yaml", &CONFIG.replace("blue", "green"))]);
    eventually("new revision", || {
        let done = ask(&bed, &["reconcile", &bed.namespace]);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        assert!(text(&done.stdout).contains("Compliant"), "{}", text(&done.stdout));
        colour(&bed).as_deref() == Ok("green")
    });
    bed.commit(&[("app/config.yaml", "kind: ConfigMap\n")]);
    eventually("failure", || ask(&bed, &["reconcile", &bed.namespace]).status.code() == Some(1));
    let unknown = ask(&bed, &["reconcile", &format!("{}x", bed.namespace)]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains(&format!("did you mean {}?", bed.namespace)), "{}", text(&unknown.stderr));
}

#[test]
fn reconcile_waits_for_health_and_not_for_ever() {
    let bed = Bed::new("slow");
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    // No kubelet runs its pod.
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: NAMESPACE}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: c}]}}}\n";
    bed.commit(&[("app/deployment.yaml", deployment)]);
    bed.state("{path: app, prune: true, wait: true}");
    let _agent = start(&bed);
    eventually("control socket", || bed.directory.path().join("data/control.sock").exists());
    let done = ask(&bed, &["reconcile", &bed.namespace, "--timeout", "3"]);
    assert_eq!(done.status.code(), Some(1), "{}", text(&done.stdout));
    assert!(text(&done.stderr).contains("is not Ready within 3 s"), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("Pending"), "{}", text(&done.stdout));
}

#[test]
fn a_suspended_configuration_rests_over_a_restart_until_it_is_resumed() {
    let (bed, agent) = rarely_looking("rest");
    let name = bed.namespace.as_str();
    let done = ask(&bed, &["suspend", name]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let refused = ask(&bed, &["reconcile", name]);
    assert!(text(&refused.stderr).contains("is suspended by"), "{}", text(&refused.stderr));
    drop(agent);
    kubectl(&["patch", "configmap", "app", "-n", name, "-p", "{\"data\":{\"colour\":\"red\"}}"]).expect("patched");
    let _agent = start(&bed);
    eventually("suspension", || bed.statuses().first().is_some_and(|one| one["complianceState"] == "Suspended"));
    assert_eq!(colour(&bed).as_deref(), Ok("red"), "drift is left alone");
    let shown = text(&ask(&bed, &["status"]).stdout);
    assert!(shown.contains("suspended by"), "{shown}");
    let done = ask(&bed, &["resume", name]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    eventually("correction", || colour(&bed).as_deref() == Ok("blue"));
    assert!(text(&ask(&bed, &["resume", name]).stdout).contains("was not suspended"));
}

#[test]
fn one_agent_works_with_a_data_directory() {
    let (bed, _agent) = rarely_looking("alone");
    for args in [["agent"].as_slice(), &["agent", "--once"]] {
        let second = bed.run(args);
        assert_eq!(second.status.code(), Some(1));
        assert!(text(&second.stderr).contains("an agent already runs"), "{}", text(&second.stderr));
    }
    let shown = ask(&bed, &["status", "--agents", "-o", "json"]);
    let process: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!((&process["agents"][0]["name"], &process["agents"][0]["state"]), (&"config".into(), &"Running".into()));
}

#[test]
fn events_tell_what_became_of_a_configuration() {
    let (bed, _agent) = rarely_looking("told");
    let kubeconfig = kubeconfig().display().to_string();
    let events = ["events", &bed.namespace, "--kubeconfig", &kubeconfig, "-o", "json"];
    let mut found = serde_json::Value::Null;
    eventually("an event", || {
        let done = ask(&bed, &events);
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        found = serde_json::from_slice(&done.stdout).expect("JSON");
        found[0].is_object()
    });
    assert_eq!((&found[0]["type"], &found[0]["name"]), (&"Normal".into(), &bed.namespace.as_str().into()));
    let mut watch = bed.command();
    watch.args(events).arg("--watch").stdout(Stdio::piped());
    let mut watch = Running(watch.spawn().expect("arcwright runs"));
    let mut first = String::new();
    let out = watch.0.stdout.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut first).expect("a line");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&first).expect("JSON")["name"], bed.namespace.as_str());
}

#[test]
fn plan_diff_and_prune_show_what_would_happen_and_no_secret() {
    let bed = Bed::new("shown");
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    bed.commit(&[("app/config.yaml", CONFIG), ("app/secret.yaml", SECRET)]);
    bed.state("{path: app, prune: true}");
    assert!(bed.once().status.success());
    std::fs::remove_file(bed.repository().join("app/config.yaml")).expect("removed");
    bed.commit(&[("app/secret.yaml", &SECRET.replace("hunter2", "hunter3"))]);
    let plan = bed.run(&["plan", "-o", "json"]);
    assert_eq!(plan.status.code(), Some(1), "{}", text(&plan.stderr));
    let value: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    assert!(value[0]["plan"]["steps"].is_array(), "{value}");
    let diff = bed.run(&["diff"]);
    assert_eq!(diff.status.code(), Some(1), "{}", text(&diff.stderr));
    let shown = text(&diff.stdout);
    assert!(shown.contains("+  token: '*** (after)'") && shown.contains("-  colour: blue"), "{shown}");
    let prune = bed.run(&["prune", &bed.namespace, "--dry-run"]);
    assert_eq!(prune.status.code(), Some(0), "{}", text(&prune.stderr));
    assert_eq!(text(&prune.stdout), format!("prune  ConfigMap/{}/app\n", bed.namespace));
    assert!(colour(&bed).is_ok(), "nothing was deleted");
    for output in [plan, diff, prune] {
        let all = text(&output.stdout) + &text(&output.stderr);
        for secret in ["hunter", "aHVudGVyM"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}
