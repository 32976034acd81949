//! From a document to a configuration: kind first, then schema, then types, then rules.
use super::{Problem, Severity, check, secrets::Reader, shape, validate};
use crate::{
    api,
    model::configuration::{Configuration, ConfigurationId},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// What one document holds.
pub(super) struct Parsed {
    /// The configuration that it describes, as far as that is known.
    pub(super) id: Option<ConfigurationId>,
    /// The configuration, when no problem is an error.
    pub(super) configuration: Option<Configuration>,
    /// Everything that is wrong.
    pub(super) problems: Vec<Problem>,
    /// Whether it holds a secret itself.
    pub(super) holds_secrets: bool,
}

static SCHEMA: LazyLock<Value> = LazyLock::new(api::state_schema);

/// Reads one document. Pure but for what `secrets` does.
pub(super) fn document(value: &Value, secrets: &Reader<'_>) -> Parsed {
    let holds_secrets = shape::holds_secrets(value);
    if let Some(problem) = shape::kind_problem(value) {
        return Parsed { id: None, configuration: None, problems: vec![problem], holds_secrets };
    }
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or_default();
    let schemas = SCHEMA.get("oneOf").and_then(Value::as_array);
    let mut parsed = Parsed { id: id_of(value), configuration: None, problems: Vec::new(), holds_secrets };
    for schema in schemas.into_iter().flatten().filter(|schema| schema["title"] == kind) {
        check::check(value, schema, "", &mut parsed.problems);
    }
    let is_of_type = parsed.problems.is_empty();
    match configuration(kind, text("/metadata/name").unwrap_or_default(), value, secrets, &mut parsed.problems) {
        Ok(configuration) => {
            own_namespace(kind, text("/metadata/namespace"), &configuration.id, &mut parsed.problems);
            parsed.id = Some(configuration.id.clone());
            let is_usable = parsed.problems.iter().all(|problem| problem.severity == Severity::Warning);
            parsed.configuration = is_usable.then_some(configuration);
        }
        // What the schema found says it better, and a value could stand in this text.
        Err(_) if is_of_type => parsed.problems.push(Problem::new("spec", "holds a value of the wrong type")),
        Err(_) => {}
    }
    parsed
}

fn configuration(
    kind: &str,
    name: &str,
    value: &Value,
    secrets: &Reader<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Configuration, serde_json::Error> {
    let spec = value.get("spec").cloned().unwrap_or_default();
    let (configuration, resolved) = if kind == "FluxConfiguration" {
        validate::flux(name, &serde_json::from_value(spec)?, secrets, problems)
    } else {
        validate::source_control(name, &serde_json::from_value(spec)?, secrets, problems)
    };
    Ok(Configuration { digest: digest(value, &resolved), ..configuration })
}

/// A resource in a cluster has a namespace of its own; a document may leave it out, but not state another one.
fn own_namespace(kind: &str, stated: Option<&str>, id: &ConfigurationId, problems: &mut Vec<Problem>) {
    let Some(stated) = stated.filter(|stated| *stated != id.namespace) else { return };
    let field = if kind == "FluxConfiguration" { "spec.namespace" } else { "spec.operatorNamespace" };
    problems.push(
        Problem::new(
            "metadata.namespace",
            format!("is {stated:?}, but the configuration's namespace is {}", id.namespace),
        )
        .hint(format!("leave it out, or set {field} to the same")),
    );
}

/// The identity that a document claims, valid or not.
fn id_of(value: &Value) -> Option<ConfigurationId> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let namespace =
        text("/spec/namespace").or_else(|| text("/spec/operatorNamespace")).or_else(|| text("/metadata/namespace"));
    Some(ConfigurationId {
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        name: text("/metadata/name")?,
    })
}

/// Over the document and over the secrets that it refers to, so that a new secret is a change.
fn digest(value: &Value, resolved: &[String]) -> String {
    let mut hash = Sha256::new();
    let without_status: serde_json::Map<String, Value> = value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "status")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    hash.update(Value::Object(without_status).to_string());
    for secret in resolved {
        hash.update(secret.len().to_le_bytes());
        hash.update(secret);
    }
    crate::hex::hex(&hash.finalize())
}
