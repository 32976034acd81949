//! Who an operator is, and what it may do.
use super::{Installation, object};
use crate::model::{Manifest, configuration::Scope};
use serde_json::{Value, json};

/// The service account and what binds it.
///
/// Source: the resource's documentation: full access to the cluster, or to the operator's namespace alone.
pub(super) fn manifests(installation: &Installation<'_>) -> Vec<Manifest> {
    let instance = installation.operator.instance.as_str();
    let mut all = vec![installation.namespaced("v1", "ServiceAccount", instance, json!({}))];
    match installation.scope {
        Scope::Cluster => {
            // Periods stand in neither part, so no two operators can have one name.
            let name = format!("flux-v1.{}.{instance}", installation.id.namespace);
            let binding = binding(installation, "ClusterRole", "cluster-admin");
            all.push(object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", json!({"name": name}), binding));
        }
        Scope::Namespace => {
            let rules = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
            let binding = binding(installation, "Role", instance);
            all.push(installation.namespaced("rbac.authorization.k8s.io/v1", "Role", instance, rules));
            all.push(installation.namespaced("rbac.authorization.k8s.io/v1", "RoleBinding", instance, binding));
        }
    }
    all
}

fn binding(installation: &Installation<'_>, kind: &str, role: &str) -> Value {
    let subject = json!({
        "kind": "ServiceAccount", "name": installation.operator.instance, "namespace": installation.id.namespace,
    });
    json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [subject],
    })
}
