//! CRDs and the JSON Schema of a state file, both made from the types.
use super::{
    FluxConfiguration, FluxConfigurationSpec, SourceControlConfiguration, SourceControlConfigurationSpec,
    shared::SUBDOMAIN,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

/// What a cluster adds to the metadata of an object, so that the output of `kubectl get -o yaml` is a state file too.
const SET_BY_A_CLUSTER: [&str; 10] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The CustomResourceDefinitions of the two kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![SourceControlConfiguration::crd(), FluxConfiguration::crd()]
}

/// The CustomResourceDefinitions as a YAML stream.
pub fn crds_yaml() -> String {
    let all: Vec<Value> = crds().iter().filter_map(|crd| serde_json::to_value(crd).ok()).collect();
    all.iter().map(crate::render::value_to_yaml).collect::<Vec<_>>().join("---\n")
}

/// The JSON Schema (2020-12) of one document of a state file.
pub fn state_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of an Arcwright state file",
        "oneOf": [
            document::<SourceControlConfigurationSpec>("SourceControlConfiguration"),
            document::<FluxConfigurationSpec>("FluxConfiguration"),
        ]
    })
}

fn document<T: JsonSchema>(kind: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut spec = settings.into_generator().into_root_schema_for::<T>().to_value();
    close(&mut spec);
    json!({
        "title": kind,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": super::API_VERSION, "description": "Version of the resource." },
            "kind": { "const": kind, "description": "Kind of the resource." },
            "metadata": metadata(),
            "spec": spec,
            "status": { "type": ["object", "null"], "description": "Written by Arcwright; ignored in a file." },
        }
    })
}

fn metadata() -> Value {
    let texts = |description: &str| json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" }, "description": description });
    let mut metadata = json!({
        "type": "object",
        "description": "What the configuration is called.",
        "required": ["name"],
        "additionalProperties": false,
        "properties": {
            "name": {
                "type": "string", "minLength": 1, "maxLength": 63, "pattern": SUBDOMAIN,
                "description": "Name of the configuration, a DNS-1123 subdomain of at most 63 characters."
            },
            "namespace": {
                "type": "string",
                "description": "Must be the configuration's namespace (`spec.namespace`, `spec.operatorNamespace`) when given."
            },
            "labels": texts("Free for the user."),
            "annotations": texts("Free for the user."),
        }
    });
    for name in SET_BY_A_CLUSTER {
        metadata["properties"][name] = json!({ "description": "Set by a cluster; ignored in a file." });
    }
    metadata
}

/// Forbids unknown fields in every object that lists its own.
fn close(schema: &mut Value) {
    if let Value::Object(map) = schema
        && map.contains_key("properties")
        && !map.contains_key("additionalProperties")
    {
        map.insert("additionalProperties".into(), Value::Bool(false));
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(close),
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
