//! The main job, end to end.
use crate::support::{Bed, Running, eventually, kubeconfig, kubectl};

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: NAMESPACE}\ndata: {colour: blue}\n";
const SPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}\n";

fn colour(bed: &Bed) -> Result<String, String> {
    kubectl(&["get", "configmap", "app", "-n", &bed.namespace, "-o", "jsonpath={.data.colour}"])
}

#[test]
fn a_state_file_becomes_objects_and_a_second_run_writes_nothing() {
    let bed = Bed::new("first");
    bed.commit(&[("app/config.yaml", CONFIG), ("app/namespace.yaml", SPACE)]);
    bed.state("{path: app, prune: true}");
    let before = bed.run(&["plan"]);
    assert_eq!(before.status.code(), Some(1), "changes are to be made: {}", String::from_utf8_lossy(&before.stderr));
    let done = bed.once();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(colour(&bed).as_deref(), Ok("blue"));
    assert_eq!(bed.status()["complianceState"], "Compliant");
    let version =
        || kubectl(&["get", "configmap", "app", "-n", &bed.namespace, "-o", "jsonpath={.metadata.resourceVersion}"]);
    let first = version();
    assert!(bed.once().status.success());
    assert_eq!(version(), first, "nothing was written");
    assert_eq!(bed.run(&["plan"]).status.code(), Some(0), "nothing is left to do");
}

#[test]
fn what_leaves_the_repository_is_pruned_and_an_empty_render_is_not() {
    let bed = Bed::new("prune");
    bed.commit(&[("app/config.yaml", CONFIG), ("app/other.yaml", &CONFIG.replace("name: app", "name: other"))]);
    bed.state("{path: app, prune: true}");
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    assert!(bed.once().status.success());
    std::fs::remove_file(bed.repository().join("app/other.yaml")).expect("removed");
    bed.commit(&[]);
    assert!(bed.once().status.success());
    assert!(kubectl(&["get", "configmap", "other", "-n", &bed.namespace]).is_err(), "pruned");
    assert!(colour(&bed).is_ok());
    std::fs::remove_file(bed.repository().join("app/config.yaml")).expect("removed");
    bed.commit(&[("app/README.md", "nothing")]);
    assert!(!bed.once().status.success());
    assert!(colour(&bed).is_ok(), "an empty render prunes nothing");
    assert_eq!(bed.status()["conditions"][0]["reason"], "PruneGuard");
}

#[test]
fn drift_is_corrected_and_a_commit_is_followed() {
    let bed = Bed::new("drift");
    kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
    bed.commit(&[("app/config.yaml", CONFIG)]);
    bed.state("{path: app, prune: true}");
    let agent = bed
        .command()
        .arg("agent")
        .arg("--state")
        .arg(bed.directory.path().join("state.yaml"))
        .arg("--kubeconfig")
        .arg(kubeconfig())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("arcwright runs");
    let _agent = Running(agent);
    eventually("first apply", || colour(&bed).as_deref() == Ok("blue"));
    kubectl(&["patch", "configmap", "app", "-n", &bed.namespace, "-p", "{\"data\":{\"colour\":\"red\"}}"])
        .expect("patched");
    eventually("correction", || colour(&bed).as_deref() == Ok("blue"));
    kubectl(&["delete", "configmap", "app", "-n", &bed.namespace]).expect("deleted");
    eventually("object made again", || colour(&bed).as_deref() == Ok("blue"));
    bed.commit(&[("app/config.yaml", &CONFIG.replace("blue", "green"))]);
    eventually("new revision", || colour(&bed).as_deref() == Ok("green"));
}

#[test]
fn a_definition_and_its_object_are_applied_in_one_pass() {
    let bed = Bed::new("crd");
    let group = format!("g{}.example.org", std::process::id());
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: widgets.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}\n"
    );
    let object = format!(
        "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one, namespace: NAMESPACE}}\nspec: {{size: 1}}\n"
    );
    bed.commit(&[("app/a.yaml", &object), ("app/b.yaml", &definition), ("app/namespace.yaml", SPACE)]);
    bed.state("{path: app, prune: true}");
    let done = bed.once();
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(
        kubectl(&["get", "widgets", "-n", &bed.namespace, "-o", "jsonpath={.items[*].spec.size}"]).as_deref(),
        Ok("1")
    );
}

#[test]
fn one_bad_object_does_not_stop_the_others_and_is_never_orphaned() {
    let bed = Bed::new("bad");
    let bad =
        "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: NAMESPACE}\nspec: {ports: [{port: 99999}]}\n";
    bed.commit(&[("app/config.yaml", CONFIG), ("app/bad.yaml", bad), ("app/namespace.yaml", SPACE)]);
    bed.state("{path: app, prune: true}");
    assert!(!bed.once().status.success());
    assert_eq!(colour(&bed).as_deref(), Ok("blue"), "the good object is there");
    let status = bed.status();
    assert_eq!(status["complianceState"], "Non-Compliant");
    let message = status["message"].as_str().expect("a message");
    assert!(message.contains("Service/") && message.contains("/bad") && message.contains("99999"), "{message}");
    let inventory = kubectl(&[
        "get",
        "configmap",
        &format!("arcwright.{}", bed.namespace),
        "-n",
        &bed.namespace,
        "-o",
        "jsonpath={.data.app}",
    ])
    .expect("an inventory");
    assert!(inventory.contains("/ConfigMap/"), "{inventory}");
}
