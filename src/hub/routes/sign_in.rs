//! Signing in: tokens, and what clients look up before they ask for one.
use crate::error::Chain;
use crate::hub::{
    Hub,
    access::{GrantError, Granted, Granting, TOKEN_LIFE, issuer},
    arm::ArmError,
    store::{Audited, Role},
};
use axum::{
    Form, Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

impl Hub {
    /// Who signs the tokens.
    pub(super) fn issuer(&self) -> String {
        issuer(&self.endpoint, &self.identity.tenant)
    }

    /// Grants a token for the fields of a form, good for so long at most.
    pub(in crate::hub) async fn grant(
        &self,
        path: &str,
        form: &BTreeMap<String, String>,
        life: Duration,
    ) -> Result<Granted, GrantError> {
        let granting = Granting {
            store: &self.store,
            signer: &self.signer,
            lockout: &self.lockout,
            endpoint: &self.endpoint,
            tenant: &self.identity.tenant,
            life,
        };
        let granted = granting.grant(form, self.clock.now()).await;
        self.note_sign_in(path, form, &granted).await;
        granted
    }

    /// Notes in the audit log whether somebody signed in, if it is no cluster: these do so all the time.
    ///
    /// Who is not known or has to wait is left out: nobody shall fill the log by guessing.
    async fn note_sign_in(&self, path: &str, form: &BTreeMap<String, String>, granted: &Result<Granted, GrantError>) {
        let (client, status) = match granted {
            Ok(granted) if granted.principal.role != Role::Cluster => (&granted.principal.client_id, StatusCode::OK),
            Err(error @ (GrantError::Client | GrantError::Assertion(_))) => {
                let Some(client) = form.get("client_id") else { return };
                if !matches!(self.store.principal(client).await, Ok(Some(found)) if found.role != Role::Cluster) {
                    return;
                }
                (client, error.answer().0)
            }
            Ok(_) | Err(_) => return,
        };
        let audited = Audited {
            at: self.clock.now(),
            client_id: client.clone(),
            method: "POST".to_owned(),
            resource: path.to_owned(),
            status: status.as_u16(),
        };
        if let Err(error) = self.store.audit(&audited).await {
            tracing::error!(error = %Chain(&error), "a sign-in could not be noted in the audit log");
        }
    }

    fn is_own(&self, tenant: &str) -> bool {
        tenant.eq_ignore_ascii_case(&self.identity.tenant) || matches!(tenant, "common" | "organizations")
    }
}

pub(super) async fn token(
    State(hub): State<Arc<Hub>>,
    Path(tenant): Path<String>,
    uri: Uri,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let granted = if hub.is_own(&tenant) {
        hub.grant(uri.path(), &form, TOKEN_LIFE).await
    } else {
        Err(GrantError::Request(format!("AADSTS90002: Tenant '{tenant}' not found.")))
    };
    let mut response = match granted {
        Ok(granted) => Json(granted.answer()).into_response(),
        Err(error) => {
            if let GrantError::Store(_) = error {
                tracing::error!(error = %Chain(&error), "sign-in failed");
            }
            let (status, body) = error.answer();
            let mut response = (status, Json(body)).into_response();
            if let GrantError::Locked(wait) = error {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            }
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Source: OpenID Connect Discovery 1.0.
pub(super) async fn configuration(State(hub): State<Arc<Hub>>, Path(tenant): Path<String>) -> Response {
    if !hub.is_own(&tenant) {
        let message = format!("AADSTS90002: Tenant '{tenant}' not found.");
        return ArmError::new(StatusCode::BAD_REQUEST, "invalid_tenant", message).into_response();
    }
    let base = format!("{}/{}", hub.endpoint, hub.identity.tenant);
    Json(json!({
        "issuer": hub.issuer(),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
    }))
    .into_response()
}

pub(super) async fn keys(State(hub): State<Arc<Hub>>) -> Json<Value> {
    Json(hub.signer.public())
}

/// Clients ask whether an authority is one before they trust it with a secret.
pub(super) async fn instance(State(hub): State<Arc<Hub>>) -> Json<Value> {
    let host = hub.endpoint.trim_start_matches("https://");
    Json(json!({
        "tenant_discovery_endpoint": format!("{}/{}/v2.0/.well-known/openid-configuration", hub.endpoint, hub.identity.tenant),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}
