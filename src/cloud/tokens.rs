//! Tokens of access for everyone in the process: kept until they are nearly over, and asked for once at a time.
use super::{AccessToken, CloudError, Identity, Plane, plane::PlaneError};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    time::Instant,
};

/// Most audiences of which tokens are kept.
const MAX_AUDIENCES: usize = 256;
/// For so long an identity that was refused is not shown again: a control plane locks out who tries too often.
const WHILE_REFUSED: Duration = Duration::from_secs(60);

/// Where the cluster's identity stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// There is none yet, and why.
    None(Arc<str>),
    /// It is good.
    Valid(Arc<Identity>),
    /// It has expired, when.
    Expired(Timestamp),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No identity.
    #[error("there is no identity certificate yet: {0}")]
    None(Arc<str>),
    /// Not any more.
    #[error("the identity certificate expired at {0:.0}; the owner can allow another enrolment at the control plane")]
    Expired(Timestamp),
    /// Not by the control plane, a short while ago.
    #[error(
        "the control plane refuses the identity certificate: it was revoked or replaced; the owner can allow another enrolment there"
    )]
    Refused,
    /// The control plane, or the key.
    #[error("no token")]
    Plane(#[from] PlaneError),
}

impl TokenError {
    /// What the control plane said, if it was that.
    pub fn cloud(&self) -> Option<&CloudError> {
        if let Self::Plane(error) = self { error.cloud() } else { None }
    }
}

type Slot = Arc<AsyncMutex<Option<AccessToken>>>;

/// Gives tokens. Clones are the same source.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    plane: Plane,
    standing: watch::Receiver<Standing>,
    /// When the control plane last refused the identity, if it did so when it was last asked for a token.
    refused: Mutex<Option<Instant>>,
    slots: Mutex<BTreeMap<String, Slot>>,
}

impl TokenSource {
    /// A source of tokens for the identity that `standing` tells of.
    pub fn new(plane: Plane, standing: watch::Receiver<Standing>) -> Self {
        Self(Arc::new(Inner { plane, standing, refused: Mutex::default(), slots: Mutex::default() }))
    }

    /// A token for the control plane itself.
    ///
    /// # Errors
    /// When there is no identity, or no token is granted.
    pub async fn own(&self) -> Result<AccessToken, TokenError> {
        self.token(self.0.plane.hub()).await
    }

    /// A token for an audience, of whose life more than a tenth is left.
    ///
    /// # Errors
    /// When there is no identity, or no token is granted.
    pub async fn token(&self, audience: &str) -> Result<AccessToken, TokenError> {
        self.with_left(audience, 10).await
    }

    /// A token for an audience, of whose life more than half is left: for those that read it out of a Secret.
    ///
    /// # Errors
    /// When there is no identity, or no token is granted.
    pub async fn fresh(&self, audience: &str) -> Result<AccessToken, TokenError> {
        self.with_left(audience, 2).await
    }

    async fn with_left(&self, audience: &str, of: i32) -> Result<AccessToken, TokenError> {
        let slot = self.slot(audience);
        // Who comes meanwhile waits here, and finds what was granted.
        let mut kept = slot.lock().await;
        let standing = self.0.standing.borrow().clone();
        let identity = match standing {
            Standing::Valid(identity) => identity,
            Standing::None(why) => return Err(TokenError::None(why)),
            Standing::Expired(at) => return Err(TokenError::Expired(at)),
        };
        if let Some(token) = kept.as_ref().filter(|token| token.has_left(of, self.0.plane.time.local())) {
            return Ok(token.clone());
        }
        if self.refused().is_some_and(|at| at.elapsed() < WHILE_REFUSED) {
            return Err(TokenError::Refused);
        }
        let granted = self.0.plane.token(&identity, audience).await;
        let status = |error: &PlaneError| error.cloud().and_then(CloudError::status);
        match &granted {
            Ok(_) => drop(self.refused().take()),
            Err(error) if status(error) == Some(401) => drop(self.refused().replace(Instant::now())),
            Err(_) => {}
        }
        Ok(kept.insert(granted?).clone())
    }

    /// Whether the control plane refused the identity itself when it was last asked for a token: it was revoked, or
    /// replaced by another.
    pub fn is_refused(&self) -> bool {
        self.refused().is_some()
    }

    /// Takes note of another identity, of which nothing bad is known. Tokens of the one before may have ended with it.
    pub fn renewed(&self) {
        self.refused().take();
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn refused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the control plane's own token, since it was refused.
    pub async fn forget_own(&self) {
        let slot = self.slot(self.0.plane.hub());
        slot.lock().await.take();
    }

    /// Waits until there is an identity that is good.
    pub async fn ready(&self) {
        let mut standing = self.0.standing.clone();
        if standing.wait_for(|standing| matches!(standing, Standing::Valid(_))).await.is_err() {
            // Nobody will ever tell.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until there is none that is good any more.
    pub async fn lapsed(&self) {
        let mut standing = self.0.standing.clone();
        if standing.wait_for(|standing| !matches!(standing, Standing::Valid(_))).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Where the identity stands, now and whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.standing.clone()
    }

    fn slot(&self, audience: &str) -> Slot {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_AUDIENCES && !slots.contains_key(audience) {
            slots.clear();
        }
        Arc::clone(slots.entry(audience.to_owned()).or_default())
    }
}
