//! Which revision is reconciled: the newest when it is time to look, or else the last good one.
use super::{
    Context, SourceError,
    credentials::NoKey,
    engine::{self, Origin},
    status::Phase,
};
use crate::{error::Chain, model::configuration::Configuration, runtime::backoff::backoff, source::FetchError};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// First wait after a failed look; it doubles up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// How long a visit waits for a look before it goes on with the last good revision.
const PATIENCE: Duration = Duration::from_secs(3);

/// A look at a repository that has not ended.
type Look = JoinHandle<Result<Origin, SourceError>>;

/// What is remembered of a source.
#[derive(Default)]
pub(super) struct SourceMemory {
    origin: Option<Origin>,
    look: Option<Look>,
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
    /// Looks at the repository when it is time for that or `is_asked`.
    ///
    /// Waits for the first good look, but never long for a newer one: a look that takes its time goes on by
    /// itself, and raises the configuration's signal when it has ended. One that fails leaves what the
    /// last good one found where it was, so that what is applied stays applied, and free of drift, meanwhile.
    pub(super) async fn look(
        &mut self,
        ctx: &Arc<Context>,
        configuration: &Configuration,
        is_asked: bool,
        stop: &CancellationToken,
    ) {
        let is_due = self.next_look.is_none_or(|at| Instant::now() >= at);
        if self.look.is_none() && (is_due || is_asked) {
            let interval = configuration.source.interval;
            let freshness = if is_asked { Duration::ZERO } else { ctx.freshness.min(interval / 2) };
            let (ctx, configuration, stop) = (Arc::clone(ctx), configuration.clone(), stop.clone());
            let signal = ctx.cluster.live.signal(&configuration.id);
            self.look = Some(tokio::spawn(async move {
                let outcome = engine::look(&ctx, &configuration, NoKey::Make, freshness, &stop).await;
                signal.wake();
                outcome
            }));
        }
        let Some(look) = &mut self.look else { return };
        let ended =
            if self.origin.is_none() || is_asked { Ok(look.await) } else { tokio::time::timeout(PATIENCE, look).await };
        if let Ok(outcome) = ended {
            self.look = None;
            self.take(outcome.unwrap_or(Err(FetchError::Cancelled.into())), configuration.source.interval);
        }
    }

    fn take(&mut self, outcome: Result<Origin, SourceError>, interval: Duration) {
        let wait = match outcome {
            Ok(origin) => {
                self.origin = Some(origin);
                self.failure = None;
                self.failures = 0;
                interval
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.failure = Some(SourceFailure {
                    phase: error.phase(),
                    reason: error.reason().to_owned(),
                    message: Chain(&error).to_string(),
                });
                let most = if error.phase() == Phase::Progressing { PATIENCE } else { interval };
                backoff(FIRST_RETRY, self.failures, most)
            }
        };
        self.next_look = Some(Instant::now() + jittered(wait, fastrand::f64()));
    }

    /// The last good one.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin.clone()
    }

    /// Why the last look failed, if it did.
    pub(super) fn failure(&self) -> Option<&SourceFailure> {
        self.failure.as_ref()
    }

    /// Time until the next look; one that is under way tells by itself when it has ended.
    pub(super) fn until_next_look(&self) -> Duration {
        if self.look.is_some() {
            return Duration::MAX;
        }
        self.next_look.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }
}

/// A wait that differs by up to a twentieth, so that many do not come at once; `chance` is from 0 to 1.
pub(super) fn jittered(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.95 + 0.1 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_differ_to_both_sides() {
        let interval = Duration::from_secs(60);
        assert!(jittered(interval, 0.0) < interval && jittered(interval, 1.0) > interval);
    }
}
