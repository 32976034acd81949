//! What there is to tell a control plane of one of its configurations. Pure.
use crate::{
    agents::config::{INVALID, OWNED_ELSEWHERE, Said, Subject, invalid, mapped, same, status::ConfigurationStatus},
    api::plane::ReportedStatus,
    desired::{
        azure::Resource,
        cluster::Kind,
        doors::{owned_elsewhere, way_out},
    },
    model::{Door, configuration::Generation},
};
use serde_json::{Map, Value};

/// What is left out: the control plane has no such properties, and knows the revision anyway.
const OF_THE_CLUSTER: [&str; 3] = ["conditions", "lastHandledReconcileAt", "observedGeneration"];
/// Largest status in bytes; a control plane takes little more.
const MAX_STATUS: usize = 400 << 10;
/// The objects in a status, those first that are not as wanted.
const OBJECTS: &str = "statuses";
/// When a status was written.
const WRITTEN_AT: &str = "statusUpdatedAt";

/// Whose the configuration is that a resource states.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ownership<'a> {
    /// The resource's own.
    Own,
    /// Another resource of the control plane has the name.
    Beside(&'a str),
    /// It came in by another door.
    Elsewhere(&'a Door),
}

/// All that counts for a resource.
pub(super) struct View<'a> {
    pub(super) resource: &'a Resource,
    pub(super) ownership: Ownership<'a>,
    /// The last report of its configuration.
    pub(super) status: Option<&'a ConfigurationStatus>,
    /// What was told last.
    pub(super) before: Option<&'a ReportedStatus>,
    /// Whether it is time to say something of a revision whose first visit has not ended.
    pub(super) has_waited: bool,
    pub(super) now: jiff::Timestamp,
}

/// What there is to tell.
#[derive(Debug, PartialEq)]
pub(super) enum Say {
    /// What was told is still so.
    Nothing,
    /// Nothing yet: look again.
    Wait,
    /// This.
    Status(ReportedStatus),
}

/// Decides what to tell of a resource.
pub(super) fn say(view: &View<'_>) -> Say {
    let resource = view.resource;
    let id = &resource.id;
    let refused = match view.ownership {
        Ownership::Own if resource.is_valid() => None,
        Ownership::Own => Some((INVALID, invalid(&resource.issues, resource.configuration.is_some()))),
        Ownership::Beside(other) => {
            Some((OWNED_ELSEWHERE, format!("{id} is stated by {other} already; remove one of them")))
        }
        Ownership::Elsewhere(owner) => {
            Some((OWNED_ELSEWHERE, format!("{}; {}", owned_elsewhere(id, owner), way_out(id))))
        }
    };
    let reported = view.status.filter(|status| status.observed_generation == Some(resource.revision));
    let told_already = view.before.filter(|before| before.revision == resource.revision);
    let said = match (&refused, reported) {
        (Some((reason, message)), _) => Said::Refused { reason, message },
        (None, Some(status)) => Said::Reported(status),
        (None, None) if told_already.is_some() => return Say::Nothing,
        (None, None) if view.has_waited => Said::Progressing,
        (None, None) => return Say::Wait,
    };
    let before = view.before.map(|before| Value::Object(before.status.clone())).unwrap_or_default();
    let kind = match resource.generation {
        Generation::SourceControl => Kind::SourceControl,
        Generation::Flux => Kind::Flux,
    };
    let subject = Subject { kind, generation: resource.revision, before: &before, requested_at: None };
    let mut status = mapped(&subject, &said, None, view.now);
    if let Value::Object(fields) = &mut status {
        fields.retain(|key, _| !OF_THE_CLUSTER.contains(&key.as_str()));
    }
    fit(&mut status, MAX_STATUS);
    if told_already.is_some() && same(&status, &before) {
        return Say::Nothing;
    }
    if kind == Kind::Flux {
        status[WRITTEN_AT] = Value::String(format!("{:.0}", view.now));
    }
    Say::Status(ReportedStatus {
        id: resource.arm_id.clone(),
        sequence: 0,
        revision: resource.revision,
        observed_at: view.now,
        status: if let Value::Object(status) = status { status } else { Map::new() },
    })
}

/// Leaves out objects until a status is no larger than that.
fn fit(status: &mut Value, most: usize) {
    while status.to_string().len() > most {
        match status.get_mut(OBJECTS) {
            Some(Value::Array(objects)) if !objects.is_empty() => objects.truncate(objects.len() / 2),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agents::config::status::KustomizationStatus,
        desired::{Issue, Severity},
        model::configuration::ConfigurationId,
    };
    use std::{path::PathBuf, sync::Arc};

    fn now() -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000).expect("a time")
    }

    fn resource(generation: Generation) -> Resource {
        let id = ConfigurationId { namespace: "apps".into(), name: "shop".into() };
        Resource { arm_id: "/a/shop".into(), generation, revision: 3, id, configuration: None, issues: Vec::new() }
    }

    fn status(revision: i64, state: &str) -> ConfigurationStatus {
        ConfigurationStatus {
            namespace: "apps".into(),
            name: "shop".into(),
            kind: String::new(),
            engine: "native".into(),
            url: String::new(),
            compliance_state: state.into(),
            install_state: None,
            message: "word".into(),
            message_level: "Information".into(),
            last_config_applied: None,
            last_applied_revision: None,
            last_attempted_revision: Some("main@sha1:1".into()),
            repository_public_key: None,
            conditions: Vec::new(),
            kustomizations: vec![Arc::new(KustomizationStatus::new("app"))],
            observed_generation: Some(revision),
            ignored: Vec::new(),
        }
    }

    fn view<'a>(resource: &'a Resource, status: Option<&'a ConfigurationStatus>) -> View<'a> {
        View { resource, ownership: Ownership::Own, status, before: None, has_waited: false, now: now() }
    }

    fn told(say: Say) -> ReportedStatus {
        let Say::Status(status) = say else { panic!("nothing is told: {say:?}") };
        status
    }

    #[test]
    fn a_report_is_told_once_in_the_words_of_its_kind() {
        let flux = resource(Generation::Flux);
        let compliant = status(3, "Compliant");
        let first = told(say(&view(&flux, Some(&compliant))));
        assert_eq!((first.revision, &first.status["complianceState"]), (3, &"Compliant".into()));
        assert!(!first.status.contains_key("conditions") && first.status.contains_key("statusUpdatedAt"));
        assert_eq!(say(&View { before: Some(&first), ..view(&flux, Some(&compliant)) }), Say::Nothing);
        let worse = status(3, "Non-Compliant");
        told(say(&View { before: Some(&first), ..view(&flux, Some(&worse)) }));
        let v1 = resource(Generation::SourceControl);
        let first = told(say(&view(&v1, Some(&status(3, "Noncompliant")))));
        assert_eq!(first.status["complianceStatus"]["complianceState"], "Noncompliant");
    }

    #[test]
    fn a_revision_is_answered_for_itself_and_after_a_while_in_any_case() {
        let flux = resource(Generation::Flux);
        let old = status(2, "Compliant");
        assert_eq!(say(&view(&flux, Some(&old))), Say::Wait);
        let pending = told(say(&View { has_waited: true, ..view(&flux, Some(&old)) }));
        assert_eq!((pending.revision, &pending.status["complianceState"]), (3, &"Pending".into()));
        assert_eq!(say(&View { before: Some(&pending), ..view(&flux, None) }), Say::Nothing);
        let earlier = ReportedStatus { revision: 2, ..told(say(&view(&flux, Some(&status(3, "Compliant"))))) };
        let again = status(3, "Compliant");
        let answer = told(say(&View { before: Some(&earlier), ..view(&flux, Some(&again)) }));
        assert_eq!(answer.revision, 3, "the same words about another revision are news");
    }

    #[test]
    fn a_status_that_is_too_large_lacks_its_last_objects() {
        let mut status = serde_json::json!({"complianceState": "Compliant", "statuses": vec!["x".repeat(100); 64]});
        fit(&mut status, 1000);
        assert_eq!(status["statuses"].as_array().map(Vec::len), Some(8));
        let mut other = serde_json::json!({"errorMessage": "x".repeat(2000)});
        fit(&mut other, 1000);
        assert_eq!(other["errorMessage"].as_str().map(str::len), Some(2000));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_reason() {
        let issue = Issue {
            file: PathBuf::new(),
            line: 0,
            column: 0,
            document: None,
            field: "properties.scope".into(),
            object: None,
            message: "must be cluster or namespace".into(),
            hint: None,
            severity: Severity::Error,
        };
        let broken = Resource { issues: vec![issue], ..resource(Generation::Flux) };
        let refused = told(say(&view(&broken, Some(&status(3, "Compliant")))));
        assert_eq!(refused.status["complianceState"], "Non-Compliant");
        assert_eq!(refused.status["provisioningState"], "Failed");
        assert_eq!(refused.status["errorMessage"], "properties.scope: must be cluster or namespace");
        let flux = resource(Generation::Flux);
        let elsewhere = View { ownership: Ownership::Elsewhere(&Door::Cluster), ..view(&flux, None) };
        let refused = told(say(&elsewhere));
        assert!(refused.status["errorMessage"].as_str().is_some_and(|text| text.contains("custom resource")));
        let beside = told(say(&View { ownership: Ownership::Beside("/a/other"), ..view(&flux, None) }));
        assert!(beside.status["errorMessage"].as_str().is_some_and(|text| text.contains("/a/other")));
    }
}
