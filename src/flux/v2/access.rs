//! Who applies what a source holds, and what that account may do.
use super::{Application, object};
use crate::model::{Manifest, configuration::Scope};
use serde_json::{Value, json};

/// First part of the name of every account that applies.
const APPLIER: &str = "flux-applier";

/// Name of the service account that the controllers act as. Each configuration has its own, so that one of scope
/// `namespace` does not have the rights of another of scope `cluster` beside it.
pub(super) fn account(application: &Application<'_>) -> String {
    application.account.map_or_else(|| format!("{APPLIER}-{}", application.name()), str::to_owned)
}

/// The service account and what binds it: to everything, or to everything in its namespace. Nothing when it is given.
pub(super) fn manifests(application: &Application<'_>) -> Vec<Manifest> {
    if application.account.is_some() {
        return Vec::new();
    }
    let name = account(application);
    let binding = binding(application, &name);
    let bound = match application.scope {
        Scope::Cluster => {
            // A namespace has no periods, so no two configurations can have one name.
            let metadata = json!({"name": format!("flux-v2.{}.{}", application.id.namespace, application.name())});
            object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", metadata, binding)
        }
        Scope::Namespace => application.namespaced("rbac.authorization.k8s.io/v1", "RoleBinding", &name, binding),
    };
    // The controllers ask for a token for nobody: they impersonate.
    let account = json!({"automountServiceAccountToken": false});
    vec![application.namespaced("v1", "ServiceAccount", &name, account), bound]
}

fn binding(application: &Application<'_>, account: &str) -> Value {
    json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": application.id.namespace}],
    })
}
