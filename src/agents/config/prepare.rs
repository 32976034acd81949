//! From rendered manifests to manifests that can be planned: which kinds they are, and whether they can be applied.
use super::normalise::normalise;
use crate::{
    cluster::{ClusterError, Discovery, Kinds},
    model::{Manifest, ObjectId, configuration::Configuration},
};
use kube::core::ApiResource;
use serde_json::Value;
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
    /// Objects that cannot be applied as they are, and why.
    pub unusable: Vec<(ObjectId, Unusable)>,
}

/// Why a manifest cannot be applied as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// Nobody defines its kind.
    #[error(transparent)]
    UnknownKind(#[from] ClusterError),
    /// Its values are ciphertext.
    #[error(
        "{id} is encrypted with SOPS, which this engine does not decrypt; it is not applied, since ciphertext would take the place of the values"
    )]
    Encrypted {
        /// The object.
        id: ObjectId,
    },
}

impl Unusable {
    /// Whether trying again can help when nothing else has changed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::UnknownKind(error) => error.is_transient(),
            Self::Encrypted { .. } => false,
        }
    }
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
                    prepared.unusable.push((manifest.id(), error.into()));
                    continue;
                }
            },
        };
        prepared.kinds.insert(key, resource);
        normalise(&mut manifest, configuration, is_namespaced);
        if manifest.object.contains_key("sops") {
            prepared.unusable.push((manifest.id(), Unusable::Encrypted { id: manifest.id() }));
        } else {
            prepared.manifests.push(Arc::new(manifest));
        }
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
