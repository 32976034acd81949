//! The sign of life, and what the cluster is.
use super::{NAME, Sync, deliver::DeliveryError, wait_after};
use crate::{
    agents::{manager::State, metadata::AGENT_VERSION},
    api::plane::{HEARTBEAT_SECONDS, Heartbeat},
};
use jiff::SignedDuration;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest time between two of them, when something has changed in between.
const SHORTEST: Duration = Duration::from_secs(30);
/// Shortest and longest time until the next that a control plane may ask for, in seconds.
const ASKED: (u64, u64) = (5, 3600);
/// A clock that is wrong by more than this is told of.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Sync {
    /// Gives signs of life until dropped: at once, in the time that the control plane wants, and when something has changed.
    pub(super) async fn beat(&self) {
        let mut facts = self.parts.facts.clone();
        let mut health = self.parts.health.changes();
        let mut failures = 0;
        loop {
            self.parts.tokens.ready().await;
            facts.mark_unchanged();
            health.mark_unchanged();
            let next = match self.give_sign().await {
                Ok(next) => {
                    failures = 0;
                    next
                }
                Err(error) => {
                    failures += 1;
                    self.note_failure("heartbeats", failures, &error).await;
                    tokio::time::sleep(wait_after(failures, error.retry_after(), fastrand::f64())).await;
                    continue;
                }
            };
            let earliest = Instant::now() + SHORTEST.min(next);
            tokio::select! {
                () = tokio::time::sleep(next) => {}
                // Cancel-safe: a change that was not seen stays marked as changed.
                Ok(()) = facts.changed() => tokio::time::sleep_until(earliest).await,
                // Cancel-safe: as above.
                Ok(()) = health.changed() => tokio::time::sleep_until(earliest).await,
            }
        }
    }

    /// Gives one, and says when the next is wanted.
    async fn give_sign(&self) -> Result<Duration, DeliveryError> {
        let token = self.parts.tokens.own().await?;
        let sign = self.sign();
        let answer = self.parts.plane.post_heartbeat(&token.secret, &sign).await?;
        let now = self.parts.clock.now();
        self.parts.heard_tx.send_replace(Some(now));
        let ahead = self.parts.plane.time.learn(answer.time);
        if ahead.abs() > SKEW {
            // Rounded, so that the text does not change with every look.
            let (by, how) = (ahead.abs().as_mins(), if ahead.is_positive() { "behind" } else { "ahead of" });
            let why = format!("the clock is {by} min {how} the control plane's; set it right");
            tracing::warn!("{why}");
            self.parts.health.set(NAME, State::Degraded, why);
        } else {
            self.parts.health.tell(NAME, Ok(()));
        }
        let asked = if answer.next_seconds == 0 { HEARTBEAT_SECONDS } else { answer.next_seconds };
        Ok(Duration::from_secs(asked.clamp(ASKED.0, ASKED.1)))
    }

    fn sign(&self) -> Heartbeat {
        let facts = self.parts.facts.borrow().clone();
        Heartbeat {
            observed_at: self.parts.clock.now(),
            agent_version: AGENT_VERSION.to_owned(),
            kubernetes_version: facts.kubernetes_version,
            total_node_count: facts.node_count,
            total_core_count: facts.core_count,
            distribution: facts.distribution,
            infrastructure: facts.infrastructure,
            agents: self.parts.health.all(),
            waiting: u64::try_from(self.post.waiting()).unwrap_or(u64::MAX),
        }
    }
}
