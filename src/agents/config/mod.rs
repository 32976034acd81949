//! The centre: desired state in, configurations reconciled, status out.
//!
//! One task a configuration, so that none waits for another. A task wakes when its interval ends,
//! when one of its objects changes, or when its configuration does.
//!
//! ```text
//! desired (watch) --> run --one task a configuration--> visit --Report--> Board --> status file
//!                                                         ^ Signal (live watch)
//!    visit: revision -> wanted (render) -> observe -> plan (pure) -> carry_out -> judge (pure)
//! ```
mod artifact_tree;
mod board;
mod carry_out;
mod error;
mod fight;
mod judge;
mod memory;
mod observe;
mod pass;
mod prepare;
mod preview;
mod reconcile;
mod remove;
mod revision;
pub mod status;
mod visit;
mod wanted;

pub use board::{Board, read as status_file};
pub use error::PassError;
pub use memory::Memory;
pub use preview::{Preview, preview};
pub use reconcile::{Cause, reconcile};
pub use remove::remove;

use crate::{
    cluster::Cluster,
    desired::DesiredState,
    error::Chain,
    model::configuration::{Configuration, ConfigurationId},
    runtime::clock::Clock,
    source::GitCache,
};
use revision::backoff;
use status::Phase;
use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Renders at once, over all configurations.
const RENDERS: usize = 4;
/// Visits at once, over all configurations.
const PASSES: usize = 32;
/// First wait after a removal that failed, and the longest.
const REMOVAL_RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// All that a visit may touch. A test builds one by hand.
pub struct Context {
    /// The cluster.
    pub cluster: Cluster,
    /// The repositories.
    pub sources: GitCache,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// The door by which the configurations come in, as it is written into their inventories.
    pub door: String,
    /// For how long one look at a repository serves every configuration of it.
    pub freshness: Duration,
    /// Bounds the renders at once.
    pub renders: Semaphore,
    /// Bounds the visits at once.
    pub passes: Semaphore,
}

impl Context {
    /// Puts a context together.
    pub fn new(cluster: Cluster, sources: GitCache, clock: Arc<dyn Clock>, door: String) -> Self {
        Self {
            cluster,
            sources,
            clock,
            door,
            freshness: Duration::from_secs(2),
            renders: Semaphore::new(RENDERS),
            passes: Semaphore::new(PASSES),
        }
    }

    fn public_key(&self, configuration: &Configuration) -> Option<String> {
        let key = configuration.source.credentials.ssh_private_key.as_ref()?;
        crate::source::git::public_key_of(key).ok()
    }
}

/// Reconciles every configuration until each is settled, and says whether all are compliant.
///
/// Settled is ready, suspended, stalled, or failing for as long as `patience`.
pub async fn run_once(
    ctx: &Arc<Context>,
    desired: &DesiredState,
    board: &Arc<Board>,
    patience: Duration,
    cancel: &CancellationToken,
) -> bool {
    let tracker = TaskTracker::new();
    let deadline = tokio::time::Instant::now() + patience;
    for configuration in desired.configurations.clone() {
        let (ctx, board, cancel) = (Arc::clone(ctx), Arc::clone(board), cancel.clone());
        tracker.spawn(async move {
            let is_enough = |phase| match phase {
                Phase::Ready | Phase::Suspended | Phase::Stalled => true,
                Phase::Progressing | Phase::Failing => tokio::time::Instant::now() >= deadline,
            };
            visit::until(&ctx, &configuration, &board, &cancel, is_enough).await;
        });
    }
    let mut is_clear = true;
    for id in left_behind(ctx, desired).await {
        is_clear &= clear_away(ctx, &id, cancel).await;
    }
    tracker.close();
    tracker.wait().await;
    board.flush().await;
    is_clear && board.all_ready()
}

/// Follows the desired state until cancelled. Returns when nothing is in flight any more.
pub async fn run(
    ctx: Arc<Context>,
    mut desired: tokio::sync::watch::Receiver<Arc<DesiredState>>,
    board: Arc<Board>,
    cancel: CancellationToken,
) {
    let mut jobs = Jobs { jobs: BTreeMap::new(), cancel: cancel.clone() };
    let mut has_looked_back = false;
    loop {
        let state = Arc::clone(&desired.borrow_and_update());
        for issue in &state.issues {
            tracing::warn!(issue = %issue, "state file");
        }
        let mut gone = jobs.gone(&state);
        if !has_looked_back {
            has_looked_back = true;
            gone.extend(left_behind(&ctx, &state).await);
        }
        for id in gone {
            board.forget(&id);
            let ctx = Arc::clone(&ctx);
            jobs.start(id.clone(), None, move |stop| async move { keep_clearing_away(&ctx, &id, &stop).await });
        }
        for configuration in &state.configurations {
            if !jobs.is_running(configuration) {
                let (ctx, board, own) = (Arc::clone(&ctx), Arc::clone(&board), configuration.clone());
                let work = move |stop| async move { visit::until(&ctx, &own, &board, &stop, |_| false).await };
                jobs.start(configuration.id.clone(), Some(configuration), work);
            }
        }
        tokio::select! {
            // Cancel-safe: a change that was not seen stays marked as changed.
            changed = desired.changed() => if changed.is_err() { break },
            () = cancel.cancelled() => break,
        }
    }
    cancel.cancelled().await;
    jobs.wait().await;
    board.flush().await;
}

/// What is done for one configuration: visiting it, or clearing it away.
struct Job {
    /// Digest of the configuration that is visited; none when it is cleared away.
    digest: Option<String>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// One job a configuration; the next begins when the one before has ended.
struct Jobs {
    jobs: BTreeMap<ConfigurationId, Job>,
    cancel: CancellationToken,
}

impl Jobs {
    fn is_running(&self, configuration: &Configuration) -> bool {
        let job = self.jobs.get(&configuration.id);
        job.is_some_and(|job| job.digest.as_deref() == Some(&configuration.digest))
    }

    /// The configurations that are visited and are not wanted any more.
    fn gone(&self, state: &DesiredState) -> Vec<ConfigurationId> {
        let is_wanted = |id: &ConfigurationId| state.configurations.iter().any(|one| one.id == *id);
        self.jobs.iter().filter(|(id, job)| job.digest.is_some() && !is_wanted(id)).map(|(id, _)| id.clone()).collect()
    }

    /// Starts a job when the one before it, which is told to stop, has ended.
    fn start<F: Future<Output = ()> + Send>(
        &mut self,
        id: ConfigurationId,
        configuration: Option<&Configuration>,
        work: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) {
        let stop = self.cancel.child_token();
        let before = self.jobs.remove(&id).map(|job| {
            job.stop.cancel();
            job.task
        });
        let own = stop.clone();
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // One that panicked has ended too.
                before.await.ok();
            }
            work(own).await;
        });
        self.jobs.insert(id, Job { digest: configuration.map(|one| one.digest.clone()), stop, task });
    }

    async fn wait(self) {
        for job in self.jobs.into_values() {
            job.task.await.ok();
        }
    }
}

/// Configurations that came in by this door before and are not wanted any more.
///
/// Nothing is left behind for sure while some document of the state cannot be used.
async fn left_behind(ctx: &Context, state: &DesiredState) -> Vec<ConfigurationId> {
    if let Err(error) = ctx.cluster.inventories.load().await {
        tracing::warn!(error = %Chain(&error), "inventories not read; configurations that are gone are not looked for");
        return Vec::new();
    }
    let is_wanted = |id: &ConfigurationId| state.configurations.iter().any(|one| one.id == *id);
    let is_certain = !state.issues.iter().any(crate::desired::Issue::is_error);
    let mut gone = Vec::new();
    for (id, inventory) in ctx.cluster.inventories.all().into_iter().filter(|(id, _)| !is_wanted(id)) {
        if is_certain && !ctx.door.is_empty() && inventory.door == ctx.door {
            gone.push(id);
        } else if !inventory.is_empty() {
            tracing::info!(configuration = %id, door = %inventory.door, "the cluster has an inventory of a configuration that is not in the state; it is left alone");
        }
    }
    gone
}

async fn keep_clearing_away(ctx: &Context, id: &ConfigurationId, stop: &CancellationToken) {
    let (first, most) = REMOVAL_RETRY;
    for attempt in 1.. {
        if clear_away(ctx, id, stop).await {
            return;
        }
        tokio::select! {
            // Cancel-safe: nothing is under way.
            () = tokio::time::sleep(backoff(first, attempt, most)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Deletes what a configuration that is gone had applied. True when nothing is left to do.
async fn clear_away(ctx: &Context, id: &ConfigurationId, stop: &CancellationToken) -> bool {
    match remove(ctx, id, stop).await {
        Ok(0) => {
            tracing::info!(configuration = %id, "configuration removed");
            true
        }
        Ok(left) => {
            tracing::warn!(configuration = %id, left, "configuration removed, but not all of its objects; they stay in its inventory");
            false
        }
        Err(error) => {
            tracing::warn!(configuration = %id, error = %Chain(&error), "configuration removed, but not its objects; they stay in its inventory");
            false
        }
    }
}
