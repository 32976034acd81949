//! How kustomize reads what is written for it: fields are known whatever their case, and null is as good as absent.
use crate::render::{
    error::RenderError,
    node::{self, Dialect},
};
use serde::{Deserialize as _, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// The first document of a text, read as kustomize reads its own file.
pub(in crate::render) fn value(text: &str, path: &str) -> Result<Value, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
    let node = node::one(text).map_err(|error| wrong(error.to_string()))?;
    let value = node.map(|node| node.to_value(Dialect::Kustomization)).transpose();
    Ok(value.map_err(|error| wrong(error.to_string()))?.unwrap_or_default())
}

/// A value as what it is to be: fields are known whatever their case, and null is as good as absent.
///
/// # Errors
/// Names the field that is not known, or not of its type; shows no text of it.
pub(in crate::render) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let value = tidied(value, true);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, message) = (error.path().to_string(), without_values(&error.inner().to_string()));
        let hint = if message.contains("expected a string") { "; put it in quotes" } else { "" };
        if path == "." { message } else { format!("{path}: {message}{hint}") }
    })
}

/// Fields whose keys are the user's own.
const FREE: [&str; 9] = [
    "metadata",
    "pairs",
    "labels",
    "annotations",
    "commonLabels",
    "commonAnnotations",
    "valuesInline",
    "valuesLocal",
    "openapi",
];

/// Without nulls, and fields in the case that is known.
fn tidied(value: Value, at_fields: bool) -> Value {
    match value {
        Value::Object(map) if at_fields => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| {
                    let key = known_spelling(key);
                    let is_free = FREE.contains(&key.as_str()) && !value.is_array();
                    let value = tidied(value, !is_free);
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| tidied(item, at_fields)).collect()),
        other => other,
    }
}

/// The fields that are known, in the case that kustomize documents.
pub(super) const FIELDS: [&str; 99] = [
    "additionalValuesFiles",
    "allowKindChange",
    "allowNameChange",
    "annotationSelector",
    "annotations",
    "apiVersion",
    "apiVersions",
    "bases",
    "behavior",
    "buildMetadata",
    "chartHome",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configHome",
    "configMapGenerator",
    "configurations",
    "count",
    "crds",
    "create",
    "debug",
    "delimiter",
    "devel",
    "digest",
    "disableNameSuffixHash",
    "encoding",
    "env",
    "envs",
    "fieldPath",
    "fieldPaths",
    "fieldSpecs",
    "fieldref",
    "fields",
    "files",
    "generatorOptions",
    "generators",
    "group",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "images",
    "immutable",
    "includeCRDs",
    "includeSelectors",
    "includeTemplates",
    "index",
    "inventory",
    "kind",
    "kubeVersion",
    "labelSelector",
    "labels",
    "legacySortOptions",
    "literals",
    "metadata",
    "name",
    "namePrefix",
    "nameSuffix",
    "nameTemplate",
    "namespace",
    "newName",
    "newTag",
    "objref",
    "openapi",
    "options",
    "order",
    "orderFirst",
    "orderLast",
    "pairs",
    "patch",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "path",
    "reject",
    "releaseName",
    "replacements",
    "replicas",
    "repo",
    "resources",
    "secretGenerator",
    "select",
    "skipHooks",
    "skipTests",
    "sortOptions",
    "source",
    "sourceValue",
    "tagSuffix",
    "target",
    "targets",
    "transformers",
    "type",
    "validators",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "vars",
    "version",
    "fieldpath",
];

/// The name of a field in the case that kustomize documents.
fn known_spelling(key: String) -> String {
    if FIELDS.contains(&key.as_str()) {
        return key;
    }
    FIELDS.iter().find(|field| field.eq_ignore_ascii_case(&key)).map_or(key, |field| (*field).to_owned())
}

/// A message of the reader, without the value that it found.
fn without_values(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ").filter(|_| message.starts_with("invalid ")) else {
        return message.to_owned();
    };
    let kind = found.split(['`', '"']).next().unwrap_or(found).trim_end();
    format!("{kind}, expected {expected}")
}

/// A map of texts; null is the empty text.
pub(in crate::render) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let map: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}
