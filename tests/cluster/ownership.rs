//! What is whose: objects that change hands, kustomizations and configurations that go, namespaces that hold more.
use crate::support::{Bed, Running, eventually, kubeconfig, kubectl};

const SPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}\n";

fn config(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: NAMESPACE}}\ndata: {{colour: blue}}\n"
    )
}

/// A state file of configurations, each a name and its kustomizations.
fn state(bed: &Bed, configurations: &[(&str, &str)]) {
    let document = |(name, kustomizations): &(&str, &str)| {
        format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {name}}}\nspec:\n  namespace: {}\n  gitRepository: {{url: {}, repositoryRef: {{branch: main}}, syncIntervalInSeconds: 1}}\n  kustomizations: {kustomizations}\n",
            bed.namespace,
            bed.repository().display()
        )
    };
    let text: Vec<String> = configurations.iter().map(document).collect();
    std::fs::write(bed.directory.path().join("state.yaml"), text.join("---\n")).expect("a file");
}

fn field(bed: &Bed, kind: &str, name: &str, path: &str) -> Result<String, String> {
    kubectl(&["get", kind, name, "-n", &bed.namespace, "-o", &format!("jsonpath={path}")])
}

fn assert_once(bed: &Bed) {
    let done = bed.once();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
}

#[test]
fn an_object_that_moves_to_another_kustomization_is_never_deleted() {
    let bed = Bed::new("moves");
    bed.commit(&[("a/n.yaml", SPACE), ("a/moves.yaml", &config("moves")), ("b/other.yaml", &config("other"))]);
    state(&bed, &[("shop", "{a: {path: a, prune: true}, b: {path: b, prune: true, dependsOn: [a]}}")]);
    assert_once(&bed);
    let uid = field(&bed, "configmap", "moves", "{.metadata.uid}").expect("there");
    std::fs::rename(bed.repository().join("a/moves.yaml"), bed.repository().join("b/moves.yaml")).expect("moved");
    bed.commit(&[]);
    assert_once(&bed);
    assert_eq!(field(&bed, "configmap", "moves", "{.metadata.uid}"), Ok(uid), "the same object, not a new one");
    std::fs::remove_file(bed.repository().join("b/moves.yaml")).expect("removed");
    bed.commit(&[]);
    assert_once(&bed);
    assert!(field(&bed, "configmap", "moves", "{.metadata.uid}").is_err(), "its new kustomization prunes it");
}

#[test]
fn a_kustomization_that_goes_takes_its_objects_with_it_unless_it_never_pruned() {
    let bed = Bed::new("goes");
    bed.commit(&[("a/n.yaml", SPACE), ("b/b.yaml", &config("pruned")), ("c/c.yaml", &config("kept"))]);
    state(&bed, &[("shop", "{a: {path: a, prune: true}, b: {path: b, prune: true}, c: {path: c, prune: false}}")]);
    assert_once(&bed);
    state(&bed, &[("shop", "{a: {path: a, prune: true}}")]);
    assert_eq!(bed.run(&["plan"]).status.code(), Some(1), "the plan tells of it");
    assert_once(&bed);
    assert!(field(&bed, "configmap", "pruned", "{.metadata.uid}").is_err());
    assert!(field(&bed, "configmap", "kept", "{.metadata.uid}").is_ok());
    assert_eq!(bed.run(&["plan"]).status.code(), Some(0), "nothing is left to do");
}

#[test]
fn a_configuration_that_left_the_state_while_no_agent_ran_is_cleared_away() {
    let bed = Bed::new("left");
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    bed.commit(&[("a/a.yaml", &config("stays")), ("b/b.yaml", &config("goes"))]);
    state(&bed, &[("one", "{a: {path: a, prune: true}}"), ("two", "{b: {path: b, prune: true}}")]);
    assert_once(&bed);
    state(&bed, &[("one", "{a: {path: a, prune: true}}")]);
    assert_once(&bed);
    assert!(field(&bed, "configmap", "goes", "{.metadata.uid}").is_err());
    assert!(field(&bed, "configmap", "arcwright.two", "{.metadata.uid}").is_err(), "its inventory too");
    assert!(field(&bed, "configmap", "stays", "{.metadata.uid}").is_ok());
}

#[test]
fn a_namespace_with_objects_of_others_is_not_pruned_until_told() {
    let bed = Bed::new("foreign");
    let inner = format!("{}-inner", bed.namespace);
    let space = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {inner}}}\n");
    bed.commit(&[("app/n.yaml", SPACE), ("app/inner.yaml", &space)]);
    bed.state("{path: app, prune: true}");
    assert_once(&bed);
    kubectl(&["create", "configmap", "theirs", "-n", &inner]).expect("made");
    std::fs::remove_file(bed.repository().join("app/inner.yaml")).expect("removed");
    bed.commit(&[]);
    assert!(!bed.once().status.success());
    let message = bed.status()["message"].as_str().expect("a message").to_owned();
    assert!(message.contains(&inner) && message.contains("theirs"), "{message}");
    assert!(kubectl(&["get", "configmap", "theirs", "-n", &inner]).is_ok());
    kubectl(&["annotate", "namespace", &inner, "clusterconfig.azure.com/prune=always"]).expect("annotated");
    assert_once(&bed);
    eventually("end of the namespace", || kubectl(&["get", "namespace", &inner]).is_err());
}

#[test]
fn what_the_server_writes_in_another_way_is_no_drift() {
    let bed = Bed::new("quantities");
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: NAMESPACE}\nspec: {hard: {cpu: 1000m, memory: 1024Mi, pods: 10}}\n";
    bed.commit(&[("app/n.yaml", SPACE), ("app/q.yaml", quota)]);
    bed.state("{path: app, prune: true}");
    assert_once(&bed);
    assert_eq!(field(&bed, "resourcequota", "q", "{.spec.hard.cpu}").as_deref(), Ok("1"));
    assert_eq!(bed.run(&["plan"]).status.code(), Some(0), "no drift");
    let version = field(&bed, "resourcequota", "q", "{.metadata.generation}{.metadata.managedFields[*].time}");
    assert_once(&bed);
    assert_eq!(field(&bed, "resourcequota", "q", "{.metadata.generation}{.metadata.managedFields[*].time}"), version);
}

#[test]
fn drift_is_corrected_while_the_repository_is_out_of_reach() {
    let bed = Bed::new("unreachable");
    bed.commit(&[("app/n.yaml", SPACE), ("app/c.yaml", &config("app"))]);
    let path = bed.state("{path: app, prune: true}");
    let mut command = bed.command();
    command.args(["agent", "--state"]).arg(path).arg("--kubeconfig").arg(kubeconfig());
    let _agent = Running(command.stderr(std::process::Stdio::null()).spawn().expect("arcwright runs"));
    let colour = || field(&bed, "configmap", "app", "{.data.colour}");
    eventually("first apply", || colour().as_deref() == Ok("blue"));
    std::fs::rename(bed.repository(), bed.directory.path().join("elsewhere")).expect("moved");
    let file = bed.directory.path().join("data/status.json");
    eventually("word of the failure", || {
        std::fs::read_to_string(&file)
            .is_ok_and(|text| text.contains("RepositoryNotFound") && text.contains("stays applied"))
    });
    kubectl(&["patch", "configmap", "app", "-n", &bed.namespace, "-p", "{\"data\":{\"colour\":\"red\"}}"])
        .expect("patched");
    eventually("correction", || colour().as_deref() == Ok("blue"));
}
