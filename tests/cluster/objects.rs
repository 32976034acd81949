//! Objects that are awkward: immutable, owned by others, fought over, kept, or that will not go.
use crate::{
    live::Live,
    support::{Bed, eventually, kubeconfig, kubectl, map, namespace, shown},
};
use serde_json::{Value, json};

/// The status of one object of the first configuration.
fn object(status: &Value, name: &str) -> Value {
    let all = status["kustomizations"].as_array().into_iter().flatten();
    let mut objects = all.flat_map(|kustomization| kustomization["objects"].as_array().into_iter().flatten());
    objects.rfind(|object| object["name"] == name).cloned().unwrap_or_default()
}

fn message(status: &Value, name: &str) -> String {
    object(status, name)["message"].as_str().unwrap_or_default().to_owned()
}

fn blue(name: &str) -> Bed {
    let bed = Bed::new(name);
    bed.commit(&[
        ("app/namespace.yaml", namespace()),
        ("app/a.yaml", &map("a", "blue")),
        ("app/b.yaml", &map("b", "blue")),
    ]);
    bed.state("{path: app, prune: true}");
    bed
}

fn assert_done(bed: &Bed) {
    let done = bed.once_at(kubeconfig());
    assert!(done.status.success(), "{}", shown(&done));
}

#[test]
fn a_changed_immutable_field_is_named_and_the_rest_is_applied() {
    let bed = blue("immutable");
    bed.commit(&[("app/fixed.yaml", &format!("{}immutable: true\n", map("fixed", "blue")))]);
    assert_done(&bed);
    let uid =
        |live: &Live| live.get("ConfigMap", &bed.namespace, "fixed").expect("it is there")["metadata"]["uid"].clone();
    let live = Live::shared();
    let first = uid(&live);
    bed.commit(&[
        ("app/fixed.yaml", &format!("{}immutable: true\n", map("fixed", "green"))),
        ("app/a.yaml", &map("a", "green")),
    ]);
    let failed = bed.run(&["agent", "--once", "--patience", "0"]);
    assert!(!failed.status.success());
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("green"), "the rest is applied");
    assert_eq!(uid(&live), first, "it is not replaced unless asked for");
    let message = message(&bed.status(), "fixed");
    assert!(message.contains("fixed") && message.contains("data") && message.contains("immutable"), "{message}");
    bed.state("{path: app, prune: true, force: true}");
    assert_done(&bed);
    assert_eq!(bed.colour_in(&live, "fixed").as_deref(), Some("green"));
    assert_ne!(uid(&live), first, "it is another object");
    assert!(bed.inventory(&live).contains("/fixed"));
}

#[test]
fn a_changed_immutable_field_comes_with_the_way_to_have_the_object_replaced() {
    let bed = blue("immutable-hint");
    bed.commit(&[("app/fixed.yaml", &format!("{}immutable: true\n", map("fixed", "blue")))]);
    assert_done(&bed);
    bed.commit(&[("app/fixed.yaml", &format!("{}immutable: true\n", map("fixed", "green")))]);
    assert!(!bed.run(&["agent", "--once", "--patience", "0"]).status.success());
    let message = message(&bed.status(), "fixed");
    assert!(message.contains("force"), "{message}");
}

#[test]
fn an_object_is_never_replaced_by_force_for_a_plain_mistake() {
    let bed = blue("force-mistake");
    let service = |port: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: NAMESPACE}}\nspec: {{ports: [{{port: {port}}}]}}\n"
        )
    };
    bed.commit(&[("app/web.yaml", &service("80"))]);
    bed.state("{path: app, prune: true, force: true}");
    assert_done(&bed);
    let live = Live::shared();
    let uid = || live.get("Service", &bed.namespace, "web").expect("it is there")["metadata"]["uid"].clone();
    let first = uid();
    bed.commit(&[("app/web.yaml", &service("99999"))]);
    assert!(!bed.run(&["agent", "--once", "--patience", "0"]).status.success());
    assert_eq!(uid(), first);
}

#[test]
fn an_object_that_asks_to_be_kept_is_kept_when_it_leaves_the_repository() {
    let bed = blue("kept");
    let kept = |name: &str, key: &str| {
        map(name, "blue")
            .replace("namespace: NAMESPACE}", &format!("namespace: NAMESPACE, annotations: {{{key}: disabled}}}}"))
    };
    bed.commit(&[
        ("app/ours.yaml", &kept("ours", "clusterconfig.azure.com/prune")),
        ("app/theirs.yaml", &kept("theirs", "kustomize.toolkit.fluxcd.io/prune")),
        ("app/plain.yaml", &map("plain", "blue")),
        ("app/live.yaml", &map("live", "blue")),
    ]);
    assert_done(&bed);
    let live = Live::shared();
    let keep = json!({"metadata": {"annotations": {"clusterconfig.azure.com/prune": "disabled"}}});
    live.edit("ConfigMap", &bed.namespace, "live", &keep);
    for name in ["ours", "theirs", "plain", "live"] {
        std::fs::remove_file(bed.repository().join(format!("app/{name}.yaml"))).expect("removed");
    }
    bed.commit(&[]);
    assert_done(&bed);
    for name in ["ours", "theirs", "live"] {
        assert!(bed.colour_in(&live, name).is_some(), "{name} is kept");
    }
    assert!(bed.colour_in(&live, "plain").is_none(), "the other is pruned");
}

#[test]
fn an_object_of_another_configuration_is_refused_and_its_owner_named() {
    let bed = blue("owned");
    bed.commit(&[("other/a.yaml", &map("a", "red")), ("other/own.yaml", &map("own", "red"))]);
    let url = bed.repository().display().to_string();
    let first = bed.configuration("first", &url, "{path: app, prune: true}");
    let second = bed.configuration("second", &url, "{path: other, prune: true}");
    bed.write_state(std::slice::from_ref(&first));
    assert_done(&bed);
    bed.write_state(&[first, second]);
    assert!(!bed.run(&["agent", "--once", "--patience", "0"]).status.success());
    let live = Live::shared();
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("blue"), "the first keeps it");
    assert_eq!(bed.colour_in(&live, "own").as_deref(), Some("red"), "the second's own is applied");
    let statuses = bed.statuses();
    assert_eq!(statuses[0]["complianceState"], "Compliant");
    assert_eq!(statuses[1]["complianceState"], "Non-Compliant");
    let message = statuses[1]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&format!("{}/first", bed.namespace)), "{message}");
    // What it could not have, it does not delete either.
    bed.write_state(&[bed.configuration("first", &url, "{path: app, prune: true}")]);
    std::fs::remove_dir_all(bed.repository().join("other")).expect("removed");
    bed.commit(&[]);
    assert_done(&bed);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("blue"));
}

#[test]
fn a_field_taken_over_from_another_manager_is_reported_with_its_name() {
    let bed = blue("conflict");
    let live = Live::shared();
    live.create("Namespace", "", json!({"metadata": {"name": bed.namespace}}));
    live.create("ConfigMap", &bed.namespace, json!({"metadata": {"name": "a"}, "data": {"colour": "red"}}));
    live.try_edit("ConfigMap", &bed.namespace, "a", "intruder", &json!({"data": {"colour": "pink"}})).expect("edited");
    assert_done(&bed);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("blue"));
    let status = object(&bed.status(), "a");
    let message = status["message"].as_str().unwrap_or_default();
    assert!(message.contains("data.colour") && message.contains("intruder"), "{status}");
}

/// Edits object `a` whenever it was corrected, as the manager `fighter`, until the agent pauses; how often that was.
fn fight(bed: &Bed, live: &Live) -> usize {
    let mut edits = 0;
    eventually("pause", || {
        if bed.colour_in(live, "a").as_deref() == Some("blue") {
            let red = json!({"data": {"colour": "red"}});
            live.try_edit("ConfigMap", &bed.namespace, "a", "fighter", &red).expect("edited");
            edits += 1;
        }
        message(&bed.status(), "a").contains("pauses")
    });
    edits
}

#[test]
fn correcting_pauses_for_an_object_that_something_else_keeps_changing_and_for_no_other() {
    let bed = blue("fight");
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    let live = Live::shared();
    let edits = fight(&bed, &live);
    assert!((2..=20).contains(&edits), "{edits} corrections before the pause");
    live.edit("ConfigMap", &bed.namespace, "b", &json!({"data": {"colour": "red"}}));
    eventually("correction of the other", || bed.colour_in(&live, "b").as_deref() == Some("blue"));
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("red"), "it is left alone");
    // A commit that changes the object itself is applied all the same.
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    eventually("the next revision", || bed.colour_in(&live, "a").as_deref() == Some("green"));
}

#[test]
fn the_writer_that_keeps_changing_an_object_is_named() {
    let bed = blue("fought-over");
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    fight(&bed, &Live::shared());
    let message = message(&bed.status(), "a");
    assert!(message.contains("fighter"), "{message}");
}

#[test]
fn an_object_that_does_not_go_is_told_until_it_is_gone_and_holds_up_nothing() {
    let bed = blue("finalizer");
    bed.commit(&[("app/stuck.yaml", &map("stuck", "blue"))]);
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    let live = Live::shared();
    live.edit("ConfigMap", &bed.namespace, "stuck", &json!({"metadata": {"finalizers": ["example.org/never"]}}));
    std::fs::remove_file(bed.repository().join("app/stuck.yaml")).expect("removed");
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    eventually("the rest of the revision", || bed.colour_in(&live, "a").as_deref() == Some("green"));
    eventually("its delete", || {
        let stuck = live.get("ConfigMap", &bed.namespace, "stuck").unwrap_or_default();
        stuck["metadata"]["deletionTimestamp"].is_string()
    });
    bed.until_status("word of the object that does not go", |status| {
        let stuck = object(status, "stuck");
        stuck["health"]["state"] == "terminating"
            || stuck["message"].as_str().unwrap_or_default().contains("being deleted")
    });
    assert!(bed.inventory(&live).contains("/stuck"), "it stays in the inventory until it is gone");
    // The next revision is followed all the same.
    bed.commit(&[("app/b.yaml", &map("b", "green"))]);
    eventually("the next revision", || bed.colour_in(&live, "b").as_deref() == Some("green"));
    live.edit("ConfigMap", &bed.namespace, "stuck", &json!({"metadata": {"finalizers": null}}));
    eventually("its end", || live.get("ConfigMap", &bed.namespace, "stuck").is_none());
    eventually("its end in the inventory", || !bed.inventory(&live).contains("/stuck"));
    bed.until_compliant();
}

#[test]
fn a_namespace_deleted_under_the_agent_is_made_again_with_all_that_was_in_it() {
    let bed = blue("namespace-gone");
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    let live = Live::shared();
    let uid = || live.get("Namespace", "", &bed.namespace).map(|space| space["metadata"]["uid"].clone());
    let first = uid().expect("it is there");
    live.delete("Namespace", "", &bed.namespace);
    eventually("another namespace", || uid().is_some_and(|uid| uid != first));
    for name in ["a", "b"] {
        eventually(name, || bed.colour_in(&live, name).as_deref() == Some("blue"));
    }
    eventually("the inventory", || ["/a", "/b"].iter().all(|name| bed.inventory(&live).contains(name)));
    bed.until_compliant();
}

#[test]
fn an_inventory_that_was_deleted_or_emptied_by_hand_comes_back_and_nothing_is_orphaned() {
    let bed = blue("inventory-gone");
    let agent = bed.agent(kubeconfig());
    bed.until_compliant();
    let live = Live::shared();
    let inventory = format!("arcwright.{}", bed.namespace);
    let is_whole = || ["/a", "/b"].iter().all(|name| bed.inventory(&live).contains(name));
    live.delete("ConfigMap", &bed.namespace, &inventory);
    eventually("the inventory that was deleted", is_whole);
    live.edit("ConfigMap", &bed.namespace, &inventory, &json!({"data": {"app": ""}}));
    eventually("the inventory that was emptied", is_whole);
    live.edit("ConfigMap", &bed.namespace, &inventory, &json!({"data": {"app": "nonsense"}}));
    eventually("the inventory that was overwritten", is_whole);
    drop(agent);
    std::fs::remove_file(bed.repository().join("app/b.yaml")).expect("removed");
    bed.commit(&[]);
    assert_done(&bed);
    assert!(bed.colour_in(&live, "b").is_none(), "what left is pruned by a fresh process");
}

#[test]
fn a_webhook_that_is_down_is_named_and_what_it_held_up_is_applied_when_it_is_gone() {
    let bed = blue("webhook");
    let live = Live::shared();
    assert_done(&bed);
    live.edit("Namespace", "", &bed.namespace, &json!({"metadata": {"labels": {"held": bed.namespace}}}));
    let hook = format!("{}.example.org", bed.namespace);
    live.create("ValidatingWebhookConfiguration", "", json!({
        "metadata": {"name": hook},
        "webhooks": [{
            "name": hook, "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
            "namespaceSelector": {"matchLabels": {"held": bed.namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["services"]}],
            "clientConfig": {"url": "https://127.0.0.1:1/"},
        }],
    }));
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {ports: [{port: 80}]}\n";
    bed.commit(&[("app/web.yaml", service), ("app/a.yaml", &map("a", "green"))]);
    let _agent = bed.agent(kubeconfig());
    eventually("the rest", || bed.colour_in(&live, "a").as_deref() == Some("green"));
    bed.until_status("word of the webhook", |status| status["message"].as_str().unwrap_or_default().contains(&hook));
    live.delete("ValidatingWebhookConfiguration", "", &hook);
    eventually("what was held up", || live.get("Service", &bed.namespace, "web").is_some());
    bed.until_compliant();
}

#[test]
fn an_object_that_is_wanted_only_where_there_is_none_is_left_as_somebody_made_it() {
    let bed = Bed::new("once");
    let once = |name: &str, colour: &str| {
        map(name, colour)
            .replace("metadata: {", "metadata: {annotations: {kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}, ")
    };
    bed.commit(&[("app/n.yaml", namespace()), ("app/a.yaml", &map("a", "blue"))]);
    bed.state("{path: app, prune: true}");
    assert!(bed.once().status.success());
    kubectl(&["create", "configmap", "theirs", "-n", &bed.namespace, "--from-literal=colour=red"]).expect("made");
    bed.commit(&[("app/t.yaml", &once("theirs", "blue")), ("app/o.yaml", &once("ours", "blue"))]);
    assert!(bed.once().status.success());
    let live = Live::shared();
    let colours = || ["theirs", "ours"].map(|name| bed.colour_in(&live, name));
    assert_eq!(colours(), [Some("red".to_owned()), Some("blue".to_owned())]);
    // Neither a change of the manifest nor its end touches what is there.
    bed.commit(&[("app/t.yaml", &once("theirs", "green")), ("app/o.yaml", &once("ours", "green"))]);
    assert!(bed.once().status.success());
    assert_eq!(colours(), [Some("red".to_owned()), Some("blue".to_owned())]);
    std::fs::remove_file(bed.repository().join("app/t.yaml")).expect("removed");
    std::fs::remove_file(bed.repository().join("app/o.yaml")).expect("removed");
    bed.commit(&[]);
    assert!(bed.once().status.success());
    assert_eq!(colours(), [Some("red".to_owned()), None], "what was made for the manifest goes with it");
}
