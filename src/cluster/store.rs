//! The store of live objects: fed by watches and by answers to writes, told apart by version and round.
use super::{LiveObject, Signal};
use crate::model::{ObjectId, configuration::ConfigurationId};
use kube::core::{ApiResource, DynamicObject};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Group and kind.
pub(super) type Key = (String, String);

/// How long watches may fail before the cluster counts as out of reach.
const GRACE: Duration = Duration::from_secs(5);

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

/// Everything that was heard of, and who wants to hear of it.
#[derive(Default)]
pub(super) struct State {
    objects: BTreeMap<ObjectId, Kept>,
    signals: HashMap<ConfigurationId, Arc<Signal>>,
    failing: BTreeMap<Key, Instant>,
    round: u64,
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

impl State {
    /// The signal of a configuration.
    pub(super) fn signal(&mut self, owner: &ConfigurationId) -> Arc<Signal> {
        Arc::clone(self.signals.entry(owner.clone()).or_default())
    }

    /// An object that is there.
    pub(super) fn find(&self, id: &ObjectId) -> Option<&LiveObject> {
        self.objects.get(id).map(|kept| &kept.object)
    }

    /// The objects of a kind in a namespace, sorted by name.
    pub(super) fn of_kind(&self, group: &str, kind: &str, namespace: &str) -> impl Iterator<Item = &LiveObject> {
        let first = ObjectId {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let is_alike = {
            let first = first.clone();
            move |id: &ObjectId| id.group == first.group && id.kind == first.kind && id.namespace == first.namespace
        };
        self.objects.range(first..).take_while(move |(id, _)| is_alike(id)).map(|(_, kept)| &kept.object)
    }

    /// Takes in the answer to a write, ahead of the watch.
    pub(super) fn learn(&mut self, id: ObjectId, object: LiveObject) {
        self.keep(id, object, self.round);
    }

    /// Forgets an object whose deletion was accepted, ahead of the watch.
    pub(super) fn forget(&mut self, id: &ObjectId) {
        self.objects.remove(id);
    }

    /// For how long watches have failed, when that is longer than the grace.
    pub(super) fn unreachable(&self) -> Option<Duration> {
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
        } else if before.object.health != object.health || !before.object.is_told_as(&object) {
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
