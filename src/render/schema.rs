//! What is known of Kubernetes' types: which lists merge, by which keys, and which kinds have no namespace.
//!
//! Source: the OpenAPI document of Kubernetes 1.21, which kustomize v5.8 carries.
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

#[derive(Deserialize)]
struct Schema {
    cluster_scoped: BTreeSet<String>,
    types: BTreeMap<String, String>,
    definitions: BTreeMap<String, BTreeMap<String, Field>>,
}

/// What is known of one field.
#[derive(Deserialize)]
pub(super) struct Field {
    #[serde(rename = "ref")]
    reference: Option<String>,
    items: Option<String>,
    strategy: Option<String>,
    #[serde(default)]
    pub(super) keys: Vec<String>,
}

impl Field {
    /// Whether a list of it is merged rather than replaced.
    pub(super) fn is_merged(&self) -> bool {
        self.strategy.as_deref().is_some_and(|strategies| strategies.split(',').any(|one| one == "merge"))
    }

    /// The type of its value, or of its items.
    pub(super) fn inner(&self) -> Type {
        Type(self.reference.as_deref().or(self.items.as_deref()).and_then(|name| SCHEMA.definitions.get(name)))
    }
}

/// What is known of one type; may be nothing.
#[derive(Clone, Copy)]
pub(super) struct Type(Option<&'static BTreeMap<String, Field>>);

impl Type {
    /// The type of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self(None)
    }

    /// The type of a kind.
    pub(super) fn of(api_version: &str, kind: &str) -> Self {
        let name = SCHEMA.types.get(&format!("{api_version}/{kind}"));
        Self(name.and_then(|name| SCHEMA.definitions.get(name)))
    }

    pub(super) fn field(self, name: &str) -> Option<&'static Field> {
        self.0?.get(name)
    }
}

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).expect("the schema is part of the program"));

/// Whether objects of a kind have no namespace, as far as kustomize knows.
pub(super) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    SCHEMA.cluster_scoped.contains(&format!("{api_version}/{kind}"))
}
