//! What the kustomize-controller is told.
use super::{Application, access, put, seconds};
use crate::model::{
    Manifest,
    configuration::{ConfigurationId, Kustomization},
};
use serde_json::{Map, Value, json};

/// Name of the Flux object of a kustomization.
pub(super) fn name(id: &ConfigurationId, kustomization: &str) -> String {
    format!("{}-{kustomization}", id.name)
}

/// The Flux object of a kustomization.
///
/// It names its account always, and its source without a namespace, so that it works, and is as safe, where the
/// controllers allow no references across namespaces.
pub(super) fn manifest(application: &Application<'_>, one: &Kustomization) -> Manifest {
    let mut spec = json!({
        "sourceRef": {"kind": application.flux.source.kind(), "name": application.name()},
        "path": format!("./{}", one.path.trim_start_matches("./").trim_matches('/')),
        "interval": seconds(one.interval),
        "timeout": seconds(one.timeout),
        "prune": one.prune,
        "force": one.force,
        "wait": one.wait,
        "serviceAccountName": access::account(application),
        "suspend": application.suspend,
    });
    put(&mut spec, "retryInterval", one.retry_interval.map(seconds));
    if !one.depends_on.is_empty() {
        let names = one.depends_on.iter().map(|other| json!({"name": name(application.id, other)}));
        spec["dependsOn"] = names.collect();
    }
    put(&mut spec, "postBuild", post_build(one));
    let name = name(application.id, &one.name);
    application.followed(&application.apis.kustomization, "Kustomization", &name, "kustomization", &spec)
}

fn post_build(one: &Kustomization) -> Option<Value> {
    if one.substitute.is_empty() && one.substitute_from.is_empty() {
        return None;
    }
    let mut build = Map::new();
    if !one.substitute.is_empty() {
        build.insert("substitute".to_owned(), json!(one.substitute));
    }
    if !one.substitute_from.is_empty() {
        let from = one.substitute_from.iter();
        let from = from.map(|from| json!({"kind": from.kind, "name": from.name, "optional": from.optional}));
        build.insert("substituteFrom".to_owned(), from.collect());
    }
    Some(Value::Object(build))
}
