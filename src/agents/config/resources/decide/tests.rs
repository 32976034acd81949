use super::{
    super::super::{remove::Left, status::Phase},
    *,
};
use crate::{
    desired::cluster::{FINALIZER, Kind, REQUESTED_AT, State},
    model::configuration::{Configuration, Generation},
};
use serde_json::json;
use std::sync::Arc;

fn moment(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).expect("a moment")
}

fn object(metadata: &Value, status: &Value) -> Value {
    let mut object = json!({"metadata": {"name": "shop", "namespace": "apps", "uid": "u", "generation": 2,
        "finalizers": [FINALIZER]}, "spec": {"gitRepository": {"url": "https://example.org/shop"}}, "status": status});
    for (key, value) in metadata.as_object().expect("fields") {
        object["metadata"][key] = value.clone();
    }
    object
}

fn read(object: &Value) -> Arc<Resource> {
    let object = serde_json::from_value(object.clone()).expect("an object");
    State::of([(Kind::Flux, object)]).resources.into_values().next().expect("a resource")
}

fn held() -> Arc<Resource> {
    read(&object(&json!({}), &Value::Null))
}

fn view(resource: &Resource) -> View<'_> {
    View {
        resource,
        ownership: Ownership::Own,
        is_leaving: resource.deleted.is_some(),
        departure: None,
        status: None,
        handled: None,
        has_waited: false,
        now: moment(1000),
    }
}

/// What the configuration of a resource came to at a moment.
fn report(resource: &Resource, phase: Phase, at: i64) -> ConfigurationStatus {
    let configuration = resource.configuration.as_ref().expect("a configuration");
    let mut report = super::super::super::status::Report::ready(Some("ssh-ed25519 AAAA".to_owned()));
    report.phase = phase;
    report.revision = Some("main@sha1:1".to_owned());
    "word".clone_into(&mut report.message);
    super::super::super::summary::status_of(configuration, &report, None, moment(at))
}

fn written(step: Step) -> Value {
    let Step::Status(status) = step else { panic!("no status is written: {step:?}") };
    status
}

#[test]
fn a_resource_is_held_before_anything_is_said_of_it() {
    let new = read(&object(&json!({"finalizers": ["other"]}), &Value::Null));
    assert_eq!(decide(&view(&new)), Step::Hold);
    let held = held();
    assert_eq!(decide(&view(&held)), Step::Wait);
    let late = written(decide(&View { has_waited: true, ..view(&held) }));
    assert_eq!(late["conditions"][0]["status"], "Unknown");
    assert_eq!(late["complianceState"], "Pending");
}

#[test]
fn a_report_is_written_once_and_again_only_when_it_says_something_else() {
    let resource = held();
    let ready = report(&resource, Phase::Ready, 10);
    let first = written(decide(&View { status: Some(&ready), ..view(&resource) }));
    assert_eq!(first["complianceState"], "Compliant");
    assert_eq!(first["sourceSyncedCommitId"], "main@sha1:1");
    assert_eq!(first["observedGeneration"], 2);
    assert_eq!(first["conditions"].as_array().expect("conditions").len(), 1, "only what is true or Ready");
    let mut stored = first.clone();
    stored["statusUpdatedAt"] = json!("2026-01-01T00:00:00Z");
    let resource = read(&object(&json!({}), &stored));
    let again = report(&resource, Phase::Ready, 99);
    let step = decide(&View { status: Some(&again), now: moment(2000), ..view(&resource) });
    assert_eq!(step, Step::Nothing, "another process comes to the same at another time");
    let failing = report(&resource, Phase::Failing, 99);
    let second = written(decide(&View { status: Some(&failing), ..view(&resource) }));
    assert_eq!(second["complianceState"], "Non-Compliant");
    assert_eq!(second["sourceUpdatedAt"], first["sourceUpdatedAt"], "the source is where it was");
    let kinds: Vec<_> = second["conditions"].as_array().into_iter().flatten().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["Ready", "Reconciling"]);
}

#[test]
fn a_transition_keeps_its_time_for_as_long_as_the_status_is_the_same() {
    let resource = held();
    let ready = report(&resource, Phase::Ready, 10);
    let first = written(decide(&View { status: Some(&ready), ..view(&resource) }));
    let resource = read(&object(&json!({}), &first));
    let mut later = report(&resource, Phase::Ready, 500);
    later.conditions[0].message = "another revision".to_owned();
    let second = written(decide(&View { status: Some(&later), ..view(&resource) }));
    assert_eq!(second["conditions"][0]["lastTransitionTime"], first["conditions"][0]["lastTransitionTime"]);
    let stalled = report(&resource, Phase::Stalled, 500);
    let third = written(decide(&View { status: Some(&stalled), ..view(&resource) }));
    assert_eq!(third["conditions"][0]["lastTransitionTime"], "1970-01-01T00:08:20Z");
}

#[test]
fn a_report_about_another_generation_is_not_believed() {
    let resource = held();
    let mut old = report(&resource, Phase::Ready, 10);
    old.observed_generation = Some(1);
    assert_eq!(decide(&View { status: Some(&old), ..view(&resource) }), Step::Wait);
}

#[test]
fn a_resource_that_is_wrong_is_stalled_and_says_why_within_bounds() {
    let mut wrong = object(&json!({"finalizers": []}), &Value::Null);
    wrong["spec"] = json!({"gitRepository": {"url": "/srv/shop"}});
    let status = written(decide(&view(&read(&wrong))));
    assert_eq!(status["conditions"][1]["type"], "Stalled");
    assert_eq!(status["conditions"][0]["reason"], "InvalidConfiguration");
    let message = status["conditions"][0]["message"].as_str().expect("a message");
    assert!(message.contains("spec.gitRepository.url") && message.contains("only in a local state file"), "{message}");
    let many: serde_json::Map<String, Value> = (0..500).map(|n| (format!("unknown\n{n}"), json!(1))).collect();
    wrong["spec"] = Value::Object(many);
    let status = written(decide(&view(&read(&wrong))));
    let message = status["conditions"][0]["message"].as_str().expect("a message");
    assert!(message.len() <= 2048 && !message.contains('\n') && message.contains("more"), "{message}");
}

#[test]
fn what_another_door_owns_is_refused_by_its_name_and_not_held() {
    let resource = held();
    let elsewhere = Ownership::Elsewhere(Door::Files("/etc/state.yaml".into()));
    let step = decide(&View { ownership: elsewhere.clone(), ..view(&resource) });
    assert_eq!(step, Step::Release(Release::NotIts));
    let resource = read(&object(&json!({"finalizers": []}), &Value::Null));
    let status = written(decide(&View { ownership: elsewhere, ..view(&resource) }));
    assert_eq!(status["conditions"][0]["reason"], "OwnedElsewhere");
    assert!(status["errorMessage"].as_str().is_some_and(|text| text.contains("/etc/state.yaml")));
    let beside = Ownership::Beside(Key { kind: Kind::SourceControl, ..resource.key.clone() });
    let status = written(decide(&View { ownership: beside, ..view(&resource) }));
    assert!(status["errorMessage"].as_str().is_some_and(|text| text.contains("SourceControlConfiguration/apps/shop")));
}

#[test]
fn a_deleted_resource_is_let_go_when_nothing_is_left_or_after_five_minutes() {
    let deleted = read(&object(&json!({"deletionTimestamp": moment(1000).to_string()}), &Value::Null));
    let at = |second, departure| decide(&View { now: moment(second), departure, ..view(&deleted) });
    assert_eq!(at(1000, None), Step::Wait);
    assert_eq!(at(1000, Some(Departure::Begun)), Step::Wait);
    assert_eq!(at(1000, Some(Departure::Done)), Step::Release(Release::Done));
    let left = Some(Departure::Left(Left { failed: 2, going: 1 }));
    assert_eq!(at(1299, left), Step::Wait);
    assert_eq!(at(1300, left), Step::Release(Release::Late { left: "3".to_owned() }));
    let not_its = View { is_leaving: false, ..view(&deleted) };
    assert_eq!(decide(&not_its), Step::Release(Release::NotIts));
    let other = json!({"finalizers": ["other"], "deletionTimestamp": moment(1000).to_string()});
    let released = read(&object(&other, &Value::Null));
    assert_eq!(decide(&view(&released)), Step::Nothing);
}

#[test]
fn a_request_is_acknowledged_when_the_visit_has_ended_and_not_while_suspended() {
    let resource = read(&object(&json!({"annotations": {REQUESTED_AT: "now"}}), &Value::Null));
    let ready = report(&resource, Phase::Ready, 10);
    let status = |report, handled| written(decide(&View { status: Some(report), handled, ..view(&resource) }));
    assert_eq!(status(&ready, None).get("lastHandledReconcileAt"), None);
    assert_eq!(status(&ready, Some("now"))["lastHandledReconcileAt"], "now");
    let mut suspended = report(&resource, Phase::Suspended, 10);
    suspended.conditions[0].reason = "Suspended".to_owned();
    assert_eq!(status(&suspended, Some("now")).get("lastHandledReconcileAt"), None);
}

#[test]
fn both_kinds_speak_their_own_words() {
    let object = json!({"metadata": {"name": "shop", "namespace": "apps", "generation": 1, "finalizers": [FINALIZER]},
        "spec": {"repositoryUrl": "https://example.org/shop"}});
    let object = serde_json::from_value(object).expect("an object");
    let state = State::of([(Kind::SourceControl, object)]);
    let resource = state.resources.values().next().expect("a resource");
    let configuration: &Configuration = resource.configuration.as_ref().expect("a configuration");
    assert_eq!(configuration.generation, Generation::SourceControl);
    let failing = report(resource, Phase::Failing, 10);
    let status = written(decide(&View { status: Some(&failing), ..view(resource) }));
    let compliance = json!({"complianceState": "Noncompliant", "message": "word", "messageLevel": "Warning"});
    assert_eq!(status["complianceStatus"], compliance);
    assert_eq!(status["repositoryPublicKey"], "ssh-ed25519 AAAA");
    assert_eq!((&status["installState"], &status["provisioningState"]), (&json!("Installed"), &json!("Succeeded")));
}
