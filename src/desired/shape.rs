//! Tells what a document is that is none of the two kinds.
use super::{Problem, check::near};
use serde_json::Value;

const KINDS: [&str; 2] = ["FluxConfiguration", "SourceControlConfiguration"];

/// What is wrong with the kind of a document, if anything.
pub(super) fn kind_problem(document: &Value) -> Option<Problem> {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    if !document.is_object() {
        return Some(Problem::new("", "is no configuration, but a plain value or a list").hint(
            "write one resource a document, with apiVersion, kind, metadata and spec, and --- between documents",
        ));
    }
    if is_arm(document) {
        return Some(Problem::new("", "is in the form of the ARM resource").hint(
            "write apiVersion: clusterconfig.azure.com/v1beta1, the kind, metadata.name, and under spec what is in properties",
        ));
    }
    let Some(kind) = text("kind") else {
        return Some(Problem::new("kind", "is missing").hint("FluxConfiguration or SourceControlConfiguration"));
    };
    if KINDS.contains(&kind) {
        return None;
    }
    let problem = Problem::new("kind", "must be FluxConfiguration or SourceControlConfiguration");
    Some(match hint(kind, text("apiVersion").unwrap_or_default()) {
        Some(hint) => problem.hint(hint),
        None => problem,
    })
}

/// Whether a document is what Azure returns for a configuration.
fn is_arm(document: &Value) -> bool {
    let is_arm_type = |kind: &str| kind.to_lowercase().starts_with("microsoft.kubernetesconfiguration/");
    document.get("type").and_then(Value::as_str).is_some_and(is_arm_type)
        || (document.get("properties").is_some_and(Value::is_object) && document.get("kind").is_none())
}

fn hint(kind: &str, api_version: &str) -> Option<String> {
    if kind == "List" || kind.ends_with("List") {
        return Some("write each item as a document of its own, with --- between them".to_owned());
    }
    if api_version.contains("toolkit.fluxcd.io/") {
        return Some(
            "that is a resource of Flux itself; state the source and its kustomizations as one FluxConfiguration"
                .to_owned(),
        );
    }
    match kind {
        "FluxConfig" => Some("did you mean FluxConfiguration?".to_owned()),
        "GitConfig" => Some("did you mean SourceControlConfiguration?".to_owned()),
        _ => near(kind, KINDS)
            .map(|near| format!("did you mean {near}?"))
            .or_else(|| Some("other objects belong into the repository, not into the state".to_owned())),
    }
}

/// Whether a document holds a secret itself, rather than by reference.
pub(super) fn holds_secrets(document: &Value) -> bool {
    let is_given = |pointer: &str| {
        document.pointer(pointer).is_some_and(|value| match value {
            Value::Object(map) => !map.is_empty(),
            Value::String(text) => !text.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
        })
    };
    [
        "/spec/configurationProtectedSettings",
        "/spec/azureBlob/accountKey",
        "/spec/azureBlob/sasToken",
        "/spec/azureBlob/servicePrincipal/clientSecret",
        "/spec/azureBlob/servicePrincipal/clientCertificate",
        "/spec/ociRepository/tlsConfig/privateKey",
    ]
    .into_iter()
    .any(is_given)
}
