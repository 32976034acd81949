//! The namespace of everything.
use super::{each_field, set_string};
use crate::render::{
    error::{Place, RenderError},
    node::Node,
    object::{
        fieldspec::{FieldSpec, Made, Spec},
        resource::Resource,
    },
};
use serde::Deserialize;
use std::collections::HashSet;

const METADATA: FieldSpec<'static> = FieldSpec::of("", "metadata/namespace", true);

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

/// A namespace for everything.
#[derive(Debug)]
pub(in crate::render) struct Namespace {
    pub(in crate::render) name: String,
    pub(in crate::render) specs: Vec<Spec>,
    /// Whether a namespace that is there already stays.
    pub(in crate::render) unset_only: bool,
    pub(in crate::render) subjects: Subjects,
}

/// Which subjects of role bindings are put into the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::render) enum Subjects {
    /// Those named `default`.
    #[default]
    #[serde(alias = "")]
    DefaultOnly,
    AllServiceAccounts,
    None,
}

impl Namespace {
    /// Puts everything that can have one into the namespace.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        if self.name.is_empty() {
            return Ok(());
        }
        for resource in resources.iter_mut().filter(|resource| !resource.keeps_namespace) {
            resource.remember();
            self.change(place, resource)?;
        }
        collisions(place, resources)
    }

    /// Puts one resource into the namespace.
    pub(super) fn change(&self, place: &Place<'_>, resource: &mut Resource) -> Result<(), RenderError> {
        let set = &mut |value: &mut Node| self.set(value);
        if !resource.is_cluster_scoped() {
            each_field(place, resource, &[METADATA.into()], Some(Made::Scalar), set)?;
        }
        let specs: Vec<Spec> = self.specs.iter().filter(|spec| is_free(spec, resource)).cloned().collect();
        each_field(place, resource, &specs, Some(Made::Scalar), set)?;
        if matches!(resource.kind(), "RoleBinding" | "ClusterRoleBinding") && self.subjects != Subjects::None {
            self.change_subjects(place, resource)?;
        }
        Ok(())
    }

    fn set(&self, value: &mut Node) -> Result<(), String> {
        let is_set = value.text().is_some_and(|text| !text.is_empty()) && !value.is_null();
        if self.unset_only && is_set { Ok(()) } else { set_string(value, &self.name, "a namespace") }
    }

    fn change_subjects(&self, place: &Place<'_>, resource: &mut Resource) -> Result<(), RenderError> {
        let shown = resource.shown();
        let Some(Node::List(subjects)) = resource.object_mut().get_mut("subjects") else { return Ok(()) };
        for subject in subjects.iter_mut().filter_map(Node::as_map_mut) {
            let is = |key: &str, text: &str| subject.get(key).and_then(Node::text) == Some(text);
            let is_meant = match self.subjects {
                Subjects::DefaultOnly => is("name", "default"),
                Subjects::AllServiceAccounts => is("kind", "ServiceAccount"),
                Subjects::None => false,
            };
            if is_meant {
                let outcome = self.set(subject.entry("namespace", Node::empty));
                outcome.map_err(|message| place.wrong(format!("{shown}: {message}")))?;
            }
        }
        Ok(())
    }
}

/// Whether a field is not one of those that have rules of their own.
fn is_free(spec: &Spec, resource: &Resource) -> bool {
    match &*spec.path {
        "metadata/namespace" => false,
        "metadata/name" => resource.api_version() == "v1",
        "subjects/namespace" => !matches!(&*spec.kind, "RoleBinding" | "ClusterRoleBinding"),
        _ => true,
    }
}

/// Two objects that had different namespaces may be one now.
fn collisions(place: &Place<'_>, resources: &[Resource]) -> Result<(), RenderError> {
    let mut seen = HashSet::with_capacity(resources.len());
    for resource in resources {
        if !seen.insert((resource.api_version(), resource.current())) {
            return Err(place.wrong(format!("{} is there twice when all are in one namespace", resource.shown())));
        }
    }
    Ok(())
}
