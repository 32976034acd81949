//! Flux v2: what its controllers are told for a configuration, how they are found and installed, and what they say.
//!
//! ```text
//! Secret  ServiceAccount  ClusterRoleBinding | RoleBinding     how the source is reached, and who applies
//! GitRepository | Bucket | OCIRepository                       the source
//! Kustomization ...                                            one for each of the configuration's
//! ```
//!
//! Everything is applied, corrected and removed by the machinery that does so for rendered manifests.
mod access;
mod controllers;
mod definitions;
mod detect;
mod kustomization;
mod report;
mod source;
#[cfg(test)]
mod tests;

pub use controllers::{Settings, id as controllers_id, manifests as controllers};
pub use definitions::definitions;
pub use detect::{Apis, Controller, Found, Lack, controllers_in};
pub use report::{
    Standing, Story, inventory, kustomization as kustomization_standing, named_in, quoted, source as source_standing,
};

use crate::model::{
    Manifest, OPERATOR_LABEL, ObjectId,
    configuration::{ConfigurationId, GitSource, Kustomization, Scope},
    flux::FluxV2,
};
use serde_json::{Value, json};

/// Where the manifests come from, for a message that names two of them.
const ORIGIN: &str = "engine flux-v2";

/// The controllers, by the names that their Deployments have.
pub const CONTROLLERS: [&str; 2] = [SOURCE, KUSTOMIZE];
const SOURCE: &str = "source-controller";
const KUSTOMIZE: &str = "kustomize-controller";
/// API group of the sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
/// API group of the kustomizations.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// Finalizer by which the controllers hold their objects.
pub const FINALIZER: &str = "finalizers.fluxcd.io";
/// Annotation by which a reconcile is asked for.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// Everything that decides what the controllers are told.
#[derive(Clone, Copy, Debug)]
pub struct Application<'a> {
    /// The configuration; its namespace holds everything but a ClusterRoleBinding.
    pub id: &'a ConfigurationId,
    /// What may be touched.
    pub scope: Scope,
    /// Whether the controllers rest.
    pub suspend: bool,
    /// The source and its kustomizations.
    pub flux: &'a FluxV2,
    /// The Git repository, with its credentials complete.
    pub git: &'a GitSource,
    /// Service account of the namespace that applies, which somebody else makes and gives its rights; none when one is
    /// made.
    pub account: Option<&'a str>,
    /// Secret of the user that holds the Git credentials as they are; none when one is made.
    pub git_secret: Option<&'a str>,
    /// The versions of the kinds that are served.
    pub apis: &'a Apis,
}

impl Application<'_> {
    /// Name of the source, and of what is made for it: that of the configuration.
    fn name(&self) -> &str {
        &self.id.name
    }

    /// An object of the configuration's namespace.
    fn namespaced(&self, api_version: &str, kind: &str, name: &str, rest: Value) -> Manifest {
        object(api_version, kind, json!({"name": name, "namespace": self.id.namespace}), rest)
    }

    /// An object whose status is followed.
    fn followed(&self, api_version: &str, kind: &str, name: &str, part: &str, spec: &Value) -> Manifest {
        let metadata = json!({"name": name, "namespace": self.id.namespace, "labels": {OPERATOR_LABEL: part}});
        object(api_version, kind, metadata, json!({"spec": spec}))
    }
}

/// What the controllers are told. Pure; the order is fixed, and nothing in it is left to chance.
pub fn manifests(application: &Application<'_>) -> Vec<Manifest> {
    let mut all = access::manifests(application);
    all.extend(source::manifests(application));
    all.extend(application.flux.kustomizations.iter().map(|one| kustomization::manifest(application, one)));
    all
}

/// The source of a configuration.
pub fn source_id(id: &ConfigurationId, flux: &FluxV2) -> ObjectId {
    ObjectId {
        group: SOURCE_GROUP.to_owned(),
        kind: flux.source.kind().to_owned(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    }
}

/// The Flux object of a kustomization.
pub fn kustomization_id(id: &ConfigurationId, one: &Kustomization) -> ObjectId {
    ObjectId {
        group: KUSTOMIZE_GROUP.to_owned(),
        kind: "Kustomization".to_owned(),
        namespace: id.namespace.clone(),
        name: kustomization::name(id, &one.name),
    }
}

fn object(api_version: &str, kind: &str, metadata: Value, rest: Value) -> Manifest {
    super::object(ORIGIN, api_version, kind, metadata, rest)
}

/// A duration as Flux writes it.
fn seconds(duration: std::time::Duration) -> String {
    format!("{}s", duration.as_secs().max(1))
}

/// Puts a value into an object, where there is one.
fn put(object: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object[key] = value.into();
    }
}
