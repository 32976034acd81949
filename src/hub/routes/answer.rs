//! How a request to the resource manager is answered: who asks, for what, whether they may, and what comes of it.
use super::{clusters, configurations, groups, operations, plane, request::Request};
use crate::hub::{
    Hub,
    access::{Claims, forbidden, may},
    arm::{ArmError, CLUSTER_TYPE, Target, checked_version, key},
    store::{Audited, Principal, Role},
};
use axum::{
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
/// Audiences of the public cloud's clients, which some of them ask for whatever cloud they are told of.
const PUBLIC_AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];
pub(super) async fn answer(
    State(hub): State<Arc<Hub>>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let correlation = headers.get(CORRELATION_ID).cloned();
    // What agents say all day is no write of a resource.
    let is_call = matches!(Target::read(uri.path()), Ok(Target::Plane { .. }));
    let is_write = !matches!(method, Method::GET | Method::HEAD) && !is_call;
    let path = uri.path().to_owned();
    // It keeps the bytes that were read alive, and an agent waits for minutes.
    drop(uri);
    let mut client = String::new();
    let answered = respond(&hub, &method, &path, query, headers, body, &mut client).await;
    let mut response = answered.unwrap_or_else(ArmError::into_response);
    if is_write {
        let audited = Audited {
            at: hub.clock.now(),
            client_id: client,
            method: method.to_string(),
            resource: path,
            status: response.status().as_u16(),
        };
        if let Err(error) = hub.store.audit(&audited).await {
            tracing::error!(error = %crate::error::Chain(&error), "a write could not be noted in the audit log");
        }
    }
    let id = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()).ok();
    let headers = response.headers_mut();
    headers.extend(id.clone().map(|id| (REQUEST_ID, id)));
    headers.extend(correlation.or(id).map(|id| (CORRELATION_ID, id)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn respond(
    hub: &Hub,
    method: &Method,
    path: &str,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
    client: &mut String,
) -> Result<Response, ArmError> {
    let principal = authenticated(hub, &headers).await?;
    client.clone_from(&principal.client_id);
    let target = Target::read(&decoded(path)?)?;
    if !may(&principal, method, &target) {
        return Err(forbidden(&principal, method, path));
    }
    // Names of parameters have no case either.
    let query: BTreeMap<String, String> = query
        .into_iter()
        .map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "api-version" => ("api-version".to_owned(), value),
            "$skiptoken" => ("$skipToken".to_owned(), value),
            _ => (name, value),
        })
        .collect();
    let version = query.get("api-version").map(String::as_str);
    match &target {
        Target::Plane { .. } | Target::Identity { .. } => plane::checked_version(version)?,
        _ => drop(checked_version(version, type_of(&target))?),
    }
    if let Some(subscription) = target.subscription()
        && key(subscription) != key(&hub.identity.subscription)
    {
        let message = format!("The subscription '{subscription}' could not be found.");
        return Err(ArmError::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message));
    }
    let request = Request { hub, principal, method: method.clone(), headers, query, path: path.to_owned(), body };
    match &target {
        Target::Tenants
        | Target::Subscriptions
        | Target::Subscription(_)
        | Target::Locations { .. }
        | Target::Providers { .. }
        | Target::Provider { .. }
        | Target::Registration { .. }
        | Target::Groups { .. }
        | Target::Group { .. }
        | Target::ActivityLog { .. }
        | Target::ProviderOperations { .. } => Box::pin(groups::answer(&request, &target)).await,
        Target::Resources { .. }
        | Target::Clusters { .. }
        | Target::Cluster { .. }
        | Target::Identity { .. }
        | Target::ClusterCredential { .. } => Box::pin(clusters::answer(&request, &target)).await,
        Target::Plane { cluster, call } => plane::answer(request, cluster, *call).await,
        Target::Configurations { .. } | Target::Configuration { .. } => {
            Box::pin(configurations::answer(&request, &target)).await
        }
        Target::Operation { subscription, operation, is_result } => {
            operations::answer(&request, subscription, operation, *is_result).await
        }
    }
}

fn decoded(path: &str) -> Result<String, ArmError> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    decoded.map(Cow::into_owned).ok().ok_or_else(|| ArmError::invalid("The request path is not UTF-8."))
}

/// The type whose versions count.
fn type_of(target: &Target) -> Option<&'static str> {
    match target {
        Target::Clusters { .. } | Target::Cluster { .. } | Target::ClusterCredential { .. } => Some(CLUSTER_TYPE),
        Target::Configurations { kind, .. } | Target::Configuration { kind, .. } => Some(kind.resource_type()),
        _ => None,
    }
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, ArmError> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scheme =
        header.and_then(|header| header.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    scheme.map(|(_, token)| token.trim()).ok_or_else(|| {
        let message = "Authentication failed. The 'Authorization' header is missing or is no bearer token.";
        ArmError::new(StatusCode::UNAUTHORIZED, "AuthenticationFailed", message)
    })
}

/// What a token says that is good here and now.
pub(super) fn verified(hub: &Hub, token: &str) -> Result<Claims, ArmError> {
    let refused = |code, message: &str| ArmError::new(StatusCode::UNAUTHORIZED, code, message);
    let claims: Claims = hub.signer.verify(token, &hub.issuer(), hub.clock.now()).ok_or_else(|| {
        refused("InvalidAuthenticationToken", "The access token is invalid or has expired; sign in again.")
    })?;
    let is_for_us = claims.aud == hub.endpoint || PUBLIC_AUDIENCES.contains(&claims.aud.as_str());
    if !is_for_us {
        let message = format!("The access token is for '{}', and this is '{}'.", claims.aud, hub.endpoint);
        return Err(refused("InvalidAuthenticationTokenAudience", &message));
    }
    Ok(claims)
}

/// Who asks, by the bearer token. What its client may do stands in the store, and may have changed since the token was
/// made; a cluster that was given another identity since is nobody, at once.
async fn authenticated(hub: &Hub, headers: &HeaderMap) -> Result<Principal, ArmError> {
    let nobody = || {
        let message = "The access token is of a client that was removed.";
        ArmError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    };
    let claims = verified(hub, bearer(headers)?)?;
    let principal = hub.known.principal(&hub.store, &claims.appid).await?.ok_or_else(nobody)?;
    if principal.role == Role::Cluster {
        let record = hub.store.cluster(&principal.cluster).await?;
        record.filter(|record| record.client_id == principal.client_id).ok_or_else(nobody)?;
    }
    Ok(principal)
}
