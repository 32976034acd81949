//! The OAuth 2.0 token endpoint: client credentials in, an access token out.
//!
//! Source: RFC 6749 section 4.4, and the Microsoft identity platform's form of it.
use super::{
    Lockout, Signer,
    assertion::{self, Asked, AssertionError},
};
use crate::{
    hex::hex,
    hub::store::{Certificate, Principal, Store, StoreError},
};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// For how long a token is good.
pub(in crate::hub) const TOKEN_LIFE: Duration = Duration::from_secs(3600);

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
    /// Thumbprint of the certificate that the token was granted for, if it was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::hub) certificate: String,
    pub(in crate::hub) iat: i64,
    pub(in crate::hub) nbf: i64,
    pub(in crate::hub) exp: i64,
    pub(in crate::hub) ver: String,
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
    /// The assertion proves nothing.
    #[error("{0}")]
    Assertion(String),
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
            Self::Client | Self::Assertion(_) => (StatusCode::UNAUTHORIZED, "invalid_client"),
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

/// What grants tokens.
pub(in crate::hub) struct Granting<'a> {
    pub(in crate::hub) store: &'a Store,
    pub(in crate::hub) signer: &'a Signer,
    pub(in crate::hub) lockout: &'a Lockout,
    /// URL of the control plane, without a slash at the end.
    pub(in crate::hub) endpoint: &'a str,
    pub(in crate::hub) tenant: &'a str,
    /// For how long tokens are good at most.
    pub(in crate::hub) life: Duration,
}

/// A token, and whose it is.
#[derive(Debug)]
pub(in crate::hub) struct Granted {
    pub(in crate::hub) principal: Principal,
    pub(in crate::hub) token: String,
    /// What the token is good for, as it was asked for.
    audience: String,
    begin: i64,
    end: i64,
}

impl Granted {
    /// The answer of the endpoint.
    pub(in crate::hub) fn answer(&self) -> Value {
        let seconds = self.end - self.begin;
        // The older form of the endpoint gives numbers as texts, and clients of either read both.
        json!({
            "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "expires_on": self.end.to_string(),
            "not_before": self.begin.to_string(), "resource": self.audience, "access_token": self.token,
        })
    }
}

type Form = BTreeMap<String, String>;

fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    form.get(name).map(String::as_str).filter(|text| !text.is_empty())
}

fn needed<'a>(form: &'a Form, name: &str) -> Result<&'a str, GrantError> {
    field(form, name).ok_or_else(|| {
        let message = format!("AADSTS900144: The request body must contain the following parameter: '{name}'.");
        GrantError::Request(message)
    })
}

/// What a token is asked for: the resource of a scope, or of the older form of the endpoint.
fn audience(form: &Form) -> Result<&str, GrantError> {
    match (field(form, "scope"), field(form, "resource")) {
        (Some(scope), _) => Ok(scope.split(' ').next().unwrap_or_default().trim_end_matches("/.default")),
        (None, Some(resource)) => Ok(resource),
        (None, None) => needed(form, "scope"),
    }
}

impl Granting<'_> {
    /// Grants a token for the fields of a form.
    pub(in crate::hub) async fn grant(&self, form: &Form, now: jiff::Timestamp) -> Result<Granted, GrantError> {
        if needed(form, "grant_type")? != "client_credentials" {
            let message = "AADSTS70003: The grant type is not supported; use client_credentials.";
            return Err(GrantError::Request(message.to_owned()));
        }
        let client = needed(form, "client_id")?;
        if let Some(wait) = self.lockout.wait(client, Instant::now()) {
            return Err(GrantError::Locked(wait));
        }
        let audience = audience(form)?;
        let proven = self.proven(form, client, audience, now).await;
        if let Err(GrantError::Client | GrantError::Assertion(_)) = &proven {
            self.lockout.note_failure(client, Instant::now());
        }
        let (principal, certificate) = proven?;
        self.lockout.forget(client);
        self.token(principal, audience, now, certificate.as_ref())
    }

    /// Who it is, and the certificate that proves it, if it is one.
    async fn proven(
        &self,
        form: &Form,
        client: &str,
        audience: &str,
        now: jiff::Timestamp,
    ) -> Result<(Principal, Option<Certificate>), GrantError> {
        let Some(assertion) = field(form, "client_assertion") else {
            let secret = SecretString::from(needed(form, "client_secret")?);
            let found = self.store.principal_of(client, &fingerprint(&secret), now).await?;
            return found.map(|principal| (principal, None)).ok_or(GrantError::Client);
        };
        if needed(form, "client_assertion_type")? != assertion::TYPE {
            let message = format!("AADSTS50027: The client_assertion_type is not supported; use {}.", assertion::TYPE);
            return Err(GrantError::Request(message));
        }
        let endpoints = self.endpoints();
        let asked = Asked { client, audience, endpoints: &endpoints };
        match assertion::proven(self.store, &asked, assertion, now).await {
            Ok((principal, certificate)) => Ok((principal, Some(certificate))),
            Err(AssertionError::Store(error)) => Err(error.into()),
            Err(refused @ AssertionError::Refused(_)) => Err(GrantError::Assertion(refused.to_string())),
        }
    }

    /// The URLs under which clients know the token endpoint.
    fn endpoints(&self) -> Vec<String> {
        let of = |tenant: &str| {
            ["oauth2/v2.0/token", "oauth2/token"].map(|path| format!("{}/{tenant}/{path}", self.endpoint))
        };
        [self.tenant, "common", "organizations"].into_iter().flat_map(of).collect()
    }

    /// Signs a token that is good no longer than its proof.
    fn token(
        &self,
        principal: Principal,
        audience: &str,
        now: jiff::Timestamp,
        certificate: Option<&Certificate>,
    ) -> Result<Granted, GrantError> {
        let begin = now.as_second();
        let most = begin + i64::try_from(self.life.as_secs()).unwrap_or_default();
        let end = certificate.map_or(most, |certificate| most.min(certificate.not_after.as_second()));
        let claims = Claims {
            iss: issuer(self.endpoint, self.tenant),
            aud: audience.trim_end_matches('/').to_owned(),
            sub: principal.client_id.clone(),
            oid: principal.client_id.clone(),
            appid: principal.client_id.clone(),
            tid: self.tenant.to_owned(),
            roles: vec![principal.role.word().to_owned()],
            cluster: principal.cluster.clone(),
            certificate: certificate.map(|one| one.thumbprint.clone()).unwrap_or_default(),
            iat: begin,
            nbf: begin,
            exp: end,
            ver: "2.0".to_owned(),
        };
        let token = self.signer.sign(&claims).ok().ok_or(GrantError::Sign)?;
        Ok(Granted { principal, token, audience: audience.to_owned(), begin, end })
    }
}

/// Who signs the tokens.
pub(in crate::hub) fn issuer(endpoint: &str, tenant: &str) -> String {
    format!("{endpoint}/{tenant}/v2.0")
}
