//! What every manifest is given before it is planned for.
use crate::{
    model::{
        FIELD_MANAGER, Manifest, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL,
        configuration::{Configuration, Scope},
    },
    plan::APPLIED_ANNOTATION,
};
use base64::Engine as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Gives a manifest what it needs to be applied by a configuration: its namespace, owner labels, and the digest of it all.
///
/// Pure. Drops what only the server writes. A Secret's `stringData` becomes `data`, as the server stores it: applied
/// as it is, a key that leaves the manifest would stay in the Secret.
pub(super) fn normalise(manifest: &mut Manifest, configuration: &Configuration, is_namespaced: bool) {
    manifest.object.shift_remove("status");
    if manifest.kind() == "Secret" && manifest.api_version() == "v1" {
        encode_strings(&mut manifest.object);
    }
    let namespace = match (is_namespaced, manifest.namespace()) {
        (false, _) => String::new(),
        (true, "") => match configuration.scope {
            Scope::Cluster => "default".to_owned(),
            Scope::Namespace => configuration.id.namespace.clone(),
        },
        (true, own) => own.to_owned(),
    };
    let Some(metadata) = entry(&mut manifest.object, "metadata") else { return };
    metadata.shift_remove("creationTimestamp");
    if namespace.is_empty() {
        metadata.shift_remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    if let Some(labels) = entry(metadata, "labels") {
        labels.insert(OWNER_NAME_LABEL.to_owned(), json!(configuration.id.name));
        labels.insert(OWNER_NAMESPACE_LABEL.to_owned(), json!(configuration.id.namespace));
        labels.entry("app.kubernetes.io/managed-by").or_insert_with(|| json!(FIELD_MANAGER));
    }
    let digest = Sha256::digest(serde_json::to_vec(&manifest.object).unwrap_or_default());
    let digest: String = crate::hex::hex(&digest[..8]);
    if let Some(annotations) =
        entry(&mut manifest.object, "metadata").and_then(|metadata| entry(metadata, "annotations"))
    {
        annotations.insert(APPLIED_ANNOTATION.to_owned(), json!(digest));
    }
}

/// The object under a key, made when it is missing or null.
fn entry<'a>(object: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = object.entry(key).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// Moves the texts of `stringData`, which win over `data`, to base64.
fn encode_strings(secret: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = secret.shift_remove("stringData") else { return };
    let Some(data) = entry(secret, "data") else { return };
    for (key, text) in texts {
        let encoded = match text {
            Value::String(text) => json!(base64::engine::general_purpose::STANDARD.encode(text)),
            // For the server to refuse.
            other => other,
        };
        data.insert(key, encoded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::ConfigurationId;

    fn normalised(object: Value, scope: Scope, is_namespaced: bool) -> Value {
        let id = ConfigurationId { namespace: "apps".into(), name: "shop".into() };
        let configuration = Configuration { scope, ..Configuration::gone(id) };
        let Value::Object(object) = object else { panic!("an object") };
        let mut manifest = Manifest::new(object, "a.yaml");
        normalise(&mut manifest, &configuration, is_namespaced);
        Value::Object(manifest.object)
    }

    #[test]
    fn an_object_without_a_namespace_gets_the_one_of_its_scope() {
        let object = || json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        assert_eq!(normalised(object(), Scope::Cluster, true)["metadata"]["namespace"], "default");
        assert_eq!(normalised(object(), Scope::Namespace, true)["metadata"]["namespace"], "apps");
        let stray = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "b"}});
        assert_eq!(normalised(stray, Scope::Cluster, false)["metadata"].get("namespace"), None);
    }

    #[test]
    fn owner_labels_win_and_the_digest_is_of_the_content() {
        let object = |value: &str, label: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "status": {}, "data": {"a": value},
                "metadata": {"name": "a", "creationTimestamp": null, "labels": {"clusterconfig.azure.com/name": label}}})
        };
        let first = normalised(object("1", "spoofed"), Scope::Cluster, true);
        assert_eq!(first["metadata"]["labels"]["clusterconfig.azure.com/name"], "shop");
        assert!(first.get("status").is_none() && first["metadata"].get("creationTimestamp").is_none());
        let digest = |object: &Value| object["metadata"]["annotations"][APPLIED_ANNOTATION].clone();
        assert_eq!(digest(&first), digest(&normalised(object("1", "other"), Scope::Cluster, true)));
        assert_ne!(digest(&first), digest(&normalised(object("2", "other"), Scope::Cluster, true)));
    }

    #[test]
    fn texts_of_a_secret_are_stored_as_the_server_stores_them() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {"a": "b2xk", "c": "ZA=="}, "stringData": {"a": "new"}});
        let secret = normalised(secret, Scope::Cluster, true);
        assert_eq!(secret["data"], json!({"a": "bmV3", "c": "ZA=="}));
        assert!(secret.get("stringData").is_none());
    }
}
