//! What is written into custom resources: their finalizer and their status, each only when it changes.
//!
//! ```text
//! doors (Standing) ---+
//! board (changes)  ---+--> Keeper --> decide (pure: one resource -> Step) --> write, one at a time a resource
//! the clock --------+
//! ```
mod decide;
mod write;

use super::{Board, Context, Standing, changes::News};
use crate::{
    desired::cluster::{Key, Kind, Resource},
    error::Chain,
    model::configuration::ConfigurationId,
    runtime::backoff::backoff,
};
use decide::{Ownership, Step, View, decide};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use write::{Write, Written};

/// Writes at once.
const WRITES: usize = 16;
/// Time between looks at what waits for time to pass.
const TICK: Duration = Duration::from_secs(1);
/// Time after which a resource whose first visit has not ended is told to be on the way.
const UNTIL_TOLD: Duration = Duration::from_secs(2);
/// First wait after a write that failed; it doubles up to [`LAST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait after a write that failed.
const LAST_RETRY: Duration = Duration::from_secs(60);
/// Longest time for writes under way to end when the agent does.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is remembered of one resource.
struct Track {
    uid: String,
    generation: i64,
    /// When this generation of it was seen first.
    since: Instant,
    /// Its version after the last write to it.
    version: u64,
    /// The status that was written last.
    sent: Option<Value>,
    is_in_flight: bool,
    failures: u32,
    retry_at: Option<Instant>,
    /// The visit that was asked for last, and how many had begun before.
    asked: Option<(String, u64)>,
    /// Whether it is to be looked at when time has passed.
    is_waiting: bool,
}

impl Track {
    fn new(resource: &Resource) -> Self {
        Self {
            uid: resource.uid.clone(),
            generation: resource.generation,
            since: Instant::now(),
            version: 0,
            sent: None,
            is_in_flight: false,
            failures: 0,
            retry_at: None,
            asked: None,
            is_waiting: false,
        }
    }
}

/// Keeps finalizer and status of every resource.
pub(super) struct Keeper {
    ctx: Arc<Context>,
    board: Arc<Board>,
    news: Arc<News>,
    tracks: BTreeMap<Key, Track>,
    writes: JoinSet<(Key, Written)>,
    slots: Arc<Semaphore>,
}

impl Keeper {
    /// A keeper that has seen nothing yet.
    pub(super) fn new(ctx: Arc<Context>, board: Arc<Board>) -> Self {
        let slots = Arc::new(Semaphore::new(WRITES));
        let news = board.listen();
        Self { ctx, board, news, tracks: BTreeMap::new(), writes: JoinSet::new(), slots }
    }

    /// Follows resources and their reports until cancelled.
    pub(super) async fn run(mut self, mut standing: watch::Receiver<Arc<Standing>>, cancel: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut now = Arc::clone(&standing.borrow_and_update());
        let mut due: Vec<Key> = now.resources.resources.keys().cloned().collect();
        loop {
            for key in due.drain(..) {
                self.visit(&now, &key);
            }
            tokio::select! {
                // Cancel-safe: a change that was not seen stays marked as changed.
                changed = standing.changed() => {
                    if changed.is_err() { break }
                    let next = Arc::clone(&standing.borrow_and_update());
                    due = changed_between(&now, &next);
                    now = next;
                }
                // Cancel-safe: news that was not taken is kept.
                () = self.news.wait() => {
                    due.extend(self.news.take().iter().flat_map(keys_of));
                }
                // Cancel-safe: a write that has ended and was not taken is taken next time.
                Some(done) = self.writes.join_next() => due.extend(done.ok().and_then(|(key, done)| self.end(key, done))),
                // Cancel-safe: a tick that was missed comes late.
                _ = tick.tick() => {
                    let waiting = self.tracks.iter().filter(|(_, track)| track.is_waiting || track.retry_at.is_some());
                    due.extend(waiting.map(|(key, _)| key.clone()));
                }
                () = cancel.cancelled() => break,
            }
        }
        let farewell = async { while self.writes.join_next().await.is_some() {} };
        tokio::time::timeout(FAREWELL, farewell).await.ok();
    }

    /// Takes note of a write that has ended, and says whose it was when there may be more to do.
    fn end(&mut self, key: Key, written: Written) -> Option<Key> {
        let track = self.tracks.get_mut(&key)?;
        track.is_in_flight = false;
        match written {
            Written::Stored { version, status } => {
                track.version = track.version.max(version);
                track.sent = status.or_else(|| track.sent.take());
                track.failures = 0;
                track.retry_at = None;
            }
            Written::Stale => track.retry_at = Some(Instant::now() + FIRST_RETRY),
            Written::Failed(error) => {
                track.failures = track.failures.saturating_add(1);
                let wait = backoff(FIRST_RETRY, track.failures, LAST_RETRY);
                track.retry_at = Some(Instant::now() + wait);
                if track.failures == 1 {
                    tracing::warn!(resource = %key, error = %Chain(&error), "resource not written; tried again");
                } else {
                    tracing::debug!(resource = %key, error = %Chain(&error), "resource not written again");
                }
            }
        }
        Some(key)
    }

    /// Looks at one resource, and begins to write what there is to write.
    fn visit(&mut self, standing: &Standing, key: &Key) {
        let Some(resource) = standing.resources.resources.get(key) else {
            self.tracks.remove(key);
            return;
        };
        let track = self.tracks.entry(key.clone()).or_insert_with(|| Track::new(resource));
        if track.uid != resource.uid {
            let is_in_flight = track.is_in_flight;
            *track = Track { is_in_flight, ..Track::new(resource) };
        }
        if track.generation != resource.generation {
            (track.generation, track.since) = (resource.generation, Instant::now());
        }
        // What was written comes back by the watch, and is looked at then.
        let is_late = track.retry_at.is_none_or(|at| at <= Instant::now());
        if track.is_in_flight || !is_late || resource.version() < track.version {
            return;
        }
        track.retry_at = None;
        let ownership = ownership(standing, resource);
        ask(&self.ctx, &self.board, resource, &ownership, track);
        let id = &key.id;
        let status = self.board.get(id);
        let view = View {
            resource,
            ownership,
            is_leaving: standing.merged.state.leaving.contains(id),
            departure: self.board.departures.get(id),
            status: status.as_ref(),
            handled: track
                .asked
                .as_ref()
                .filter(|(_, begun)| self.board.has_visited(id, *begun))
                .map(|(at, _)| at.as_str()),
            has_waited: track.since.elapsed() >= UNTIL_TOLD,
            now: self.ctx.clock.now(),
        };
        let step = decide(&view);
        track.is_waiting = matches!(step, Step::Wait);
        let write = match step {
            Step::Nothing | Step::Wait => return,
            Step::Status(status) if track.sent.as_ref() == Some(&status) && track.version == resource.version() => {
                return;
            }
            Step::Status(status) => {
                self.tell_refusal(resource, &status);
                Write::Status(status)
            }
            Step::Hold => Write::Hold,
            Step::Release(why) => {
                self.say_farewell(resource, &why);
                Write::Release
            }
        };
        self.begin(resource, write);
    }

    fn begin(&mut self, resource: &Arc<Resource>, write: Write) {
        if let Some(track) = self.tracks.get_mut(&resource.key) {
            track.is_in_flight = true;
        }
        let (ctx, slots, resource) = (Arc::clone(&self.ctx), Arc::clone(&self.slots), Arc::clone(resource));
        self.writes.spawn(async move {
            let _slot = slots.acquire().await;
            let written = write::carry_out(&ctx, &resource, write).await;
            (resource.key.clone(), written)
        });
    }

    /// Tells of a resource that is refused from now on, or for another reason than before.
    fn tell_refusal(&self, resource: &Resource, status: &Value) {
        let Some(refusal) = stalled(status).filter(|now| is_refusal(now)) else { return };
        if stalled(&resource.status).is_some_and(|before| before["message"] == refusal["message"]) {
            return;
        }
        let text = |key: &str| refusal[key].as_str().unwrap_or_default().to_owned();
        let (reason, message) = (text("reason"), text("message"));
        tracing::warn!(resource = %resource.key, %reason, %message, "resource refused");
        self.tell(resource, reason, message);
    }

    /// Records a warning, without waiting for that.
    fn tell(&self, resource: &Resource, reason: String, message: String) {
        let (ctx, id, resource) = (Arc::clone(&self.ctx), resource.key.id.clone(), resource.reference());
        let told = async move { ctx.cluster.events.record(&id, Some(&resource), true, &reason, &message).await };
        self.ctx.tellers.spawn(told);
    }

    /// Tells of a resource that is let go before all that it applied is gone.
    fn say_farewell(&self, resource: &Resource, why: &decide::Release) {
        let decide::Release::Late { left } = why else { return };
        tracing::warn!(resource = %resource.key, left, "resource let go after 5 minutes; what it applied is not all gone, and stays in its inventory");
        let message = format!(
            "let go after 5 minutes: {left} of its objects could not be deleted; they stay in its inventory, ConfigMap arcwright.{}",
            resource.key.id.name
        );
        self.tell(resource, "DeletionIncomplete".to_owned(), message);
    }
}

/// Asks for the visit that a resource asks for, once.
fn ask(ctx: &Context, board: &Board, resource: &Resource, ownership: &Ownership, track: &mut Track) {
    let Some(token) = &resource.requested_at else { return };
    let is_heeded = resource.status["lastHandledReconcileAt"].as_str() == Some(token);
    let is_asked = track.asked.as_ref().is_some_and(|(asked, _)| asked == token);
    if is_heeded || is_asked || *ownership != Ownership::Own || resource.deleted.is_some() || !resource.is_held() {
        return;
    }
    let id = &resource.key.id;
    track.asked = Some((token.clone(), board.begun(id)));
    ctx.cluster.live.signal(id).ask();
}

/// Whose a resource's configuration is.
fn ownership(standing: &Standing, resource: &Resource) -> Ownership {
    let id = &resource.key.id;
    match standing.resources.holder(id) {
        Some(holder) if holder.key != resource.key => return Ownership::Beside(holder.key.clone()),
        Some(_) | None => {}
    }
    match standing.merged.refused.get(&(crate::model::Door::Cluster, id.clone())) {
        Some(owner) => Ownership::Elsewhere(owner.clone()),
        None => Ownership::Own,
    }
}

/// The condition of a status that says that it cannot go on.
fn stalled(status: &Value) -> Option<&Value> {
    status["conditions"].as_array()?.iter().find(|one| one["type"] == "Stalled" && one["status"] == "True")
}

/// Whether a condition is about the resource itself, rather than about what came of a visit.
fn is_refusal(condition: &Value) -> bool {
    [super::mapped::INVALID, decide::OWNED_ELSEWHERE].iter().any(|reason| condition["reason"] == *reason)
}

fn keys_of(id: &ConfigurationId) -> [Key; 4] {
    Kind::ALL.map(|kind| Key { id: id.clone(), kind })
}

/// The resources that are not what they were, or do not stand where they stood.
fn changed_between(before: &Standing, now: &Standing) -> Vec<Key> {
    let is_same = |key: &Key, resource: &Arc<Resource>| {
        let old = before.resources.resources.get(key);
        old.is_some_and(|old| Arc::ptr_eq(old, resource))
            && before.merged.state.leaving.contains(&key.id) == now.merged.state.leaving.contains(&key.id)
            && ownership(before, resource) == ownership(now, resource)
    };
    let here = now.resources.resources.iter().filter(|(key, resource)| !is_same(key, resource)).map(|(key, _)| key);
    let gone = before.resources.resources.keys().filter(|key| !now.resources.resources.contains_key(*key));
    here.chain(gone).cloned().collect()
}
