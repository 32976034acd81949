//! What an object is called.
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identity of a Kubernetes object, independent of its API version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, in CamelCase.
    pub kind: String,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group: _, kind, namespace, name } = self;
        if namespace.is_empty() { write!(f, "{kind}/{name}") } else { write!(f, "{kind}/{namespace}/{name}") }
    }
}

impl ObjectId {
    /// The identity of a namespace.
    pub fn of_namespace(name: &str) -> Self {
        Self { group: String::new(), kind: "Namespace".to_owned(), namespace: String::new(), name: name.to_owned() }
    }
}
