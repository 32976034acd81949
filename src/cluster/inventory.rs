//! What each configuration has applied, kept in the cluster and written before the objects are.
use super::{ClusterError, apply::pause};
use crate::model::{FIELD_MANAGER, ObjectId, configuration::ConfigurationId};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use tokio::sync::OnceCell;

/// Label of the ConfigMaps that hold inventories; its value is the configuration's name.
const LABEL: &str = "clusterconfig.azure.com/inventory";

/// The objects of one configuration, by kustomization.
pub type Inventory = BTreeMap<String, BTreeSet<ObjectId>>;

/// All inventories of the cluster.
///
/// An inventory is widened before the first write of a run and narrowed only after its deletes
/// were accepted, so that an object which a failing or killed run applied is never forgotten.
pub struct Inventories {
    client: Client,
    loaded: OnceCell<()>,
    known: Mutex<BTreeMap<ConfigurationId, Result<Inventory, String>>>,
    namespaces: Mutex<BTreeSet<String>>,
}

impl Inventories {
    pub(super) fn new(client: Client) -> Self {
        Self { client, loaded: OnceCell::new(), known: Mutex::default(), namespaces: Mutex::default() }
    }

    /// The inventory of a configuration; empty when it has applied nothing.
    ///
    /// The first call reads all inventories of the cluster with one list; later ones cost nothing.
    ///
    /// # Errors
    /// When the API server does not answer, or the stored inventory cannot be read.
    pub async fn of(&self, configuration: &ConfigurationId) -> Result<Inventory, ClusterError> {
        self.loaded.get_or_try_init(|| self.load()).await?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(configuration) {
            None => Ok(Inventory::new()),
            Some(Ok(inventory)) => Ok(inventory.clone()),
            Some(Err(message)) => Err(ClusterError::Inventory {
                namespace: configuration.namespace.clone(),
                name: object_name(configuration),
                message: message.clone(),
            }),
        }
    }

    async fn load(&self) -> Result<(), ClusterError> {
        let api: Api<ConfigMap> = Api::all(self.client.clone());
        let mut parameters = ListParams::default().labels(LABEL).limit(500);
        loop {
            let page = api.list(&parameters).await.map_err(|source| ClusterError::Unavailable {
                what: "reading the inventories".to_owned(),
                source: Box::new(source),
            })?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for map in page.items {
                let Some(name) = map.labels().get(LABEL) else { continue };
                let id = ConfigurationId { namespace: map.namespace().unwrap_or_default(), name: name.clone() };
                known.insert(id, decode(&map));
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    /// Stores a configuration's inventory, if it differs from the stored one. Makes the namespace when it is missing.
    ///
    /// # Errors
    /// When the API server refuses it, or stays unavailable: then nothing may be applied.
    pub async fn store(&self, configuration: &ConfigurationId, inventory: &Inventory) -> Result<(), ClusterError> {
        let same = |known: &BTreeMap<_, Result<Inventory, String>>| matches!(known.get(configuration), Some(Ok(stored)) if stored == inventory);
        if same(&self.known.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let name = object_name(configuration);
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": configuration.namespace,
                "labels": {LABEL: configuration.name, "app.kubernetes.io/managed-by": FIELD_MANAGER}},
            "data": encode(inventory),
        });
        let id = ObjectId {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: configuration.namespace.clone(),
            name: name.clone(),
        };
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &configuration.namespace);
        let mut attempt = 1;
        loop {
            match api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&body)).await {
                Ok(_) => break,
                Err(kube::Error::Api(status))
                    if status.code == 404 && self.needs_namespace(&configuration.namespace) =>
                {
                    self.make_namespace(&configuration.namespace).await?
                }
                Err(error)
                    if attempt < 5
                        && !matches!(&error, kube::Error::Api(s) if !super::error::is_transient_code(s.code)) =>
                {
                    tokio::time::sleep(pause(attempt, &error)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ClusterError::of(&id, "storing the inventory in", error)),
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(configuration.clone(), Ok(inventory.clone()));
        Ok(())
    }

    fn needs_namespace(&self, name: &str) -> bool {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    async fn make_namespace(&self, name: &str) -> Result<(), ClusterError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let id = ObjectId {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
        };
        let body: Namespace = Namespace {
            metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..kube::api::ObjectMeta::default() },
            ..Namespace::default()
        };
        match api.create(&kube::api::PostParams::default(), &body).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(ClusterError::of(&id, "creating", error)),
        }
    }
}

fn object_name(configuration: &ConfigurationId) -> String {
    format!("arcwright.{}", configuration.name)
}

/// One entry a kustomization (`_` stands for the empty name), one line an object: `group/kind/namespace/name`.
fn encode(inventory: &Inventory) -> BTreeMap<String, String> {
    inventory
        .iter()
        .map(|(name, ids)| {
            let lines: Vec<String> =
                ids.iter().map(|id| format!("{}/{}/{}/{}", id.group, id.kind, id.namespace, id.name)).collect();
            (if name.is_empty() { "_".to_owned() } else { name.clone() }, lines.join("\n"))
        })
        .collect()
}

fn decode(map: &ConfigMap) -> Result<Inventory, String> {
    let mut inventory = Inventory::new();
    for (name, lines) in map.data.iter().flatten() {
        let mut ids = BTreeSet::new();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let mut parts = line.splitn(4, '/').map(str::to_owned);
            let (Some(group), Some(kind), Some(namespace), Some(object)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(format!("entry {name} has a line that is not group/kind/namespace/name"));
            };
            ids.insert(ObjectId { group, kind, namespace, name: object });
        }
        inventory.insert(if name == "_" { String::new() } else { name.clone() }, ids);
    }
    Ok(inventory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(names in prop::collection::btree_map("[a-z]{0,3}", prop::collection::btree_set(("[a-z.]{0,4}", "[A-Z]{1,3}", "[a-z]{0,3}", "[a-z:.]{1,5}"), 0..6), 0..3)) {
            let inventory: Inventory = names.into_iter().map(|(name, ids)| (name, ids.into_iter().map(|(group, kind, namespace, name)| ObjectId { group, kind, namespace, name }).collect())).collect();
            let map = ConfigMap { data: Some(encode(&inventory)), ..ConfigMap::default() };
            prop_assert_eq!(decode(&map), Ok(inventory));
        }
    }

    #[test]
    fn a_broken_inventory_is_an_error_and_not_an_empty_one() {
        let map =
            ConfigMap { data: Some(BTreeMap::from([("_".to_owned(), "nonsense".to_owned())])), ..ConfigMap::default() };
        assert!(decode(&map).is_err());
    }
}
