//! The agent that tells the control plane: where configurations stand, and that the cluster lives.
//!
//! ```text
//! board (news), doors (standing) --record--> outbox (disk) --deliver, in order--> control plane
//! metadata (facts), health --------------heartbeat, every 5 min---------------->
//! ```
mod beat;
mod deliver;
mod record;
mod say;

use crate::{
    agents::{
        config::{Board, Standing},
        manager::{Agent, Health},
        metadata::Facts,
    },
    cloud::{Outbox, OutboxError, Plane, TokenSource},
    runtime::{backoff::backoff, clock::Clock},
};
use jiff::Timestamp;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// What the agent is called.
const NAME: &str = "sync";
/// First wait after something that was not delivered; it doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait after something that was not delivered.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// The outbox, for those who fill and those who empty it.
#[derive(Clone)]
struct Post {
    outbox: Arc<Mutex<Outbox>>,
    /// Something waits.
    filled: Arc<Notify>,
}

impl Post {
    /// Does something with the outbox on a thread that may wait for the disk.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Outbox) -> T + Send + 'static) -> Option<T> {
        let outbox = Arc::clone(&self.outbox);
        let work = move || work(&mut outbox.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.ok()
    }

    fn waiting(&self) -> usize {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner).waiting()
    }
}

/// What the agent leans on.
pub struct Parts {
    /// The control plane.
    pub plane: Plane,
    /// Tokens for it.
    pub tokens: TokenSource,
    /// Where configurations stand.
    pub board: Arc<Board>,
    /// What became of each resource among the doors.
    pub standing: watch::Receiver<Arc<Standing>>,
    /// What is known of the cluster.
    pub facts: watch::Receiver<Facts>,
    /// How the agents are.
    pub health: Health,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// When the control plane last heard of the cluster.
    pub heard_tx: Arc<watch::Sender<Option<Timestamp>>>,
}

/// The agent.
pub struct Sync {
    parts: Parts,
    post: Post,
}

impl Agent for Sync {
    async fn run(&mut self) {
        Self::work(self).await;
    }
}

impl Sync {
    /// An agent whose outbox is a directory.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn open(parts: Parts, directory: PathBuf) -> Result<Self, OutboxError> {
        let outbox = Arc::new(Mutex::new(Outbox::open(directory)?));
        Ok(Self { parts, post: Post { outbox, filled: Arc::default() } })
    }

    /// Tells until dropped.
    ///
    /// # Cancellation
    /// May be dropped at any time: what waits is on the disk.
    async fn work(&self) {
        tokio::join!(self.record(), self.deliver(), self.beat());
    }
}

/// How long to wait after so many failures in a row; `chance` is from 0 to 1. What the control plane asks for is heeded.
fn wait_after(failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let doubled = backoff(FIRST_RETRY, failures, LAST_RETRY);
    doubled.mul_f64(0.5 + chance).max(asked.unwrap_or_default().min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_their_bound_and_a_longer_one_that_is_asked_for_is_heeded() {
        let seconds = |failures, asked| wait_after(failures, asked, 0.5).as_secs();
        assert_eq!([1, 2, 3, 30].map(|failures| seconds(failures, None)), [1, 2, 4, 60]);
        assert_eq!(seconds(1, Some(Duration::from_secs(120))), 120);
        assert_eq!(seconds(1, Some(Duration::MAX)), 3600);
        assert_eq!(seconds(9, Some(Duration::from_secs(1))), 60);
    }
}
