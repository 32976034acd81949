//! What is in the cluster: one label-filtered watch a kind, kept as compact text.
//!
//! A watch costs one request when it starts and none while nothing changes. Of each object only
//! what can drift is kept (no managed fields, no status), and its health, judged as it passes.
use super::ClusterError;
use crate::{
    model::{OWNER_NAME_LABEL, ObjectId, configuration::ConfigurationId},
    plan::{health, health::Health},
};
use futures::StreamExt as _;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, TypeMeta},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Longest time for the first answer of a watch.
const SYNC_DEADLINE: Duration = Duration::from_secs(30);

/// One live object.
#[derive(Clone)]
pub struct LiveObject {
    body: Box<[u8]>,
    version: u64,
    /// Whether it has become what its spec asks for.
    pub health: Health,
    /// The server's identity of this very object.
    pub uid: Box<str>,
}

impl fmt::Debug for LiveObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveObject").field("uid", &self.uid).field("health", &self.health).finish_non_exhaustive()
    }
}

impl LiveObject {
    /// The object without status and managed fields.
    pub fn object(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Items of a list come without `apiVersion` and `kind`, which `kind` fills in.
    fn from_dynamic(
        mut object: DynamicObject,
        kind: &ApiResource,
    ) -> Option<(ObjectId, Option<ConfigurationId>, Self)> {
        object.types = Some(TypeMeta { api_version: kind.api_version.clone(), kind: kind.kind.clone() });
        let value = serde_json::to_value(object).ok()?;
        let health = health::assess(&value);
        let version = value
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
            .and_then(|v| v.parse().ok())
            .unwrap_or(0);
        let Value::Object(mut map) = value else { return None };
        map.remove("status");
        if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
            for key in ["managedFields", "creationTimestamp", "generation", "resourceVersion", "selfLink"] {
                metadata.remove(key);
            }
        }
        let owner = crate::plan::owner_of(&map);
        let manifest = crate::model::Manifest::new(map, "");
        let id = manifest.id();
        let uid = manifest
            .object
            .get("metadata")
            .and_then(|m| m.get("uid"))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into();
        let body = serde_json::to_vec(&manifest.object).ok()?.into_boxed_slice();
        Some((id, owner, Self { body, version, health, uid }))
    }
}

#[derive(Default)]
struct State {
    objects: BTreeMap<ObjectId, (Option<ConfigurationId>, LiveObject)>,
    watches: HashMap<(String, String), watch::Receiver<bool>>,
    signals: HashMap<ConfigurationId, Arc<Signal>>,
}

/// Tells one configuration that something about its objects changed.
#[derive(Default)]
pub struct Signal {
    drifted: AtomicBool,
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

    /// Wakes whoever waits, as a change of content would.
    pub fn poke(&self) {
        self.drifted.store(true, Ordering::Release);
        self.woken.notify_one();
    }
}

/// What became of a stored object.
enum Change {
    None,
    Health,
    Content,
}

/// The live objects that carry an owner label, of every kind asked for so far.
pub struct Live {
    client: Client,
    state: Arc<Mutex<State>>,
}

impl Live {
    pub(super) fn new(client: Client) -> Self {
        Self { client, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signal of a configuration, raised when an object that it owns appears, changes or vanishes.
    pub fn signal(&self, owner: &ConfigurationId) -> Arc<Signal> {
        Arc::clone(self.state().signals.entry(owner.clone()).or_default())
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
            let mut state = self.state();
            for kind in kinds {
                let key = (kind.group.clone(), kind.kind.clone());
                let ready = state.watches.entry(key).or_insert_with(|| self.start(kind.clone()));
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

    fn start(&self, kind: ApiResource) -> watch::Receiver<bool> {
        let (ready_tx, ready_rx) = watch::channel(false);
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind);
        let config = watcher::Config::default().labels(OWNER_NAME_LABEL);
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            let mut events = watcher(api, config).default_backoff().boxed();
            let mut initial: BTreeSet<ObjectId> = BTreeSet::new();
            while let Some(event) = events.next().await {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(watcher::Event::Apply(object)) => {
                        state.keep_and_tell(object, &kind);
                    }
                    Ok(watcher::Event::InitApply(object)) => {
                        if let Some(id) = state.keep_and_tell(object, &kind) {
                            initial.insert(id);
                        }
                    }
                    Ok(watcher::Event::Delete(object)) => {
                        if let Some((id, ..)) = LiveObject::from_dynamic(object, &kind) {
                            state.remove_and_tell(&id);
                        }
                    }
                    Ok(watcher::Event::Init) => {
                        initial.clear();
                    }
                    Ok(watcher::Event::InitDone) => {
                        let of_kind =
                            |id: &&ObjectId| id.group == kind.group && id.kind == kind.kind && !initial.contains(*id);
                        let gone: Vec<ObjectId> = state.objects.keys().filter(of_kind).cloned().collect();
                        gone.iter().for_each(|id| state.remove_and_tell(id));
                        initial.clear();
                        ready_tx.send_replace(true);
                    }
                    Err(error) => {
                        tracing::warn!(kind = %kind.kind, error = %crate::error::Chain(&error), "watch broke off, starting again");
                    }
                }
            }
        });
        ready_rx
    }

    /// The live objects of one configuration and of the given identities, as they are now.
    pub fn select(&self, ids: &BTreeSet<ObjectId>) -> BTreeMap<ObjectId, LiveObject> {
        let state = self.state();
        ids.iter().filter_map(|id| state.objects.get(id).map(|(_, object)| (id.clone(), object.clone()))).collect()
    }

    /// The health of each of the given objects; none for one that is not there.
    pub fn health(&self, ids: &BTreeSet<ObjectId>) -> BTreeMap<ObjectId, Option<Health>> {
        let state = self.state();
        ids.iter().map(|id| (id.clone(), state.objects.get(id).map(|(_, object)| object.health.clone()))).collect()
    }

    /// Takes in what an apply answered, ahead of the watch.
    pub(super) fn learn(&self, object: DynamicObject, kind: &ApiResource) {
        self.state().keep(object, kind);
    }

    /// Forgets an object that was deleted, ahead of the watch.
    pub(super) fn forget(&self, id: &ObjectId) {
        self.state().objects.remove(id);
    }
}

impl State {
    /// Stores an object unless a newer version of it is stored already.
    fn keep(
        &mut self,
        object: DynamicObject,
        kind: &ApiResource,
    ) -> Option<(ObjectId, Option<ConfigurationId>, Change)> {
        let (id, owner, object) = LiveObject::from_dynamic(object, kind)?;
        let change = match self.objects.get(&id) {
            Some((_, before)) if before.version > object.version && before.uid == object.uid => Change::None,
            Some((_, before)) if before.body != object.body => Change::Content,
            Some((_, before)) if before.health != object.health => Change::Health,
            Some(_) => Change::None,
            None => Change::Content,
        };
        if !matches!(change, Change::None) {
            self.objects.insert(id.clone(), (owner.clone(), object));
        }
        Some((id, owner, change))
    }

    fn keep_and_tell(&mut self, object: DynamicObject, kind: &ApiResource) -> Option<ObjectId> {
        let (id, owner, change) = self.keep(object, kind)?;
        self.tell(owner.as_ref(), &change);
        Some(id)
    }

    fn remove_and_tell(&mut self, id: &ObjectId) {
        if let Some((owner, _)) = self.objects.remove(id) {
            self.tell(owner.as_ref(), &Change::Content);
        }
    }

    fn tell(&self, owner: Option<&ConfigurationId>, change: &Change) {
        let Some(signal) = owner.and_then(|owner| self.signals.get(owner)) else { return };
        match change {
            Change::None => {}
            Change::Health => signal.woken.notify_one(),
            Change::Content => signal.poke(),
        }
    }
}
