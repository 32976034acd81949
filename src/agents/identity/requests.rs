//! Serves `AzureClusterIdentityRequest` resources of the agent's own namespace: a Secret with a token for each.
use super::super::manager::{Agent, Health, State};
use crate::{
    api::{
        AzureClusterIdentityRequest as Request, AzureClusterIdentityRequestStatus as Status, TOKEN_ENTRY,
        TokenReference,
    },
    cloud::{AccessToken, TokenError, TokenSource},
    cluster::{Kept, Vault},
    error::Chain,
    model::FIELD_MANAGER,
    runtime::{backoff::backoff, clock::Clock},
};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A token is replaced when so much of its life is left, or half of it where that is less.
const LEFT: SignedDuration = SignedDuration::from_hours(1);
/// Life of a token of which nothing is known.
const USUAL_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Time between looks at what has to be replaced.
const TICK: Duration = Duration::from_secs(15);
/// First wait after a request that could not be served; it doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// Longest wait after a request that could not be served.
const LAST_RETRY: Duration = Duration::from_secs(600);
/// Most requests that are served.
const MAX_REQUESTS: usize = 200;
/// Longest name of a request: that of its Secret is longer.
const MAX_NAME: usize = 247;
/// Name in the health board.
const NAME: &str = "identity-requests";
/// Seconds after which the API server ends a watch, to be begun again.
const WATCH_SECONDS: u32 = 90;

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("no token was granted")]
    Token(#[from] TokenError),
    #[error("the token cannot be written")]
    Vault(#[from] crate::cluster::VaultError),
    #[error("the Secret {0} is there already and is not this request's; remove it, or choose another name")]
    Taken(String),
    #[error("a name of more than {MAX_NAME} characters leaves no room for that of its Secret")]
    Name,
    #[error("the API server refused")]
    Api(#[from] kube::Error),
}

impl ServeError {
    /// Reason of the condition.
    fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => match error.cloud().and_then(crate::cloud::CloudError::status) {
                Some(400 | 403) => "AudienceRefused",
                Some(_) | None => "NoToken",
            },
            Self::Taken(_) | Self::Name => "SecretTaken",
            Self::Vault(_) | Self::Api(_) => "NotWritten",
        }
    }
}

/// What is remembered of one request.
#[derive(Default)]
struct Track {
    /// Life of the token that it has.
    life: Option<SignedDuration>,
    failures: u32,
    retry_at: Option<Instant>,
}

/// The agent that serves requests.
pub struct Requests {
    client: Client,
    namespace: String,
    tokens: TokenSource,
    clock: Arc<dyn Clock>,
    health: Health,
    /// Audience of a request that names none.
    usual: String,
    known: BTreeMap<String, Request>,
    tracks: BTreeMap<String, Track>,
}

impl Agent for Requests {
    async fn run(&mut self) {
        Self::work(self).await;
    }
}

impl Requests {
    /// An agent that serves the requests in the namespace of a client; `usual` is the audience of those that name none.
    pub fn new(client: Client, tokens: TokenSource, clock: Arc<dyn Clock>, health: Health, usual: &str) -> Self {
        let namespace = client.default_namespace().to_owned();
        let (known, tracks) = (BTreeMap::new(), BTreeMap::new());
        Self { client, namespace, tokens, clock, health, usual: usual.to_owned(), known, tracks }
    }

    /// Serves until dropped.
    ///
    /// # Cancellation
    /// May be dropped at any time: what was not finished is found again by the next watch.
    async fn work(&mut self) {
        let api: Api<Request> = Api::namespaced(self.client.clone(), &self.namespace);
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut events = watcher(api, config).default_backoff().boxed();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut listed = BTreeMap::new();
        loop {
            tokio::select! {
                // Cancel-safe: an event that was not taken is taken next time.
                Some(event) = events.next() => self.hear(event, &mut listed),
                // Cancel-safe: a tick that was missed comes late.
                _ = tick.tick() => {}
            }
            self.serve_due().await;
        }
    }

    fn hear(&mut self, event: Result<watcher::Event<Request>, watcher::Error>, listed: &mut BTreeMap<String, Request>) {
        match event {
            Ok(watcher::Event::Apply(request)) => drop(self.known.insert(request.name_any(), request)),
            Ok(watcher::Event::InitApply(request)) => drop(listed.insert(request.name_any(), request)),
            Ok(watcher::Event::Delete(request)) => {
                self.known.remove(&request.name_any());
                self.tracks.remove(&request.name_any());
            }
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitDone) => {
                self.known = std::mem::take(listed);
                self.tracks.retain(|name, _| self.known.contains_key(name));
                self.health.set(NAME, State::Running, "");
            }
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "requests for tokens are not watched");
                self.health.set(NAME, State::Degraded, format!("requests are not watched: {}", Chain(&error)));
            }
        }
    }

    async fn serve_due(&mut self) {
        let now = self.clock.now();
        let is_due = |(name, request): &(&String, &Request)| {
            let track = self.tracks.get(*name);
            request.metadata.deletion_timestamp.is_none()
                && track.and_then(|track| track.retry_at).is_none_or(|at| at <= Instant::now())
                && is_due(request, track.and_then(|track| track.life), now)
        };
        let due: Vec<Request> =
            self.known.iter().take(MAX_REQUESTS).filter(is_due).map(|(_, request)| request.clone()).collect();
        for request in due {
            let name = request.name_any();
            let served = self.serve(&request).await;
            let track = self.tracks.entry(name.clone()).or_default();
            let status = match &served {
                Ok(token) => {
                    tracing::debug!(request = %name, expires = %token.expires(), "token written");
                    *track = Track { life: Some(token.life), ..Track::default() };
                    status_of(&request, Ok(token), now)
                }
                Err(error) => {
                    track.failures = track.failures.saturating_add(1);
                    let wait = backoff(FIRST_RETRY, track.failures, LAST_RETRY);
                    track.retry_at = Some(Instant::now() + wait);
                    if track.failures == 1 {
                        tracing::warn!(request = %name, error = %Chain(error), reason = error.reason(), "request for a token not served; it is tried again");
                    }
                    status_of(&request, Err(error), now)
                }
            };
            if let Err(error) = self.write(&request, status).await {
                tracing::debug!(request = %name, error = %Chain(&error), "status of the request not written");
            }
        }
    }

    async fn serve(&self, request: &Request) -> Result<AccessToken, ServeError> {
        let name = request.name_any();
        if name.len() > MAX_NAME {
            return Err(ServeError::Name);
        }
        let secret = secret_of(&name);
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let uid = request.metadata.uid.as_deref();
        if let Some(found) = api.get_opt(&secret).await? {
            let is_its = found.owner_references().iter().any(|owner| Some(owner.uid.as_str()) == uid);
            if !is_its {
                return Err(ServeError::Taken(secret));
            }
        }
        let audience = request.spec.audience.as_deref().filter(|audience| !audience.trim().is_empty());
        let token = self.tokens.fresh(audience.unwrap_or(&self.usual)).await?;
        let entries = Kept::from([(
            TOKEN_ENTRY.to_owned(),
            secrecy::ExposeSecret::expose_secret(&token.secret).as_bytes().to_vec(),
        )]);
        let vault = Vault::Secrets { client: self.client.clone(), namespace: self.namespace.clone() };
        vault.write(&secret, &entries, request.owner_ref(&())).await?;
        Ok(token)
    }

    /// Writes a status, and remembers it until the watch brings it.
    async fn write(&mut self, request: &Request, status: Status) -> Result<(), kube::Error> {
        let name = request.name_any();
        if request.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let api: Api<Request> = Api::namespaced(self.client.clone(), &self.namespace);
        let patch = Patch::Merge(json!({"status": status}));
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let stored = api.patch_status(&name, &parameters, &patch).await?;
        self.known.insert(name, stored);
        Ok(())
    }
}

fn secret_of(name: &str) -> String {
    format!("{name}-token")
}

/// Whether a request needs a token: it has none, says none, or what it has is too near its end.
fn is_due(request: &Request, life: Option<SignedDuration>, now: Timestamp) -> bool {
    let status = request.status.as_ref();
    let expires = status.and_then(|status| status.expiration_time.as_deref()?.parse::<Timestamp>().ok());
    let is_told = status.is_some_and(|status| status.token_reference.is_some());
    let (Some(expires), true) = (expires, is_told) else { return true };
    let left = (life.unwrap_or(USUAL_LIFE) / 2).min(LEFT);
    expires.duration_since(now) <= left
}

/// What there is to say of a request. What it has stays said when it cannot be replaced.
fn status_of(request: &Request, served: Result<&AccessToken, &ServeError>, now: Timestamp) -> Status {
    let before = request.status.clone().unwrap_or_default();
    let (status, reason, message) = match served {
        Ok(_) => ("True", "TokenGranted", String::new()),
        Err(error) => ("False", error.reason(), Chain(error).to_string()),
    };
    let since = before.conditions.iter().find(|one| one.type_ == "Ready" && one.status == status);
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        last_transition_time: since.map_or(Time(now), |since| since.last_transition_time.clone()),
        observed_generation: request.metadata.generation,
    };
    let reference = TokenReference { secret_name: secret_of(&request.name_any()), data_name: TOKEN_ENTRY.to_owned() };
    Status {
        expiration_time: served.ok().map(|token| format!("{:.0}", token.expires())).or(before.expiration_time),
        token_reference: served.ok().map(|_| reference).or(before.token_reference),
        conditions: vec![condition],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn request(expires: Option<&str>) -> Request {
        let mut request = Request::new("a", crate::api::AzureClusterIdentityRequestSpec::default());
        let reference = TokenReference { secret_name: "a-token".into(), data_name: TOKEN_ENTRY.into() };
        let expiration_time = expires.map(str::to_owned);
        request.status = Some(Status { expiration_time, token_reference: Some(reference), conditions: Vec::new() });
        request
    }

    fn token() -> AccessToken {
        AccessToken { secret: "S3CRET".into(), granted: at(0), life: SignedDuration::from_hours(1) }
    }

    #[test]
    fn a_token_is_due_when_there_is_none_or_a_client_says_so_or_half_of_it_is_over() {
        let served = request(Some(&at(3600).to_string()));
        assert!(!is_due(&served, Some(SignedDuration::from_hours(1)), at(1700)));
        assert!(is_due(&served, Some(SignedDuration::from_hours(1)), at(1801)));
        let long = request(Some(&at(24 * 3600).to_string()));
        assert!(!is_due(&long, Some(SignedDuration::from_hours(24)), at(22 * 3600)));
        assert!(is_due(&long, Some(SignedDuration::from_hours(24)), at(23 * 3600)), "less than an hour is left");
        for none in [None, Some(""), Some("nonsense")] {
            assert!(is_due(&request(none), None, at(0)), "{none:?}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_stays_said_and_why_is_told_without_the_token() {
        let before = request(Some("2026-01-01T00:00:00Z"));
        let failed = status_of(&before, Err(&ServeError::Taken("a-token".into())), at(0));
        assert_eq!(failed.expiration_time.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(
            (failed.conditions[0].status.as_str(), failed.conditions[0].reason.as_str()),
            ("False", "SecretTaken")
        );
        let good = status_of(&before, Ok(&token()), at(5));
        assert_eq!(good.expiration_time, Some(at(3600).to_string()));
        assert!(!format!("{good:?}").contains("S3CRET"));
    }
}
