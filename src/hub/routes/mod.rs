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
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use tokio::time::Instant;

/// Largest body of a request in bytes.
const MAX_BODY: usize = 4 << 20;

/// Everything that is answered. What has no route of its own is of Azure Resource Manager, whose paths have no case.
pub(super) fn router(hub: Arc<Hub>) -> Router {
    // What costs before it is known who asks.
    let guarded = Router::new()
        .route(contract::CERTIFICATE, post(identity::certificate))
        .route("/{tenant}/oauth2/v2.0/token", post(sign_in::token))
        .route("/{tenant}/oauth2/token", post(sign_in::token))
        .merge(super::page::sign_in())
        .route_layer(middleware::from_fn_with_state(Arc::clone(&hub), bounded));
    Router::new()
        .merge(guarded)
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readiness))
        .route("/metadata/endpoints", get(endpoints))
        .route(contract::DISCOVERY, get(identity::discovery))
        .route("/common/discovery/instance", get(sign_in::instance))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(sign_in::configuration))
        .route("/{tenant}/.well-known/openid-configuration", get(sign_in::configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(sign_in::keys))
        .merge(super::page::router())
        .fallback(answer::answer)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(hub)
}

/// Has an address wait that asks too often.
async fn bounded(
    State(hub): State<Arc<Hub>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match hub.rate.take(from.ip(), Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let message = "Too many requests of this address before signing in; try again later.";
            let mut response = ArmError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            response
        }
    }
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
