//! An object on its way through the pipeline: what it is, and what it was called before.
use super::schema;
use crate::model::Manifest;
use serde_json::{Map, Value, json};

/// The namespace that stands for "none can be".
pub(super) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// What an object was called at some step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Previous {
    pub(super) name: String,
    /// Effective: "default" for none, [`NO_NAMESPACE`] for cluster-scoped kinds.
    pub(super) namespace: String,
    pub(super) kind: String,
}

/// An object on its way through the pipeline.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) object: Map<String, Value>,
    pub(super) origin: String,
    /// Oldest first.
    pub(super) previous: Vec<Previous>,
    pub(super) prefixes: Vec<String>,
    pub(super) suffixes: Vec<String>,
    pub(super) needs_hash: bool,
}

impl Resource {
    pub(super) fn new(object: Map<String, Value>, origin: &str) -> Self {
        let mut resource = Self {
            object,
            origin: origin.to_owned(),
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
        };
        resource.tidy_annotations();
        resource
    }

    /// Annotation values are texts, and an empty set of them is none.
    fn tidy_annotations(&mut self) {
        let Some(Value::Object(metadata)) = self.object.get_mut("metadata") else { return };
        match metadata.get_mut("annotations") {
            Some(Value::Object(annotations)) if !annotations.is_empty() => {
                for value in annotations.values_mut().filter(|value| value.is_number() || value.is_boolean()) {
                    *value = Value::String(scalar_text(value));
                }
            }
            Some(Value::Object(_) | Value::Null) => drop(metadata.shift_remove("annotations")),
            Some(_) | None => {}
        }
    }

    fn text(&self, key: &str) -> &str {
        self.object.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn metadata(&self, key: &str) -> Option<&Value> {
        self.object.get("metadata")?.get(key)
    }

    pub(super) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(super) fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    pub(super) fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    pub(super) fn name(&self) -> &str {
        self.metadata("name").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.metadata("namespace").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn is_cluster_scoped(&self) -> bool {
        schema::is_cluster_scoped(self.api_version(), self.kind())
    }

    /// The namespace for comparisons.
    pub(super) fn effective_namespace(&self) -> String {
        if self.is_cluster_scoped() {
            return NO_NAMESPACE.to_owned();
        }
        effective(self.namespace())
    }

    /// What it is called now.
    pub(super) fn current(&self) -> Previous {
        Previous { name: self.name().to_owned(), namespace: self.effective_namespace(), kind: self.kind().to_owned() }
    }

    /// What it was called first.
    pub(super) fn original(&self) -> Previous {
        self.previous.first().cloned().unwrap_or_else(|| self.current())
    }

    /// Remembers what it is called now, before that changes.
    pub(super) fn remember(&mut self) {
        let now = self.current();
        self.previous.push(now);
    }

    /// Whether it is, or ever was, called so.
    pub(super) fn was(&self, other: &Previous) -> bool {
        self.current() == *other || self.previous.contains(other)
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata("annotations")?.get(key)?.as_str()
    }

    pub(super) fn labels(&self) -> Option<&Map<String, Value>> {
        self.metadata("labels")?.as_object()
    }

    pub(super) fn annotations(&self) -> Option<&Map<String, Value>> {
        self.metadata("annotations")?.as_object()
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.metadata_mut().insert("name".to_owned(), json!(name));
    }

    pub(super) fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        map_at(&mut self.object, "metadata")
    }

    pub(super) fn set_label(&mut self, key: &str, value: &str) {
        map_at(self.metadata_mut(), "labels").insert(key.to_owned(), json!(value));
    }

    pub(super) fn into_manifest(mut self) -> Manifest {
        self.tidy_annotations();
        Manifest::new(self.object, self.origin)
    }

    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        let namespace = self.namespace();
        if namespace.is_empty() {
            format!("{}/{}", self.kind(), self.name())
        } else {
            format!("{}/{namespace}/{}", self.kind(), self.name())
        }
    }
}

pub(super) fn effective(namespace: &str) -> String {
    if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() }
}

/// The text of a scalar, as it would be printed without quotes.
pub(super) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => super::emit::value_to_yaml(other).trim_end().to_owned(),
    }
}

/// The map under a key, made where there is none.
pub(super) fn map_at<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("it was made a map")
        }
    }
}
