//! From a report to the status of a resource, of the cluster or of a control plane, in the words of its kind. Pure.
use super::status::{Condition as Reported, ConfigurationStatus, KustomizationStatus, ObjectStatus, Outcome};
use crate::{
    api::{
        ComplianceStateV1, ComplianceStateV2, ComplianceStatus, FluxConfigurationStatus, GitConfigStatus, InstallState,
        MessageLevel, ObjectReference, ObjectStatus as ApiObjectStatus, ObjectStatusCondition, ProvisioningStateV1,
        ProvisioningStateV2, SourceControlConfigurationStatus,
    },
    desired::{Issue, cluster::Kind},
    model::operator::OPERATOR,
    plan::health::Health,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::Value;

/// Longest message, in bytes.
const MAX_MESSAGE: usize = 2048;
/// Longest message about one object, in bytes.
const MAX_OBJECT_MESSAGE: usize = 512;
/// Most objects that are listed; those that are not as wanted come first.
const MAX_OBJECTS: usize = 500;
/// The moment of writing: it is no news by itself.
const WRITTEN_AT: &str = "statusUpdatedAt";

/// Most issues that a message names.
const NAMED: usize = 10;

/// Reason of the conditions of a resource that cannot be used as it stands.
pub(crate) const INVALID: &str = "InvalidConfiguration";

/// The resource of which something is said.
pub(crate) struct Subject<'a> {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Which version of it is meant.
    pub(crate) generation: i64,
    /// What is said of it so far.
    pub(crate) before: &'a Value,
    /// The visit that it asks for.
    pub(crate) requested_at: Option<&'a str>,
}

/// What is said of a resource.
pub(crate) enum Said<'a> {
    /// It is not used, and why.
    Refused { reason: &'a str, message: &'a str },
    /// Its first visit has not ended.
    Progressing,
    /// It was visited.
    Reported(&'a ConfigurationStatus),
}

/// Whether two statuses say the same.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let said = |value: &Value| {
        let fields = value.as_object().into_iter().flatten().filter(|(key, _)| *key != WRITTEN_AT);
        fields.map(|(key, value)| (key.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
    };
    said(a) == said(b)
}

/// The status of a resource.
///
/// What it had keeps its times: the same report on the status that it made gives that same status, also in another
/// process, which remembers nothing.
pub(crate) fn mapped(subject: &Subject<'_>, said: &Said<'_>, handled: Option<&str>, now: jiff::Timestamp) -> Value {
    let before = subject.before;
    let conditions = conditions(subject, said, now);
    let report = if let Said::Reported(report) = said { Some(*report) } else { None };
    let is_suspended = report.is_some_and(|report| report.condition_reason() == "Suspended");
    let handled = match said {
        // Looked at, and found to be of no use: that is an answer too.
        Said::Refused { .. } => subject.requested_at,
        Said::Progressing => None,
        Said::Reported(_) => handled.filter(|_| !is_suspended),
    };
    let handled = handled.map(str::to_owned).or_else(|| text(before, "lastHandledReconcileAt"));
    let generation = Some(subject.generation);
    let status = match subject.kind {
        Kind::Flux | Kind::FluxConfig => {
            let status = flux(said, report, before, now);
            serde_json::to_value(FluxConfigurationStatus {
                conditions,
                last_handled_reconcile_at: handled,
                observed_generation: generation,
                ..status
            })
        }
        Kind::GitConfig => {
            let status = git_config(said, report, before);
            serde_json::to_value(GitConfigStatus {
                conditions,
                last_handled_reconcile_at: handled,
                observed_generation: generation,
                ..status
            })
        }
        Kind::SourceControl => {
            let status = source_control(said, report, before);
            serde_json::to_value(SourceControlConfigurationStatus {
                conditions,
                last_handled_reconcile_at: handled,
                observed_generation: generation,
                ..status
            })
        }
    };
    status.unwrap_or_default()
}

fn git_config(said: &Said<'_>, report: Option<&ConfigurationStatus>, before: &Value) -> GitConfigStatus {
    let (status, message) = match said {
        Said::Refused { message, .. } => ("Noncompliant", *message),
        Said::Progressing => ("Pending", ON_THE_WAY),
        Said::Reported(report) => (report.compliance_state.as_str(), report.message.as_str()),
    };
    let applied = report.and_then(|report| report.last_config_applied).map(|at| format!("{at:.0}"));
    let key = report.and_then(|report| report.repository_public_key.clone());
    GitConfigStatus {
        config_applied_time: applied.or_else(|| text(before, "configAppliedTime")).unwrap_or_default(),
        message: bounded(message, MAX_MESSAGE),
        public_key: key.or_else(|| text(before, "publicKey")).unwrap_or_default(),
        status: status.to_owned(),
        ..GitConfigStatus::default()
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn flux(
    said: &Said<'_>,
    report: Option<&ConfigurationStatus>,
    before: &Value,
    now: jiff::Timestamp,
) -> FluxConfigurationStatus {
    let revision = report
        .and_then(|report| report.last_attempted_revision.clone())
        .or_else(|| text(before, "sourceSyncedCommitId"));
    let is_known = revision.as_deref() == before["sourceSyncedCommitId"].as_str();
    let updated_at = if is_known { text(before, "sourceUpdatedAt") } else { Some(format!("{now:.0}")) };
    FluxConfigurationStatus {
        compliance_state: match said {
            Said::Refused { .. } => ComplianceStateV2::NonCompliant,
            Said::Progressing => ComplianceStateV2::Pending,
            Said::Reported(report) => state_v2(&report.compliance_state),
        },
        install_state: Some(install_state(said)),
        provisioning_state: Some(match said {
            Said::Refused { .. } => ProvisioningStateV2::Failed,
            Said::Progressing | Said::Reported(_) => ProvisioningStateV2::Succeeded,
        }),
        source_updated_at: updated_at.filter(|_| revision.is_some()),
        source_synced_commit_id: revision,
        repository_public_key: report
            .and_then(|report| report.repository_public_key.clone())
            .or_else(|| text(before, "repositoryPublicKey")),
        error_message: match said {
            Said::Refused { message, .. } => Some(bounded(message, MAX_MESSAGE)),
            Said::Progressing => None,
            Said::Reported(report) if report.message_level == "Information" => None,
            Said::Reported(report) => Some(bounded(&report.message, MAX_MESSAGE)),
        },
        statuses: report.map(statuses).unwrap_or_default(),
        ..FluxConfigurationStatus::default()
    }
}

fn source_control(
    said: &Said<'_>,
    report: Option<&ConfigurationStatus>,
    before: &Value,
) -> SourceControlConfigurationStatus {
    let (state, message, level) = match said {
        Said::Refused { message, .. } => (ComplianceStateV1::Noncompliant, *message, MessageLevel::Error),
        Said::Progressing => (ComplianceStateV1::Pending, ON_THE_WAY, MessageLevel::Information),
        Said::Reported(report) => {
            (state_v1(&report.compliance_state), report.message.as_str(), level(&report.message_level))
        }
    };
    let applied = report.and_then(|report| report.last_config_applied).map(|at| format!("{at:.0}"));
    let compliance = ComplianceStatus {
        compliance_state: state,
        last_config_applied: applied.or_else(|| text(&before["complianceStatus"], "lastConfigApplied")),
        message: Some(bounded(message, MAX_MESSAGE)),
        message_level: Some(level),
    };
    SourceControlConfigurationStatus {
        compliance_status: Some(compliance),
        install_state: Some(install_state(said)),
        provisioning_state: Some(match said {
            Said::Refused { .. } => ProvisioningStateV1::Failed,
            Said::Progressing | Said::Reported(_) => ProvisioningStateV1::Succeeded,
        }),
        repository_public_key: report
            .and_then(|report| report.repository_public_key.clone())
            .or_else(|| text(before, "repositoryPublicKey")),
        last_applied_revision: report
            .and_then(|report| report.last_applied_revision.clone())
            .or_else(|| text(before, "lastAppliedRevision")),
        ..SourceControlConfigurationStatus::default()
    }
}

/// What is said while the first visit goes on.
const ON_THE_WAY: &str = "the first visit has not ended yet";

/// Engine `native` installs nothing, which is done as soon as the configuration is used. Others say how far they have come.
fn install_state(said: &Said<'_>) -> InstallState {
    match said {
        Said::Refused { .. } | Said::Progressing => InstallState::Pending,
        Said::Reported(report) => report.install_state.unwrap_or(InstallState::Installed),
    }
}

/// Ready always; Reconciling and Stalled, which mean that something is unusual, while they are true.
fn conditions(subject: &Subject<'_>, said: &Said<'_>, now: jiff::Timestamp) -> Vec<Condition> {
    let wanted: Vec<(&str, &str, &str, &str, jiff::Timestamp)> = match said {
        Said::Refused { reason, message } => {
            vec![("Ready", "False", *reason, *message, now), ("Stalled", "True", *reason, *message, now)]
        }
        Said::Progressing => vec![
            ("Ready", "Unknown", "Progressing", ON_THE_WAY, now),
            ("Reconciling", "True", "Progressing", ON_THE_WAY, now),
        ],
        Said::Reported(report) => {
            let is_told = |one: &&Reported| one.kind == "Ready" || one.status == "True";
            let told = report.conditions.iter().filter(is_told);
            told.map(|one| {
                let Reported { kind, status, reason, message, last_transition_time } = one;
                (kind.as_str(), status.as_str(), reason.as_str(), message.as_str(), *last_transition_time)
            })
            .collect()
        }
    };
    let before = subject.before["conditions"].as_array();
    let since = |kind: &str, status: &str| {
        let old = before.into_iter().flatten().find(|old| old["type"] == kind && old["status"] == status)?;
        old["lastTransitionTime"].as_str()?.parse::<jiff::Timestamp>().ok()
    };
    let condition = |(kind, status, reason, message, at): (&str, &str, &str, &str, jiff::Timestamp)| Condition {
        last_transition_time: Time(since(kind, status).unwrap_or(at)),
        message: bounded(message, MAX_MESSAGE),
        observed_generation: Some(subject.generation),
        reason: reason.to_owned(),
        status: status.to_owned(),
        type_: kind.to_owned(),
    };
    wanted.into_iter().map(condition).collect()
}

/// The objects of every kustomization, those that are not as wanted first, up to a bound.
fn statuses(report: &ConfigurationStatus) -> Vec<ApiObjectStatus> {
    let all = report.kustomizations.iter().flat_map(|kustomization| {
        let there = kustomization.objects.iter().filter(|object| object.outcome != Outcome::Deleted);
        there.map(move |object| object_status(report, kustomization, object))
    });
    let (good, mut bad): (Vec<_>, Vec<_>) =
        all.partition(|object| object.compliance_state == ComplianceStateV2::Compliant);
    bad.extend(good);
    bad.truncate(MAX_OBJECTS);
    bad
}

fn object_status(
    report: &ConfigurationStatus,
    kustomization: &KustomizationStatus,
    object: &ObjectStatus,
) -> ApiObjectStatus {
    let (state, reason, message) = match (object.outcome, &object.health) {
        (Outcome::Failed | Outcome::Drifted, _) => (
            ComplianceStateV2::NonCompliant,
            if object.outcome == Outcome::Failed { "Failed" } else { "Drifted" },
            object.message.as_str(),
        ),
        (_, Some(Health::Failed(why))) => (ComplianceStateV2::NonCompliant, "HealthCheckFailed", why.as_str()),
        (_, Some(Health::InProgress(why))) => (ComplianceStateV2::Pending, "Progressing", why.as_str()),
        (_, Some(Health::Terminating)) => (ComplianceStateV2::Pending, "Terminating", "it is being deleted"),
        (Outcome::Skipped, _) | (_, Some(Health::Current)) => (ComplianceStateV2::Compliant, "", ""),
        (_, None) => (ComplianceStateV2::Unknown, "NotFound", "it is not there"),
    };
    let is_good = state == ComplianceStateV2::Compliant;
    let name = if kustomization.name.is_empty() {
        report.name.clone()
    } else {
        format!("{}-{}", report.name, kustomization.name)
    };
    ApiObjectStatus {
        name: object.id.name.clone(),
        namespace: Some(object.id.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        kind: object.id.kind.clone(),
        compliance_state: state,
        applied_by: Some(ObjectReference { name, namespace: Some(report.namespace.clone()) })
            .filter(|_| kustomization.name != OPERATOR),
        status_conditions: if !object.conditions.is_empty() {
            object.conditions.iter().map(told).collect()
        } else if is_good {
            Vec::new()
        } else {
            vec![ObjectStatusCondition {
                last_transition_time: None,
                message: Some(bounded(message, MAX_OBJECT_MESSAGE)),
                reason: Some(reason.to_owned()),
                status: Some("False".to_owned()),
                kind: Some("Ready".to_owned()),
            }]
        },
        helm_release_properties: None,
    }
}

/// A condition of an object as its controller wrote it.
fn told(condition: &Reported) -> ObjectStatusCondition {
    ObjectStatusCondition {
        last_transition_time: Some(format!("{:.0}", condition.last_transition_time)),
        message: Some(bounded(&condition.message, MAX_OBJECT_MESSAGE)),
        reason: Some(condition.reason.clone()),
        status: Some(condition.status.clone()),
        kind: Some(condition.kind.clone()),
    }
}

fn state_v1(state: &str) -> ComplianceStateV1 {
    match state {
        "Compliant" => ComplianceStateV1::Compliant,
        "Noncompliant" => ComplianceStateV1::Noncompliant,
        "Installed" => ComplianceStateV1::Installed,
        "Failed" => ComplianceStateV1::Failed,
        _ => ComplianceStateV1::Pending,
    }
}

fn state_v2(state: &str) -> ComplianceStateV2 {
    match state {
        "Compliant" => ComplianceStateV2::Compliant,
        "Non-Compliant" => ComplianceStateV2::NonCompliant,
        "Pending" => ComplianceStateV2::Pending,
        "Suspended" => ComplianceStateV2::Suspended,
        _ => ComplianceStateV2::Unknown,
    }
}

fn level(level: &str) -> MessageLevel {
    match level {
        "Error" => MessageLevel::Error,
        "Warning" => MessageLevel::Warning,
        _ => MessageLevel::Information,
    }
}

/// What is wrong with a resource, without its name, which the reader has before them.
pub(crate) fn invalid(issues: &[Issue], is_in_use: bool) -> String {
    let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.is_error()).collect();
    let shown = errors.iter().take(NAMED).map(|issue| {
        let place = if issue.field.is_empty() { String::new() } else { format!("{}: ", issue.field) };
        let hint = issue.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}{}{hint}", issue.message)
    });
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if errors.len() > NAMED {
        text = format!("{text}; and {} more", errors.len() - NAMED);
    }
    if is_in_use {
        text = format!("{text}; its last good form stays in use");
    }
    text.replace(|c: char| c.is_control(), " ")
}

/// A text of at most `most` bytes.
fn bounded(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most.saturating_sub(3)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &text[..end])
}
