//! Effects on Kubernetes: observe by watch, apply, delete, inventory, events.
mod accounts;
mod apply;
mod claim;
mod deadline;
mod discovery;
mod error;
mod events;
mod fence;
mod foreign;
mod impersonate;
mod inventory;
mod keys;
mod lease;
mod limit;
mod live;
mod live_object;
mod namespace;
mod others;
mod secrets;
mod signal;
mod store;
mod vault;
mod watch;

pub use accounts::Accounts;
pub use apply::{Applied, Applier, Conflict, Deletion};
pub use claim::Missing;
pub use discovery::{Discovery, Kinds};
pub use error::ClusterError;
pub use events::Events;
pub use fence::Fence;
pub use inventory::{Entry, Inventories, Inventory};
pub use keys::{Keys, RepositoryKey};
pub use lease::{Lease, LeaseRecord, StoredLease};
pub use live::{Denials, Live};
pub use live_object::LiveObject;
pub use secrets::SecretEntries;
pub use signal::Signal;
pub use vault::{Kept, Vault, VaultError};

use crate::model::{Account, Manifest, ObjectId, configuration::ConfigurationId};
use deadline::{READ, answered};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, client::ClientBuilder};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// Longest silence on a connection before it counts as broken.
const SILENCE: Duration = Duration::from_secs(100);

/// A client by a kubeconfig file, or by the environment (in-cluster, `KUBECONFIG`) without one.
///
/// # Errors
/// When there is no usable configuration. The API server is not contacted yet.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ClusterError> {
    Client::try_from(configuration(kubeconfig).await?).map_err(|source| ClusterError::Client { source })
}

async fn configuration(kubeconfig: Option<&Path>) -> Result<kube::Config, ClusterError> {
    let mut config = match kubeconfig {
        Some(path) => {
            let failed =
                |source| ClusterError::Kubeconfig { path: path.display().to_string(), source: Box::new(source) };
            let file = kube::config::Kubeconfig::read_from(path).map_err(failed)?;
            let options = kube::config::KubeConfigOptions::default();
            kube::Config::from_custom_kubeconfig(file, &options).await.map_err(failed)?
        }
        None => {
            kube::Config::infer().await.map_err(|source| ClusterError::NoKubeconfig { source: Box::new(source) })?
        }
    };
    // A watch is never silent for longer: the API server sends a bookmark about every minute.
    config.read_timeout = Some(SILENCE);
    Ok(config)
}

/// Everything that the agent does to one cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The client, for what has no module of its own.
    pub client: kube::Client,
    /// Which kinds the API server knows.
    pub discovery: Arc<Discovery>,
    /// What is in the cluster, by watch.
    pub live: Arc<Live>,
    /// Writes objects.
    pub applier: Applier,
    /// What each configuration has applied.
    pub inventories: Arc<Inventories>,
    /// Service accounts that were made for configurations.
    pub accounts: Arc<Accounts>,
    /// Keys for ssh that were made for configurations.
    pub keys: Arc<Keys>,
    /// Tells people, where `kubectl describe` shows it.
    pub events: Arc<Events>,
}

impl Cluster {
    /// Connects by a kubeconfig file, or by the environment (in-cluster, `KUBECONFIG`) without one.
    ///
    /// # Errors
    /// When there is no usable configuration. The API server is not contacted yet.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, ClusterError> {
        Ok(Self::new(connect(kubeconfig).await?))
    }

    /// As [`Cluster::connect`], with a client that writes only while the fence is open.
    ///
    /// # Errors
    /// When there is no usable configuration. The API server is not contacted yet.
    pub async fn connect_behind(fence: &Fence, kubeconfig: Option<&Path>) -> Result<Self, ClusterError> {
        let builder = ClientBuilder::try_from(configuration(kubeconfig).await?);
        let builder = builder.map_err(|source| ClusterError::Client { source })?;
        Ok(Self::new(builder.with_layer(&fence.layer()).build()))
    }

    /// Wraps a client.
    pub fn new(client: kube::Client) -> Self {
        let live = Arc::new(Live::new(client.clone()));
        Self {
            discovery: Arc::new(Discovery::new(client.clone())),
            applier: Applier::new(client.clone()),
            inventories: Arc::new(Inventories::new(client.clone(), Arc::clone(&live))),
            accounts: Arc::new(Accounts::new(client.clone())),
            keys: Arc::new(Keys::new(client.clone())),
            events: Arc::new(Events::new(client.clone())),
            live,
            client,
        }
    }

    /// Writes the objects of a configuration in the name of its account.
    pub fn applier_of(&self, id: &ConfigurationId, account: &Account) -> Applier {
        match account.name(id) {
            None => self.applier.clone(),
            Some(name) => self.applier.in_the_name_of(&id.namespace, &name),
        }
    }

    /// The entries of a Secret; `None` when it is not there.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<SecretEntries>, ClusterError> {
        secrets::read(&self.client, namespace, name).await
    }

    /// Whether the namespace of a configuration was made for it, now or before, rather than found.
    ///
    /// # Errors
    /// When it is being deleted, or the API server does not answer or refuses.
    pub async fn claim_namespace(&self, owner: &ConfigurationId, missing: Missing) -> Result<bool, ClusterError> {
        claim::namespace(&self.client, owner, missing).await
    }

    /// Makes a cluster-wide object that belongs to nobody, unless it is there in whatever form.
    ///
    /// # Errors
    /// When its kind is not known, or the API server does not answer or refuses.
    pub async fn make_shared(&self, manifest: &Manifest) -> Result<(), ClusterError> {
        let unknown = || ClusterError::UnknownKind {
            id: manifest.id(),
            api_version: manifest.api_version().to_owned(),
            kind: manifest.kind().to_owned(),
        };
        let (kind, _) = self.discovery.resolve(manifest, true).await?.ok_or_else(unknown)?;
        claim::shared(&self.client, &kind, manifest).await
    }

    /// The Deployments of a namespace, or of all where it is empty, that carry the labels, or any where these are empty;
    /// at most 500.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn deployments(&self, namespace: &str, labels: &str) -> Result<Vec<serde_json::Value>, ClusterError> {
        others::deployments(&self.client, namespace, labels).await
    }

    /// Changes an object that others keep by a merge patch; false when it is not there.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn nudge(
        &self,
        kind: &kube::core::ApiResource,
        id: &ObjectId,
        change: &serde_json::Value,
    ) -> Result<bool, ClusterError> {
        others::nudge(&self.client, kind, id, change).await
    }

    /// An object of somebody else that deleting a namespace or a definition would delete too.
    ///
    /// # Errors
    /// When the API server does not answer or refuses to list.
    pub async fn foreign_content(
        &self,
        id: &ObjectId,
        object: &LiveObject,
        owner: &ConfigurationId,
    ) -> Result<Option<String>, ClusterError> {
        foreign::content(&self.client, &self.discovery, id, object, owner).await
    }

    /// The entries of a ConfigMap or Secret, as text; `None` when it is not there.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn variables(
        &self,
        namespace: &str,
        kind: &str,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, ClusterError> {
        let id = ObjectId {
            group: String::new(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        if kind == "Secret" {
            let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
            let found = answered(READ, || format!("reading {id}"), api.get_opt(name)).await?;
            let found = found.map_err(|error| ClusterError::of(&id, "reading", error))?;
            Ok(found.map(|secret| {
                secret
                    .data
                    .into_iter()
                    .flatten()
                    .filter_map(|(key, value)| Some((key, String::from_utf8(value.0).ok()?)))
                    .collect()
            }))
        } else {
            let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
            let found = answered(READ, || format!("reading {id}"), api.get_opt(name)).await?;
            let found = found.map_err(|error| ClusterError::of(&id, "reading", error))?;
            Ok(found.map(|map| map.data.unwrap_or_default()))
        }
    }
}
