//! The namespace of everything.
use super::each_field;
use crate::render::{RenderError, fieldspec::FieldSpec, resource::Resource};
use serde_json::{Value, json};

/// Fields besides `metadata.namespace` that name the namespace.
const FIELDS: [FieldSpec<'static>; 3] = [
    FieldSpec { group: "", version: "v1", kind: "Namespace", path: "metadata/name", create: true },
    FieldSpec {
        group: "apiregistration.k8s.io",
        version: "",
        kind: "APIService",
        path: "spec/service/namespace",
        create: true,
    },
    FieldSpec {
        group: "apiextensions.k8s.io",
        version: "",
        kind: "CustomResourceDefinition",
        path: "spec/conversion/webhook/clientConfig/service/namespace",
        create: false,
    },
];

/// Puts everything that can have one into a namespace.
pub(in crate::render) fn set(file: &str, namespace: &str, resources: &mut [Resource]) -> Result<(), RenderError> {
    if namespace.is_empty() {
        return Ok(());
    }
    for resource in resources.iter_mut() {
        resource.remember();
        if !resource.is_cluster_scoped() {
            resource.metadata_mut().insert("namespace".to_owned(), json!(namespace));
        }
        if resource.kind() != "Namespace" || resource.group().is_empty() {
            each_field(file, "namespace", resource, &FIELDS, &mut |value| {
                *value = json!(namespace);
                Ok(())
            })?;
        }
        if matches!(resource.kind(), "RoleBinding" | "ClusterRoleBinding") {
            default_subjects(resource, namespace);
        }
    }
    collisions(file, resources)
}

/// Subjects named `default` are taken for the service account of the namespace.
fn default_subjects(resource: &mut Resource, namespace: &str) {
    let Some(Value::Array(subjects)) = resource.object.get_mut("subjects") else { return };
    for subject in subjects.iter_mut().filter_map(Value::as_object_mut) {
        if subject.get("name").is_some_and(|name| name == "default") {
            subject.insert("namespace".to_owned(), json!(namespace));
        }
    }
}

/// Two objects that had different namespaces may be one now.
fn collisions(file: &str, resources: &[Resource]) -> Result<(), RenderError> {
    let mut seen = std::collections::HashSet::new();
    for resource in resources {
        if !seen.insert((
            resource.api_version(),
            resource.current().kind,
            resource.current().name,
            resource.current().namespace,
        )) {
            let message = format!("{} is there twice when all are in one namespace", resource.shown());
            return Err(RenderError::field(file, "namespace", message));
        }
    }
    Ok(())
}
