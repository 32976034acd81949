//! The identity service: where it is, and the certificates that it gives to clusters.
//!
//! Source: the shape of the hybrid identity service of Azure Arc; how an agent proves who it is is Arcwright's own.
use super::answer::{bearer, verified};
use crate::{
    api::plane::{CertificateRequest, IssuedCertificate, VERSIONS},
    hub::{
        Hub,
        arm::{ArmError, Target, key},
        authority::{Issued, RENEW_AFTER},
        enrolment::{OnboardingKey, checked, is_enrolment, permitted, request_digest},
        store::{Audited, Certificate, ClusterRecord},
    },
};
use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const TRACKING_ID: HeaderName = HeaderName::from_static("x-ms-tracking-id");
/// For how long the nonce of an enrolment is remembered: longer than any is good.
const NONCE_LIFE: Duration = Duration::from_secs(3600);

/// Where the identity service of a location is: here, wherever that is.
pub(super) async fn discovery(State(hub): State<Arc<Hub>>) -> Json<Value> {
    Json(Value::String(hub.endpoint.clone()))
}

pub(super) async fn certificate(
    State(hub): State<Arc<Hub>>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = query.get("id").map(String::as_str).unwrap_or_default();
    let version = query.get("api-version").map(String::as_str);
    let mut client = String::new();
    let issued = issued(&hub, version, id, &headers, &body, &mut client).await;
    let mut response = issued.map_or_else(ArmError::into_response, |issued| Json(issued).into_response());
    let audited = Audited {
        at: hub.clock.now(),
        client_id: client,
        method: "POST".to_owned(),
        resource: format!("{id}/certificate"),
        status: response.status().as_u16(),
    };
    if let Err(error) = hub.store.audit(&audited).await {
        tracing::error!(error = %crate::error::Chain(&error), "a certificate could not be noted in the audit log");
    }
    let tracking = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string());
    response.headers_mut().extend(tracking.ok().map(|id| (TRACKING_ID, id)));
    response
}

async fn issued(
    hub: &Hub,
    version: Option<&str>,
    id: &str,
    headers: &HeaderMap,
    body: &[u8],
    client: &mut String,
) -> Result<IssuedCertificate, ArmError> {
    // The first agents asked with a version of their own.
    if !version.is_some_and(|version| VERSIONS.contains(&version) || version == "1.1-preview") {
        super::plane::checked_version(version)?;
    }
    let Ok(Target::Cluster { .. }) = Target::read(id) else {
        return Err(ArmError::invalid("The parameter 'id' is not the id of a connected cluster.").target("id"));
    };
    let request: CertificateRequest = serde_json::from_slice(body)
        .map_err(|error| ArmError::invalid(format!("The request content has no 'csr' (line {}).", error.line())))?;
    let digest = request_digest(&request.csr)?;
    let token = bearer(headers)?;
    let record = hub.store.cluster(id).await?.ok_or_else(|| ArmError::not_found(id))?;
    let by_key = if is_enrolment(token) {
        Some(enrolled(hub, &record, id, token, &digest).await?)
    } else {
        renewable(hub, &record, id, token).await?;
        None
    };
    client.clone_from(&record.client_id);
    let now = hub.clock.now();
    let issued = hub.authority.identify(&request.csr, &record.client_id, now);
    let issued = issued.map_err(|error| {
        tracing::info!(cluster = id, error = %crate::error::Chain(&error), "a signing request was refused");
        ArmError::invalid("'csr' holds a key that cannot be signed: use ECDSA P-256, or RSA of 2048 bits or more.")
            .target("csr")
    })?;
    let certificate = Certificate::read(&record.client_id, &issued.chain)
        .ok_or_else(|| ArmError::invalid("'csr' makes no certificate that can be read.").target("csr"))?;
    if !hub.store.give_identity(id, &certificate, by_key.as_deref(), now).await? {
        return Err(ArmError::new(StatusCode::CONFLICT, "Conflict", "The cluster was changed meanwhile; try again."));
    }
    Ok(told(hub, &record, issued))
}

/// Checks an enrolment, and returns the fingerprint of the onboarding key that signed it.
async fn enrolled(hub: &Hub, record: &ClusterRecord, id: &str, token: &str, digest: &str) -> Result<String, ArmError> {
    let resource = hub.store.resource(id).await?.ok_or_else(|| ArmError::not_found(id))?;
    let public = resource.body.get("properties").and_then(|properties| properties.get("agentPublicKeyCertificate"));
    let onboarding = OnboardingKey::read(public.and_then(Value::as_str).unwrap_or_default())?;
    let now = hub.clock.now();
    let claims = checked(token, &onboarding, id, &hub.endpoint, digest, now)?;
    let fingerprint = onboarding.fingerprint();
    permitted(record, &fingerprint, hub.may_always_enrol, id, now)?;
    let nonce = format!("enrolment {} {}", key(id), claims.jti);
    if !hub.store.use_nonce(&nonce, now + NONCE_LIFE, now).await? {
        let message = "The enrolment was used before; sign another one.";
        return Err(ArmError::new(StatusCode::UNAUTHORIZED, "InvalidEnrolment", message));
    }
    Ok(fingerprint)
}

/// Checks that a token is the cluster's own, and that the certificate that it was given for is old enough.
async fn renewable(hub: &Hub, record: &ClusterRecord, id: &str, token: &str) -> Result<(), ArmError> {
    let claims = verified(hub, token)?;
    if claims.cluster != key(id) || claims.appid != record.client_id {
        let message = format!("The access token is not that of '{id}'.");
        return Err(ArmError::new(StatusCode::FORBIDDEN, "AuthorizationFailed", message));
    }
    let certificate = hub.store.certificate(&claims.certificate).await?;
    let now = hub.clock.now();
    let Some(certificate) = certificate.filter(|one| one.revoked_at.is_none() && one.not_after > now) else {
        let message = "The certificate that the access token was given for is revoked or has expired; enrol again.";
        return Err(ArmError::new(StatusCode::UNAUTHORIZED, "ClusterIdentityReplaced", message));
    };
    let from = renew_after(certificate.not_after);
    if now < from {
        let message = format!("The certificate can be renewed from {from} on.");
        return Err(ArmError::new(StatusCode::CONFLICT, "CertificateNotRenewableYet", message));
    }
    Ok(())
}

/// From when a certificate can be renewed.
fn renew_after(not_after: jiff::Timestamp) -> jiff::Timestamp {
    not_after - crate::hub::authority::IDENTITY_LIFE + RENEW_AFTER
}

fn told(hub: &Hub, record: &ClusterRecord, issued: Issued) -> IssuedCertificate {
    let tenant = &hub.identity.tenant;
    IssuedCertificate {
        response_type: "CertificateCreateSucceeded".to_owned(),
        message: "Certificate issued.".to_owned(),
        certificate: issued.chain,
        not_before: issued.not_before,
        not_after: issued.not_after,
        renew_after: renew_after(issued.not_after),
        client_id: record.client_id.clone(),
        tenant_id: tenant.clone(),
        token_endpoint: format!("{}/{tenant}/oauth2/v2.0/token", hub.endpoint),
    }
}
