//! `Microsoft.Kubernetes/connectedClusters`.
use super::{
    operations,
    request::{Request, list},
};
use crate::hub::{
    arm::{ArmError, IdentityAct, Kept, Stamp, Target, kept, patched, shown},
    connectivity::Connectivity,
    store::{ClusterRecord, Precondition, Resource},
};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};

pub(super) const KIND: &str = "cluster";
const NAMESPACE: &str = "Microsoft.Kubernetes";
/// For how long an owner's permission to enrol again is good.
const MAY_ENROL: Duration = Duration::from_secs(86_400);

pub(super) async fn answer(request: &Request<'_>, target: &Target) -> Result<Response, ArmError> {
    match (target, &request.method) {
        (Target::Clusters { subscription, group }, &Method::GET) => {
            if let Some(group) = group {
                require_group(request, subscription, group).await?;
            }
            listed(request, Some(KIND), subscription, group.as_deref()).await
        }
        (Target::Resources { subscription, group }, &Method::GET) => {
            listed(request, None, subscription, group.as_deref()).await
        }
        (Target::Cluster { id, .. }, &Method::GET) => {
            let found = request.hub.store.resource(id).await?.ok_or_else(|| ArmError::not_found(id))?;
            one(request, &found, StatusCode::OK).await
        }
        (Target::Cluster { id, group }, &Method::PUT) => put(request, id, group).await,
        (Target::Cluster { id, .. }, &Method::PATCH) => patch(request, id).await,
        (Target::Cluster { id, .. }, &Method::DELETE) => match delete(request, id).await? {
            Deleted::Gone => operations::noted(request, NAMESPACE, id, StatusCode::ACCEPTED.into_response()).await,
            Deleted::WasNot => Ok(StatusCode::NO_CONTENT.into_response()),
        },
        (Target::Identity { id, act }, &Method::POST) => identity(request, id, *act).await,
        (Target::ClusterCredential { id }, &Method::POST) => {
            let message = format!("The control plane opens no connection to '{id}': clusters only call out.");
            Err(ArmError::new(StatusCode::BAD_REQUEST, "ClusterConnectNotSupported", message))
        }
        _ => Err(request.not_allowed()),
    }
}

async fn listed(
    request: &Request<'_>,
    kind: Option<&str>,
    subscription: &str,
    group: Option<&str>,
) -> Result<Response, ArmError> {
    let (most, after) = request.page();
    let found = request.hub.store.list(kind, subscription, group, &after, most).await?;
    let records = match (found.resources.first(), found.resources.last()) {
        (Some(first), Some(last)) => request.hub.store.clusters_between(&first.id, &last.id).await?,
        _ => BTreeMap::new(),
    };
    let record = |one: &Resource| records.get(&crate::hub::arm::key(&one.id));
    let values: Vec<Value> = found.resources.iter().map(|one| shown_cluster(request, one, record(one))).collect();
    Ok(list(&values, found.next.map(|next| request.next_link(&next))))
}

/// Lets a cluster enrol once more, or takes its identity away.
async fn identity(request: &Request<'_>, id: &str, act: IdentityAct) -> Result<Response, ArmError> {
    let (store, now) = (&request.hub.store, request.hub.clock.now());
    let (was_there, answer) = match act {
        IdentityAct::AllowEnrolment => {
            let until = now + MAY_ENROL;
            (store.allow_enrolment(id, until).await?, Json(json!({"mayEnrolUntil": until})).into_response())
        }
        IdentityAct::Revoke => (store.take_identity(id, now).await?, StatusCode::NO_CONTENT.into_response()),
    };
    if was_there { Ok(answer) } else { Err(ArmError::not_found(id)) }
}

/// Fails where there is no such group.
pub(super) async fn require_group(request: &Request<'_>, subscription: &str, group: &str) -> Result<(), ArmError> {
    let id = format!("/subscriptions/{subscription}/resourceGroups/{group}");
    request.hub.store.group(&id).await?.map(drop).ok_or_else(|| ArmError::group_not_found(group))
}

async fn put(request: &Request<'_>, id: &str, group: &str) -> Result<Response, ArmError> {
    let hub = request.hub;
    registered(request, NAMESPACE).await?;
    require_group(request, &hub.identity.subscription, group).await?;
    let name = id.rsplit('/').next().unwrap_or_default();
    let kept = kept(None, name, &request.json()?)?;
    let before = hub.store.resource(id).await?;
    if let Some(before) = &before {
        unchanged(&before.body, &kept.body, "location")?;
    }
    let written = write(request, KIND, id, kept, before.as_ref()).await?;
    let status = if before.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    let response = one(request, &written, status).await?;
    operations::noted(request, NAMESPACE, id, response).await
}

async fn patch(request: &Request<'_>, id: &str) -> Result<Response, ArmError> {
    let before = request.hub.store.resource(id).await?.ok_or_else(|| ArmError::not_found(id))?;
    let Value::Object(mut patch) = request.json()? else {
        return Err(ArmError::invalid("The request content is not a JSON object."));
    };
    // Nothing else of a cluster can be patched. Tags are replaced as a whole.
    patch.retain(|name, value| matches!(name.as_str(), "tags" | "properties") && !value.is_null());
    let mut body = before.body.clone();
    if let Some(tags) = patch.remove("tags") {
        body.insert("tags".to_owned(), tags);
    }
    let mut body = patched(&body, &Value::Object(patch));
    body["identity"] = json!({"type": body["identity"]});
    let name = id.rsplit('/').next().unwrap_or_default();
    let kept = kept(None, name, &body)?;
    let written = write(request, KIND, id, kept, Some(&before)).await?;
    one(request, &written, StatusCode::OK).await
}

/// Fails where a property that is fixed at the making would change; texts compare without regard to case.
pub(super) fn unchanged(before: &Map<String, Value>, after: &Map<String, Value>, name: &str) -> Result<(), ArmError> {
    let (old, new) = (before.get(name), after.get(name));
    let lower = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_lowercase);
    if old == new || lower(old).is_some() && lower(old) == lower(new) {
        return Ok(());
    }
    let message = format!("Changing property '{name}' is not allowed; delete the resource and make it again.");
    Err(ArmError::new(StatusCode::CONFLICT, "PropertyChangeNotAllowed", message).target(name))
}

/// Fails where a provider is not registered.
pub(super) async fn registered(request: &Request<'_>, namespace: &str) -> Result<(), ArmError> {
    let registered = request.hub.store.registrations(&request.hub.identity.subscription).await?;
    if registered.iter().any(|one| one.eq_ignore_ascii_case(namespace)) {
        return Ok(());
    }
    let message = format!(
        "The subscription is not registered to use namespace '{namespace}'. Register it with: az provider register --namespace {namespace}"
    );
    Err(ArmError::new(StatusCode::CONFLICT, "MissingSubscriptionRegistration", message).target(namespace))
}

/// Writes over what was read, or where there was nothing, and nowhere else.
pub(super) async fn write(
    request: &Request<'_>,
    kind: &str,
    id: &str,
    kept: Kept,
    before: Option<&Resource>,
) -> Result<Resource, ArmError> {
    let hub = request.hub;
    checked_match(request, before)?;
    if before.is_some() && request.if_none_match() {
        return Err(precondition("If-None-Match: * was given, and the resource is there."));
    }
    let (now, client) = (hub.clock.now(), request.principal.client_id.clone());
    let id = before.map_or(id, |before| before.id.as_str());
    let sealed = match &kept.protected {
        Some(settings) if settings.is_empty() => None,
        Some(settings) => Some(hub.seal.seal(&crate::hub::arm::key(id), &json!(settings).to_string())),
        None => before.and_then(|before| before.sealed.clone()),
    };
    let stamp = match before {
        Some(before) => Stamp { modified_at: now, modified_by: client, ..before.stamp.clone() },
        None => Stamp { created_at: now, created_by: client.clone(), modified_at: now, modified_by: client },
    };
    let resource = Resource {
        id: id.to_owned(),
        kind: kind.to_owned(),
        body: kept.body,
        sealed,
        revision: before.map_or(1, |before| before.revision + 1),
        stamp,
    };
    let must_be = before.map_or(Precondition::Absent, |before| Precondition::Revision(before.revision));
    if hub.store.write(&resource, must_be).await? {
        return Ok(resource);
    }
    Err(overtaken())
}

/// Fails where `If-Match` means another revision than the one that is there.
fn checked_match(request: &Request<'_>, found: Option<&Resource>) -> Result<(), ArmError> {
    match (request.if_match(), found) {
        (Some(wanted), Some(found)) if wanted != "*" && wanted != etag(found) => {
            Err(precondition("The resource was changed since the ETag of If-Match; read it again."))
        }
        (Some(_), None) => Err(precondition("If-Match was given, and there is no such resource.")),
        (Some(_), Some(_)) | (None, _) => Ok(()),
    }
}

fn precondition(why: &str) -> ArmError {
    ArmError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", why)
}

/// Somebody else wrote between the reading and the writing.
fn overtaken() -> ArmError {
    let message = "Another write of the resource came first; read it again and repeat.";
    ArmError::new(StatusCode::CONFLICT, "Conflict", message)
}

/// What a deletion found.
pub(super) enum Deleted {
    Gone,
    WasNot,
}

/// Deletes a resource with everything below it. Deleting what is not there succeeds, too.
pub(super) async fn delete(request: &Request<'_>, id: &str) -> Result<Deleted, ArmError> {
    let store = &request.hub.store;
    let Some(found) = store.resource(id).await? else { return Ok(Deleted::WasNot) };
    checked_match(request, Some(&found))?;
    let is_certain = request.if_match().is_some_and(|wanted| wanted != "*");
    if !store.delete(id, is_certain.then_some(found.revision)).await? {
        return Err(overtaken());
    }
    Ok(Deleted::Gone)
}

fn etag(resource: &Resource) -> String {
    format!("\"{}\"", resource.revision)
}

async fn one(request: &Request<'_>, resource: &Resource, status: StatusCode) -> Result<Response, ArmError> {
    let record = request.hub.store.cluster(&resource.id).await?;
    Ok(tagged((status, Json(shown_cluster(request, resource, record.as_ref()))).into_response(), resource))
}

/// An answer with the ETag of what it shows.
pub(super) fn tagged(mut response: Response, resource: &Resource) -> Response {
    response.headers_mut().extend(HeaderValue::from_str(&etag(resource)).ok().map(|etag| (header::ETAG, etag)));
    response
}

/// A cluster with what it said of itself; what its owner said of it counts more.
fn shown_cluster(request: &Request<'_>, resource: &Resource, record: Option<&ClusterRecord>) -> Value {
    let mut state = Map::from_iter([("provisioningState".to_owned(), json!("Succeeded"))]);
    let connectivity = record.map_or(Connectivity::Connecting, |record| record.connectivity(request.hub.clock.now()));
    state.insert("connectivityStatus".to_owned(), json!(connectivity.word()));
    if let Some(record) = record {
        let heartbeat = record.heartbeat.as_ref();
        let said = |name: &str| heartbeat.and_then(|heartbeat| heartbeat.get(name)).filter(|value| !value.is_null());
        for name in ["kubernetesVersion", "totalNodeCount", "totalCoreCount", "agentVersion"] {
            state.extend(said(name).map(|value| (name.to_owned(), value.clone())));
        }
        let given = resource.body.get("properties");
        for name in ["distribution", "infrastructure"] {
            let text = given.and_then(|given| given.get(name)).and_then(Value::as_str).unwrap_or_default();
            // What nobody could tell at the onboarding is no answer.
            let is_given = !matches!(text, "" | "generic" | "auto");
            state.extend(said(name).filter(|_| !is_given).map(|value| (name.to_owned(), value.clone())));
        }
        let times = [
            ("lastConnectivityTime", record.last_seen),
            ("managedIdentityCertificateExpirationTime", record.certificate_not_after),
        ];
        state.extend(times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(time?)))));
    }
    let mut shown = shown(&resource.id, None, &resource.body, state, &resource.stamp);
    let kind = shown["identity"].clone();
    shown["identity"] = json!({"type": kind});
    if let Some(record) = record.filter(|_| kind == "SystemAssigned") {
        shown["identity"]["principalId"] = json!(record.client_id);
        shown["identity"]["tenantId"] = json!(request.hub.identity.tenant);
    }
    shown
}
