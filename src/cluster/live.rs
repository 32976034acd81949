//! What is in the cluster: the objects that carry an owner label, of every kind asked for so far.
//!
//! Fed by one label-filtered watch a kind ([`watch`](super::watch)) and by the answers to writes. A
//! watch costs one request when it starts and none while nothing changes.
use super::{
    ClusterError, LiveObject,
    watch::{self, Key},
};
use crate::{
    model::{ObjectId, configuration::ConfigurationId},
    plan::health::Health,
};
use kube::{
    Client,
    core::{ApiResource, DynamicObject},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Longest time for the first answer of a watch.
const SYNC_DEADLINE: Duration = Duration::from_secs(30);
/// How long watches may fail before the cluster counts as out of reach.
const GRACE: Duration = Duration::from_secs(5);

/// Tells one configuration that something about its objects changed.
#[derive(Default)]
pub struct Signal {
    drifted: AtomicBool,
    asked: AtomicBool,
    woken: Notify,
}

impl Signal {
    /// Waits for the next change. Cancel-safe: a change that nobody waited for is kept.
    pub async fn changed(&self) {
        self.woken.notified().await;
    }

    /// Whether the content of an object changed, rather than only its health, since the last call.
    pub fn take_drifted(&self) -> bool {
        self.drifted.swap(false, Ordering::AcqRel)
    }

    /// Whether somebody asked for a visit, source and all, since the last call.
    pub fn take_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }

    /// Wakes whoever waits, as a change of content would.
    pub fn poke(&self) {
        self.drifted.store(true, Ordering::Release);
        self.woken.notify_one();
    }

    /// Asks for a visit that looks at the source too.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.poke();
    }

    fn wake(&self) {
        self.woken.notify_one();
    }
}

/// An object and the watch round in which it was last heard of.
struct Kept {
    object: LiveObject,
    round: u64,
}

/// What became of a stored object.
enum Change {
    None,
    Health,
    Content,
}

#[derive(Default)]
pub(super) struct State {
    objects: BTreeMap<ObjectId, Kept>,
    watches: HashMap<Key, tokio::sync::watch::Receiver<bool>>,
    signals: HashMap<ConfigurationId, Arc<Signal>>,
    failing: BTreeMap<Key, Instant>,
    round: u64,
}

/// The live objects that carry an owner label.
pub struct Live {
    client: Client,
    state: Arc<Shared>,
}

/// The store behind a lock that is never held over an await.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a watch fails, and wakes everybody when that goes on.
    pub(super) fn note_failure(self: &Arc<Self>, key: &Key) {
        let mut state = self.lock();
        if state.failing.contains_key(key) {
            return;
        }
        state.failing.insert(key.clone(), Instant::now());
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(GRACE).await;
            let state = shared.lock();
            if state.unreachable().is_some() {
                state.wake_all();
            }
        });
    }
}

impl Live {
    pub(super) fn new(client: Client) -> Self {
        Self { client, state: Arc::default() }
    }

    /// The signal of a configuration, raised when an object that it owns appears, changes or vanishes.
    pub fn signal(&self, owner: &ConfigurationId) -> Arc<Signal> {
        Arc::clone(self.state.lock().signals.entry(owner.clone()).or_default())
    }

    /// For how long the watches have not been answered, when that is longer than 5 s.
    pub fn unreachable(&self) -> Option<Duration> {
        self.state.lock().unreachable()
    }

    /// Makes sure that the kinds are watched and that each watch has delivered what there is.
    ///
    /// Costs one request for each kind that is new, none otherwise.
    ///
    /// # Errors
    /// When a watch gives no answer within 30 s.
    pub async fn sync(&self, kinds: &[ApiResource]) -> Result<(), ClusterError> {
        let mut waits = Vec::new();
        {
            let mut state = self.state.lock();
            for kind in kinds {
                let key = (kind.group.clone(), kind.kind.clone());
                let start = || watch::start(self.client.clone(), kind.clone(), Arc::clone(&self.state));
                let ready = state.watches.entry(key).or_insert_with(start);
                if !*ready.borrow() {
                    waits.push((kind.kind.clone(), ready.clone()));
                }
            }
        }
        for (kind, mut ready) in waits {
            let answered = tokio::time::timeout(SYNC_DEADLINE, ready.wait_for(|done| *done)).await;
            if !matches!(answered, Ok(Ok(_))) {
                return Err(ClusterError::WatchTimeout { kind, seconds: SYNC_DEADLINE.as_secs() });
            }
        }
        Ok(())
    }

    /// The live objects of the given identities, as they are now.
    pub fn select<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> BTreeMap<ObjectId, LiveObject> {
        let state = self.state.lock();
        ids.into_iter().filter_map(|id| state.objects.get(id).map(|kept| (id.clone(), kept.object.clone()))).collect()
    }

    /// The digest of each of the given objects that is there.
    pub fn digests<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> BTreeMap<ObjectId, u64> {
        let state = self.state.lock();
        ids.into_iter().filter_map(|id| state.objects.get(id).map(|kept| (id.clone(), kept.object.digest))).collect()
    }

    /// The health of each of the given objects; none for one that is not there.
    pub fn health(&self, ids: &BTreeSet<ObjectId>) -> BTreeMap<ObjectId, Option<Health>> {
        let state = self.state.lock();
        ids.iter().map(|id| (id.clone(), state.objects.get(id).map(|kept| kept.object.health.clone()))).collect()
    }

    /// Takes in what an apply answered, ahead of the watch.
    pub(super) fn learn(&self, id: ObjectId, object: LiveObject) {
        let mut state = self.state.lock();
        let round = state.round;
        state.keep(id, object, round);
    }

    /// Forgets an object that was deleted, ahead of the watch.
    pub(super) fn forget(&self, id: &ObjectId) {
        self.state.lock().objects.remove(id);
    }
}

impl State {
    fn unreachable(&self) -> Option<Duration> {
        self.failing.values().map(Instant::elapsed).max().filter(|since| *since >= GRACE)
    }

    /// Notes that a watch is answered again.
    pub(super) fn note_answer(&mut self, key: &Key) {
        let was_out_of_reach = self.unreachable().is_some();
        self.failing.remove(key);
        if was_out_of_reach && self.unreachable().is_none() {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        self.signals.values().for_each(|signal| signal.wake());
    }

    /// Begins a round of a watch: what was heard of before it, and is not in it, is gone.
    pub(super) fn begin_round(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// Ends a round: objects of the kind that were not heard of since it began are gone.
    pub(super) fn end_round(&mut self, (group, kind): &Key, round: u64) {
        let is_gone = |(id, kept): &(&ObjectId, &Kept)| id.group == *group && id.kind == *kind && kept.round < round;
        let gone: Vec<ObjectId> = self.objects.iter().filter(is_gone).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|id| self.remove_and_tell(id));
    }

    /// Forgets a kind that the API server does not have any more, with its objects.
    pub(super) fn drop_kind(&mut self, key: &Key) {
        self.watches.remove(key);
        self.failing.remove(key);
        let everything = self.begin_round();
        self.end_round(key, everything);
    }

    /// Stores an object unless a newer version of it was heard of in the same round or later.
    fn keep(&mut self, id: ObjectId, object: LiveObject, round: u64) -> Change {
        let Some(before) = self.objects.get_mut(&id) else {
            self.objects.insert(id, Kept { object, round });
            return Change::Content;
        };
        let is_same = before.object.uid == object.uid;
        if is_same && before.round >= round && before.object.version > object.version {
            return Change::None;
        }
        let change = if !is_same || before.object.digest != object.digest {
            Change::Content
        } else if before.object.health != object.health {
            Change::Health
        } else {
            Change::None
        };
        *before = Kept { object, round: before.round.max(round) };
        change
    }

    /// Stores an object that a watch sent, and tells its owners, before and after, of the change.
    pub(super) fn keep_and_tell(&mut self, object: DynamicObject, kind: &ApiResource, round: u64) {
        let id = object_id(&object, kind);
        let object = LiveObject::read(object, kind);
        let after = object.owner().cloned();
        let before = self.objects.get(&id).and_then(|kept| kept.object.owner().cloned());
        let change = self.keep(id, object, round);
        if before != after {
            self.tell(before.as_ref(), &change);
        }
        self.tell(after.as_ref(), &change);
    }

    /// Removes an object that a watch says is gone.
    pub(super) fn remove(&mut self, object: &DynamicObject, kind: &ApiResource) {
        let id = object_id(object, kind);
        let is_this_one = |kept: &Kept| object.metadata.uid.as_deref().is_none_or(|uid| *uid == *kept.object.uid);
        if self.objects.get(&id).is_some_and(is_this_one) {
            self.remove_and_tell(&id);
        }
    }

    fn remove_and_tell(&mut self, id: &ObjectId) {
        if let Some(kept) = self.objects.remove(id) {
            self.tell(kept.object.owner(), &Change::Content);
        }
    }

    fn tell(&self, owner: Option<&ConfigurationId>, change: &Change) {
        let Some(signal) = owner.and_then(|owner| self.signals.get(owner)) else { return };
        match change {
            Change::None => {}
            Change::Health => signal.wake(),
            Change::Content => signal.poke(),
        }
    }
}

fn object_id(object: &DynamicObject, kind: &ApiResource) -> ObjectId {
    ObjectId {
        group: kind.group.clone(),
        kind: kind.kind.clone(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}
