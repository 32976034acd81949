//! CRDs and the JSON Schema of a state file, both made from the types.
use super::{FluxConfiguration, FluxConfigurationSpec, SourceControlConfiguration, SourceControlConfigurationSpec};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

/// An object with any fields.
pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["object", "null"], "x-kubernetes-preserve-unknown-fields": true })
}

/// The CustomResourceDefinitions of the two kinds.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![SourceControlConfiguration::crd(), FluxConfiguration::crd()]
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
    let required = if kind == "FluxConfiguration" { json!([]) } else { json!(["repositoryUrl"]) };
    spec["required"] = required;
    close(&mut spec);
    json!({
        "title": kind,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": super::API_VERSION },
            "kind": { "const": kind },
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "description": "Name of the configuration, DNS-1123, at most 63 characters." },
                    "namespace": { "type": "string", "description": "Must be the configuration's namespace when given." },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
                }
            },
            "spec": spec,
            "status": { "type": "object", "description": "Written by Arcwright; ignored in a file." },
        }
    })
}

/// Forbids unknown fields in every object that lists its own.
fn close(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if map.contains_key("properties") && !map.contains_key("additionalProperties") {
            map.insert("additionalProperties".into(), Value::Bool(false));
        }
        map.remove("default");
        map.remove("x-kubernetes-preserve-unknown-fields");
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(close),
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The CustomResourceDefinitions as a YAML stream.
pub fn crds_yaml() -> String {
    let all: Vec<Value> = crds().iter().filter_map(|crd| serde_json::to_value(crd).ok()).collect();
    all.iter().map(crate::render::value_to_yaml).collect::<Vec<_>>().join("---\n")
}
