//! One live object, as far as it matters: what can drift, its health, and whose it is.
use crate::{
    model::{OPERATOR_LABEL, configuration::ConfigurationId},
    plan::{Form, Observed, health, health::Health},
};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What only the server writes, and what nobody can therefore drift.
const OF_THE_SERVER: [&str; 5] = ["managedFields", "creationTimestamp", "generation", "resourceVersion", "selfLink"];

/// One live object, kept as compact text without status and what only the server writes.
#[derive(Clone)]
pub struct LiveObject {
    body: Box<[u8]>,
    owner: Option<Box<ConfigurationId>>,
    applied: Option<u64>,
    asks_to_stay: bool,
    asks_to_be_skipped: bool,
    goes_with_content: bool,
    yields_to_content: bool,
    /// The object with its status, where it is labelled as an operator's; empty for all others.
    full: Box<[u8]>,
    /// Stands for the content that is kept: equal digests, equal content.
    pub digest: u64,
    /// Grows with each change, as long as the server's storage is not set back.
    pub(super) version: u64,
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
    /// Takes in what the server sent. Items of a list come without `apiVersion` and `kind`, which `kind` fills in.
    pub(super) fn read(object: DynamicObject, kind: &ApiResource) -> Self {
        let DynamicObject { metadata, data, .. } = object;
        let mut map = Map::new();
        map.insert("apiVersion".to_owned(), Value::String(kind.api_version.clone()));
        map.insert("kind".to_owned(), Value::String(kind.kind.clone()));
        let version = metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0);
        let uid = metadata.uid.clone().unwrap_or_default().into();
        map.insert("metadata".to_owned(), serde_json::to_value(metadata).unwrap_or_default());
        if let Value::Object(rest) = data {
            map.extend(rest);
        }
        let value = Value::Object(map);
        let health = health::assess(&value);
        let Value::Object(mut map) = value else { unreachable!("it was made an object") };
        let full = in_full(&map);
        strip(&mut map);
        let traits = Observed::traits_of(&map);
        let body = serde_json::to_vec(&map).unwrap_or_default().into_boxed_slice();
        Self {
            digest: digest(&body),
            body,
            owner: traits.owner.map(Box::new),
            applied: traits.applied,
            asks_to_stay: traits.asks_to_stay,
            asks_to_be_skipped: traits.asks_to_be_skipped,
            goes_with_content: traits.goes_with_content,
            yields_to_content: traits.yields_to_content,
            full,
            version,
            health,
            uid,
        }
    }

    /// The object without status and what only the server writes.
    pub fn object(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The object with its status, where it is labelled as an operator's; none for all others.
    pub fn in_full(&self) -> Option<Value> {
        serde_json::from_slice(&self.full).ok()
    }

    /// Whether as much is kept of another, and the same.
    pub(super) fn is_told_as(&self, other: &Self) -> bool {
        self.full == other.full
    }

    /// What a plan needs to know of it; `is_settled` says that it need not be compared.
    pub fn observed(&self, is_settled: bool) -> Observed {
        Observed {
            owner: self.owner.as_deref().cloned(),
            applied: self.applied,
            asks_to_stay: self.asks_to_stay,
            asks_to_be_skipped: self.asks_to_be_skipped,
            goes_with_content: self.goes_with_content,
            yields_to_content: self.yields_to_content,
            foreign: None,
            form: if is_settled { Form::Settled } else { Form::Body(self.object()) },
        }
    }

    /// The version of its kind that it was read in.
    pub fn api_version(&self) -> String {
        self.object().get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Who keeps it from going, when it is being deleted; separated by commas.
    pub fn finalizers(&self) -> String {
        let object = Value::Object(self.object());
        let lists =
            ["/metadata/finalizers", "/spec/finalizers"].into_iter().filter_map(|at| object.pointer(at)?.as_array());
        lists.flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The configuration whose labels it carries.
    pub fn owner(&self) -> Option<&ConfigurationId> {
        self.owner.as_deref()
    }
}

/// The whole of what is labelled as an operator's; empty for all others.
fn in_full(object: &Map<String, Value>) -> Box<[u8]> {
    let metadata = object.get("metadata");
    if metadata.and_then(|metadata| metadata.get("labels")?.get(OPERATOR_LABEL)).is_none() {
        return Box::default();
    }
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
        metadata.remove("resourceVersion");
    }
    serde_json::to_vec(&object).unwrap_or_default().into_boxed_slice()
}

/// Removes status and what only the server writes.
fn strip(object: &mut Map<String, Value>) {
    object.remove("status");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        for key in OF_THE_SERVER {
            metadata.remove(key);
        }
    }
}

fn digest(body: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(body)[..8]);
    u64::from_le_bytes(first)
}
