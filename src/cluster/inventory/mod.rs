//! What each configuration has applied, kept in the cluster and written before the objects are.
mod record;

pub use record::{Entry, Inventory};

use super::{
    ClusterError, Live,
    apply::pause,
    deadline::{WRITE, answered},
    error::is_transient_code,
    namespace,
    watch::{Delivery, delivered},
};
use crate::{
    error::Chain,
    model::{Account, Door, FIELD_MANAGER, ObjectId, configuration::ConfigurationId},
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use record::{LABEL, decode, encode, object_name};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OnceCell, watch};

/// Tries of one write, the first included.
const TRIES: u32 = 5;

/// What is known of one stored inventory.
struct Known {
    content: Result<Inventory, String>,
    /// `metadata.resourceVersion` of the ConfigMap that holds it.
    version: u64,
    /// Whether somebody changed or removed the ConfigMap, so that it must be written again.
    is_damaged: bool,
}

type Knowns = Arc<Mutex<HashMap<ConfigurationId, Known>>>;

/// All inventories of the cluster.
///
/// An inventory is widened before the first write of a run and narrowed only after its deletes
/// were accepted, so that an object which a failing or killed run applied is never forgotten. A
/// watch notices when somebody else removes or edits one: it is written again.
pub struct Inventories {
    client: Client,
    watching: OnceCell<watch::Receiver<Delivery>>,
    known: Knowns,
    live: Arc<Live>,
}

impl Inventories {
    /// Inventories whose owners are told through the signals of `live`.
    pub(super) fn new(client: Client, live: Arc<Live>) -> Self {
        Self { client, watching: OnceCell::new(), known: Knowns::default(), live }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ConfigurationId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that every inventory of the cluster is known. Costs one request, once.
    ///
    /// # Errors
    /// When the API server gives no answer within 15 s.
    pub async fn load(self: &Arc<Self>) -> Result<(), ClusterError> {
        let watching = self.watching.get_or_init(async || {
            let (ready_tx, ready_rx) = watch::channel(Delivery::Awaited);
            let inventories = Arc::clone(self);
            tokio::spawn(async move { inventories.follow(&ready_tx).await });
            ready_rx
        });
        let kind = || "ConfigMap (inventories)".to_owned();
        match delivered(watching.await.clone(), kind).await? {
            None => Ok(()),
            Some(message) => Err(ClusterError::WatchDenied { kind: kind(), message }),
        }
    }

    async fn follow(&self, ready_tx: &watch::Sender<Delivery>) {
        let api: Api<ConfigMap> = Api::all(self.client.clone());
        let mut events = watcher(api, watcher::Config::default().labels(LABEL)).default_backoff().boxed();
        let mut listed: Vec<ConfigurationId> = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Apply(map)) => drop(self.hear_of(&map)),
                Ok(watcher::Event::InitApply(map)) => listed.extend(self.hear_of(&map)),
                Ok(watcher::Event::Delete(map)) => self.miss(|id| Some(id) == id_of(&map).as_ref()),
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitDone) => {
                    self.miss(|id| !listed.contains(id));
                    ready_tx.send_replace(Delivery::Done);
                }
                Err(error) => {
                    tracing::debug!(error = %Chain(&error), "watch of the inventories broke off");
                    if let Some(denied) = Delivery::denied(&error) {
                        ready_tx.send_replace(denied);
                    }
                }
            }
        }
    }

    /// Takes in a stored inventory. What this process wrote later, or knows better, stays.
    fn hear_of(&self, map: &ConfigMap) -> Option<ConfigurationId> {
        let id = id_of(map)?;
        let version = version_of(map);
        let content = decode(map);
        let mut known = self.known();
        match known.get_mut(&id) {
            // Somebody hands the configuration over to another door: whoever visits it says whose it is.
            Some(before) if version > before.version && differ_in_door(&before.content, &content) => {
                *before = Known { content, version, is_damaged: false };
                drop(known);
                self.live.signal(&id).poke();
            }
            Some(before) if version > before.version && before.content.is_ok() && before.content != content => {
                before.is_damaged = true;
                before.version = version;
                drop(known);
                self.live.signal(&id).poke();
            }
            Some(before) if version > before.version => *before = Known { content, version, is_damaged: false },
            Some(_) => {}
            None => drop(known.insert(id.clone(), Known { content, version, is_damaged: false })),
        }
        Some(id)
    }

    /// Notes that stored inventories are gone: they have to be written again.
    fn miss(&self, is_gone: impl Fn(&ConfigurationId) -> bool) {
        let mut poked = Vec::new();
        for (id, known) in self.known().iter_mut().filter(|(id, known)| is_gone(id) && !known.is_damaged) {
            // One that holds nothing, or cannot be read, need not come back.
            known.is_damaged = known.content.as_ref().is_ok_and(|inventory| !inventory.is_empty());
            if known.content.is_err() {
                known.content = Ok(Inventory::default());
            }
            poked.push(id.clone());
        }
        poked.iter().for_each(|id| self.live.signal(id).poke());
    }

    /// The inventory of a configuration; empty when it has applied nothing. Costs nothing but the first time.
    ///
    /// # Errors
    /// When the API server does not answer, or the stored inventory cannot be read.
    pub async fn of(self: &Arc<Self>, configuration: &ConfigurationId) -> Result<Inventory, ClusterError> {
        self.look(configuration, Inventory::clone).await
    }

    /// The account that an inventory has on record, without the objects.
    ///
    /// # Errors
    /// As [`Inventories::of`].
    pub async fn account_of(self: &Arc<Self>, configuration: &ConfigurationId) -> Result<Account, ClusterError> {
        self.look(configuration, |inventory| inventory.account.clone()).await
    }

    async fn look<T: Default>(
        self: &Arc<Self>,
        configuration: &ConfigurationId,
        read: impl FnOnce(&Inventory) -> T,
    ) -> Result<T, ClusterError> {
        self.load().await?;
        match self.known().get(configuration).map(|known| &known.content) {
            None => Ok(T::default()),
            Some(Ok(inventory)) => Ok(read(inventory)),
            Some(Err(message)) => Err(ClusterError::Inventory {
                namespace: configuration.namespace.clone(),
                name: object_name(configuration),
                message: message.clone(),
            }),
        }
    }

    /// Whether a configuration's inventory holds an object. One that cannot be read might.
    pub fn claims(&self, configuration: &ConfigurationId, id: &ObjectId) -> bool {
        let known = self.known();
        known
            .get(configuration)
            .is_some_and(|known| known.content.as_ref().map_or(true, |inventory| inventory.holds(id)))
    }

    /// The door by which a configuration came in that has applied something, as far as that is known.
    pub fn door_of(&self, configuration: &ConfigurationId) -> Option<Door> {
        let known = self.known();
        let inventory = known.get(configuration)?.content.as_ref().ok()?;
        (!inventory.is_empty()).then(|| inventory.door.clone())
    }

    /// Every inventory that is known and can be read, by its configuration.
    pub fn all(&self) -> BTreeMap<ConfigurationId, Inventory> {
        let known = self.known();
        known.iter().filter_map(|(id, known)| Some((id.clone(), known.content.as_ref().ok()?.clone()))).collect()
    }

    /// Stores a configuration's inventory, if the cluster does not hold it already. Makes the namespace when it is missing.
    ///
    /// # Errors
    /// When the API server refuses it, or stays unavailable: then nothing may be applied.
    pub async fn store(&self, configuration: &ConfigurationId, inventory: &Inventory) -> Result<(), ClusterError> {
        let is_stored = |known: &Known| !known.is_damaged && known.content.as_ref() == Ok(inventory);
        if self.known().get(configuration).is_some_and(is_stored) {
            return Ok(());
        }
        let name = object_name(configuration);
        let id = config_map_id(configuration, &name);
        let body = encode(configuration, inventory).map_err(|error| ClusterError::Inventory {
            namespace: configuration.namespace.clone(),
            name: name.clone(),
            message: error.to_string(),
        })?;
        // Known before it is stored, so that the watch does not take the write for somebody else's.
        {
            let mut known = self.known();
            let version = known.get(configuration).map_or(0, |known| known.version);
            let unconfirmed = Known { content: Ok(inventory.clone()), version, is_damaged: true };
            known.insert(configuration.clone(), unconfirmed);
        }
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &configuration.namespace);
        let mut has_made_namespace = false;
        let mut attempt = 1;
        let stored = loop {
            let parameters = PatchParams::apply(FIELD_MANAGER).force();
            let patch = Patch::Apply(&body);
            let what = || format!("storing the inventory in {id}");
            match answered(WRITE, what, api.patch(&name, &parameters, &patch)).await? {
                Ok(stored) => break stored,
                Err(kube::Error::Api(status)) if status.code == 404 && !has_made_namespace => {
                    has_made_namespace = true;
                    namespace::make(&self.client, &configuration.namespace).await?;
                }
                Err(error) if attempt < TRIES && may_retry(&error) => {
                    tokio::time::sleep(pause(attempt, &error)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ClusterError::of(&id, "storing the inventory in", error)),
            }
        };
        let known = Known { content: Ok(inventory.clone()), version: version_of(&stored), is_damaged: false };
        self.known().insert(configuration.clone(), known);
        Ok(())
    }

    /// Removes the inventory of a configuration that is gone and has no objects left.
    ///
    /// # Errors
    /// When the API server refuses, or does not answer.
    pub async fn remove(&self, configuration: &ConfigurationId) -> Result<(), ClusterError> {
        let name = object_name(configuration);
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &configuration.namespace);
        self.known().remove(configuration);
        let parameters = kube::api::DeleteParams::default();
        match answered(WRITE, || format!("deleting {name}"), api.delete(&name, &parameters)).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(ClusterError::of(&config_map_id(configuration, &name), "deleting", error)),
        }
    }
}

/// Whether two inventories are the same but for the door.
fn differ_in_door(before: &Result<Inventory, String>, now: &Result<Inventory, String>) -> bool {
    let (Ok(before), Ok(now)) = (before, now) else { return false };
    before.door != now.door && before.account == now.account && before.kustomizations == now.kustomizations
}

fn config_map_id(configuration: &ConfigurationId, name: &str) -> ObjectId {
    ObjectId {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: configuration.namespace.clone(),
        name: name.to_owned(),
    }
}

fn id_of(map: &ConfigMap) -> Option<ConfigurationId> {
    let name = map.labels().get(LABEL)?.clone();
    Some(ConfigurationId { namespace: map.namespace()?, name })
}

fn version_of(map: &ConfigMap) -> u64 {
    map.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn may_retry(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if !is_transient_code(status.code) && status.code != 409)
}
