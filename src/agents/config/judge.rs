//! From outcomes and health to where a kustomization stands. Pure.
use super::status::{KustomizationStatus, ObjectStatus, Outcome, Phase};
use crate::plan::health::Health;

/// Most objects that a message names.
const NAMED: usize = 5;

/// What a kustomization asks of its objects' health.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectation {
    /// Whether ready means that every object is healthy.
    pub(super) wait: bool,
    /// Whether the time for that is over.
    pub(super) is_late: bool,
}

/// Reason of what drifted and is left alone.
pub(super) const DRIFTED: &str = "Drifted";
/// Reason of not knowing what is there.
pub(super) const UNREACHABLE: &str = "ClusterUnavailable";

/// Says so when objects drifted that are left alone; false when none has.
pub(super) fn by_drift(status: &mut KustomizationStatus) -> bool {
    let drifted = status.objects.iter().filter(|object| object.outcome == Outcome::Drifted).count();
    if drifted > 0 {
        status.phase = Phase::Failing;
        DRIFTED.clone_into(&mut status.reason);
        status.message = format!("{drifted} objects drifted and are left alone (drift: report)");
    }
    drifted > 0
}

/// Says where a kustomization stands whose objects were all applied.
pub(super) fn by_health(status: &mut KustomizationStatus, expectation: Expectation) {
    if by_drift(status) {
        return;
    }
    let there = || status.objects.iter().filter(|object| object.outcome != Outcome::Deleted);
    let waiting: Vec<String> = there().filter_map(complaint).collect();
    let has_failed = there().any(|object| matches!(object.health, Some(Health::Failed(_))));
    let total = status.objects.len();
    let (phase, reason, message) = if expectation.wait && !waiting.is_empty() {
        let is_over = has_failed || expectation.is_late;
        let message = format!("{} of {total} objects are not healthy: {}", waiting.len(), listed(&waiting));
        if is_over {
            (Phase::Failing, "HealthCheckFailed", message)
        } else {
            (Phase::Progressing, "Progressing", message)
        }
    } else {
        let revision = status.last_applied_revision.as_deref().unwrap_or_default();
        (Phase::Ready, "ReconciliationSucceeded", format!("applied revision {revision}"))
    };
    status.phase = phase;
    reason.clone_into(&mut status.reason);
    status.message = message;
}

/// Says where a kustomization stands of which some objects failed.
pub(super) fn by_failures(status: &mut KustomizationStatus, is_transient: bool) {
    let failed: Vec<String> = status
        .objects
        .iter()
        .filter(|object| object.outcome == Outcome::Failed)
        .map(|object| object.message.clone())
        .collect();
    status.phase = if is_transient { Phase::Failing } else { Phase::Stalled };
    "ReconciliationFailed".clone_into(&mut status.reason);
    status.message = format!("{} of {} objects failed: {}", failed.len(), status.objects.len(), listed(&failed));
}

fn complaint(object: &ObjectStatus) -> Option<String> {
    match &object.health {
        Some(Health::Current) => None,
        Some(Health::InProgress(why)) => Some(format!("{}: {why}", object.id)),
        Some(Health::Failed(why)) => Some(format!("{} failed: {why}", object.id)),
        Some(Health::Terminating) => Some(format!("{} is being deleted", object.id)),
        None if object.outcome == Outcome::Skipped => None,
        None => Some(format!("{} is not there", object.id)),
    }
}

/// The first few of several texts, and how many more there are.
fn listed(texts: &[String]) -> String {
    let shown = texts.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match texts.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;

    fn object(name: &str, outcome: Outcome, health: Option<Health>) -> ObjectStatus {
        let id = ObjectId { group: String::new(), kind: "Pod".into(), namespace: "a".into(), name: name.into() };
        ObjectStatus { message: format!("{name} was refused"), id, outcome, health, conditions: Vec::new() }
    }

    fn judged(objects: Vec<ObjectStatus>, wait: bool, is_late: bool) -> (Phase, String) {
        let mut status = KustomizationStatus { objects, ..KustomizationStatus::new("app") };
        status.last_applied_revision = Some("main@sha1:1".into());
        by_health(&mut status, Expectation { wait, is_late });
        (status.phase, status.message)
    }

    #[test]
    fn waits_for_health_only_where_asked_and_only_for_so_long() {
        let starting = || vec![object("p", Outcome::Created, Some(Health::InProgress("pulling".into())))];
        assert_eq!(judged(starting(), false, true).0, Phase::Ready);
        assert_eq!(judged(starting(), true, false).0, Phase::Progressing);
        let (phase, message) = judged(starting(), true, true);
        assert_eq!((phase, message.as_str()), (Phase::Failing, "1 of 1 objects are not healthy: Pod/a/p: pulling"));
        let failed = vec![object("p", Outcome::Created, Some(Health::Failed("crashes".into())))];
        assert_eq!(judged(failed, true, false).0, Phase::Failing, "a failure need not be waited for");
    }

    #[test]
    fn what_was_deleted_or_skipped_is_not_waited_for() {
        let objects = vec![object("gone", Outcome::Deleted, None), object("left", Outcome::Skipped, None)];
        assert_eq!(judged(objects, true, false), (Phase::Ready, "applied revision main@sha1:1".into()));
        assert_eq!(judged(vec![object("lost", Outcome::Unchanged, None)], true, false).0, Phase::Progressing);
    }

    #[test]
    fn drift_that_is_only_reported_is_not_ready() {
        let objects = vec![object("p", Outcome::Drifted, Some(Health::Current))];
        assert_eq!(judged(objects, true, false).0, Phase::Failing);
    }

    #[test]
    fn failures_are_named_up_to_a_few() {
        let objects = (0..7).map(|number| object(&format!("p{number}"), Outcome::Failed, None)).collect();
        let mut status = KustomizationStatus { objects, ..KustomizationStatus::new("app") };
        by_failures(&mut status, false);
        assert_eq!(status.phase, Phase::Stalled);
        assert!(status.message.starts_with("7 of 7 objects failed: p0 was refused; "), "{}", status.message);
        assert!(status.message.ends_with("; and 2 more"), "{}", status.message);
    }
}
