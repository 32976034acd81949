//! Empties the outbox, in order, for as long as it takes.
use super::{NAME, Sync, wait_after};
use crate::{
    agents::manager::State,
    api::plane::{MAX_STATUSES, ReportedStatus, StatusReport},
    cloud::{CloudError, TokenError},
    error::Chain,
};
use std::time::Duration;

/// Most bytes of statuses in one report, unless one alone has more.
const MAX_BYTES: usize = 1 << 20;

/// Why something was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error("no token for the control plane")]
    Token(#[from] TokenError),
    #[error("the control plane did not take it")]
    Cloud(#[from] CloudError),
}

impl DeliveryError {
    pub(super) fn cloud(&self) -> Option<&CloudError> {
        match self {
            Self::Token(error) => error.cloud(),
            Self::Cloud(error) => Some(error),
        }
    }

    fn status(&self) -> Option<u16> {
        self.cloud().and_then(CloudError::status)
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.cloud().and_then(CloudError::retry_after)
    }

    /// Whether what was sent is what is wrong.
    fn is_of_content(&self) -> bool {
        matches!(self, Self::Cloud(_)) && matches!(self.status(), Some(400 | 413 | 422))
    }
}

impl Sync {
    /// Delivers until dropped.
    pub(super) async fn deliver(&self) {
        let mut failures = 0;
        let mut most = MAX_STATUSES;
        loop {
            self.parts.tokens.ready().await;
            let batch = self.batch(most).await;
            if batch.is_empty() {
                self.post.filled.notified().await;
                continue;
            }
            match self.send(&batch).await {
                Ok(()) => {
                    if failures > 0 {
                        self.parts.health.tell(NAME, Ok(()));
                    }
                    (failures, most) = (0, MAX_STATUSES);
                }
                Err(error) if error.is_of_content() && batch.len() > 1 => {
                    // The one that is not understood must not hold up the others.
                    most = batch.len() / 2;
                }
                Err(error) if error.is_of_content() => {
                    tracing::error!(id = %batch[0].id, error = %Chain(&error), "a status is not taken, and given up");
                    self.done(&batch).await;
                    most = MAX_STATUSES;
                }
                Err(error) => {
                    failures += 1;
                    self.note_failure("statuses", failures, &error).await;
                    tokio::time::sleep(wait_after(failures, error.retry_after(), fastrand::f64())).await;
                }
            }
        }
    }

    async fn batch(&self, most: usize) -> Vec<ReportedStatus> {
        let mut batch = self.post.with(move |outbox| outbox.next(most)).await.unwrap_or_default();
        let mut bytes = 0;
        let fits = batch.iter().take_while(|status| {
            let own = serde_json::to_vec(&status.status).map_or(0, |text| text.len());
            bytes += own;
            bytes <= MAX_BYTES || bytes == own
        });
        let count = fits.count();
        batch.truncate(count);
        batch
    }

    async fn send(&self, batch: &[ReportedStatus]) -> Result<(), DeliveryError> {
        let token = self.parts.tokens.own().await?;
        let instance = self.post.with(|outbox| outbox.instance().to_owned()).await.unwrap_or_default();
        let report = StatusReport { instance, statuses: batch.to_vec() };
        let answer = self.parts.plane.post_status(&token.secret, &report).await?;
        tracing::debug!(statuses = batch.len(), unknown = answer.unknown.len(), "statuses delivered");
        self.done(batch).await;
        Ok(())
    }

    /// Takes note that statuses need not be sent again.
    async fn done(&self, batch: &[ReportedStatus]) {
        let Some(last) = batch.last().map(|status| status.sequence) else { return };
        if let Some(Err(error)) = self.post.with(move |outbox| outbox.delivered(last)).await {
            tracing::warn!(error = %Chain(&error), "that statuses were delivered is not written down; after a restart they are sent again");
        }
    }

    /// Tells of a failure once, and forgets a token that was refused.
    pub(super) async fn note_failure(&self, what: &'static str, failures: u32, error: &DeliveryError) {
        if error.status() == Some(401) {
            self.parts.tokens.forget_own().await;
        }
        let why = format!("{what} are not delivered: {}", Chain(error));
        if failures == 1 {
            tracing::warn!(error = %why, "the control plane is not told; it is tried again until it is");
        } else {
            tracing::debug!(error = %why, failures, "the control plane is not told");
        }
        self.parts.health.set(NAME, State::Degraded, why);
    }
}
