//! The data plane: what a cluster's agent calls.
//!
//! Bodies are those of [`crate::api::plane`].
use super::request::Request;
use crate::{
    api::plane::{
        Call, HEARTBEAT_SECONDS, Heartbeat, HeartbeatAnswer, MAX_STATUSES, MAX_WAIT_SECONDS, PendingConfiguration,
        PendingConfigurations, ReportedStatus, StatusAnswer, StatusReport, VERSIONS,
    },
    hub::{
        Hub,
        arm::{ArmError, ConfigurationKind},
        store::{ClusterRecord, NewStatus, Resource},
    },
};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Configurations that are read at once.
const PAGE: u32 = 500;
/// Largest status of one configuration in bytes.
const MAX_STATUS: usize = 512 << 10;
/// Largest heartbeat in bytes.
const MAX_HEARTBEAT: usize = 64 << 10;
/// Longest message that is kept in the history, in characters.
const MAX_MESSAGE: usize = 500;

/// Checks the version that an agent asks for.
///
/// # Errors
/// When none is given, or one that is not served.
pub(super) fn checked_version(version: Option<&str>) -> Result<(), ArmError> {
    match version {
        Some(version) if VERSIONS.contains(&version) => Ok(()),
        given => {
            let message = format!(
                "The data plane does not serve API version '{}'. It serves '{}'.",
                given.unwrap_or_default(),
                VERSIONS.join(", ")
            );
            Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidApiVersionParameter", message))
        }
    }
}

pub(super) async fn answer(request: Request<'_>, cluster: &str, call: Call) -> Result<Response, ArmError> {
    if request.method != Method::POST {
        return Err(request.not_allowed());
    }
    match call {
        Call::Pull => pull(request, cluster).await,
        Call::Status => Box::pin(status(&request, cluster)).await,
        Call::Heartbeat => Box::pin(heartbeat(&request, cluster)).await,
    }
}

/// The cluster, as long as who calls is its identity.
async fn known(hub: &Hub, client_id: &str, cluster: &str) -> Result<ClusterRecord, ArmError> {
    let found = hub.store.cluster(cluster).await?.ok_or_else(|| ArmError::not_found(cluster))?;
    if found.client_id == client_id { Ok(found) } else { Err(replaced(cluster)) }
}

fn replaced(cluster: &str) -> ArmError {
    let message = format!("The identity of '{cluster}' was revoked or replaced; the agent has to enrol again.");
    ArmError::new(StatusCode::UNAUTHORIZED, "ClusterIdentityReplaced", message)
}

/// Answers with what is wanted; where the agent knows that already, when it changes.
///
/// Thousands wait here at a time: what the request brought along is dropped before that.
async fn pull(request: Request<'_>, cluster: &str) -> Result<Response, ArmError> {
    let known_tag = request.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let known_tag = known_tag.map(|tag| tag.trim_matches('"').to_owned());
    let wait: u64 = request.query.get("waitSeconds").and_then(|text| text.parse().ok()).unwrap_or_default();
    let until = Instant::now() + Duration::from_secs(wait.min(MAX_WAIT_SECONDS));
    let (hub, client_id) = (request.hub, request.principal.client_id.clone());
    drop(request);
    let key = crate::hub::arm::key(cluster);
    let waiter = hub.store.waiters().enter(&key);
    loop {
        let changed = waiter.changed();
        let record = Box::pin(known(hub, &client_id, cluster)).await?;
        if known_tag.as_ref() != Some(&record.tag) {
            return Ok(tagged(Json(Box::pin(wanted(hub, cluster)).await?).into_response(), &record.tag));
        }
        tokio::select! {
            // Cancel-safe: what changes meanwhile is seen by the next reading.
            () = changed => {}
            () = tokio::time::sleep_until(until) => return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), &record.tag)),
            () = hub.stopping.cancelled() => return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), &record.tag)),
        }
    }
}

fn tagged(mut response: Response, tag: &str) -> Response {
    response.headers_mut().extend(HeaderValue::from_str(&format!("\"{tag}\"")).ok().map(|tag| (header::ETAG, tag)));
    response
}

async fn wanted(hub: &Hub, cluster: &str) -> Result<PendingConfigurations, ArmError> {
    let mut all = PendingConfigurations::default();
    for kind in [ConfigurationKind::SourceControl, ConfigurationKind::Flux] {
        let mut after = String::new();
        loop {
            let page = hub.store.below(cluster, kind.word(), &after, PAGE).await?;
            for resource in &page.resources {
                all.configurations.push(pending(hub, kind, resource)?);
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
    }
    all.configurations.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

fn pending(hub: &Hub, kind: ConfigurationKind, resource: &Resource) -> Result<PendingConfiguration, ArmError> {
    let properties = resource.body.get("properties").and_then(Value::as_object);
    let mut properties = properties.cloned().unwrap_or_default();
    if let Some(settings) = super::configurations::opened(hub, resource)? {
        properties.insert("configurationProtectedSettings".to_owned(), json!(settings));
    }
    Ok(PendingConfiguration {
        id: resource.id.clone(),
        name: resource.id.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: kind.resource_type().to_owned(),
        revision: resource.revision,
        properties,
    })
}

async fn status(request: &Request<'_>, cluster: &str) -> Result<Response, ArmError> {
    let report: StatusReport = body(request)?;
    known(request.hub, &request.principal.client_id, cluster).await?;
    if report.statuses.len() > MAX_STATUSES || report.instance.is_empty() || report.instance.len() > 64 {
        let message = format!("A report has an instance of 1 to 64 characters and at most {MAX_STATUSES} statuses.");
        return Err(ArmError::invalid(message));
    }
    let statuses: Vec<NewStatus<'_>> =
        report.statuses.iter().map(|one| new_status(&report.instance, one)).collect::<Result<_, _>>()?;
    let unknown = request.hub.store.report(cluster, &statuses, request.hub.clock.now()).await?;
    Ok(Json(StatusAnswer { unknown }).into_response())
}

fn new_status<'a>(instance: &'a str, reported: &'a ReportedStatus) -> Result<NewStatus<'a>, ArmError> {
    let body = Value::Object(reported.status.clone()).to_string();
    let sequence = i64::try_from(reported.sequence).ok();
    let (Some(sequence), true) = (sequence, body.len() <= MAX_STATUS) else {
        let message =
            format!("The status of '{}' is larger than {MAX_STATUS} bytes, or its sequence is too large.", reported.id);
        return Err(ArmError::invalid(message).target("statuses"));
    };
    let said = Said::of(&reported.status);
    Ok(NewStatus {
        id: &reported.id,
        instance,
        sequence,
        revision: reported.revision,
        observed_at: reported.observed_at,
        state: said.state,
        applied: said.applied,
        message: said.message,
        body,
    })
}

/// What the history keeps of a status.
struct Said<'a> {
    state: &'a str,
    applied: &'a str,
    message: &'a str,
}

impl<'a> Said<'a> {
    /// Reads the status of either generation.
    fn of(status: &'a Map<String, Value>) -> Self {
        let text = |pointer: &[&str]| {
            let (first, rest) = pointer.split_first()?;
            let value = rest.iter().try_fold(status.get(*first)?, |value, name| value.get(name))?;
            value.as_str()
        };
        let first = |choices: &[&[&str]]| choices.iter().find_map(|pointer| text(pointer)).unwrap_or_default();
        let state = first(&[&["complianceState"], &["complianceStatus", "complianceState"]]);
        let message = first(&[&["errorMessage"], &["complianceStatus", "message"]]);
        let end = message.char_indices().nth(MAX_MESSAGE).map_or(message.len(), |(at, _)| at);
        Self {
            // One word, whatever it is: a newer agent may know a state that this control plane does not.
            state: if state.is_empty() || state.len() > 32 { "Unknown" } else { state },
            applied: first(&[&["sourceSyncedCommitId"], &["lastAppliedRevision"]]),
            message: &message[..end],
        }
    }
}

async fn heartbeat(request: &Request<'_>, cluster: &str) -> Result<Response, ArmError> {
    if request.body.len() > MAX_HEARTBEAT {
        return Err(ArmError::invalid(format!("A heartbeat has at most {MAX_HEARTBEAT} bytes.")));
    }
    let heartbeat: Heartbeat = body(request)?;
    let (store, now) = (&request.hub.store, request.hub.clock.now());
    let kept = serde_json::to_string(&heartbeat).unwrap_or_default();
    if !store.note_heartbeat(cluster, &request.principal.client_id, &kept, now).await? {
        known(request.hub, &request.principal.client_id, cluster).await?;
        return Err(replaced(cluster));
    }
    Ok(Json(HeartbeatAnswer { time: now, next_seconds: HEARTBEAT_SECONDS }).into_response())
}

/// The body, which an agent of another version may have written.
fn body<T: DeserializeOwned>(request: &Request<'_>) -> Result<T, ArmError> {
    let mut reader = serde_json::Deserializer::from_slice(&request.body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        ArmError::invalid(format!("The request content is not what this call takes, at '{field}'.")).target(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: &Value) -> (String, String, String) {
        let status = status.as_object().cloned().unwrap_or_default();
        let said = Said::of(&status);
        (said.state.to_owned(), said.applied.to_owned(), said.message.to_owned())
    }

    #[test]
    fn the_history_reads_both_generations() {
        let flux = json!({"complianceState": "Non-Compliant", "sourceSyncedCommitId": "main/1", "errorMessage": "no"});
        assert_eq!(said(&flux), ("Non-Compliant".into(), "main/1".into(), "no".into()));
        let first = json!({"complianceStatus": {"complianceState": "Compliant", "message": "fine"}, "lastAppliedRevision": "2"});
        assert_eq!(said(&first), ("Compliant".into(), "2".into(), "fine".into()));
        assert_eq!(said(&json!({"errorMessage": "é".repeat(600)})).2.chars().count(), MAX_MESSAGE);
        assert_eq!(said(&json!({})).0, "Unknown");
    }
}
