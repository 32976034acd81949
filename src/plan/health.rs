//! Health of a live object, by the rules of kstatus.
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether an object has become what its spec asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "message", rename_all = "camelCase")]
pub enum Health {
    /// It is what its spec asks for.
    Current,
    /// It is on the way; the text says what it waits for.
    InProgress(String),
    /// It will not get there by itself; the text says why.
    Failed(String),
    /// It is being deleted.
    Terminating,
}

impl Health {
    /// Whether waiting can end: the object is there, or will not come.
    pub fn is_current(&self) -> bool {
        *self == Self::Current
    }
}

fn number(object: &Value, path: &str) -> i64 {
    object.pointer(path).and_then(Value::as_i64).unwrap_or(0)
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The condition of a type: its status, reason and message.
fn condition<'a>(object: &'a Value, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let list = object.pointer("/status/conditions")?.as_array()?;
    let found = list.iter().find(|condition| text(condition, "/type") == kind)?;
    Some((text(found, "/status"), text(found, "/reason"), text(found, "/message")))
}

fn waiting(what: &str, have: i64, want: i64) -> Option<Health> {
    (have < want).then(|| Health::InProgress(format!("{what}: {have}/{want}")))
}

/// Judges one live object. Pure and total: an object of an unknown kind is judged by its conditions.
///
/// Source: sigs.k8s.io/cli-utils, package kstatus; a Job must have completed, as Flux has it.
pub fn assess(object: &Value) -> Health {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
        return Health::Terminating;
    }
    let generation = number(object, "/metadata/generation");
    if let Some(observed) = object.pointer("/status/observedGeneration").and_then(Value::as_i64)
        && observed < generation
    {
        return Health::InProgress(format!("generation {generation} was not observed yet"));
    }
    if let Some(("True", _, message)) = condition(object, "Stalled") {
        return Health::Failed(message.to_owned());
    }
    if let Some(("True", _, message)) = condition(object, "Reconciling") {
        return Health::InProgress(message.to_owned());
    }
    match (group(object), text(object, "/kind")) {
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("apps", "ReplicaSet") => replica_set(object),
        ("batch", "Job") => job(object),
        ("", "Pod") => pod(object),
        ("", "PersistentVolumeClaim") => match text(object, "/status/phase") {
            "Bound" => Health::Current,
            phase => Health::InProgress(format!("the claim is {}", if phase.is_empty() { "new" } else { phase })),
        },
        ("", "Service") => {
            if text(object, "/spec/type") == "LoadBalancer" && text(object, "/spec/clusterIP").is_empty() {
                Health::InProgress("waiting for a cluster IP".to_owned())
            } else {
                Health::Current
            }
        }
        ("", "Namespace") if text(object, "/status/phase") == "Terminating" => Health::Terminating,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => match condition(object, "Ready") {
            None | Some(("True", ..)) => Health::Current,
            Some((_, reason, message)) => Health::InProgress(format!("{reason}: {message}")),
        },
    }
}

fn group(object: &Value) -> &str {
    text(object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group)
}

fn deployment(object: &Value) -> Health {
    if let Some((_, "ProgressDeadlineExceeded", message)) = condition(object, "Progressing") {
        return Health::Failed(message.to_owned());
    }
    let want = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    if object.pointer("/status/observedGeneration").is_none() {
        return Health::InProgress("waiting for the deployment controller".to_owned());
    }
    let total = number(object, "/status/replicas");
    let updated = number(object, "/status/updatedReplicas");
    waiting("updated replicas", updated, want)
        .or_else(|| (total > updated).then(|| Health::InProgress(format!("old replicas: {}", total - updated))))
        .or_else(|| waiting("available replicas", number(object, "/status/availableReplicas"), updated))
        .or_else(|| waiting("ready replicas", number(object, "/status/readyReplicas"), want))
        .or_else(|| match condition(object, "Available") {
            Some(("True", ..)) => None,
            _ if want == 0 => None,
            _ => Some(Health::InProgress("not available".to_owned())),
        })
        .unwrap_or(Health::Current)
}

fn stateful_set(object: &Value) -> Health {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Health::Current;
    }
    if object.pointer("/status/observedGeneration").is_none() {
        return Health::InProgress("waiting for the stateful set controller".to_owned());
    }
    let want = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    waiting("replicas", number(object, "/status/replicas"), want)
        .or_else(|| waiting("ready replicas", number(object, "/status/readyReplicas"), want))
        .or_else(|| {
            if partition > 0 {
                waiting("updated replicas", number(object, "/status/updatedReplicas"), want - partition)
            } else if text(object, "/status/currentRevision") == text(object, "/status/updateRevision") {
                None
            } else {
                Some(Health::InProgress("the update is not complete".to_owned()))
            }
        })
        .unwrap_or(Health::Current)
}

fn daemon_set(object: &Value) -> Health {
    if object.pointer("/status/observedGeneration").is_none() {
        return Health::InProgress("waiting for the daemon set controller".to_owned());
    }
    let want = number(object, "/status/desiredNumberScheduled");
    waiting("scheduled pods", number(object, "/status/currentNumberScheduled"), want)
        .or_else(|| waiting("updated pods", number(object, "/status/updatedNumberScheduled"), want))
        .or_else(|| waiting("available pods", number(object, "/status/numberAvailable"), want))
        .or_else(|| waiting("ready pods", number(object, "/status/numberReady"), want))
        .unwrap_or(Health::Current)
}

fn replica_set(object: &Value) -> Health {
    if let Some(("True", _, message)) = condition(object, "ReplicaFailure") {
        return Health::InProgress(message.to_owned());
    }
    let want = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    waiting("available replicas", number(object, "/status/availableReplicas"), want)
        .or_else(|| waiting("ready replicas", number(object, "/status/readyReplicas"), want))
        .unwrap_or(Health::Current)
}

fn job(object: &Value) -> Health {
    if let Some(("True", reason, message)) = condition(object, "Failed") {
        return Health::Failed(format!("{reason}: {message}"));
    }
    match condition(object, "Complete") {
        Some(("True", ..)) => Health::Current,
        _ if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) => Health::Current,
        _ => Health::InProgress("the job has not completed".to_owned()),
    }
}

fn pod(object: &Value) -> Health {
    match text(object, "/status/phase") {
        "Succeeded" => return Health::Current,
        "Failed" => return Health::Failed(text(object, "/status/message").to_owned()),
        _ => {}
    }
    let containers = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        if text(container, "/state/waiting/reason") == "CrashLoopBackOff" {
            return Health::Failed(format!("container {} crashes", text(container, "/name")));
        }
    }
    match condition(object, "Ready") {
        Some(("True", ..)) => Health::Current,
        _ => Health::InProgress("the pod is not ready".to_owned()),
    }
}

fn definition(object: &Value) -> Health {
    if let Some(("False", _, message)) = condition(object, "NamesAccepted") {
        return Health::Failed(message.to_owned());
    }
    match condition(object, "Established") {
        Some(("True", ..)) => Health::Current,
        _ => Health::InProgress("waiting to be established".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_deployment_is_current_only_when_its_replicas_are() {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2},
            "spec": {"replicas": 2}, "status": {"observedGeneration": 1}});
        assert!(matches!(assess(&object), Health::InProgress(_)), "an old generation");
        object["status"] = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1, "readyReplicas": 2});
        assert_eq!(assess(&object), Health::InProgress("available replicas: 1/2".into()));
        object["status"] = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
            "conditions": [{"type": "Available", "status": "True"}]});
        assert_eq!(assess(&object), Health::Current);
        object["status"]["conditions"] =
            json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no"}]);
        assert_eq!(assess(&object), Health::Failed("no".into()));
    }

    #[test]
    fn others_are_judged_by_their_conditions() {
        assert_eq!(assess(&json!({"apiVersion": "v1", "kind": "ConfigMap"})), Health::Current);
        assert_eq!(
            assess(
                &json!({"kind": "X", "status": {"conditions": [{"type": "Stalled", "status": "True", "message": "bad"}]}})
            ),
            Health::Failed("bad".into())
        );
        assert_eq!(
            assess(&json!({"kind": "X", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})),
            Health::Terminating
        );
        assert!(matches!(
            assess(&json!({"apiVersion": "batch/v1", "kind": "Job", "status": {}})),
            Health::InProgress(_)
        ));
    }
}
