//! The centre: desired state in, configurations reconciled, status out.
//!
//! One task a configuration, so that none waits for another. A task wakes when its interval ends,
//! when one of its objects changes, or when its configuration does.
//!
//! ```text
//! desired (watch) --> run --one task a configuration--> visit --Report--> Board --> status file
//!                                                         ^ Signal (live watch)
//!    visit: origin (engine) -> wanted -> observe -> plan (pure) -> carry_out -> judge (pure, engine)
//! ```
mod account;
mod artifact_tree;
mod board;
mod carry_out;
mod changes;
pub mod control;
mod credentials;
mod departed;
mod departures;
mod doors;
mod engine;
mod error;
mod fight;
mod jobs;
mod judge;
mod lookup;
mod mapped;
mod memory;
mod normalise;
mod observe;
mod pass;
mod prepare;
mod preview;
mod reconcile;
mod remove;
mod rendered;
mod resources;
mod revision;
pub mod status;
mod summary;
pub mod suspensions;
mod visit;
mod wanted;

pub use account::AccountPolicy;
pub(crate) use artifact_tree::ArtifactTree;
pub use board::{Board, read as status_file};
pub use credentials::SourceError;
pub use doors::{Doors, Standing};
pub use error::PassError;
pub use lookup::{LookupError, lookup};
pub(crate) use mapped::{INVALID, Said, Subject, invalid, mapped, same};
pub use memory::Memory;
pub use preview::{Preview, preview};
pub use reconcile::reconcile;
pub use remove::{Left, remove};
pub(crate) use status::OWNED_ELSEWHERE;

use crate::{
    cluster::Cluster,
    desired::{DesiredState, Issue},
    flux::{v1::Images, v2},
    model::{Door, configuration::Configuration},
    render::Cache,
    runtime::clock::Clock,
    source::GitCache,
};
use jobs::Jobs;
use status::{Phase, Report};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Renders at once, over all configurations.
const RENDERS: usize = 4;
/// What is kept of renders for those after them, in bytes.
const RENDERED_BYTES: usize = 16 << 20;
/// Visits at once, over all configurations.
const PASSES: usize = 32;

/// All that a visit may touch. A test builds one by hand.
pub struct Context {
    /// The cluster.
    pub cluster: Cluster,
    /// The repositories.
    pub sources: GitCache,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// For how long one look at a repository serves every configuration of it.
    pub freshness: Duration,
    /// In whose name objects are written.
    pub accounts: AccountPolicy,
    /// What the operators run that are installed.
    pub images: Images,
    /// Whether and how the Flux v2 controllers are installed.
    pub controllers: v2::Settings,
    /// What was found of Flux v2.
    findings: engine::Findings,
    /// Bounds the renders at once.
    pub renders: Semaphore,
    /// What renders keep for those after them.
    pub rendered: Arc<Cache>,
    /// Bounds the visits at once.
    pub passes: Semaphore,
    /// The Events that are being recorded.
    tellers: TaskTracker,
}

impl Context {
    /// Puts a context together.
    pub fn new(cluster: Cluster, sources: GitCache, clock: Arc<dyn Clock>) -> Self {
        Self {
            cluster,
            sources,
            clock,
            freshness: Duration::from_secs(2),
            accounts: AccountPolicy::default(),
            images: Images::default(),
            controllers: v2::Settings::default(),
            findings: engine::Findings::default(),
            renders: Semaphore::new(RENDERS),
            rendered: Arc::new(Cache::new(RENDERED_BYTES)),
            passes: Semaphore::new(PASSES),
            tellers: TaskTracker::new(),
        }
    }

    /// Waits until the Events that are under way have been recorded, or given up.
    async fn told(&self) {
        self.tellers.close();
        self.tellers.wait().await;
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
    let deadline = tokio::time::Instant::now() + patience;
    let laid_over = with_controllers(&ctx.controllers, desired.clone());
    let desired = &*laid_over;
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
    tell_refused(ctx, desired, board);
    let mut is_clear = true;
    for id in departed::left_behind(ctx, desired, &desired.certain.keys().collect::<Vec<_>>()).await {
        is_clear &= departed::clear_away(ctx, &id, cancel).await.is_some_and(|left| left.failed == 0);
    }
    tracker.close();
    tracker.wait().await;
    board.flush().await;
    ctx.told().await;
    is_clear && board.all_ready()
}

/// Adds the Flux v2 controllers to a state, where they are to be installed and something needs them.
pub fn with_controllers(settings: &v2::Settings, state: DesiredState) -> Arc<DesiredState> {
    engine::lay_over(settings, Arc::new(state), &mut false)
}

/// Says of what another door owns that it is left alone.
fn tell_refused(ctx: &Context, state: &DesiredState, board: &Board) {
    for (configuration, owner) in &state.refused {
        let id = &configuration.id;
        let report = Report::refused(owner, id);
        let status = summary::status_of(configuration, &report, board.get(id).as_ref(), ctx.clock.now());
        board.set(id, status);
    }
}

/// Keeps the status and the finalizer of every custom resource, until cancelled.
///
/// The finalizer is released when what the resource applied is gone, or after five minutes.
pub async fn keep_resources(
    ctx: Arc<Context>,
    board: Arc<Board>,
    standing: tokio::sync::watch::Receiver<Arc<Standing>>,
    cancel: CancellationToken,
) {
    resources::Keeper::new(ctx, board).run(standing, cancel).await;
}

/// Follows the desired state until cancelled. Returns when nothing is in flight any more.
pub async fn run(
    ctx: Arc<Context>,
    mut desired: tokio::sync::watch::Receiver<Arc<DesiredState>>,
    board: Arc<Board>,
    cancel: CancellationToken,
) {
    let mut jobs = Jobs::new(cancel.clone());
    let mut told: Vec<Issue> = Vec::new();
    let mut refused = BTreeSet::new();
    let mut needs_flux = false;
    let mut looked_back: BTreeSet<Door> = BTreeSet::new();
    loop {
        let state = engine::lay_over(&ctx.controllers, Arc::clone(&desired.borrow_and_update()), &mut needs_flux);
        for issue in state.issues.iter().filter(|issue| told.binary_search(issue).is_err()) {
            tracing::warn!(issue = %issue, "state");
        }
        told.clone_from(&state.issues);
        let mut gone = jobs.gone(&state);
        let opened: Vec<&Door> = state.certain.keys().filter(|door| !looked_back.contains(*door)).collect();
        if !opened.is_empty() {
            gone.extend(departed::left_behind(&ctx, &state, &opened).await);
            looked_back.extend(opened.into_iter().cloned());
        }
        tell_refused(&ctx, &state, &board);
        let now_refused: BTreeSet<_> = state.refused.iter().map(|(one, _)| one.id.clone()).collect();
        refused.difference(&now_refused).filter(|id| !state.states(id)).for_each(|id| board.forget(id));
        refused = now_refused;
        board.departures.retain(|id| state.leaving.contains(id));
        gone.extend(state.leaving.iter().filter(|id| board.departures.begin(id)).cloned());
        gone.sort();
        gone.dedup();
        for id in gone {
            board.forget(&id);
            let (ctx, board) = (Arc::clone(&ctx), Arc::clone(&board));
            let own = id.clone();
            let work = move |stop| async move { departed::keep_clearing_away(&ctx, &board, &own, &stop).await };
            jobs.start(id, None, work);
        }
        for configuration in &state.configurations {
            if !jobs.is_running(configuration) {
                let (ctx, board, own) = (Arc::clone(&ctx), Arc::clone(&board), Arc::clone(configuration));
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
    ctx.told().await;
}
