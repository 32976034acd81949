//! What is known of Kubernetes' types: which lists merge, by which keys, and which kinds have no namespace.
//!
//! Source: the OpenAPI document of Kubernetes 1.21, which kustomize v5.8 carries; a kustomization's `openapi` replaces it,
//! or adds to it.
use serde_json::{Map, Value};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

/// Deepest chain of references and fields inside each other.
const MAX_DEPTH: usize = 64;

/// The types of an OpenAPI document.
#[derive(Debug, Default)]
pub(in crate::render) struct Schema {
    /// `apiVersion/kind` to the name of a definition.
    kinds: HashMap<String, String>,
    definitions: HashMap<String, Definition>,
    /// Where to look for what is not here.
    beneath: Option<Arc<Self>>,
}

/// What is known of one field, or one type.
#[derive(Debug, Default)]
struct Definition {
    reference: Option<String>,
    fields: HashMap<String, Self>,
    /// The type of fields that are not listed.
    other_fields: Option<Box<Self>>,
    items: Option<Box<Self>>,
    is_merged: bool,
    /// Keys that tell the elements of a merged list apart; none for lists of plain values.
    keys: Vec<String>,
}

/// What is known of one type; may be nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::render) struct Type<'s>(Option<(&'s Schema, &'s Definition)>);

static BUILT_IN: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let value: Value =
        serde_json::from_str(include_str!("schema/types.json")).expect("the schema is part of the program");
    Arc::new(Schema::compact(&value))
});

/// Kinds of objects that have no namespace, with their API versions.
static CLUSTER_SCOPED: LazyLock<HashSet<(&'static str, &'static str)>> = LazyLock::new(|| {
    include_str!("schema/cluster-scoped.txt").lines().filter_map(|line| line.rsplit_once('/')).collect()
});

/// Whether objects of a kind have no namespace, as far as kustomize knows.
pub(in crate::render) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&(api_version, kind))
}

impl Schema {
    /// The schema of Kubernetes' own types.
    pub(in crate::render) fn built_in() -> Arc<Self> {
        BUILT_IN.clone()
    }

    /// The schema of an OpenAPI document, alone or over another.
    ///
    /// # Errors
    /// When the document has no definitions.
    pub(in crate::render) fn of_document(document: &Value, beneath: Option<Arc<Self>>) -> Result<Self, String> {
        let found = document.get("definitions").or_else(|| document.pointer("/components/schemas"));
        let found = found.and_then(Value::as_object).ok_or("is not an OpenAPI document: it has no definitions")?;
        let mut schema = Self { beneath, ..Self::default() };
        for (name, value) in found {
            let kinds = value.get("x-kubernetes-group-version-kind").and_then(Value::as_array).into_iter().flatten();
            for kind in kinds {
                let text = |key: &str| kind.get(key).and_then(Value::as_str).unwrap_or_default();
                let slash = if text("group").is_empty() { "" } else { "/" };
                let key = format!("{}{slash}{}/{}", text("group"), text("version"), text("kind"));
                schema.kinds.insert(key, name.clone());
            }
            schema.definitions.insert(name.clone(), Definition::of_document(value, 0));
        }
        Ok(schema)
    }

    /// The schema in the compact form that is part of the program.
    fn compact(value: &Value) -> Self {
        let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let kinds = object(value.get("types"));
        let kinds = kinds.iter().filter_map(|(kind, name)| Some((kind.clone(), name.as_str()?.to_owned()))).collect();
        let definitions = object(value.get("definitions"));
        let definitions = definitions.into_iter().map(|(name, fields)| {
            let fields = fields.as_object().cloned().unwrap_or_default();
            let fields = fields.into_iter().map(|(field, value)| (field, Definition::compact(&value))).collect();
            (name, Definition { fields, ..Definition::default() })
        });
        Self { kinds, definitions: definitions.collect(), beneath: None }
    }

    /// The type of a kind.
    pub(in crate::render) fn kind(&self, api_version: &str, kind: &str) -> Type<'_> {
        let found = self.kinds.get(&format!("{api_version}/{kind}")).and_then(|name| self.definitions.get(name));
        match (found, &self.beneath) {
            (Some(found), _) => Type(Some((self, found))),
            (None, Some(beneath)) => beneath.kind(api_version, kind),
            (None, None) => Type(None),
        }
    }

    /// Follows the references of a definition.
    fn resolved<'s>(&'s self, mut definition: &'s Definition) -> Type<'s> {
        for _ in 0..MAX_DEPTH {
            let Some(name) = &definition.reference else { return Type(Some((self, definition))) };
            match (self.definitions.get(name), &self.beneath) {
                (Some(found), _) => definition = found,
                (None, Some(beneath)) => return beneath.resolved(definition),
                (None, None) => return Type(None),
            }
        }
        Type(None)
    }
}

impl Definition {
    fn of_document(value: &Value, depth: usize) -> Self {
        let Some(object) = value.as_object().filter(|_| depth < MAX_DEPTH) else { return Self::default() };
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let inner = |key: &str| {
            object.get(key).filter(|value| value.is_object()).map(|value| Box::new(Self::of_document(value, depth + 1)))
        };
        let fields: Map<String, Value> =
            object.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let list_keys = object.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
        let keys = match (list_keys, text("x-kubernetes-patch-merge-key")) {
            (Some(keys), _) => keys.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            (None, Some(key)) => vec![key.to_owned()],
            (None, None) => Vec::new(),
        };
        Self {
            reference: text("$ref").and_then(|path| path.rsplit('/').next()).map(str::to_owned),
            fields: fields.iter().map(|(name, value)| (name.clone(), Self::of_document(value, depth + 1))).collect(),
            other_fields: inner("additionalProperties"),
            items: inner("items"),
            is_merged: text("x-kubernetes-patch-strategy").is_some_and(merges),
            keys,
        }
    }

    fn compact(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let of = |name: &str| Box::new(Self { reference: Some(name.to_owned()), ..Self::default() });
        let keys = value.get("keys").and_then(Value::as_array).into_iter().flatten();
        Self {
            reference: text("ref").map(str::to_owned),
            items: text("items").map(of),
            is_merged: text("strategy").is_some_and(merges),
            keys: keys.filter_map(Value::as_str).map(str::to_owned).collect(),
            ..Self::default()
        }
    }
}

fn merges(strategy: &str) -> bool {
    strategy.split(',').any(|one| one == "merge")
}

impl<'s> Type<'s> {
    /// Whether anything is known of it.
    pub(in crate::render) fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// The type of a field.
    pub(in crate::render) fn field(self, name: &str) -> Self {
        let Some((schema, definition)) = self.0 else { return Self(None) };
        let found = definition.fields.get(name).or(definition.other_fields.as_deref());
        found.map_or(Self(None), |found| schema.resolved(found))
    }

    /// The type of a list's elements.
    pub(in crate::render) fn elements(self) -> Self {
        let Some((schema, definition)) = self.0 else { return Self(None) };
        definition.items.as_deref().map_or(Self(None), |found| schema.resolved(found))
    }

    /// The keys by which lists of it are merged; none when they are replaced.
    pub(in crate::render) fn merge_keys(self) -> Option<&'s [String]> {
        let (_, definition) = self.0.filter(|(_, definition)| definition.is_merged)?;
        Some(&definition.keys)
    }
}
