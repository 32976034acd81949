//! Whether an operator has come up, judged from its Deployments, ReplicaSets and pods. Pure and total.
//!
//! ```text
//! Pending --every Deployment is available--> Installed
//!    |                                          |  a pod that does not come back
//!    +--refused, cannot be pulled, crashes,     v
//!       or not up in time------------------> Failed --mended--> Installed
//! ```
mod pod;
#[cfg(test)]
mod tests;

use crate::plan::health::{self, Health};
use serde_json::Value;

/// Most of a text of others that a message quotes, in characters.
const QUOTED: usize = 300;

/// How far an operator, or one of its programs, has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything runs.
    Installed,
    /// It is on the way.
    Pending(Cause),
    /// It does not get there by itself.
    Failed(Cause),
}

/// Why an operator is not up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// One word in CamelCase, of a closed set.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

impl Cause {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    fn of(self, name: &str) -> Self {
        Self { message: format!("{name}: {}", self.message), ..self }
    }
}

/// What is live of an operator. Objects of others among it are passed over.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Deployments, with status.
    pub deployments: &'a [Value],
    /// ReplicaSets, with status.
    pub replica_sets: &'a [Value],
    /// Pods, with status.
    pub pods: &'a [Value],
}

/// Judges an operator by the names of its Deployments; `is_late` says that the time for coming up is over.
///
/// The worst of its programs decides.
pub fn assess<'a>(names: impl IntoIterator<Item = &'a str>, observed: Observed<'_>, is_late: bool) -> Standing {
    let mut worst = Standing::Installed;
    for name in names {
        let standing = match program(name, observed) {
            Standing::Pending(cause) if is_late => Standing::Failed(overdue(&cause)),
            standing => standing,
        };
        worst = match (worst, standing) {
            (Standing::Failed(cause), _) => Standing::Failed(cause),
            (_, Standing::Failed(cause)) => Standing::Failed(cause.of(name)),
            (Standing::Pending(cause), _) => Standing::Pending(cause),
            (Standing::Installed, Standing::Pending(cause)) => Standing::Pending(cause.of(name)),
            (Standing::Installed, Standing::Installed) => Standing::Installed,
        };
    }
    worst
}

/// Judges one program by its Deployment and what that made.
fn program(name: &str, observed: Observed<'_>) -> Standing {
    let Some(deployment) = observed.deployments.iter().find(|one| text(one, "/metadata/name") == name) else {
        return Standing::Pending(Cause::new("Progressing", "the Deployment is not there yet"));
    };
    if health::assess(deployment) == Health::Current {
        return Standing::Installed;
    }
    let is_made_of = |object: &&Value| is_selected(deployment, object);
    let sets = observed.replica_sets.iter().filter(is_made_of);
    let wanted_sets = sets.filter(|set| set.pointer("/spec/replicas").and_then(Value::as_i64) != Some(0));
    if let Some(refusal) = std::iter::once(deployment).chain(wanted_sets).find_map(refusal) {
        return Standing::Failed(refusal);
    }
    let pods = observed.pods.iter().filter(is_made_of);
    let standing = match pods.max_by_key(|pod| pod::rank(pod)) {
        Some(pod) => pod::assess(pod),
        None => Standing::Pending(Cause::new("Progressing", "no pod was made yet")),
    };
    match standing {
        Standing::Pending(cause) if is_overdue(deployment) => Standing::Failed(overdue(&cause)),
        standing => standing,
    }
}

/// What was waited for when the time was over.
fn overdue(cause: &Cause) -> Cause {
    let reason = if cause.reason == "Progressing" { "ProgressDeadlineExceeded" } else { cause.reason };
    Cause::new(reason, format!("did not come up in time: {}", cause.message))
}

fn is_overdue(deployment: &Value) -> bool {
    condition(deployment, "Progressing").is_some_and(|found| text(found, "/reason") == "ProgressDeadlineExceeded")
}

/// Why pods are refused, as the controller of an object says.
fn refusal(object: &Value) -> Option<Cause> {
    let found = condition(object, "ReplicaFailure").filter(|found| text(found, "/status") == "True")?;
    let why = quoted(text(found, "/message"));
    let (reason, hint) = if why.contains("exceeded quota") || why.contains("failed quota") {
        ("QuotaExceeded", "make room in the ResourceQuota of the namespace")
    } else if why.contains("violates PodSecurity") {
        (
            "PodSecurityViolation",
            "allow in the namespace what that names; a Flux v1 operator needs Pod Security level baseline",
        )
    } else if why.contains("forbidden") {
        ("PodsForbidden", "see the policies and limits of the namespace")
    } else {
        ("PodsRefused", "see the events of the Deployment")
    };
    Some(Cause::new(reason, format!("its pods are refused: {why} ({hint})")))
}

/// Whether the selector of a Deployment selects an object.
fn is_selected(deployment: &Value, object: &Value) -> bool {
    let wanted = deployment.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels = object.pointer("/metadata/labels");
    wanted.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    })
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The condition of a type.
fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| text(condition, "/type") == kind)
}

/// A text of others on one line, and not all of a long one.
fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
