//! How many of each.
use super::each_field;
use crate::render::{
    RenderError,
    fieldspec::{FieldSpec, Spec},
    kustomization::Replica,
    resource::Resource,
};
use serde_json::{Value, json};

const FIELDS: [FieldSpec<'static>; 4] = [
    FieldSpec::of("Deployment", "spec/replicas", true),
    FieldSpec::of("ReplicationController", "spec/replicas", true),
    FieldSpec::of("ReplicaSet", "spec/replicas", true),
    FieldSpec::of("StatefulSet", "spec/replicas", true),
];

/// Where the number of replicas stands by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    FIELDS.into_iter().map(Spec::from).collect()
}

/// Sets the number of replicas of what is, or was, called so.
pub(in crate::render) fn set(
    file: &str,
    replicas: &[Replica],
    specs: &[Spec],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    for replica in replicas {
        let mut is_found = false;
        let is_named = |resource: &Resource| {
            resource.name() == replica.name || resource.previous.iter().any(|before| before.name == replica.name)
        };
        for resource in resources.iter_mut() {
            if specs.iter().any(|spec| spec.borrowed().selects(resource)) && is_named(resource) {
                is_found = true;
                each_field(file, "replicas", resource, specs, &mut |value| {
                    // A text stays one: the quotes of the manifest are kept.
                    *value =
                        if value.is_string() { json!(replica.count.to_string()) } else { Value::from(replica.count) };
                    Ok(())
                })?;
            }
        }
        if !is_found {
            let message = format!("nothing with replicas is named {:?}", replica.name);
            return Err(RenderError::field(file, "replicas", message));
        }
    }
    Ok(())
}
