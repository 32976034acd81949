//! The centre: desired state in, configurations reconciled, status out.
//!
//! One task a configuration, so that none waits for another. A task wakes when its interval ends,
//! when one of its objects changes, or when its configuration does.
//!
//! ```text
//! desired (watch) --> run --spawn/replace--> one task a configuration --Report--> Board --> status file
//!                                               ^ Signal (live watch)
//! ```
mod artifact_tree;
mod board;
mod credentials;
mod fight;
mod prepare;
mod preview;
mod reconcile;
pub mod status;

pub use board::{Board, read as status_file};
pub use credentials::SourceError;
pub use preview::{Preview, preview};
pub use reconcile::{Memory, reconcile, remove};

use crate::{
    cluster::Cluster,
    desired::DesiredState,
    model::configuration::{Configuration, ConfigurationId},
    runtime::clock::Clock,
    source::GitCache,
};
use status::{Phase, Report, status_of};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Renders at once, over all configurations.
const RENDERS: usize = 4;
/// Passes at once, over all configurations.
const PASSES: usize = 32;
/// First wait after a failed pass; it doubles up to the retry interval, with jitter.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// All that a pass may touch. A test builds one by hand.
pub struct Context {
    /// The cluster.
    pub cluster: Cluster,
    /// The repositories.
    pub sources: GitCache,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// For how long one look at a repository serves every configuration of it.
    pub freshness: Duration,
    /// Bounds the renders at once.
    pub renders: Semaphore,
    /// Bounds the passes at once.
    pub passes: Semaphore,
}

impl Context {
    /// Puts a context together.
    pub fn new(cluster: Cluster, sources: GitCache, clock: Arc<dyn Clock>) -> Self {
        Self {
            cluster,
            sources,
            clock,
            freshness: Duration::from_secs(2),
            renders: Semaphore::new(RENDERS),
            passes: Semaphore::new(PASSES),
        }
    }

    fn public_key(&self, configuration: &Configuration) -> Option<String> {
        match &configuration.source.credentials.ssh_private_key {
            Some(key) => crate::source::git::public_key_of(key).ok(),
            None => self.cluster.keys.public_half(&configuration.id),
        }
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
    for configuration in desired.configurations.clone() {
        let (ctx, board, cancel) = (Arc::clone(ctx), Arc::clone(board), cancel.clone());
        tracker.spawn(async move {
            let deadline = tokio::time::Instant::now() + patience;
            visit_until(&ctx, &configuration, &board, &cancel, |phase| match phase {
                Phase::Ready | Phase::Suspended | Phase::Stalled => true,
                Phase::Progressing | Phase::Failing => tokio::time::Instant::now() >= deadline,
            })
            .await;
        });
    }
    tracker.close();
    tracker.wait().await;
    board.flush().await;
    board.all_ready()
}

/// Follows the desired state until cancelled.
pub async fn run(
    ctx: Arc<Context>,
    mut desired: tokio::sync::watch::Receiver<Arc<DesiredState>>,
    board: Arc<Board>,
    cancel: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let mut running: BTreeMap<ConfigurationId, (Configuration, CancellationToken)> = BTreeMap::new();
    loop {
        let state = Arc::clone(&desired.borrow_and_update());
        for issue in &state.issues {
            tracing::warn!(issue = %issue, "state file");
        }
        let wanted: BTreeMap<_, _> = state.configurations.iter().map(|one| (one.id.clone(), one)).collect();
        let gone: Vec<ConfigurationId> = running.keys().filter(|id| !wanted.contains_key(id)).cloned().collect();
        for id in gone {
            if let Some((configuration, stop)) = running.remove(&id) {
                stop.cancel();
                board.forget(&id);
                let ctx = Arc::clone(&ctx);
                tracker.spawn(async move { clean_up(&ctx, &configuration).await });
            }
        }
        for (id, configuration) in wanted {
            if running.get(&id).is_some_and(|(known, _)| {
                known.digest == configuration.digest && known.suspend == configuration.suspend
            }) {
                continue;
            }
            if let Some((_, stop)) = running.remove(&id) {
                stop.cancel();
            }
            let stop = cancel.child_token();
            running.insert(id, (configuration.clone(), stop.clone()));
            let (ctx, board, configuration) = (Arc::clone(&ctx), Arc::clone(&board), configuration.clone());
            tracker.spawn(async move { visit_until(&ctx, &configuration, &board, &stop, |_| false).await });
        }
        tokio::select! {
            // Cancel-safe: a change that was not seen stays marked as changed.
            changed = desired.changed() => if changed.is_err() { break },
            () = cancel.cancelled() => break,
        }
    }
    cancel.cancelled().await;
    tracker.close();
    tracker.wait().await;
    board.flush().await;
}

async fn clean_up(ctx: &Arc<Context>, configuration: &Configuration) {
    match remove(ctx, configuration).await {
        Ok(deleted) => tracing::info!(configuration = %configuration.id, deleted, "configuration removed"),
        Err(error) => {
            tracing::warn!(configuration = %configuration.id, error = %crate::error::Chain(&error), "configuration removed, but not all of its objects; they stay in its inventory")
        }
    }
}

/// Visits one configuration again and again, until `is_enough` says so of its phase, or cancelled.
async fn visit_until(
    ctx: &Arc<Context>,
    configuration: &Configuration,
    board: &Arc<Board>,
    cancel: &CancellationToken,
    is_enough: impl Fn(Phase) -> bool,
) {
    let signal = ctx.cluster.live.signal(&configuration.id);
    let mut memory = Memory::default();
    loop {
        let has_drifted = signal.take_drifted();
        let report = {
            let Ok(_slot) = ctx.passes.acquire().await else { return };
            tokio::select! {
                // Cancel-safe: the inventory is stored before the first write, so a dropped pass loses nothing.
                report = Box::pin(reconcile(ctx, configuration, &mut memory, has_drifted, cancel)) => report,
                () = cancel.cancelled() => return,
            }
        };
        tell(ctx, configuration, board, &report).await;
        if is_enough(report.phase) {
            return;
        }
        let wait = next_visit(configuration, &report, &mut memory, fastrand::f64());
        tokio::select! {
            // Cancel-safe: a signal that was not received is kept for the next wait.
            () = signal.changed() => {}
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// How long to wait until the next visit, when nothing happens before.
fn next_visit(configuration: &Configuration, report: &Report, memory: &mut Memory, chance: f64) -> Duration {
    let interval = configuration
        .kustomizations
        .iter()
        .map(|one| one.interval)
        .chain([configuration.source.interval])
        .min()
        .unwrap_or(Duration::from_secs(600));
    let retry = configuration.kustomizations.iter().filter_map(|one| one.retry_interval).min().unwrap_or(interval);
    let base = match report.phase {
        Phase::Ready | Phase::Suspended => {
            memory.failures = 0;
            interval
        }
        Phase::Progressing => Duration::from_secs(5).min(interval),
        Phase::Stalled => retry,
        Phase::Failing => {
            memory.failures = memory.failures.saturating_add(1);
            FIRST_RETRY.saturating_mul(2_u32.saturating_pow(memory.failures.min(16) - 1)).min(retry)
        }
    };
    base.mul_f64(0.95 + 0.1 * chance)
}

/// Status, event and log line, all from one report.
async fn tell(ctx: &Context, configuration: &Configuration, board: &Board, report: &Report) {
    let before = board.get(&configuration.id);
    let status = status_of(configuration, report, before.as_ref(), ctx.clock.now());
    let has_moved = before
        .as_ref()
        .is_none_or(|before| before.compliance_state != status.compliance_state || before.message != status.message);
    if has_moved || report.has_written {
        let is_warning = matches!(report.phase, Phase::Failing | Phase::Stalled);
        if is_warning {
            tracing::warn!(configuration = %configuration.id, state = %status.compliance_state, reason = %report.reason, message = %report.message, "reconciled");
        } else {
            tracing::info!(configuration = %configuration.id, state = %status.compliance_state, reason = %report.reason, message = %report.message, "reconciled");
        }
        if report.phase != Phase::Progressing {
            ctx.cluster.events.record(&configuration.id, is_warning, &report.reason, &report.message).await;
        }
    }
    board.set(&configuration.id, status);
}
