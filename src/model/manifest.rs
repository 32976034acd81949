//! One wanted object, as rendered.
use super::ObjectId;
use serde_json::{Map, Value};
use std::fmt;

/// One rendered Kubernetes object: its JSON with keys in order, and where it came from.
#[derive(Clone, PartialEq)]
pub struct Manifest {
    /// The object; always a JSON object.
    pub object: Map<String, Value>,
    /// The file it came from, relative to the root of the artifact; empty when generated.
    pub origin: String,
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({} from {:?})", self.id(), self.origin)
    }
}

impl Manifest {
    /// Wraps a JSON object that came from `origin`.
    pub fn new(object: Map<String, Value>, origin: impl Into<String>) -> Self {
        Self { object, origin: origin.into() }
    }

    /// The string at a path of keys, or "" where there is none.
    fn text(&self, path: &[&str]) -> &str {
        let Some((first, rest)) = path.split_first() else { return "" };
        let mut at = self.object.get(*first);
        for key in rest {
            at = at.and_then(|value| value.get(*key));
        }
        at.and_then(Value::as_str).unwrap_or_default()
    }

    /// `apiVersion`, or "".
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `kind`, or "".
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// `metadata.name`, or "".
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`, or "".
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// The API group of `apiVersion`; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// The version part of `apiVersion`.
    pub fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    /// The identity that the manifest itself states.
    pub fn id(&self) -> ObjectId {
        ObjectId {
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
        }
    }

    /// The value of one of `metadata.annotations`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.object.get("metadata")?.get("annotations")?.get(key)?.as_str()
    }
}
