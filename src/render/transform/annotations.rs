//! Annotations: of the objects and of their pod templates.
use super::{TEMPLATED, labels};
use crate::render::{
    error::{Place, RenderError},
    kustomization::texts,
    object::{
        fieldspec::{FieldSpec, Spec},
        resource::Resource,
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Annotations besides those of the templates of [`TEMPLATED`].
const FIELDS: [FieldSpec<'static>; 4] = [
    FieldSpec::of("", "metadata/annotations", true),
    FieldSpec::of("StatefulSet", "spec/template/metadata/annotations", true),
    FieldSpec {
        group: "batch",
        version: "",
        kind: "CronJob",
        path: "spec/jobTemplate/metadata/annotations",
        create: true,
    },
    FieldSpec {
        group: "batch",
        version: "",
        kind: "CronJob",
        path: "spec/jobTemplate/spec/template/metadata/annotations",
        create: true,
    },
];

/// Where annotations go by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    let others = TEMPLATED.iter().filter(|(_, _, kind)| *kind != "StatefulSet");
    let templates = others.map(|(group, version, kind)| FieldSpec {
        group,
        version,
        ..FieldSpec::of(kind, "spec/template/metadata/annotations", true)
    });
    FIELDS.into_iter().chain(templates).map(Spec::from).collect()
}

/// Annotations for everything.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::render) struct Annotations {
    #[serde(rename = "annotations", default, deserialize_with = "texts")]
    pub(in crate::render) pairs: BTreeMap<String, String>,
    #[serde(rename = "fieldSpecs", default)]
    pub(in crate::render) specs: Vec<Spec>,
}

impl Annotations {
    /// Adds the annotations.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        labels::add(place, resources, &self.specs, &self.pairs)
    }
}
