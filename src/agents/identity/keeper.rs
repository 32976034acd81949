//! Keeps the identity: enrols, renews, says when it has ended, and enrols anew.
use super::{
    decide::{Act, Decision, Life, Pace, Terms, Tries, decide, wait},
    store::{Onboarding, OnboardingError, Store},
};
use crate::{
    agents::manager::{Agent, Health, State},
    cloud::{CertificateKey, Identity, KeyError, OnboardingKey, Plane, PlaneError, Standing, TokenError, TokenSource},
    cluster::{Vault, VaultError},
    error::Chain,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What the agent is called.
pub(super) const NAME: &str = "identity";
/// Wait after the identity could not be read.
const UNREAD: Duration = Duration::from_secs(5);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum EnrolError {
    #[error("no onboarding key")]
    Onboarding(#[from] OnboardingError),
    #[error("the identity cannot be kept, and so none is asked for")]
    Keep(#[from] VaultError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("no token for the renewal")]
    Token(#[from] TokenError),
    #[error("the control plane gave no certificate")]
    Plane(#[from] PlaneError),
}

impl EnrolError {
    /// Status and code that the control plane answered.
    fn refusal(&self) -> Option<(u16, &str)> {
        let error = match self {
            Self::Plane(error) => error.cloud(),
            Self::Token(error) => error.cloud(),
            Self::Onboarding(_) | Self::Keep(_) | Self::Key(_) => None,
        }?;
        Some((error.status()?, error.code().unwrap_or_default()))
    }
}

/// The agent that keeps the identity.
pub struct Keeper {
    plane: Plane,
    tokens: TokenSource,
    store: Store,
    health: Health,
    pace: Pace,
    standing_tx: watch::Sender<Standing>,
    identity: Option<Arc<Identity>>,
    /// Key of an enrolment whose answer was not seen.
    pending: Option<CertificateKey>,
    /// Whether the identity is still to be written down.
    is_unsaved: bool,
    tries: Tries,
    told: Option<Life>,
}

impl Agent for Keeper {
    async fn run(&mut self) {
        Self::work(self).await;
    }
}

impl Keeper {
    /// A keeper of the identity of a plane's cluster, and the source of tokens by it.
    pub fn new(plane: Plane, vault: Vault, onboarding: Onboarding, health: Health, pace: Pace) -> (Self, TokenSource) {
        let (standing_tx, standing) = watch::channel(Standing::None("it has not been asked for yet".into()));
        let tokens = TokenSource::new(plane.clone(), standing);
        let keeper = Self {
            plane,
            tokens: tokens.clone(),
            store: Store { vault, onboarding },
            health,
            pace,
            standing_tx,
            identity: None,
            pending: None,
            is_unsaved: false,
            tries: Tries::default(),
            told: None,
        };
        (keeper, tokens)
    }

    /// Keeps it until dropped.
    ///
    /// # Cancellation
    /// May be dropped at any time. The key of an enrolment is written down before it is sent, so that another process asks
    /// with the same one.
    async fn work(&mut self) {
        while self.identity.is_none() {
            match self.store.load(self.plane.cluster()).await {
                Ok((identity, pending)) => {
                    (self.identity, self.pending) = (identity.map(Arc::new), pending);
                    break;
                }
                Err(error) => {
                    self.fail(format!("the identity cannot be read: {}", Chain(&error)));
                    tokio::time::sleep(UNREAD).await;
                }
            }
        }
        loop {
            let again = self.look().await;
            let wait = again.duration_since(self.plane.time.now());
            let wait = Duration::try_from(wait).unwrap_or_default().min(self.pace.look);
            tokio::time::sleep(wait.max(Duration::from_millis(50))).await;
        }
    }

    /// Does what there is to do, and says when to look again.
    async fn look(&mut self) -> jiff::Timestamp {
        let decision = self.decide();
        self.tell(decision.life);
        if let Some(act) = decision.act {
            let done = match act {
                Act::Enrol => self.enrol().await,
                Act::Renew => self.renew().await,
            };
            match done {
                Ok(identity) => {
                    tracing::info!(act = ?act, expires = %identity.expires, "identity certificate received");
                    self.identity = Some(Arc::new(identity));
                    (self.pending, self.is_unsaved, self.tries) = (None, true, Tries::default());
                    self.told = None;
                    self.tokens.renewed();
                }
                Err(error) => self.note_failure(act, decision.life, &error),
            }
            self.tell(self.decide().life);
        }
        if self.is_unsaved {
            match self.store.keep(self.plane.cluster(), self.identity.as_deref(), None).await {
                Ok(()) => self.is_unsaved = false,
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "identity certificate not written down; it is tried again");
                    self.health.set(NAME, State::Degraded, "the identity certificate cannot be written down");
                }
            }
        }
        self.decide().again
    }

    fn decide(&self) -> Decision {
        let of = |identity: &Arc<Identity>| Terms { renew_after: identity.renew_after, expires: identity.expires };
        decide(self.identity.as_ref().map(of), self.tokens.is_refused(), &self.tries, self.plane.time.now())
    }

    /// Tells the siblings and the log where the identity stands, when that is news.
    fn tell(&mut self, life: Life) {
        if self.told == Some(life) {
            return;
        }
        let standing = match (life, &self.identity) {
            (Life::Valid, Some(identity)) => {
                self.health.set(NAME, State::Running, "");
                Standing::Valid(Arc::clone(identity))
            }
            (Life::Expired, Some(identity)) => {
                let why = format!(
                    "the identity certificate expired at {:.0}: nothing is pulled or reported until the owner allows another enrolment at the control plane; what was wanted last goes on to be kept",
                    identity.expires
                );
                tracing::error!("{why}");
                self.health.set(NAME, State::Failed, why);
                Standing::Expired(identity.expires)
            }
            (Life::None | Life::Valid | Life::Expired, _) => return,
        };
        self.told = Some(life);
        self.standing_tx.send_replace(standing);
    }

    fn note_failure(&mut self, act: Act, life: Life, error: &EnrolError) {
        self.tries.failures = self.tries.failures.saturating_add(1);
        let wait = wait(&self.pace, act, life, self.tries.failures, fastrand::f64());
        let wait = jiff::SignedDuration::try_from(wait).unwrap_or_default();
        self.tries.next = Some(self.plane.time.now() + wait);
        let why = told(error);
        let failures = self.tries.failures;
        if failures == 1 {
            tracing::warn!(act = ?act, error = %why, "no identity certificate; it is tried again");
        } else {
            tracing::debug!(act = ?act, error = %why, failures, "no identity certificate");
        }
        match life {
            Life::None => self.fail(why),
            // The clock is ahead of the control plane's, and the time comes.
            Life::Valid if error.refusal() == Some((409, "CertificateNotRenewableYet")) => {}
            Life::Valid => self.health.set(NAME, State::Degraded, format!("no other certificate: {why}")),
            Life::Expired => {}
        }
    }

    fn fail(&self, why: String) {
        self.standing_tx.send_replace(Standing::None(why.as_str().into()));
        self.health.set(NAME, State::Failed, why);
    }

    async fn enrol(&mut self) -> Result<Identity, EnrolError> {
        let by = OnboardingKey::from_pem(&self.store.onboarding_key().await?)?;
        let key = match &self.pending {
            Some(key) => key.clone(),
            None => {
                let key = CertificateKey::make()?;
                // An answer that is lost on its way is asked for again with the same key.
                self.store.keep(self.plane.cluster(), self.identity.as_deref(), Some(&key)).await?;
                self.pending.insert(key).clone()
            }
        };
        let issued = self.plane.enrol(&by, &key).await?;
        Ok(Identity::issued(self.plane.cluster(), &key, issued))
    }

    async fn renew(&self) -> Result<Identity, EnrolError> {
        let token = self.tokens.own().await?;
        let key = CertificateKey::make()?;
        let issued = self.plane.renew(&token.secret, &key).await?;
        Ok(Identity::issued(self.plane.cluster(), &key, issued))
    }
}

/// What failed, with what to do about it.
fn told(error: &EnrolError) -> String {
    let hint = match error.refusal() {
        Some((403, "ReenrolmentNotAllowed")) => {
            "; the owner can allow another enrolment of the cluster at the control plane"
        }
        Some((404, _)) => "; the control plane knows no such cluster: check --cluster-id, or connect it",
        Some((401 | 403, _)) => "; check that the onboarding key belongs to the cluster, and the clock",
        Some(_) | None => "",
    };
    format!("{}{hint}", Chain(error))
}
