//! Takes a lease, holds it, and gives it up: the effects to what `decide` decides.
use super::decide::{Seen, Step, Timing, decide, held, released};
use crate::{
    cluster::{ClusterError, Fence, Lease, StoredLease},
    error::Chain,
    runtime::clock::Clock,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest time for giving the lease up, when the process ends.
const RELEASE: Duration = Duration::from_secs(3);

/// One candidate for a lease.
pub struct Election {
    lease: Lease,
    fence: Fence,
    clock: Arc<dyn Clock>,
    identity: String,
    timing: Timing,
}

/// The lease was not renewed in time, or is another's: whoever held it must not write any more.
#[derive(Debug, thiserror::Error)]
#[error("the lease was lost: {0}")]
pub struct Lost(&'static str);

/// A lease that is held, until [`Held::keep`] says otherwise.
pub struct Held {
    election: Election,
    stored: StoredLease,
    /// Until when the fence is open.
    until: Instant,
}

impl Election {
    /// A candidate. `lease` must have a client of its own, that no fence stands before.
    pub fn new(lease: Lease, fence: Fence, clock: Arc<dyn Clock>, identity: String, timing: Timing) -> Self {
        Self { lease, fence, clock, identity, timing }
    }

    /// Waits until the lease is held, and opens the fence. Tries again for as long as it takes.
    ///
    /// # Cancellation
    /// May be dropped at any time. A lease that was taken in that moment runs out by itself.
    pub async fn campaign(self) -> Held {
        let mut seen: Option<Seen> = None;
        let mut told: Option<String> = None;
        loop {
            let next_look = self.timing.next_look(fastrand::f64());
            let wait = match self.try_once(&mut seen, next_look).await {
                Ok(Turn::Mine { stored, until }) => return self.begin(*stored, until),
                Ok(Turn::Wait(wait)) => {
                    let holder = seen.as_ref().map(|seen| seen.record.holder.clone());
                    if holder != told {
                        tracing::info!(lease = %self.lease.id(), holder = holder.as_deref(), "standing by");
                        told = holder;
                    }
                    wait
                }
                Err(error) => {
                    tracing::warn!(lease = %self.lease.id(), error = %Chain(&error), "lease not taken; trying again");
                    next_look
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn try_once(&self, seen: &mut Option<Seen>, next_look: Duration) -> Result<Turn, ClusterError> {
        // Before the request, since the others count from when it arrives.
        let begun = Instant::now();
        let stored = self.lease.read().await?;
        let now = Instant::now();
        *seen = stored.as_ref().map(|stored| Seen::again(seen.take(), stored.record.clone(), now));
        if let Step::Wait(wait) = decide(&self.identity, seen.as_ref(), now, next_look) {
            return Ok(Turn::Wait(wait));
        }
        let before = stored.as_ref().map(|stored| &stored.record);
        let record = held(&self.identity, before, self.timing.lease, self.clock.now());
        let written = match &stored {
            Some(stored) => self.lease.replace(stored, &record).await?,
            None => self.lease.create(&record).await?,
        };
        let until = begun + self.timing.deadline;
        Ok(written.map_or(Turn::Wait(next_look), |stored| Turn::Mine { stored: Box::new(stored), until }))
    }

    fn begin(self, stored: StoredLease, until: Instant) -> Held {
        self.fence.open_until(until);
        tracing::info!(lease = %self.lease.id(), identity = %self.identity, "lease taken");
        Held { election: self, stored, until }
    }
}

enum Turn {
    Mine { stored: Box<StoredLease>, until: Instant },
    Wait(Duration),
}

impl Held {
    /// Renews the lease until told to let it go, and gives it up then. Whoever writes has to have ended before.
    ///
    /// # Errors
    /// When it could not be renewed in time, or another has it. The fence is closed then.
    pub async fn keep(mut self, let_go: CancellationToken) -> Result<(), Lost> {
        let timing = self.election.timing;
        loop {
            let next_look = Instant::now() + timing.next_look(fastrand::f64());
            tokio::select! {
                // Cancel-safe: nothing is under way.
                () = tokio::time::sleep_until(next_look.min(self.until)) => {}
                () = let_go.cancelled() => break,
            }
            match tokio::time::timeout_at(self.until, self.renew()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Err(self.lose("another agent holds it")),
                Ok(Err(error)) if Instant::now() < self.until => {
                    tracing::warn!(lease = %self.election.lease.id(), error = %Chain(&error), "lease not renewed; trying again");
                }
                Ok(Err(_)) | Err(_) => return Err(self.lose("it could not be renewed in time")),
            }
        }
        self.release().await;
        Ok(())
    }

    /// Renews it once; whether it is still held.
    async fn renew(&mut self) -> Result<bool, ClusterError> {
        let Election { lease, fence, clock, identity, timing } = &self.election;
        for _ in 0..2 {
            let begun = Instant::now();
            let record = held(identity, Some(&self.stored.record), timing.lease, clock.now());
            if let Some(stored) = lease.replace(&self.stored, &record).await? {
                self.stored = stored;
                self.until = begun + timing.deadline;
                fence.open_until(self.until);
                return Ok(true);
            }
            // Somebody else wrote it: a label, or that it is theirs.
            match lease.read().await? {
                Some(stored) if stored.record.holder == *identity => self.stored = stored,
                Some(_) | None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn lose(&self, why: &'static str) -> Lost {
        self.election.fence.close();
        Lost(why)
    }

    async fn release(self) {
        let Election { lease, fence, clock, .. } = &self.election;
        fence.close();
        let record = released(&self.stored.record, clock.now());
        match tokio::time::timeout(RELEASE, lease.replace(&self.stored, &record)).await {
            Ok(Ok(Some(_))) => tracing::info!(lease = %lease.id(), "lease given up"),
            Ok(Ok(None)) | Err(_) => tracing::debug!(lease = %lease.id(), "lease not given up; it runs out"),
            Ok(Err(error)) => {
                tracing::debug!(lease = %lease.id(), error = %Chain(&error), "lease not given up; it runs out");
            }
        }
    }
}
