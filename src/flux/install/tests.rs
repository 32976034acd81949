use super::*;
use proptest::prelude::*;
use serde_json::json;

fn deployment(status: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "flux", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"instanceName": "flux", "name": "flux"}}}, "status": status,
    })
}

/// A Deployment that has been seen, and has no pod that serves.
fn waiting() -> Value {
    deployment(&json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1}))
}

fn available() -> Value {
    deployment(&json!({
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}],
    }))
}

fn pod(status: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "flux-1", "creationTimestamp": "2026-01-01T00:00:01Z", "labels": {"instanceName": "flux", "name": "flux"}},
        "status": status,
    })
}

fn container(status: &Value) -> Value {
    let mut all = json!({"name": "flux", "image": "registry.example.org/flux:1", "ready": false, "restartCount": 0});
    all.as_object_mut().expect("an object").extend(status.as_object().expect("an object").clone());
    pod(&json!({"phase": "Running", "containerStatuses": [all]}))
}

fn judged(deployment: Value, pods: &[Value], is_late: bool) -> Standing {
    assess(["flux"], Observed { deployments: &[deployment], replica_sets: &[], pods }, is_late)
}

fn shown(standing: &Standing) -> String {
    match standing {
        Standing::Installed => "Installed".to_owned(),
        Standing::Pending(cause) => format!("Pending {} {}", cause.reason, cause.message),
        Standing::Failed(cause) => format!("Failed {} {}", cause.reason, cause.message),
    }
}

/// How a Deployment stands whose only container has a status.
fn stands(status: &Value) -> String {
    shown(&judged(waiting(), &[container(status)], false))
}

#[test]
fn installed_is_every_deployment_available() {
    assert_eq!(judged(available(), &[], true), Standing::Installed);
    let observed = Observed { deployments: &[available()], replica_sets: &[], pods: &[] };
    assert_eq!(
        shown(&assess(["flux", "flux-memcached"], observed, false)),
        "Pending Progressing flux-memcached: the Deployment is not there yet"
    );
    let old = deployment(&json!({"observedGeneration": 0, "replicas": 1, "availableReplicas": 1}));
    assert_eq!(shown(&judged(old, &[], false)), "Pending Progressing flux: no pod was made yet");
}

#[test]
fn an_image_that_cannot_be_pulled_is_named() {
    let message = "rpc error: code = NotFound\n desc = not found";
    let status = json!({"state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}});
    assert_eq!(
        stands(&status),
        "Failed ImagePullFailed flux: image registry.example.org/flux:1 cannot be pulled (ImagePullBackOff): rpc error: code = NotFound desc = not found (see that the nodes reach its registry, or give another image to the agent)"
    );
    for reason in ["ErrImagePull", "InvalidImageName", "ErrImageNeverPull"] {
        let shown = stands(&json!({"state": {"waiting": {"reason": reason}}}));
        assert!(shown.starts_with("Failed ImagePullFailed") && shown.contains(reason), "{shown}");
    }
}

#[test]
fn a_crash_loop_tells_how_it_ended_last() {
    let last = json!({"terminated": {"exitCode": 2, "reason": "Error", "message": "unknown flag"}});
    let status = json!({"restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": last});
    assert_eq!(
        stands(&status),
        "Failed CrashLoop flux: its container ends again and again (4 restarts, the last time with exit code 2, Error: unknown flag); see `kubectl logs --previous`"
    );
    let killed = json!({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}});
    assert_eq!(
        stands(&killed),
        "Pending ContainerEnded flux: its container ended with exit code 137, OOMKilled and is started again"
    );
    let config =
        json!({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\" not found"}}});
    assert_eq!(
        stands(&config),
        "Failed ContainerStartFailed flux: its container cannot be started (CreateContainerConfigError): secret \"x\" not found"
    );
}

#[test]
fn a_probe_that_fails_is_told_and_has_its_time() {
    let running = json!({"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
    let told = "flux: its container runs, and does not answer its readiness probe";
    assert_eq!(stands(&running), format!("Pending ProbeFailing {told}"));
    assert_eq!(
        shown(&judged(waiting(), &[container(&running)], true)),
        "Failed ProbeFailing flux: did not come up in time: its container runs, and does not answer its readiness probe"
    );
    let killed = json!({"terminated": {"exitCode": 143, "reason": "Error"}});
    let again = json!({"restartCount": 2, "state": {"running": {}}, "lastState": killed});
    assert_eq!(
        stands(&again),
        format!("Pending ProbeFailing {told} (2 restarts, the last after exit code 143, Error)")
    );
}

#[test]
fn a_pod_that_no_node_takes_is_told() {
    let unschedulable = pod(&json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient memory."}
    ]}));
    let told = "no node takes its pod: 0/1 nodes are available: 1 Insufficient memory.";
    assert_eq!(
        shown(&judged(waiting(), std::slice::from_ref(&unschedulable), false)),
        format!("Pending Unschedulable flux: {told}")
    );
    let mut late = waiting();
    late["status"]["conditions"] =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    assert_eq!(
        shown(&judged(late, &[unschedulable], false)),
        format!("Failed Unschedulable flux: did not come up in time: {told}")
    );
}

#[test]
fn what_refuses_the_pods_is_named_whoever_tells() {
    for (message, reason) in [
        (
            "pods \"flux-1\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0",
            "QuotaExceeded",
        ),
        (
            "pods \"flux-1\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
            "PodSecurityViolation",
        ),
        ("pods \"flux-1\" is forbidden: error looking up service account shop/flux: not found", "PodsForbidden"),
        ("admission webhook \"x\" denied the request", "PodsRefused"),
    ] {
        let conditions =
            json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]);
        let told = deployment(&json!({"observedGeneration": 1, "conditions": conditions}));
        let by_deployment = shown(&judged(told, &[], false));
        assert!(
            by_deployment.starts_with(&format!("Failed {reason} flux: its pods are refused: {message} (")),
            "{by_deployment}"
        );
        let set = json!({"metadata": {"labels": {"instanceName": "flux", "name": "flux"}}, "spec": {"replicas": 1},
            "status": {"conditions": conditions}});
        let observed = Observed { deployments: &[waiting()], replica_sets: &[set], pods: &[] };
        assert_eq!(shown(&assess(["flux"], observed, false)), by_deployment);
    }
}

#[test]
fn only_the_newest_pod_of_the_deployment_itself_counts() {
    let crashing = json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let mut old = container(&crashing);
    old["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let fresh = pod(&json!({"phase": "Pending"}));
    let told = "Pending Progressing flux: its pod is being started";
    assert_eq!(shown(&judged(waiting(), &[old.clone(), fresh.clone()], false)), told);
    old["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:02Z");
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:03Z");
    assert_eq!(shown(&judged(waiting(), &[fresh.clone(), old], false)), told);
    let mut other = container(&crashing);
    other["metadata"]["labels"]["name"] = json!("memcached");
    other["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:09Z");
    assert_eq!(shown(&judged(waiting(), &[fresh, other], false)), told);
}

#[test]
fn a_long_text_of_others_is_cut() {
    let status = json!({"state": {"waiting": {"reason": "Odd", "message": "x".repeat(5000)}}});
    assert!(stands(&status).len() < 500);
}

/// Any value, made of the keys and words that the judge looks for.
fn any_status() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "flux",
        "ReplicaFailure",
        "Progressing",
        "PodScheduled",
        "True",
        "False",
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "exceeded quota",
        "\u{e4}\n",
    ]);
    let key = prop::sample::select(vec![
        "metadata",
        "name",
        "labels",
        "instanceName",
        "spec",
        "selector",
        "matchLabels",
        "status",
        "conditions",
        "type",
        "reason",
        "message",
        "containerStatuses",
        "state",
        "lastState",
        "waiting",
        "terminated",
        "running",
        "ready",
        "restartCount",
        "exitCode",
        "deletionTimestamp",
    ]);
    let leaf = prop_oneof![word.prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let fields = prop::collection::vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_live_is_judged(deployment in any_status(), set in any_status(), pod in any_status(), is_late: bool) {
        let mut deployment = deployment;
        if let Some(object) = deployment.as_object_mut() {
            object.insert("metadata".to_owned(), json!({"name": "flux"}));
            object.insert("spec".to_owned(), json!({"selector": {"matchLabels": {"name": "flux"}}}));
        }
        let observed = Observed { deployments: &[deployment], replica_sets: &[set], pods: &[pod] };
        let standing = assess(["flux"], observed, is_late);
        prop_assert!(!(is_late && matches!(standing, Standing::Pending(_))), "late is not pending: {standing:?}");
    }
}
