//! Service accounts that are made for configurations, with the rights that their scope needs.
//!
//! An account of scope `namespace` can do everything in its own namespace and nothing elsewhere; one of scope `cluster`
//! can do everything. Who makes them must hold those rights, or the verb `bind` on the role.
use super::{
    ClusterError,
    deadline::{WRITE, answered},
    namespace,
};
use crate::model::{
    Account, FIELD_MANAGER, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, ObjectId,
    configuration::{ConfigurationId, Scope},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Role that the accounts are bound to: everything, in a namespace or in the cluster.
const ROLE: &str = "cluster-admin";
/// Group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

/// Makes and removes the accounts.
pub struct Accounts {
    client: Client,
    /// Configurations whose account was refused something, and is to be made again.
    doubted: Mutex<BTreeSet<ConfigurationId>>,
}

impl Accounts {
    pub(super) fn new(client: Client) -> Self {
        Self { client, doubted: Mutex::default() }
    }

    fn doubted(&self) -> MutexGuard<'_, BTreeSet<ConfigurationId>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the account of a configuration was refused something.
    pub fn doubt(&self, id: &ConfigurationId) {
        self.doubted().insert(id.clone());
    }

    /// Whether the account of a configuration was refused something since it was made.
    pub fn is_doubted(&self, id: &ConfigurationId) -> bool {
        self.doubted().contains(id)
    }

    /// Makes the account of a configuration, or gives it back what it should have. Makes its namespace when it is missing.
    ///
    /// Two requests; a third takes away the rights of the scope on record. Idempotent.
    ///
    /// # Errors
    /// When the API server does not answer or refuses: the agent cannot give away rights that it does not have.
    pub async fn make(&self, id: &ConfigurationId, scope: Scope, recorded: &Account) -> Result<(), ClusterError> {
        let name = Account::own_name(id);
        let account = Body::new("v1", "ServiceAccount", &id.namespace, &name, id);
        match self.apply(&account).await {
            Err(ClusterError::NamespaceNotReady { .. }) => {
                namespace::make(&self.client, &id.namespace).await?;
                self.apply(&account).await?;
            }
            applied => applied?,
        }
        self.apply(&binding(id, scope)).await?;
        if let Account::Own(other) = recorded
            && *other != scope
        {
            self.delete(&binding(id, *other)).await?;
        }
        tracing::info!(configuration = %id, account = %account.id, ?scope, "service account made");
        self.doubted().remove(id);
        Ok(())
    }

    /// Removes the account of a configuration, and its rights: those on record, and any that a run made which was killed
    /// before it could say so.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn remove(&self, id: &ConfigurationId, recorded: &Account) -> Result<(), ClusterError> {
        for scope in [Scope::Cluster, Scope::Namespace] {
            match self.delete(&binding(id, scope)).await {
                // What the agent may not delete, it could not make.
                Err(error) if error.is_forbidden() && *recorded != Account::Own(scope) => {}
                deleted => deleted?,
            }
        }
        self.delete(&Body::new("v1", "ServiceAccount", &id.namespace, &Account::own_name(id), id)).await?;
        self.doubted().remove(id);
        Ok(())
    }

    async fn apply(&self, body: &Body) -> Result<(), ClusterError> {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&body.object);
        let request = body.api(&self.client);
        let request = request.patch(&body.id.name, &parameters, &patch);
        let done = answered(WRITE, || format!("applying {}", body.id), request).await?;
        done.map(drop).map_err(|error| ClusterError::of(&body.id, "applying", error))
    }

    /// Deletes it if it is there.
    async fn delete(&self, body: &Body) -> Result<(), ClusterError> {
        let api = body.api(&self.client);
        let parameters = DeleteParams::default();
        match answered(WRITE, || format!("deleting {}", body.id), api.delete(&body.id.name, &parameters)).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(ClusterError::of(&body.id, "deleting", error)),
        }
    }
}

/// One object of an account.
struct Body {
    id: ObjectId,
    kind: ApiResource,
    object: Value,
}

impl Body {
    fn new(api_version: &str, kind: &str, namespace: &str, name: &str, owner: &ConfigurationId) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let id = ObjectId {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        let kind = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
            kind: kind.to_owned(),
        };
        let mut object = json!({
            "apiVersion": api_version, "kind": kind.kind,
            "metadata": {"name": name, "labels": {
                OWNER_NAME_LABEL: owner.name, OWNER_NAMESPACE_LABEL: owner.namespace,
                "app.kubernetes.io/managed-by": FIELD_MANAGER,
            }},
        });
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        Self { id, kind, object }
    }

    /// A binding of the account of a configuration to everything.
    fn binding(kind: &str, namespace: &str, name: &str, owner: &ConfigurationId) -> Self {
        let mut body = Self::new(&format!("{RBAC}/v1"), kind, namespace, name, owner);
        body.object["roleRef"] = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": ROLE});
        body.object["subjects"] =
            json!([{"kind": "ServiceAccount", "name": Account::own_name(owner), "namespace": owner.namespace}]);
        body
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match self.id.namespace.as_str() {
            "" => Api::all_with(client.clone(), &self.kind),
            namespace => Api::namespaced_with(client.clone(), namespace, &self.kind),
        }
    }
}

/// What gives the account of a configuration the rights of a scope.
fn binding(id: &ConfigurationId, scope: Scope) -> Body {
    match scope {
        Scope::Cluster => {
            Body::binding("ClusterRoleBinding", "", &format!("{FIELD_MANAGER}.{}.{}", id.namespace, id.name), id)
        }
        Scope::Namespace => Body::binding("RoleBinding", &id.namespace, &Account::own_name(id), id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_of_two_configurations_never_share_a_name() {
        let id = |namespace: &str, name: &str| ConfigurationId { namespace: namespace.into(), name: name.into() };
        // A namespace has no dots, so its end is the first dot.
        let names: BTreeSet<String> = [id("a", "b.c"), id("a-b", "c"), id("a", "b-c"), id("b", "a")]
            .iter()
            .map(|id| binding(id, Scope::Cluster).id.name)
            .collect();
        assert_eq!(names.len(), 4);
    }
}
