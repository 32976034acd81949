//! What an inventory holds, and how a ConfigMap carries it.
use crate::model::{Account, Door, FIELD_MANAGER, ObjectId, configuration::ConfigurationId};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use k8s_openapi::{ByteString, api::core::v1::ConfigMap};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
};

/// Label of the ConfigMaps that hold inventories; its value is the configuration's name.
pub(super) const LABEL: &str = "clusterconfig.azure.com/inventory";
/// Annotation that names the door by which the configuration came in.
const DOOR: &str = "clusterconfig.azure.com/door";
/// Annotation that names the account that wrote the objects, as [`Account`] is recorded.
const ACCOUNT: &str = "clusterconfig.azure.com/service-account";
/// Annotation that names the kustomizations whose objects are deleted with the configuration.
const PRUNED: &str = "clusterconfig.azure.com/pruned-kustomizations";
/// Bytes of plain text above which an inventory is compressed: a ConfigMap holds 1 MiB.
const MAX_PLAIN: usize = 256 << 10;
/// Most bytes that a compressed entry may come to.
const MAX_INFLATED: u64 = 64 << 20;
/// Ends the key of a compressed entry.
const COMPRESSED: &str = ".gz";
/// Stands for the empty name of a kustomization.
const UNNAMED: &str = "_";

/// The objects of one configuration, and what is to become of them when it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The door by which the configuration came in.
    pub door: Door,
    /// In whose name the objects were written.
    pub account: Account,
    /// Objects by kustomization.
    pub kustomizations: BTreeMap<String, Entry>,
}

/// The objects of one kustomization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Whether objects that left the manifests, or whose configuration is gone, are deleted.
    pub is_pruned: bool,
    /// The objects.
    pub objects: BTreeSet<ObjectId>,
}

impl Inventory {
    /// The objects of a kustomization; none when it has applied nothing.
    pub fn objects(&self, kustomization: &str) -> BTreeSet<ObjectId> {
        self.kustomizations.get(kustomization).map(|entry| entry.objects.clone()).unwrap_or_default()
    }

    /// Whether some kustomization has applied an object.
    pub fn holds(&self, id: &ObjectId) -> bool {
        self.kustomizations.values().any(|entry| entry.objects.contains(id))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.kustomizations.values().all(|entry| entry.objects.is_empty())
    }
}

/// Name of the ConfigMap that holds a configuration's inventory.
pub(super) fn object_name(configuration: &ConfigurationId) -> String {
    format!("{FIELD_MANAGER}.{}", configuration.name)
}

/// The ConfigMap of an inventory.
///
/// One entry a kustomization, one line an object: `group/kind/namespace/name`. Above 256 KiB the
/// entries are gzip, which makes room for well over 100 000 objects.
pub(super) fn encode(configuration: &ConfigurationId, inventory: &Inventory) -> std::io::Result<Value> {
    let mut data = BTreeMap::new();
    let mut pruned = Vec::new();
    for (name, entry) in &inventory.kustomizations {
        let key = if name.is_empty() { UNNAMED } else { name };
        let line = |id: &ObjectId| format!("{}/{}/{}/{}", id.group, id.kind, id.namespace, id.name);
        data.insert(key.to_owned(), entry.objects.iter().map(line).collect::<Vec<_>>().join("\n"));
        if entry.is_pruned {
            pruned.push(key);
        }
    }
    let mut body = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": object_name(configuration), "namespace": configuration.namespace,
            "labels": {LABEL: configuration.name, "app.kubernetes.io/managed-by": FIELD_MANAGER},
            "annotations": {DOOR: inventory.door.to_string(), PRUNED: pruned.join(",")}},
    });
    if inventory.account != Account::Agent {
        body["metadata"]["annotations"][ACCOUNT] = json!(inventory.account.to_string());
    }
    if data.values().map(String::len).sum::<usize>() <= MAX_PLAIN {
        body["data"] = json!(data);
    } else {
        let compressed = data.into_iter().map(|(key, text)| Ok((key + COMPRESSED, ByteString(deflate(&text)?))));
        body["binaryData"] = json!(compressed.collect::<std::io::Result<BTreeMap<_, _>>>()?);
    }
    Ok(body)
}

/// Reads the ConfigMap of an inventory.
///
/// # Errors
/// Says what is wrong with it: a broken inventory is no empty one.
pub(super) fn decode(map: &ConfigMap) -> Result<Inventory, String> {
    let annotation = |key: &str| map.annotations().get(key).map(String::as_str).unwrap_or_default();
    let pruned: BTreeSet<&str> = annotation(PRUNED).split(',').collect();
    let mut inventory = Inventory {
        door: Door::named(annotation(DOOR)),
        account: Account::recorded(annotation(ACCOUNT)),
        ..Inventory::default()
    };
    let plain = map.data.iter().flatten().map(|(key, text)| Ok((key.as_str(), text.clone())));
    let compressed = map.binary_data.iter().flatten().map(|(key, bytes)| {
        let name = key.strip_suffix(COMPRESSED).ok_or_else(|| format!("entry {key} is not one of an inventory"))?;
        inflate(&bytes.0).map(|text| (name, text)).map_err(|error| format!("entry {key}: {error}"))
    });
    for entry in plain.chain(compressed) {
        let (key, text) = entry?;
        let objects = text.lines().filter(|line| !line.is_empty()).map(|line| object(key, line));
        let name = if key == UNNAMED { "" } else { key };
        let entry = Entry { is_pruned: pruned.contains(key), objects: objects.collect::<Result<_, _>>()? };
        inventory.kustomizations.insert(name.to_owned(), entry);
    }
    Ok(inventory)
}

fn object(entry: &str, line: &str) -> Result<ObjectId, String> {
    let mut parts = line.splitn(4, '/').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(group), Some(kind), Some(namespace), Some(name)) => Ok(ObjectId { group, kind, namespace, name }),
        _ => Err(format!("entry {entry} has a line that is not group/kind/namespace/name")),
    }
}

fn deflate(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn inflate(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    let read = GzDecoder::new(bytes).take(MAX_INFLATED + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_INFLATED {
        return Err(std::io::Error::other(format!("comes to more than {MAX_INFLATED} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id() -> ConfigurationId {
        ConfigurationId { namespace: "apps".into(), name: "shop".into() }
    }

    fn read_back(inventory: &Inventory) -> Result<Inventory, String> {
        let body = encode(&id(), inventory).expect("encoded");
        decode(&serde_json::from_value(body).expect("a ConfigMap"))
    }

    fn objects() -> impl Strategy<Value = BTreeSet<ObjectId>> {
        let one = ("[a-z.]{0,4}", "[A-Z]{1,3}", "[a-z]{0,3}", "[a-z:.]{1,5}");
        prop::collection::btree_set(one, 0..6).prop_map(|all| {
            all.into_iter().map(|(group, kind, namespace, name)| ObjectId { group, kind, namespace, name }).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(
            door in "cluster|(file:[a-z/,]{0,8})?",
            account in "(own/cluster|own/namespace|[a-z.]{1,8})?",
            entries in prop::collection::btree_map("[a-z]{0,3}", (any::<bool>(), objects()), 0..3),
        ) {
            let kustomizations =
                entries.into_iter().map(|(name, (is_pruned, objects))| (name, Entry { is_pruned, objects })).collect();
            let inventory = Inventory { door: Door::named(&door), account: Account::recorded(&account), kustomizations };
            prop_assert_eq!(read_back(&inventory), Ok(inventory));
        }
    }

    #[test]
    fn a_large_inventory_fits_into_a_config_map() {
        let object = |number: usize| ObjectId {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: format!("namespace-{}", number % 100),
            name: format!("a-name-of-usual-length-{number}"),
        };
        let entry = Entry { is_pruned: true, objects: (0..100_000).map(object).collect() };
        let inventory =
            Inventory { kustomizations: BTreeMap::from([("app".to_owned(), entry)]), ..Inventory::default() };
        let body = encode(&id(), &inventory).expect("encoded");
        assert!(body.to_string().len() < 1 << 20, "{} bytes", body.to_string().len());
        assert_eq!(read_back(&inventory), Ok(inventory));
    }

    #[test]
    fn a_broken_inventory_is_an_error_and_not_an_empty_one() {
        let map = |data: Value| serde_json::from_value::<ConfigMap>(data).expect("a ConfigMap");
        assert!(decode(&map(json!({"data": {"_": "nonsense"}}))).is_err());
        assert!(decode(&map(json!({"binaryData": {"app.gz": "bm9uc2Vuc2U="}}))).is_err());
        assert!(decode(&map(json!({"binaryData": {"other": ""}}))).is_err());
    }
}
