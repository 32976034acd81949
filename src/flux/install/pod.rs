//! Why a pod is not ready.
use super::{Cause, Standing, condition, quoted, text};
use serde_json::Value;

/// Sort key: pods that stay come after those that go, and the newest last.
pub(super) fn rank(pod: &Value) -> (bool, &str) {
    let is_going = pod.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null());
    (!is_going, text(pod, "/metadata/creationTimestamp"))
}

/// Judges a pod that is not known to be ready.
pub(super) fn assess(pod: &Value) -> Standing {
    if let Some(found) = condition(pod, "PodScheduled").filter(|found| text(found, "/status") == "False") {
        let why = quoted(text(found, "/message"));
        return Standing::Pending(Cause::new("Unschedulable", format!("no node takes its pod: {why}")));
    }
    if text(pod, "/status/phase") == "Failed" {
        let (reason, why) = (text(pod, "/status/reason"), quoted(text(pod, "/status/message")));
        let more = if why.is_empty() { why } else { format!(": {why}") };
        return Standing::Pending(Cause::new("PodFailed", format!("its pod has failed ({reason}){more}")));
    }
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let containers = lists.into_iter().filter_map(|list| pod.pointer(list)?.as_array()).flatten();
    let standings: Vec<Standing> = containers.filter_map(container).collect();
    let failed = standings.iter().position(|standing| matches!(standing, Standing::Failed(_)));
    let first = standings.into_iter().nth(failed.unwrap_or(0));
    first.unwrap_or_else(|| Standing::Pending(Cause::new("Progressing", "its pod is being started")))
}

/// Judges a container by its status; nothing when there is nothing to say of it.
fn container(status: &Value) -> Option<Standing> {
    let waiting = text(status, "/state/waiting/reason");
    match waiting {
        "" => {}
        "ContainerCreating" | "PodInitializing" => return None,
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => return Some(Standing::Failed(pull(status, waiting))),
        "CrashLoopBackOff" => return Some(Standing::Failed(crash(status))),
        other => {
            let why = quoted(text(status, "/state/waiting/message"));
            let more = if why.is_empty() { why } else { format!(": {why}") };
            return Some(Standing::Failed(Cause::new(
                "ContainerStartFailed",
                format!("its container cannot be started ({other}){more}"),
            )));
        }
    }
    if let Some(end) = status.pointer("/state/terminated").filter(|end| text(end, "/reason") != "Completed") {
        let message = format!("its container ended with {} and is started again", ending(end));
        return Some(Standing::Pending(Cause::new("ContainerEnded", message)));
    }
    let is_running = status.pointer("/state/running").is_some();
    let is_ready = status.pointer("/ready").and_then(Value::as_bool).unwrap_or(false);
    (is_running && !is_ready).then(|| Standing::Pending(unready(status)))
}

fn pull(status: &Value, reason: &str) -> Cause {
    let (image, why) = (text(status, "/image"), quoted(text(status, "/state/waiting/message")));
    let more = if why.is_empty() { why } else { format!(": {why}") };
    Cause::new(
        "ImagePullFailed",
        format!(
            "image {image} cannot be pulled ({reason}){more} (see that the nodes reach its registry, or give another image to the agent)"
        ),
    )
}

fn crash(status: &Value) -> Cause {
    let restarts = restarts(status);
    let last = last_ending(status).map(|last| format!(", the last time with {last}")).unwrap_or_default();
    Cause::new(
        "CrashLoop",
        format!("its container ends again and again ({restarts} restarts{last}); see `kubectl logs --previous`"),
    )
}

fn unready(status: &Value) -> Cause {
    let last = match (restarts(status), last_ending(status)) {
        (0, _) | (_, None) => String::new(),
        (restarts, Some(last)) => format!(" ({restarts} restarts, the last after {last})"),
    };
    Cause::new("ProbeFailing", format!("its container runs, and does not answer its readiness probe{last}"))
}

fn restarts(status: &Value) -> u64 {
    status.pointer("/restartCount").and_then(Value::as_u64).unwrap_or(0)
}

fn last_ending(status: &Value) -> Option<String> {
    status.pointer("/lastState/terminated").map(ending)
}

/// How a container ended: exit code, reason, and what it left as its last word.
fn ending(terminated: &Value) -> String {
    let code = terminated.pointer("/exitCode").and_then(Value::as_i64).unwrap_or(0);
    let (reason, message) = (text(terminated, "/reason"), quoted(text(terminated, "/message")));
    let reason = if reason.is_empty() { "unknown" } else { reason };
    if message.is_empty() {
        format!("exit code {code}, {reason}")
    } else {
        format!("exit code {code}, {reason}: {message}")
    }
}
