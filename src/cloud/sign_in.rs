//! Signing in to a control plane: with a client's secret, or by whatever else proves who this is in Azure.
//!
//! Source: RFC 6749 section 4.4, and the Microsoft identity platform's form of it.
use super::{CloudError, Http, http::Ask};
use azure_core::credentials::TokenCredential;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// Longest time before its end at which a token is not used any more.
const MARGIN: Duration = Duration::from_secs(300);

/// A client that signs in when a token is wanted, and keeps it for as long as it is good. Clones share the token.
#[derive(Clone, Debug)]
pub struct SignIn(Arc<Client>);

#[derive(Debug)]
struct Client {
    proof: Proof,
    scope: String,
    kept: Mutex<Option<Kept>>,
}

/// What proves who this is.
#[derive(Debug)]
enum Proof {
    Secret { http: Http, login: String, tenant: String, id: String, secret: SecretString },
    Credential { credential: Arc<dyn TokenCredential>, host: String },
}

#[derive(Debug)]
struct Kept {
    token: SecretString,
    until: Instant,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// URL of the token service, without the tenant.
    pub login: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// Whom the token is for.
    pub audience: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl SignIn {
    /// A client with an id and a secret. Nobody is asked yet.
    pub fn new(http: Http, wanted: &Wanted<'_>, client: &str, secret: SecretString) -> Self {
        let proof = Proof::Secret {
            http,
            login: wanted.login.trim_end_matches('/').to_owned(),
            tenant: wanted.tenant.to_owned(),
            id: client.to_owned(),
            secret,
        };
        Self::of(proof, wanted.audience)
    }

    /// A client with a credential of Azure, whose tokens are for an audience. Nobody is asked yet.
    pub fn by(credential: Arc<dyn TokenCredential>, audience: &str) -> Self {
        let host = audience.trim_start_matches("https://").trim_end_matches('/').to_owned();
        Self::of(Proof::Credential { credential, host }, audience)
    }

    fn of(proof: Proof, audience: &str) -> Self {
        let scope = format!("{}/.default", audience.trim_end_matches('/'));
        Self(Arc::new(Client { proof, scope, kept: Mutex::new(None) }))
    }

    /// A token that is good for some time yet. Those who ask at once wait for one and the same.
    ///
    /// # Errors
    /// When the token service does not grant one.
    pub async fn token(&self) -> Result<SecretString, CloudError> {
        // Held while one asks, so that the others do not.
        let mut kept = self.0.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.until) {
            return Ok(kept.token.clone());
        }
        let (token, life) = self.0.ask().await?;
        let until = Instant::now() + life.saturating_sub(MARGIN.min(life / 5));
        *kept = Some(Kept { token: token.clone(), until });
        Ok(token)
    }

    /// Forgets a token that was refused.
    pub async fn forget(&self) {
        *self.0.kept.lock().await = None;
    }
}

impl Client {
    /// Another token, and for how long it is good.
    async fn ask(&self) -> Result<(SecretString, Duration), CloudError> {
        match &self.proof {
            Proof::Secret { http, login, tenant, id, secret } => {
                let tenant = percent_encoding::utf8_percent_encode(tenant, percent_encoding::NON_ALPHANUMERIC);
                let ask = Ask::new(Method::POST, login, &format!("/{tenant}/oauth2/v2.0/token"))?.form(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", id),
                    ("client_secret", secret.expose_secret()),
                    ("scope", &self.scope),
                ]);
                let granted: Granted = http.ask(ask).await?.json()?;
                Ok((SecretString::from(granted.access_token), Duration::from_secs(granted.expires_in)))
            }
            Proof::Credential { credential, host } => {
                let granted = credential.get_token(&[&self.scope], None).await;
                let granted = granted.map_err(|error| CloudError::credential(host, &error))?;
                let life = granted.expires_on - azure_core::time::OffsetDateTime::now_utc();
                Ok((SecretString::from(granted.token.secret()), life.try_into().unwrap_or_default()))
            }
        }
    }
}
