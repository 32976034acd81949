//! From rendered manifests to manifests that can be planned: scope, namespace, labels, digest.
use crate::{
    cluster::{ClusterError, Discovery, Kinds},
    model::{
        FIELD_MANAGER, Manifest, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, ObjectId,
        configuration::{Configuration, Scope},
    },
    plan::APPLIED_ANNOTATION,
};
use kube::core::ApiResource;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Manifests ready to be planned, and how their kinds are addressed.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// With namespace, owner labels and digest.
    pub manifests: Vec<Arc<Manifest>>,
    /// The resource of each object's kind, by group and kind.
    pub kinds: Kinds,
    /// Kinds that the API server has already, to watch.
    pub served: Vec<ApiResource>,
    /// Objects whose kind nobody defines.
    pub unknown: Vec<(ObjectId, ClusterError)>,
}

/// Resolves each manifest's kind, at the API server or by a definition among the manifests, and
/// gives each its namespace, owner labels and digest.
///
/// # Errors
/// When the API server does not answer.
pub(super) async fn prepare(
    discovery: &Discovery,
    configuration: &Configuration,
    rendered: Vec<Manifest>,
) -> Result<Prepared, ClusterError> {
    let defined = definitions(&rendered);
    let mut prepared = Prepared::default();
    let mut absent: BTreeSet<(String, String, String)> = BTreeSet::new();
    for mut manifest in rendered {
        let key = (manifest.group().to_owned(), manifest.kind().to_owned());
        let exact = (key.0.clone(), key.1.clone(), manifest.version().to_owned());
        let may_ask = !absent.contains(&exact) && !defined.contains_key(&key);
        let (resource, is_namespaced) = match discovery.resolve(&manifest, may_ask).await? {
            Some(found) => {
                if !prepared.kinds.contains_key(&key) {
                    prepared.served.push(found.0.clone());
                }
                found
            }
            None => match defined.get(&key) {
                Some((plural, is_namespaced)) => (resource(&manifest, plural), *is_namespaced),
                None => {
                    absent.insert(exact);
                    let error = ClusterError::UnknownKind {
                        id: manifest.id(),
                        api_version: manifest.api_version().to_owned(),
                        kind: manifest.kind().to_owned(),
                    };
                    prepared.unknown.push((manifest.id(), error));
                    continue;
                }
            },
        };
        prepared.kinds.insert(key, resource);
        place(&mut manifest, configuration, is_namespaced);
        prepared.manifests.push(Arc::new(manifest));
    }
    Ok(prepared)
}

fn resource(manifest: &Manifest, plural: &str) -> ApiResource {
    ApiResource {
        group: manifest.group().to_owned(),
        version: manifest.version().to_owned(),
        api_version: manifest.api_version().to_owned(),
        kind: manifest.kind().to_owned(),
        plural: plural.to_owned(),
    }
}

/// The kinds that the manifests themselves define: plural name, and whether they are namespaced.
fn definitions(manifests: &[Manifest]) -> BTreeMap<(String, String), (String, bool)> {
    manifests
        .iter()
        .filter(|manifest| manifest.kind() == "CustomResourceDefinition")
        .filter_map(|manifest| {
            let spec = manifest.object.get("spec")?;
            let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            Some(((text("/group")?, text("/names/kind")?), (text("/names/plural")?, text("/scope")? == "Namespaced")))
        })
        .collect()
}

fn place(manifest: &mut Manifest, configuration: &Configuration, is_namespaced: bool) {
    manifest.object.shift_remove("status");
    let namespace = match (is_namespaced, manifest.namespace()) {
        (false, _) => String::new(),
        (true, "") => match configuration.scope {
            Scope::Cluster => "default".to_owned(),
            Scope::Namespace => configuration.id.namespace.clone(),
        },
        (true, own) => own.to_owned(),
    };
    let Some(metadata) = entry(&mut manifest.object, "metadata") else { return };
    metadata.shift_remove("creationTimestamp");
    if namespace.is_empty() {
        metadata.shift_remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    if let Some(labels) = entry(metadata, "labels") {
        labels.insert(OWNER_NAME_LABEL.to_owned(), json!(configuration.id.name));
        labels.insert(OWNER_NAMESPACE_LABEL.to_owned(), json!(configuration.id.namespace));
        labels.entry("app.kubernetes.io/managed-by").or_insert_with(|| json!(FIELD_MANAGER));
    }
    let digest = Sha256::digest(serde_json::to_vec(&manifest.object).unwrap_or_default());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if let Some(annotations) =
        entry(&mut manifest.object, "metadata").and_then(|metadata| entry(metadata, "annotations"))
    {
        annotations.insert(APPLIED_ANNOTATION.to_owned(), json!(digest));
    }
}

/// The object under a key, made when it is missing or null.
fn entry<'a>(object: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = object.entry(key).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}
