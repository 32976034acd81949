//! Pulls what is wanted, for as long as the process runs.
use super::{State, store::Store};
use crate::{
    api::plane::PendingConfigurations,
    cloud::{AzureReader, CloudError, Plane, Pulled, TokenError, TokenSource},
    cluster::Vault,
    error::Chain,
    runtime::backoff::backoff,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// How long the control plane is asked to wait for a change: less than the five minutes after which many a proxy breaks off a
/// request that is not answered.
const WAIT: Duration = Duration::from_secs(240);
/// An answer that nothing has changed should not come sooner.
const TOO_SOON: Duration = Duration::from_secs(1);
/// Wait after an answer that came too soon: this control plane does not wait.
const WITHOUT_WAITING: Duration = Duration::from_secs(5);
/// First wait after a pull that failed; it doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait after a pull that failed.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Why nothing was pulled.
#[derive(Debug, thiserror::Error)]
enum PullError {
    #[error("no token for the control plane")]
    Token(#[from] TokenError),
    #[error("nothing could be pulled")]
    Cloud(#[from] CloudError),
}

impl PullError {
    fn cloud(&self) -> Option<&CloudError> {
        match self {
            Self::Token(error) => error.cloud(),
            Self::Cloud(error) => Some(error),
        }
    }
}

/// Where it is pulled from.
enum Origin {
    /// A control plane with a data plane, which tells of changes.
    Plane { plane: Plane, tokens: TokenSource, etag: Option<String> },
    /// Azure's resource manager, which is asked again and again.
    Azure { reader: AzureReader, every: Duration, last: Option<PendingConfigurations> },
}

/// Pulls.
pub struct Puller {
    origin: Origin,
    store: Store,
    is_loaded: bool,
    state_tx: watch::Sender<Arc<State>>,
}

impl Puller {
    /// A puller for the cluster of a plane; the state that it tells of is empty at first.
    pub fn new(plane: Plane, tokens: TokenSource, vault: Vault) -> Self {
        let store = Store::new(vault, plane.cluster());
        let (state_tx, _) = watch::channel(Arc::new(State::new(plane.host())));
        Self { origin: Origin::Plane { plane, tokens, etag: None }, store, is_loaded: false, state_tx }
    }

    /// A puller that asks Azure's resource manager every so often.
    pub fn of_azure(reader: AzureReader, vault: Vault, every: Duration) -> Self {
        let store = Store::new(vault, reader.cluster());
        let (state_tx, _) = watch::channel(Arc::new(State::new(reader.host())));
        Self { origin: Origin::Azure { reader, every, last: None }, store, is_loaded: false, state_tx }
    }

    /// The state, now and whenever it changes.
    pub fn state(&self) -> watch::Receiver<Arc<State>> {
        self.state_tx.subscribe()
    }

    /// Takes what an earlier process pulled last. What is no longer wanted is not known by that.
    pub async fn load(&mut self) {
        if std::mem::replace(&mut self.is_loaded, true) {
            return;
        }
        match self.store.load().await {
            Ok(Some(last)) => {
                self.state_tx.send_modify(|state| *state = Arc::new(state.then(&last, false)));
                tracing::info!(
                    configurations = last.configurations.len(),
                    "what was pulled last is wanted until the control plane says something else"
                );
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %Chain(&error), "what was pulled last cannot be read"),
        }
    }

    /// Pulls until dropped. `tell` hears of every success, and of why there is none.
    ///
    /// # Cancellation
    /// May be dropped at any time: what was pulled is told before it is kept.
    pub async fn run(&mut self, tell: impl Fn(Result<(), String>)) {
        self.load().await;
        let mut failures = 0_u32;
        loop {
            let tokens = self.origin.tokens();
            if let Some(tokens) = &tokens {
                tokens.ready().await;
            }
            let start = Instant::now();
            let pulled = tokio::select! {
                // Cancel-safe: what comes after the end of the identity is not taken.
                pulled = self.pull(WAIT) => pulled,
                () = lapsed(tokens.as_ref()) => {
                    tell(Err("the identity certificate expired; nothing is pulled, and what was wanted last stays".to_owned()));
                    continue;
                }
            };
            match pulled {
                Ok(is_changed) => {
                    failures = 0;
                    tell(Ok(()));
                    if !is_changed && start.elapsed() < TOO_SOON {
                        tokio::time::sleep(WITHOUT_WAITING.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if let Some(tokens) = &tokens
                        && error.cloud().and_then(CloudError::status) == Some(401)
                    {
                        tokens.forget_own().await;
                    }
                    let why = told(&error);
                    if failures == 1 {
                        tracing::warn!(error = %why, "what is wanted cannot be pulled; what was wanted last stays, and it is tried again");
                    } else {
                        tracing::debug!(error = %why, failures, "what is wanted cannot be pulled");
                    }
                    tell(Err(why));
                    tokio::time::sleep(wait_after(&error, failures, fastrand::f64())).await;
                }
            }
        }
    }

    /// Pulls once, without waiting for a change.
    ///
    /// # Errors
    /// Says why nothing could be pulled.
    pub async fn once(&mut self) -> Result<(), String> {
        self.load().await;
        match &mut self.origin {
            Origin::Plane { etag, .. } => *etag = None,
            Origin::Azure { last, .. } => *last = None,
        }
        self.pull(Duration::ZERO).await.map(drop).map_err(|error| told(&error))
    }

    /// Pulls, and says whether anything was new.
    async fn pull(&mut self, wait: Duration) -> Result<bool, PullError> {
        let Some(wanted) = self.origin.pull(wait).await? else { return Ok(false) };
        let next = Arc::new(self.state_tx.borrow().then(&wanted, true));
        tracing::info!(configurations = next.resources.len(), "what is wanted was pulled");
        self.state_tx.send_replace(next);
        if let Err(error) = self.store.save(&wanted).await {
            tracing::warn!(error = %Chain(&error), "what was pulled is not kept for the next start");
        }
        Ok(true)
    }
}

/// Waits until the identity has expired; for ever, where there is none to expire.
async fn lapsed(tokens: Option<&TokenSource>) {
    match tokens {
        Some(tokens) => tokens.lapsed().await,
        None => std::future::pending().await,
    }
}

impl Origin {
    /// The tokens of the cluster's own identity, where it is pulled by that.
    fn tokens(&self) -> Option<TokenSource> {
        if let Self::Plane { tokens, .. } = self { Some(tokens.clone()) } else { None }
    }

    /// What is wanted, when it is something else than before.
    async fn pull(&mut self, wait: Duration) -> Result<Option<PendingConfigurations>, PullError> {
        match self {
            Self::Plane { plane, tokens, etag: known } => {
                let token = tokens.own().await?;
                let pulled = plane.pull(&token.secret, known.as_deref(), wait).await?;
                let Pulled::Changed { etag, wanted } = pulled else { return Ok(None) };
                *known = etag;
                Ok(Some(wanted))
            }
            Self::Azure { reader, every, last } => {
                if last.is_some() {
                    tokio::time::sleep(every.mul_f64(0.9 + fastrand::f64() / 5.0)).await;
                }
                let wanted = reader.wanted().await?;
                let is_news = last.as_ref() != Some(&wanted);
                *last = Some(wanted);
                Ok(last.clone().filter(|_| is_news))
            }
        }
    }
}

fn told(error: &PullError) -> String {
    match error.cloud().and_then(CloudError::status) {
        Some(404) => format!("{}: the control plane knows no such cluster; what it wanted last stays", Chain(error)),
        _ => Chain(error).to_string(),
    }
}

/// How long to wait after a failure; `chance` is from 0 to 1. What the control plane asks for is heeded.
fn wait_after(error: &PullError, failures: u32, chance: f64) -> Duration {
    let doubled = backoff(FIRST_RETRY, failures, LAST_RETRY);
    let asked = error.cloud().and_then(CloudError::retry_after).unwrap_or_default().min(Duration::from_secs(3600));
    doubled.mul_f64(0.5 + chance).max(asked)
}
