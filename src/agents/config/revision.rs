//! Which revision is reconciled: the newest when it is time to look, or else the last good one.
use super::{Context, status::Phase};
use crate::{error::Chain, model::configuration::Configuration, source::Artifact};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First wait after a failed look; it doubles up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// What is remembered of a source.
#[derive(Default)]
pub(super) struct SourceMemory {
    artifact: Option<Artifact>,
    next_look: Option<Instant>,
    failures: u32,
    failure: Option<SourceFailure>,
}

/// Why the last look did not come to a revision.
#[derive(Clone, Debug)]
pub(super) struct SourceFailure {
    pub(super) phase: Phase,
    pub(super) reason: String,
    pub(super) message: String,
}

impl SourceMemory {
    /// The last good artifact, after a look at the repository when it is time for one or `is_asked`.
    ///
    /// A look that fails leaves the last good artifact where it was, so that what is applied stays
    /// applied, and is drift-free, while the repository is out of reach.
    pub(super) async fn look(
        &mut self,
        ctx: &Context,
        configuration: &Configuration,
        is_asked: bool,
        stop: &CancellationToken,
    ) -> Option<Artifact> {
        let is_due = self.next_look.is_none_or(|at| Instant::now() >= at);
        if !is_due && !is_asked {
            return self.artifact.clone();
        }
        let freshness = if is_asked { Duration::ZERO } else { ctx.freshness };
        let wait = match ctx.sources.fetch(&configuration.source, freshness, stop).await {
            Ok(artifact) => {
                self.artifact = Some(artifact);
                self.failure = None;
                self.failures = 0;
                configuration.source.interval
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.failure = Some(SourceFailure {
                    phase: if error.is_transient() { Phase::Failing } else { Phase::Stalled },
                    reason: error.reason().to_owned(),
                    message: Chain(&error).to_string(),
                });
                backoff(FIRST_RETRY, self.failures, configuration.source.interval)
            }
        };
        self.next_look = Some(Instant::now() + jittered(wait, fastrand::f64()));
        self.artifact.clone()
    }

    /// Why the last look failed, if it did.
    pub(super) fn failure(&self) -> Option<&SourceFailure> {
        self.failure.as_ref()
    }

    /// Time until the next look.
    pub(super) fn until_next_look(&self) -> Duration {
        self.next_look.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }
}

/// The wait after a number of failures in a row: doubles from `first`, up to `most`.
pub(super) fn backoff(first: Duration, failures: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(failures.clamp(1, 16) - 1)).min(most)
}

/// A wait that differs by up to a twentieth, so that many do not come at once; `chance` is from 0 to 1.
pub(super) fn jittered(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.95 + 0.1 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_interval() {
        let interval = Duration::from_secs(60);
        let waits: Vec<u64> = (0..8).map(|failures| backoff(FIRST_RETRY, failures, interval).as_secs()).collect();
        assert_eq!(waits, [2, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(FIRST_RETRY, u32::MAX, interval), interval);
        assert!(jittered(interval, 0.0) < interval && jittered(interval, 1.0) > interval);
    }
}
