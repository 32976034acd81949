//! The OAuth 2.0 token endpoint: client credentials in, an access token out.
//!
//! Source: RFC 6749 section 4.4, and the Microsoft identity platform's form of it.
use super::{Lockout, Signer};
use crate::{
    hex::hex,
    hub::store::{Principal, Role, Store, StoreError},
};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// For how long a token is good.
const LIFE: Duration = Duration::from_secs(3600);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::hub) struct Claims {
    pub(in crate::hub) iss: String,
    pub(in crate::hub) aud: String,
    pub(in crate::hub) sub: String,
    pub(in crate::hub) oid: String,
    pub(in crate::hub) appid: String,
    pub(in crate::hub) tid: String,
    pub(in crate::hub) roles: Vec<String>,
    /// Key of the cluster, in the token of one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::hub) cluster: String,
    pub(in crate::hub) iat: i64,
    pub(in crate::hub) nbf: i64,
    pub(in crate::hub) exp: i64,
    pub(in crate::hub) ver: String,
}

impl Claims {
    /// Whom the token is of.
    pub(in crate::hub) fn principal(&self) -> Option<Principal> {
        let role = Role::named(self.roles.first()?)?;
        Some(Principal { client_id: self.appid.clone(), role, cluster: self.cluster.clone(), name: String::new() })
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(in crate::hub) enum GrantError {
    /// The request is none.
    #[error("{0}")]
    Request(String),
    /// The client is not known, or its secret is wrong.
    #[error("AADSTS7000215: Invalid client or client secret provided.")]
    Client,
    /// Too many failures.
    #[error("AADSTS50053: Too many failed sign-ins of this client; try again later.")]
    Locked(Duration),
    /// The store failed.
    #[error("the sign-in cannot be served at the moment")]
    Store(#[from] StoreError),
    /// The token could not be signed.
    #[error("the sign-in cannot be served at the moment")]
    Sign,
}

impl GrantError {
    /// The status, and the body in the form of RFC 6749.
    pub(in crate::hub) fn answer(&self) -> (StatusCode, Value) {
        let (status, code) = match self {
            Self::Request(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::Locked(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            Self::Store(_) | Self::Sign => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        (status, json!({"error": code, "error_description": self.to_string()}))
    }
}

/// The fingerprint by which a secret is known: secrets are long and random, so that a plain hash does.
pub(in crate::hub) fn fingerprint(secret: &SecretString) -> String {
    format!("secret:{}", hex(&Sha256::digest(secret.expose_secret().as_bytes())))
}

/// Grants a token for the fields of a form.
pub(in crate::hub) async fn grant(
    store: &Store,
    signer: &Signer,
    lockout: &Lockout,
    issuer: &str,
    tenant: &str,
    form: &BTreeMap<String, String>,
    now: jiff::Timestamp,
) -> Result<Value, GrantError> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let needed = |name: &str| {
        field(name).ok_or_else(|| {
            GrantError::Request(format!(
                "AADSTS900144: The request body must contain the following parameter: '{name}'."
            ))
        })
    };
    if needed("grant_type")? != "client_credentials" {
        return Err(GrantError::Request(
            "AADSTS70003: The grant type is not supported; use client_credentials.".to_owned(),
        ));
    }
    let client = needed("client_id")?;
    if let Some(wait) = lockout.wait(client, Instant::now()) {
        return Err(GrantError::Locked(wait));
    }
    let secret = SecretString::from(needed("client_secret")?);
    let found = store.principal_of(client, &fingerprint(&secret), now).await?;
    let Some(principal) = found else {
        lockout.note_failure(client, Instant::now());
        return Err(GrantError::Client);
    };
    lockout.forget(client);
    let audience = match (field("scope"), field("resource")) {
        (Some(scope), _) => scope.split(' ').next().unwrap_or_default().trim_end_matches("/.default"),
        (None, Some(resource)) => resource,
        (None, None) => {
            return Err(GrantError::Request(
                "AADSTS900144: The request body must contain the following parameter: 'scope'.".to_owned(),
            ));
        }
    };
    let seconds = i64::try_from(LIFE.as_secs()).unwrap_or_default();
    let (begin, end) = (now.as_second(), now.as_second() + seconds);
    let claims = Claims {
        iss: issuer.to_owned(),
        aud: audience.trim_end_matches('/').to_owned(),
        sub: principal.client_id.clone(),
        oid: principal.client_id.clone(),
        appid: principal.client_id.clone(),
        tid: tenant.to_owned(),
        roles: vec![principal.role.word().to_owned()],
        cluster: principal.cluster.clone(),
        iat: begin,
        nbf: begin,
        exp: end,
        ver: "2.0".to_owned(),
    };
    let token = signer.sign(&claims).ok().ok_or(GrantError::Sign)?;
    // The older form of the endpoint gives numbers as texts, and clients of either read both.
    Ok(json!({
        "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "expires_on": end.to_string(),
        "not_before": begin.to_string(), "resource": audience, "access_token": token,
    }))
}
