//! Why a cluster is not Connected: what its pods, their events and their logs say, and what the control plane knows.
use super::{NAMESPACE, cluster::answered};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ContainerStatus, Event, Pod},
};
use kube::{
    Api, Client,
    api::{ListParams, LogParams},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Label of what the agents are made of.
pub const SELECTOR: &str = "app.kubernetes.io/part-of=arcwright";
/// Lines of a log that are looked at, from its end.
const LOG_LINES: i64 = 200;
/// Events that are told at most.
const MAX_EVENTS: usize = 5;
/// Restarts from which they are told.
const MANY_RESTARTS: i32 = 3;
/// Longest text of somebody else's that is passed on, in characters.
const MAX_TEXT: usize = 400;

/// What was seen in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Deployments of the agents.
    pub deployments: Vec<Deployment>,
    /// Their pods.
    pub pods: Vec<Pod>,
    /// What was told in their namespace.
    pub events: Vec<Event>,
    /// The end of each pod's log.
    pub logs: BTreeMap<String, String>,
    /// What could not be looked at.
    pub unseen: Vec<String>,
}

/// Looks at the agents. What cannot be looked at is noted, and the rest is looked at nevertheless.
pub async fn look(client: &Client) -> Seen {
    let mut seen = Seen::default();
    let params = ListParams::default().labels(SELECTOR);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let events: Api<Event> = Api::namespaced(client.clone(), NAMESPACE);
    let warnings = ListParams::default().fields("type=Warning").limit(500);
    let (found_deployments, found_pods, found_events) = tokio::join!(
        answered("listing Deployments", deployments.list(&params)),
        answered("listing Pods", pods.list(&params)),
        answered("listing Events", events.list(&warnings)),
    );
    let mut note = |error: &dyn std::error::Error| seen.unseen.push(crate::error::Chain(error).to_string());
    seen.deployments = found_deployments.map(|list| list.items).map_err(|error| note(&error)).unwrap_or_default();
    seen.pods = found_pods.map(|list| list.items).map_err(|error| note(&error)).unwrap_or_default();
    seen.events = found_events.map(|list| list.items).map_err(|error| note(&error)).unwrap_or_default();
    let log = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
    for pod in &seen.pods {
        let Some(name) = pod.metadata.name.clone() else { continue };
        // A container that has not started has none.
        if let Ok(text) = answered("reading a log", pods.logs(&name, &log)).await {
            seen.logs.insert(name, text);
        }
    }
    seen
}

/// What is wrong, in the order in which it matters. `resource` is the cluster's at the control plane.
///
/// Pure. It says something in any case.
pub fn problems(seen: &Seen, resource: &Value) -> Vec<String> {
    let mut all: Vec<String> = seen.unseen.clone();
    if seen.deployments.is_empty() && seen.unseen.is_empty() {
        all.push(format!(
            "there is no Deployment of the agents in namespace {NAMESPACE}: install them, or apply the manifests"
        ));
    }
    for deployment in &seen.deployments {
        all.extend(of_deployment(deployment, seen.pods.is_empty()));
    }
    all.extend(seen.pods.iter().flat_map(of_pod));
    all.extend(of_events(&seen.events));
    for (pod, log) in &seen.logs {
        all.extend(last_error(log).map(|line| format!("Pod {pod} logged: {line}")));
    }
    all.extend(of_resource(resource));
    all
}

fn of_deployment(deployment: &Deployment, has_no_pods: bool) -> Vec<String> {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let status = deployment.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let failed = conditions
        .iter()
        .find(|one| one.type_.as_deref() == Some("ReplicaFailure") && one.status.as_deref() == Some("True"));
    if let Some(failed) = failed {
        let message = bounded(failed.message.as_deref().unwrap_or_default());
        return vec![format!("Deployment {name} can make no pods: {message}")];
    }
    let wanted = deployment.spec.replicas.unwrap_or(1);
    match has_no_pods {
        true if wanted == 0 => vec![format!("Deployment {name} is scaled to 0")],
        true => vec![format!("Deployment {name} has no pods yet")],
        false => Vec::new(),
    }
}

fn of_pod(pod: &Pod) -> Vec<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some(status) = &pod.status else { return vec![format!("Pod {name} has no status yet")] };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unscheduled = conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    if let Some(unscheduled) = unscheduled {
        let message = bounded(unscheduled.message.as_deref().unwrap_or_default());
        return vec![format!("Pod {name} finds no node: {message}")];
    }
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    if containers.is_empty() && status.phase.as_deref() == Some("Pending") {
        return vec![format!("Pod {name} is Pending: no node has taken it yet")];
    }
    containers.iter().filter_map(of_container).map(|what| format!("Pod {name} {what}")).collect()
}

fn of_container(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref();
    let ended = |state: Option<&k8s_openapi::api::core::v1::ContainerState>| {
        let ended = state?.terminated.as_ref()?;
        let reason = ended.reason.as_deref().unwrap_or("Error");
        Some(format!("ended with {reason}, exit code {}", ended.exit_code))
    };
    let before =
        || ended(status.last_state.as_ref()).map(|before| format!("; before that it {before}")).unwrap_or_default();
    if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        let message = waiting.message.as_deref().map(|text| format!(": {}", bounded(text))).unwrap_or_default();
        let reason = waiting.reason.as_deref().unwrap_or("an unknown reason");
        return Some(format!("waits for {reason}{message}{}", before()));
    }
    if let Some(ended) = ended(state) {
        return Some(ended);
    }
    if status.restart_count >= MANY_RESTARTS {
        return Some(format!("was started again {} times{}", status.restart_count, before()));
    }
    (!status.ready).then(|| "runs, and is not ready".to_owned())
}

/// The last of each kind of warning, the latest first.
fn of_events(events: &[Event]) -> Vec<String> {
    let mut last: BTreeMap<(String, String), (Option<jiff::Timestamp>, String)> = BTreeMap::new();
    for event in events {
        let subject = &event.involved_object;
        let reason = event.reason.clone().unwrap_or_default();
        let kind = subject.kind.clone().unwrap_or_default();
        let time = event.last_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|time| time.0));
        let name = subject.name.as_deref().unwrap_or_default();
        let message = bounded(event.message.as_deref().unwrap_or_default());
        let told = (time, format!("{kind} {name}: {reason}: {message}"));
        let known = last.entry((kind, reason)).or_insert_with(|| told.clone());
        if known.0 < told.0 {
            *known = told;
        }
    }
    let mut all: Vec<_> = last.into_values().collect();
    all.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    all.into_iter().take(MAX_EVENTS).map(|(_, text)| text).collect()
}

/// The last line of a log that a person must act on: an error, or else a warning.
fn last_error(log: &str) -> Option<String> {
    let lines: Vec<Value> = log.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |level: &str| lines.iter().find(|line| line["level"] == level);
    let Some(line) = of("ERROR").or_else(|| of("WARN")) else {
        // What the program says before it logs is no JSON.
        return log.lines().rev().find(|line| line.starts_with("Error:")).map(bounded);
    };
    let text = |name: &str| line[name].as_str().filter(|text| !text.is_empty());
    let words: Vec<&str> = [text("message"), text("error"), text("reason")].into_iter().flatten().collect();
    Some(bounded(&words.join(": ")))
}

fn of_resource(resource: &Value) -> Vec<String> {
    let properties = &resource["properties"];
    let profile = &properties["arcAgentProfile"];
    let mut all: Vec<String> = profile["agentErrors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| Some((error["component"].as_str().unwrap_or("an agent"), error["message"].as_str()?)))
        .map(|(component, message)| format!("the control plane was told by {component}: {}", bounded(message)))
        .collect();
    all.extend(profile["agentState"].as_str().map(|state| format!("the control plane knows the agents as {state}")));
    all.push(match properties["connectivityStatus"].as_str() {
        Some("Connecting") => "the control plane has not heard of the cluster yet (Connecting)".to_owned(),
        Some("Offline") => match properties["lastConnectivityTime"].as_str() {
            Some(time) => format!("the control plane has not heard of the cluster since {time} (Offline)"),
            None => "the control plane has not heard of the cluster for 15 minutes (Offline)".to_owned(),
        },
        Some("Expired") => "the cluster's identity certificate has expired (Expired)".to_owned(),
        Some(other) => format!("the control plane knows the cluster as {other}"),
        None => "the control plane does not say whether the cluster is connected".to_owned(),
    });
    all
}

fn bounded(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("an object")
    }

    fn deployment(status: &Value) -> Deployment {
        of(
            json!({"metadata": {"name": "agents"}, "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status}),
        )
    }

    fn pod(status: &Value) -> Pod {
        of(json!({"metadata": {"name": "a"}, "status": status}))
    }

    fn connecting() -> Value {
        json!({"properties": {"connectivityStatus": "Connecting"}})
    }

    fn told(seen: &Seen) -> String {
        problems(seen, &connecting()).join("\n")
    }

    fn with_container(status: &Value) -> Seen {
        let mut container =
            json!({"name": "config-agent", "image": "x", "imageID": "", "ready": false, "restartCount": 0});
        for (name, value) in status.as_object().expect("an object") {
            container[name] = value.clone();
        }
        Seen {
            deployments: vec![deployment(&json!({}))],
            pods: vec![pod(&json!({"containerStatuses": [container]}))],
            ..Seen::default()
        }
    }

    #[test]
    fn where_nothing_is_installed_or_nothing_can_be_made_that_is_what_is_told() {
        insta::assert_snapshot!(told(&Seen::default()), @r"
        there is no Deployment of the agents in namespace azure-arc: install them, or apply the manifests
        the control plane has not heard of the cluster yet (Connecting)
        ");
        let quota =
            json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}]});
        let seen = Seen { deployments: vec![deployment(&quota)], ..Seen::default() };
        assert!(told(&seen).starts_with("Deployment agents can make no pods: exceeded quota: pods\n"));
        let seen = Seen { deployments: vec![deployment(&json!({}))], ..Seen::default() };
        assert!(told(&seen).starts_with("Deployment agents has no pods yet\n"));
        let seen = Seen { unseen: vec!["listing Pods failed: forbidden".into()], ..Seen::default() };
        assert!(
            told(&seen).starts_with("listing Pods failed: forbidden\n"),
            "nothing is said to be missing that was not seen"
        );
    }

    #[test]
    fn a_pod_tells_what_it_waits_for_or_what_it_ended_with() {
        let first = |seen: &Seen| told(seen).lines().next().unwrap_or_default().to_owned();
        let pending =
            json!({"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]});
        let seen = Seen { deployments: vec![deployment(&json!({}))], pods: vec![pod(&pending)], ..Seen::default() };
        assert_eq!(first(&seen), "Pod a finds no node: 0/1 nodes are available");
        let pods = vec![pod(&json!({"phase": "Pending"}))];
        let seen = Seen { deployments: vec![deployment(&json!({}))], pods, ..Seen::default() };
        assert_eq!(first(&seen), "Pod a is Pending: no node has taken it yet");
        let seen = with_container(
            &json!({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off\npulling"}}}),
        );
        assert_eq!(first(&seen), "Pod a waits for ImagePullBackOff: Back-off pulling");
        let seen = with_container(&json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}));
        assert_eq!(
            first(&seen),
            "Pod a waits for CrashLoopBackOff; before that it ended with OOMKilled, exit code 137"
        );
        let seen = with_container(&json!({"state": {"running": {}}, "restartCount": 4, "ready": true,
            "lastState": {"terminated": {"reason": "Error", "exitCode": 1}}}));
        assert_eq!(first(&seen), "Pod a was started again 4 times; before that it ended with Error, exit code 1");
        let seen = with_container(&json!({"state": {"running": {}}}));
        assert_eq!(first(&seen), "Pod a runs, and is not ready");
        let seen = with_container(&json!({"state": {"running": {}}, "ready": true}));
        assert_eq!(told(&seen).lines().count(), 1, "a pod that is well tells nothing");
    }

    #[test]
    fn the_last_warning_of_each_kind_is_told_and_the_latest_first() {
        let event = |reason: &str, message: &str, time: &str| -> Event {
            of(json!({"metadata": {}, "involvedObject": {"kind": "Pod", "name": "a"}, "reason": reason,
                "message": message, "lastTimestamp": time}))
        };
        let events = [
            event("Failed", "old", "2026-01-01T00:00:00Z"),
            event("Failed", "new", "2026-01-01T00:00:02Z"),
            event("FailedMount", "no volume", "2026-01-01T00:00:01Z"),
        ];
        assert_eq!(of_events(&events), ["Pod a: Failed: new", "Pod a: FailedMount: no volume"]);
    }

    #[test]
    fn of_a_log_the_last_error_is_told_or_else_the_last_warning() {
        let log = concat!(
            r#"{"level":"ERROR","message":"enrolment failed","error":"hub answered 401"}"#,
            "\n",
            r#"{"level":"WARN","message":"trying again"}"#,
            "\n",
            r#"{"level":"INFO","message":"well"}"#,
            "\nnot JSON\n"
        );
        assert_eq!(last_error(log).as_deref(), Some("enrolment failed: hub answered 401"));
        assert_eq!(last_error(r#"{"level":"WARN","message":"trying again"}"#).as_deref(), Some("trying again"));
        assert_eq!(last_error("Error: no cluster\nHint: x").as_deref(), Some("Error: no cluster"));
        assert_eq!(last_error(r#"{"level":"INFO","message":"well"}"#), None);
    }

    #[test]
    fn what_the_control_plane_knows_is_told_last() {
        let resource = json!({"properties": {"connectivityStatus": "Offline", "lastConnectivityTime": "2026-01-01T00:00:00Z",
            "arcAgentProfile": {"agentState": "Degraded", "agentErrors": [{"component": "sync", "message": "403"}]}}});
        assert_eq!(
            of_resource(&resource),
            [
                "the control plane was told by sync: 403",
                "the control plane knows the agents as Degraded",
                "the control plane has not heard of the cluster since 2026-01-01T00:00:00Z (Offline)",
            ]
        );
    }
}
