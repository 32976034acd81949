//! Annotations: of the objects and of their pod templates.
use super::{TEMPLATED, each_field, labels::merge};
use crate::render::{
    RenderError,
    fieldspec::{FieldSpec, Spec},
    resource::Resource,
};
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
    let others = TEMPLATED.iter().filter(|(_, kind)| *kind != "StatefulSet");
    let templates = others
        .map(|(group, kind)| FieldSpec { group, ..FieldSpec::of(kind, "spec/template/metadata/annotations", true) });
    FIELDS.into_iter().chain(templates).map(Spec::from).collect()
}

/// Adds annotations to everything.
pub(in crate::render) fn add(
    file: &str,
    pairs: &BTreeMap<String, String>,
    specs: &[Spec],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in resources {
        each_field(file, "commonAnnotations", resource, specs, &mut |value| merge(value, pairs))?;
    }
    Ok(())
}
