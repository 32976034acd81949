//! Transformers: what a kustomization changes in all that it has accumulated.
pub(super) mod annotations;
pub(super) mod hash;
pub(super) mod images;
pub(super) mod labels;
pub(super) mod name;
pub(super) mod namespace;
pub(super) mod replicas;

use super::{RenderError, fieldspec::Spec, resource::Resource};
use serde_json::Value;

/// Workloads whose pods have a template directly below `spec`, by group and kind. An empty group: any.
const TEMPLATED: [(&str, &str); 6] = [
    ("", "Deployment"),
    ("", "ReplicaSet"),
    ("", "DaemonSet"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("", "ReplicationController"),
];

/// Calls `change` for every field of a resource that one of the specs means.
fn each_field(
    file: &str,
    field: &str,
    resource: &mut Resource,
    specs: &[Spec],
    change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), RenderError> {
    for spec in specs.iter().map(Spec::borrowed) {
        if spec.selects(resource) {
            let outcome = spec.walk(resource, change);
            outcome.map_err(|message| RenderError::field(file, field, format!("{}: {message}", resource.shown())))?;
        }
    }
    Ok(())
}
