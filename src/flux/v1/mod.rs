//! A Flux v1 operator, one for each configuration, as manifests.
//!
//! ```text
//! [Namespace]  ServiceAccount  ClusterRoleBinding | Role + RoleBinding     who it is, and what it may do
//! Secret (key, mark)  [Secret (user, key)]  [ConfigMap (known hosts)]      how it reaches the repository
//! Deployment  [Deployment + Service (memcached)]  [Deployment (Helm)]      what runs
//! ```
//!
//! Everything is applied, corrected and removed by the machinery that does so for rendered manifests.
mod access;
mod fluxd;
mod helm;
mod images;
mod memcached;
mod repository;
#[cfg(test)]
mod tests;
mod workload;

pub use helm::release_definition;
pub use images::Images;
pub use repository::synced_commit;

use crate::model::{
    Manifest, ObjectId,
    configuration::{ConfigurationId, GitSource, Scope},
    operator::Operator,
};
use serde_json::{Value, json};

/// Where the manifests come from, for a message that names two of them.
const ORIGIN: &str = "engine flux-v1";

/// Everything that decides what an operator is made of.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// The configuration; its namespace is the operator's.
    pub id: &'a ConfigurationId,
    /// What the operator may touch.
    pub scope: Scope,
    /// What it is told.
    pub operator: &'a Operator,
    /// The repository, with its credentials complete.
    pub source: &'a GitSource,
    /// What runs.
    pub images: &'a Images,
    /// Whether the namespace was made for the configuration, so that it goes with it.
    pub owns_namespace: bool,
}

impl Installation<'_> {
    fn named(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.operator.instance)
    }

    /// Name of the Secret with the private key, on which a reading operator leaves its mark.
    fn key_secret(&self) -> String {
        self.named("git-deploy")
    }

    /// An object of the operator's namespace.
    fn namespaced(&self, api_version: &str, kind: &str, name: &str, rest: Value) -> Manifest {
        let metadata = json!({"name": name, "namespace": self.id.namespace});
        object(api_version, kind, metadata, rest)
    }
}

/// The objects of an operator. Pure; the order is fixed, and nothing in it is left to chance.
///
/// With scope `namespace` every object is in the operator's namespace. The Namespace itself is among them only when it
/// is the configuration's own; it asks to stay when something of others is in it.
pub fn manifests(installation: &Installation<'_>) -> Vec<Manifest> {
    let mut all = Vec::new();
    if installation.owns_namespace && installation.scope == Scope::Cluster {
        all.push(namespace(installation.id));
    }
    all.extend(access::manifests(installation));
    all.extend(repository::manifests(installation));
    all.push(fluxd::deployment(installation));
    if needs_memcached(installation.operator) {
        all.extend(memcached::manifests(installation));
    }
    all.extend(installation.operator.helm.as_ref().map(|helm| helm::deployment(installation, helm)));
    all
}

/// The Secret on which the operator leaves its mark.
pub fn mark(id: &ConfigurationId, operator: &Operator) -> ObjectId {
    ObjectId {
        group: String::new(),
        kind: "Secret".to_owned(),
        namespace: id.namespace.clone(),
        name: format!("{}-git-deploy", operator.instance),
    }
}

/// An operator that scans no image registries has nothing to keep in memcached.
fn needs_memcached(operator: &Operator) -> bool {
    !operator.has_switch("registry-disable-scanning")
}

fn namespace(id: &ConfigurationId) -> Manifest {
    let annotations = json!({crate::plan::PRUNE_ANNOTATION: crate::plan::PRUNE_WHEN_EMPTY});
    object("v1", "Namespace", json!({"name": id.namespace, "annotations": annotations}), json!({}))
}

fn object(api_version: &str, kind: &str, metadata: Value, rest: Value) -> Manifest {
    super::object(ORIGIN, api_version, kind, metadata, rest)
}
