//! The properties of an ARM resource, checked as a document of any door is.
use super::{Severity, parse, secrets::Reader};
use crate::api::API_VERSION;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is wrong with the properties of a `SourceControlConfiguration` or `FluxConfiguration`: each field, as in
/// `properties.gitRepository.url`, and what is wrong with it. Warnings are left out. Reads no file and no variable.
pub fn problems(
    kind: &str,
    name: &str,
    properties: &Map<String, Value>,
    protected: Option<&BTreeMap<String, String>>,
) -> Vec<(String, String)> {
    let mut spec = properties.clone();
    if let Some(protected) = protected {
        spec.insert("configurationProtectedSettings".to_owned(), json!(protected));
    }
    let document = json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let parsed = parse::document(&document, &Reader::of_cluster());
    let errors = parsed.problems.into_iter().filter(|problem| problem.severity == Severity::Error);
    errors
        .map(|problem| {
            let field = match problem.field.strip_prefix("spec") {
                Some(rest) => format!("properties{rest}"),
                None => problem.field,
            };
            let hint = problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            (field, problem.message + &hint)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_the_resource_has_them_and_secrets_are_not_quoted() {
        let Value::Object(properties) =
            json!({"gitRepository": {"url": "https://u:S3CRET@host/x"}, "scope": "everywhere"})
        else {
            return;
        };
        let protected = BTreeMap::from([("sshPrivateKey".to_owned(), "S3CRET".to_owned())]);
        let found = problems("FluxConfiguration", "web", &properties, Some(&protected));
        assert!(found.iter().any(|(field, _)| field == "properties.scope"), "{found:?}");
        assert!(!format!("{found:?}").contains("S3CRET"), "{found:?}");
    }
}
