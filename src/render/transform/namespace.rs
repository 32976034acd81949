//! The namespace of everything.
use super::each_field;
use crate::render::{
    RenderError,
    fieldspec::{FieldSpec, Spec},
    resource::Resource,
};
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

/// Where the namespace is named by default, besides `metadata.namespace`.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    FIELDS.into_iter().map(Spec::from).collect()
}

/// Puts everything that can have one into a namespace.
pub(in crate::render) fn set(
    file: &str,
    namespace: &str,
    specs: &[Spec],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    if namespace.is_empty() {
        return Ok(());
    }
    for resource in resources.iter_mut() {
        resource.remember();
        if !resource.is_cluster_scoped() {
            resource.metadata_mut().insert("namespace".to_owned(), json!(namespace));
        }
        for spec in specs {
            if !is_free(spec, resource) {
                continue;
            }
            each_field(file, "namespace", resource, std::slice::from_ref(spec), &mut |value| {
                if value.is_object() || value.is_array() {
                    return Err("a namespace is a text, not a map or a list".to_owned());
                }
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

/// Whether a field is not one of those that have rules of their own.
fn is_free(spec: &Spec, resource: &Resource) -> bool {
    match &*spec.path {
        "metadata/namespace" => false,
        "metadata/name" => resource.api_version() == "v1",
        "subjects/namespace" => !matches!(resource.kind(), "RoleBinding" | "ClusterRoleBinding"),
        _ => true,
    }
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
