//! The calls of the data plane. Each is one request: who calls decides when to try again.
use super::{
    AccessToken, CertificateKey, CloudError, Http, HubTime, Identity, KeyError, OnboardingKey,
    assertion::client_assertion,
    http::{Answer, Ask},
};
use crate::api::plane::{
    CERTIFICATE, Call, CertificateRequest, DISCOVERY, Heartbeat, HeartbeatAnswer, IssuedCertificate,
    PendingConfigurations, StatusAnswer, StatusReport, VERSION, path,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Version of the discovery, which is that of the first agents.
const DISCOVERY_VERSION: &str = "1.0-preview";
/// Source: RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of a token that is believed.
const LONGEST_LIFE: i64 = 24 * 3600;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// The control plane, or the way to it.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl PlaneError {
    /// What the control plane said, if it was that.
    pub fn cloud(&self) -> Option<&CloudError> {
        if let Self::Cloud(error) = self { Some(error) } else { None }
    }

    /// Whether what was signed could be refused because of a clock.
    fn may_be_clock(&self) -> bool {
        self.cloud().and_then(CloudError::status).is_some_and(|status| matches!(status, 400 | 401 | 403))
    }
}

/// Whether two readings of the time are further apart than the way between them explains.
fn are_apart(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).abs() > SignedDuration::from_secs(30)
}

/// The data plane of one cluster at one control plane. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Plane {
    http: Http,
    hub: Arc<str>,
    cluster: Arc<str>,
    location: Arc<str>,
    /// The control plane's time.
    pub time: Arc<HubTime>,
}

/// What a pull came to.
#[derive(Debug)]
pub enum Pulled {
    /// Nothing has changed.
    Unchanged,
    /// This is wanted.
    Changed {
        /// Names this state of things.
        etag: Option<String>,
        /// What is wanted.
        wanted: PendingConfigurations,
    },
}

/// What a token endpoint answers.
///
/// Source: RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

impl Plane {
    /// The data plane of a cluster. Nothing is contacted yet.
    ///
    /// # Errors
    /// When the URL is not one of https.
    pub fn new(http: Http, hub: &str, cluster: &str, location: &str, time: HubTime) -> Result<Self, CloudError> {
        let hub = hub.trim_end_matches('/');
        Ask::new(Method::GET, hub, DISCOVERY)?;
        let cluster = format!("/{}", cluster.trim_matches('/'));
        Ok(Self { http, hub: hub.into(), cluster: cluster.into(), location: location.into(), time: Arc::new(time) })
    }

    /// URL of the control plane, without a slash at the end.
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// ARM id of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Host, and port where it is not the usual one, of the control plane.
    pub fn host(&self) -> &str {
        let rest = self.hub.split_once("://").map_or(&*self.hub, |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// URL of the identity service. What the time is there is learnt on the way.
    ///
    /// # Errors
    /// When the control plane cannot be reached, or refuses.
    pub async fn discover(&self) -> Result<String, CloudError> {
        let ask = Ask::new(Method::GET, &self.hub, DISCOVERY)?;
        let ask = ask.query("location", &self.location).query("api-version", DISCOVERY_VERSION).once();
        let answer = self.http.ask(ask).await?;
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        if let Some(date) = answer.header("date").and_then(|date| parser.parse_timestamp(date).ok()) {
            self.time.learn(date);
        }
        answer.json()
    }

    /// Trades the onboarding key for a certificate.
    ///
    /// It is dated by the cluster's clock, and where that could be why it is refused, by the control plane's.
    ///
    /// # Errors
    /// When the control plane cannot be reached or refuses: 403 `ReenrolmentNotAllowed` until the owner allows it.
    pub async fn enrol(&self, by: &OnboardingKey, key: &CertificateKey) -> Result<IssuedCertificate, PlaneError> {
        let local = self.time.local();
        let base = self.discover().await?;
        match self.enrol_at(&base, by, key, local).await {
            Err(error) if error.may_be_clock() && are_apart(self.time.now(), local) => {
                self.enrol_at(&base, by, key, self.time.now()).await
            }
            done => done,
        }
    }

    async fn enrol_at(
        &self,
        base: &str,
        by: &OnboardingKey,
        key: &CertificateKey,
        now: Timestamp,
    ) -> Result<IssuedCertificate, PlaneError> {
        let bearer = by.enrolment(&self.cluster, &self.hub, key, now)?;
        self.certificate(base, bearer, key).await
    }

    /// Trades a token for another certificate, with a key of its own.
    ///
    /// # Errors
    /// When the control plane cannot be reached or refuses: it does so before its time has come.
    pub async fn renew(&self, token: &SecretString, key: &CertificateKey) -> Result<IssuedCertificate, PlaneError> {
        let base = self.discover().await?;
        self.certificate(&base, token.clone(), key).await
    }

    async fn certificate(
        &self,
        base: &str,
        bearer: SecretString,
        key: &CertificateKey,
    ) -> Result<IssuedCertificate, PlaneError> {
        let body = CertificateRequest { csr: key.request.clone() };
        let ask = Ask::new(Method::POST, base, CERTIFICATE)?.query("api-version", VERSION).query("id", &self.cluster);
        let ask = ask.bearer(bearer).json(&serde_json::json!(body)).once();
        Ok(self.http.ask(ask).await?.json()?)
    }

    /// A token of access for an audience.
    ///
    /// What is signed for it is dated by the control plane's clock as far as that is known, which is asked for where it could
    /// be why it is refused.
    ///
    /// # Errors
    /// When the control plane cannot be reached, or refuses.
    pub async fn token(&self, identity: &Identity, audience: &str) -> Result<AccessToken, PlaneError> {
        let before = self.time.now();
        match self.token_at(identity, audience, before).await {
            Err(error) if error.may_be_clock() => {
                self.discover().await?;
                if !are_apart(self.time.now(), before) {
                    return Err(error);
                }
                self.token_at(identity, audience, self.time.now()).await
            }
            done => done,
        }
    }

    async fn token_at(&self, identity: &Identity, audience: &str, now: Timestamp) -> Result<AccessToken, PlaneError> {
        let scope = format!("{}/.default", audience.trim_end_matches('/'));
        let assertion = client_assertion(identity, now)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &identity.client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.expose_secret()),
            ("scope", &scope),
        ];
        let ask = Ask::new(Method::POST, &identity.token_endpoint, "")?.form(&form).once();
        let granted: Granted = self.http.ask(ask).await?.json()?;
        Ok(AccessToken {
            secret: granted.access_token.into(),
            // By the clock by which it is looked at.
            granted: self.time.local(),
            life: SignedDuration::from_secs(granted.expires_in.clamp(0, LONGEST_LIFE)),
        })
    }

    /// What is wanted of the cluster, when that is something else than at `etag`, or when `wait` is over.
    ///
    /// # Errors
    /// When the control plane cannot be reached or refuses: 404 where it knows no such cluster.
    pub async fn pull(&self, token: &SecretString, etag: Option<&str>, wait: Duration) -> Result<Pulled, CloudError> {
        let mut ask = self.call(Call::Pull, token)?.waiting(wait);
        if let Some(etag) = etag {
            ask = ask.query("waitSeconds", &wait.as_secs().to_string()).header(header::IF_NONE_MATCH, etag);
        }
        let answer = self.http.ask(ask).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Pulled::Unchanged);
        }
        Ok(Pulled::Changed { etag: answer.header("etag").map(str::to_owned), wanted: answer.json()? })
    }

    /// Delivers statuses.
    ///
    /// # Errors
    /// When the control plane cannot be reached, or refuses.
    pub async fn post_status(&self, token: &SecretString, report: &StatusReport) -> Result<StatusAnswer, CloudError> {
        self.post(Call::Status, token, report).await?.json()
    }

    /// Delivers a sign of life.
    ///
    /// # Errors
    /// When the control plane cannot be reached, or refuses.
    pub async fn post_heartbeat(
        &self,
        token: &SecretString,
        heartbeat: &Heartbeat,
    ) -> Result<HeartbeatAnswer, CloudError> {
        self.post(Call::Heartbeat, token, heartbeat).await?.json()
    }

    async fn post(&self, call: Call, token: &SecretString, body: &impl Serialize) -> Result<Answer, CloudError> {
        self.http.ask(self.call(call, token)?.json(&serde_json::json!(body))).await
    }

    fn call(&self, call: Call, token: &SecretString) -> Result<Ask, CloudError> {
        let unknown = || CloudError::Url { url: self.cluster.to_string() };
        let path = path(&self.cluster, call).ok_or_else(unknown)?;
        Ok(Ask::new(Method::POST, &self.hub, &path)?.query("api-version", VERSION).bearer(token.clone()).once())
    }
}
