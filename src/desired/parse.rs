//! From a document to a configuration: schema first, then types, then rules.
use super::{Problem, SecretSource, check, validate};
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
}

static SCHEMA: LazyLock<Value> = LazyLock::new(api::state_schema);

/// Reads one document. Pure but for what `secrets` does.
pub(super) fn document(value: &Value, secrets: &dyn SecretSource) -> Parsed {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let mut parsed = Parsed { id: id_of(value), configuration: None, problems: Vec::new() };
    let kind = text("/kind").unwrap_or_default();
    let schemas = SCHEMA.get("oneOf").and_then(Value::as_array);
    let Some(schema) = schemas.into_iter().flatten().find(|schema| schema["title"] == kind) else {
        let problem = Problem::new("kind", "must be FluxConfiguration or SourceControlConfiguration");
        parsed.problems.push(match check::near(kind, ["FluxConfiguration", "SourceControlConfiguration"]) {
            Some(near) if !kind.is_empty() => problem.hint(format!("did you mean {near}?")),
            _ => problem,
        });
        return parsed;
    };
    check::check(value, schema, "", &mut parsed.problems);
    if !parsed.problems.is_empty() {
        return parsed;
    }
    let spec = value.get("spec").cloned().unwrap_or_default();
    let name = text("/metadata/name").unwrap_or_default();
    let mut problems = Vec::new();
    let configuration = if kind == "FluxConfiguration" {
        serde_json::from_value(spec).map(|spec| validate::flux(name, &spec, secrets, &mut problems))
    } else {
        serde_json::from_value(spec).map(|spec| validate::source_control(name, &spec, secrets, &mut problems))
    };
    let configuration = match configuration {
        Ok((configuration, resolved)) => Some(Configuration { digest: digest(value, &resolved), ..configuration }),
        Err(error) => {
            problems.push(Problem::new("spec", error.to_string()));
            None
        }
    };
    if let (Some(stated), Some(configuration)) = (text("/metadata/namespace"), &configuration)
        && stated != configuration.id.namespace
    {
        let field = if kind == "FluxConfiguration" { "spec.namespace" } else { "spec.operatorNamespace" };
        problems.push(
            Problem::new(
                "metadata.namespace",
                format!("is {stated}, but the configuration's namespace is {}", configuration.id.namespace),
            )
            .hint(format!("leave it out, or set {field} to the same")),
        );
    }
    let is_usable = problems.iter().all(|problem| problem.severity == super::Severity::Warning);
    parsed.id = configuration.as_ref().map(|configuration| configuration.id.clone()).or(parsed.id);
    parsed.configuration = configuration.filter(|_| is_usable);
    parsed.problems = problems;
    parsed
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
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
