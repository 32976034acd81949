//! Pulls what is wanted, for as long as the process runs.
use super::{State, store::Store};
use crate::{
    cloud::{CloudError, Plane, Pulled, TokenError, TokenSource},
    cluster::Vault,
    error::Chain,
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

/// Pulls.
pub struct Puller {
    plane: Plane,
    tokens: TokenSource,
    store: Store,
    etag: Option<String>,
    is_loaded: bool,
    state_tx: watch::Sender<Arc<State>>,
}

impl Puller {
    /// A puller for the cluster of a plane; the state that it tells of is empty at first.
    pub fn new(plane: Plane, tokens: TokenSource, vault: Vault) -> Self {
        let store = Store::new(vault, plane.cluster());
        let (state_tx, _) = watch::channel(Arc::new(State::new(plane.host())));
        Self { plane, tokens, store, etag: None, is_loaded: false, state_tx }
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
            self.tokens.ready().await;
            let start = Instant::now();
            match self.pull(WAIT).await {
                Ok(is_changed) => {
                    failures = 0;
                    tell(Ok(()));
                    if !is_changed && start.elapsed() < TOO_SOON {
                        tokio::time::sleep(WITHOUT_WAITING.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if error.cloud().and_then(CloudError::status) == Some(401) {
                        self.tokens.forget_own().await;
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
        self.etag = None;
        self.pull(Duration::ZERO).await.map(drop).map_err(|error| told(&error))
    }

    /// Pulls, and says whether anything was new.
    async fn pull(&mut self, wait: Duration) -> Result<bool, PullError> {
        let token = self.tokens.own().await?;
        let Pulled::Changed { etag, wanted } = self.plane.pull(&token.secret, self.etag.as_deref(), wait).await? else {
            return Ok(false);
        };
        self.etag = etag;
        let next = Arc::new(self.state_tx.borrow().then(&wanted, true));
        tracing::info!(configurations = next.resources.len(), "what is wanted was pulled");
        self.state_tx.send_replace(next);
        if let Err(error) = self.store.save(&wanted).await {
            tracing::warn!(error = %Chain(&error), "what was pulled is not kept for the next start");
        }
        Ok(true)
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
    let doubled = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LAST_RETRY);
    let asked = error.cloud().and_then(CloudError::retry_after).unwrap_or_default().min(Duration::from_secs(3600));
    doubled.mul_f64(0.5 + chance).max(asked)
}
