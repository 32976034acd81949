//! What is in the cluster: the objects that carry an owner label, of every kind asked for so far.
//!
//! Fed by one label-filtered watch a kind ([`watch`]) and by the answers to writes. A watch costs one
//! request when it starts and none while nothing changes.
use super::{
    ClusterError, LiveObject, Signal,
    store::{Key, Shared},
    watch::{self, Delivery},
};
use crate::{
    model::{ObjectId, configuration::ConfigurationId},
    plan::health::Health,
};
use kube::{Client, core::ApiResource};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Kinds that the agent may not follow, by group and kind, and the API server's words.
pub type Denials = BTreeMap<(String, String), String>;

/// The live objects that carry an owner label.
pub struct Live {
    client: Client,
    store: Arc<Shared>,
    /// Whether each watch has delivered what there is; closed when a watch has ended.
    watches: Mutex<HashMap<Key, tokio::sync::watch::Receiver<Delivery>>>,
}

impl Live {
    pub(super) fn new(client: Client) -> Self {
        Self { client, store: Arc::default(), watches: Mutex::default() }
    }

    /// The signal of a configuration, raised when an object that it owns appears, changes or vanishes.
    pub fn signal(&self, owner: &ConfigurationId) -> Arc<Signal> {
        self.store.lock().signal(owner)
    }

    /// For how long the watches have not been answered, when that is longer than 5 s.
    pub fn unreachable(&self) -> Option<Duration> {
        self.store.lock().unreachable()
    }

    /// Makes sure that the kinds are watched and that each watch has delivered what there is. Returns why, for each kind that
    /// the agent may not follow.
    ///
    /// Costs one request for each kind that is new, none otherwise.
    ///
    /// # Errors
    /// When a watch gives no answer within 15 s.
    pub async fn sync(&self, kinds: &[ApiResource]) -> Result<Denials, ClusterError> {
        let mut waits = Vec::new();
        {
            let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
            for kind in kinds {
                let key = (kind.group.clone(), kind.kind.clone());
                let start = || watch::start(self.client.clone(), kind.clone(), Arc::clone(&self.store));
                let ready = watches.entry(key.clone()).or_insert_with(start);
                if ready.has_changed().is_err() {
                    *ready = start();
                }
                if *ready.borrow() != Delivery::Done {
                    waits.push((key, ready.clone()));
                }
            }
        }
        let mut denials = Denials::new();
        for (key, ready) in waits {
            if let Some(message) = watch::delivered(ready, || key.1.clone()).await? {
                denials.insert(key, message);
            }
        }
        Ok(denials)
    }

    /// The live objects of the given identities, as they are now.
    pub fn select<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> BTreeMap<ObjectId, LiveObject> {
        let store = self.store.lock();
        ids.into_iter().filter_map(|id| Some((id.clone(), store.find(id)?.clone()))).collect()
    }

    /// The health of each of the given objects; none for one that is not there.
    pub fn health<'a>(&self, ids: impl IntoIterator<Item = &'a ObjectId>) -> BTreeMap<ObjectId, Option<Health>> {
        let store = self.store.lock();
        ids.into_iter().map(|id| (id.clone(), store.find(id).map(|object| object.health.clone()))).collect()
    }

    /// What is labelled as the operator's of a configuration, of one kind, with status; sorted by name.
    pub fn of_operator(&self, owner: &ConfigurationId, group: &str, kind: &str) -> Vec<Value> {
        let store = self.store.lock();
        let all = store.of_kind(group, kind, &owner.namespace);
        all.filter(|object| object.owner() == Some(owner)).filter_map(LiveObject::in_full).collect()
    }

    /// Takes in what an apply answered, ahead of the watch.
    pub(super) fn learn(&self, id: ObjectId, object: LiveObject) {
        self.store.lock().learn(id, object);
    }

    /// Forgets an object that was deleted, ahead of the watch.
    pub(super) fn forget(&self, id: &ObjectId) {
        self.store.lock().forget(id);
    }
}
