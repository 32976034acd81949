//! What is answered over HTTPS.
mod answer;
mod clusters;
mod configurations;
mod groups;
mod identity;
mod operations;
mod plane;
mod request;
mod sign_in;

use super::{Hub, arm::ArmError, store::StoreError};
use crate::{api::plane as contract, error::Chain};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// Largest body of a request in bytes.
const MAX_BODY: usize = 4 << 20;

/// Everything that is answered. What has no route of its own is of Azure Resource Manager, whose paths have no case.
pub(super) fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metadata/endpoints", get(endpoints))
        .route(contract::DISCOVERY, get(identity::discovery))
        .route(contract::CERTIFICATE, post(identity::certificate))
        .route("/common/discovery/instance", get(sign_in::instance))
        .route("/{tenant}/oauth2/v2.0/token", post(sign_in::token))
        .route("/{tenant}/oauth2/token", post(sign_in::token))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(sign_in::configuration))
        .route("/{tenant}/.well-known/openid-configuration", get(sign_in::configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(sign_in::keys))
        .merge(super::page::router())
        .fallback(answer::answer)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(hub)
}

/// Whether requests can be served, for a balancer: whether the store answers.
async fn readiness(State(hub): State<Arc<Hub>>) -> (StatusCode, &'static str) {
    match hub.store.setting("tenant").await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "not ready: the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
        }
    }
}

/// What clients ask first when they are told of a cloud that they do not know.
async fn endpoints(State(hub): State<Arc<Hub>>) -> Json<Value> {
    let endpoint = format!("{}/", hub.endpoint);
    Json(json!({
        "name": "Arcwright",
        "authentication": {
            "loginEndpoint": endpoint, "audiences": [hub.endpoint, endpoint],
            "tenant": hub.identity.tenant, "identityProvider": "AAD",
        },
        "resourceManager": endpoint,
        "portal": endpoint,
        "graph": endpoint, "graphAudience": endpoint, "microsoftGraphResourceId": endpoint,
        "media": "", "batch": "", "sqlManagement": "", "gallery": "", "vmImageAliasDoc": "",
        "activeDirectoryDataLake": "", "ossrDbmsResourceId": "", "logAnalyticsResourceId": "",
        "dataplaneEndpoints": {
            "arcConfigEndpoint": hub.endpoint, "arcHybridIdentityServiceEndpoint": hub.endpoint,
            "arcGlobalNotificationServiceEndpoint": hub.endpoint,
        },
        "suffixes": {},
    }))
}

impl IntoResponse for ArmError {
    fn into_response(self) -> Response {
        (self.status, [("x-ms-failure-cause", "gateway"), ("x-ms-error-code", self.code)], Json(self.body()))
            .into_response()
    }
}

/// A failure of the store is the control plane's own; what it was stands in the log, and not in the answer.
impl From<StoreError> for ArmError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %Chain(&error), "the store failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "The control plane failed; its log says why. Try again.",
        )
    }
}
