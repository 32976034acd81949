//! CRDs and the JSON Schema of a state file, both made from the types.
use super::{
    FluxConfiguration, FluxConfigurationSpec, SourceControlConfiguration, SourceControlConfigurationSpec,
    shared::SUBDOMAIN,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, ValidationRule};
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

/// Rules over several fields of a `SourceControlConfiguration`, and what they say.
const OF_SOURCE_CONTROL: [(&str, &str); 1] = [(
    "!has(self.helmOperatorProperties) || (has(self.enableHelmOperator) && self.enableHelmOperator)",
    "helmOperatorProperties has a meaning only with enableHelmOperator: true",
)];

/// Rules over several fields of a `FluxConfiguration`, and what they say.
const OF_FLUX: [(&str, &str); 4] = [
    (
        "(has(self.scope) ? self.scope : 'cluster') == (has(oldSelf.scope) ? oldSelf.scope : 'cluster')",
        "scope cannot be changed: delete the configuration and make it anew",
    ),
    (
        "!has(self.sourceKind) || self.sourceKind == 'GitRepository' ? has(self.gitRepository) : self.sourceKind == 'Bucket' ? has(self.bucket) : self.sourceKind == 'AzureBlob' ? has(self.azureBlob) : has(self.ociRepository)",
        "the source that sourceKind names must be given",
    ),
    (
        "!has(self.gitRepository) || !has(self.gitRepository.repositoryRef) || !has(self.gitRepository.repositoryRef.commit) || has(self.gitRepository.repositoryRef.branch)",
        "gitRepository.repositoryRef.commit must come with the branch that it is on",
    ),
    (
        "!has(self.gitRepository) || self.gitRepository.url.matches('^(https?://|ssh://|git@).+')",
        "gitRepository.url must begin with https://, http://, ssh:// or git@",
    ),
];

/// The CustomResourceDefinitions of the two kinds, with rules over several fields as far as the API server can check them,
/// and of those by which the agents speak with others.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let configurations =
        [ruled(SourceControlConfiguration::crd(), &OF_SOURCE_CONTROL), ruled(FluxConfiguration::crd(), &OF_FLUX)];
    configurations.into_iter().chain(super::arc::definitions()).collect()
}

/// Adds rules to the spec of every version.
fn ruled(mut crd: CustomResourceDefinition, rules: &[(&str, &str)]) -> CustomResourceDefinition {
    let rule = |(rule, message): &(&str, &str)| ValidationRule {
        rule: (*rule).to_owned(),
        message: Some((*message).to_owned()),
        ..ValidationRule::default()
    };
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let spec = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("spec"));
        if let Some(spec) = spec {
            spec.x_kubernetes_validations = Some(rules.iter().map(rule).collect());
        }
    }
    crd
}

/// CustomResourceDefinitions as a YAML stream.
pub fn crds_yaml(crds: &[CustomResourceDefinition]) -> String {
    let all: Vec<Value> = crds.iter().filter_map(|crd| serde_json::to_value(crd).ok()).collect();
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
