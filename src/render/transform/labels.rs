//! Labels: of the objects, of their pod templates, of their selectors.
use super::{TEMPLATED, each_field};
use crate::render::{
    error::{Place, RenderError},
    kustomization::texts,
    node::{Link, Node, Scalar},
    object::{
        fieldspec::{FieldSpec, Made, Spec},
        resource::Resource,
        written::written,
    },
};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const OF_OBJECT: FieldSpec<'static> = FieldSpec::of("", "metadata/labels", true);

/// Labels of what the objects make, besides the templates of [`TEMPLATED`].
const OF_TEMPLATES: [FieldSpec<'static>; 3] = [
    FieldSpec {
        group: "apps",
        version: "",
        kind: "StatefulSet",
        path: "spec/volumeClaimTemplates[]/metadata/labels",
        create: true,
    },
    FieldSpec { group: "batch", version: "", kind: "CronJob", path: "spec/jobTemplate/metadata/labels", create: true },
    FieldSpec {
        group: "batch",
        version: "",
        kind: "CronJob",
        path: "spec/jobTemplate/spec/template/metadata/labels",
        create: true,
    },
];

/// Selectors of kinds with one of their own.
const OF_SELECTORS: [FieldSpec<'static>; 12] = [
    FieldSpec { group: "", version: "v1", kind: "Service", path: "spec/selector", create: true },
    FieldSpec { group: "", version: "v1", kind: "ReplicationController", path: "spec/selector", create: true },
    FieldSpec::of("Deployment", "spec/selector/matchLabels", true),
    FieldSpec::of("ReplicaSet", "spec/selector/matchLabels", true),
    FieldSpec::of("DaemonSet", "spec/selector/matchLabels", true),
    FieldSpec { group: "apps", version: "", kind: "StatefulSet", path: "spec/selector/matchLabels", create: true },
    FieldSpec { group: "batch", version: "", kind: "Job", path: "spec/selector/matchLabels", create: false },
    FieldSpec {
        group: "batch",
        version: "",
        kind: "CronJob",
        path: "spec/jobTemplate/spec/selector/matchLabels",
        create: false,
    },
    FieldSpec {
        group: "policy",
        version: "",
        kind: "PodDisruptionBudget",
        path: "spec/selector/matchLabels",
        create: false,
    },
    FieldSpec {
        group: "networking.k8s.io",
        version: "",
        kind: "NetworkPolicy",
        path: "spec/podSelector/matchLabels",
        create: false,
    },
    FieldSpec {
        group: "networking.k8s.io",
        version: "",
        kind: "NetworkPolicy",
        path: "spec/ingress/from/podSelector/matchLabels",
        create: false,
    },
    FieldSpec {
        group: "networking.k8s.io",
        version: "",
        kind: "NetworkPolicy",
        path: "spec/egress/to/podSelector/matchLabels",
        create: false,
    },
];

/// Selectors inside the pod templates of `apps` Deployments and StatefulSets.
const OF_PLACEMENT: [&str; 5] = [
    "spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
];

/// Where labels go by default: the objects, what they make, and what selects that.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    [OF_OBJECT].into_iter().chain(templates()).chain(selectors()).map(Spec::from).collect()
}

/// Where the labels of templates go by default.
pub(in crate::render) fn template_defaults() -> Vec<Spec> {
    [OF_OBJECT].into_iter().chain(templates()).map(Spec::from).collect()
}

/// Labels for everything.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::render) struct Labels {
    #[serde(rename = "labels", default, deserialize_with = "texts")]
    pub(in crate::render) pairs: BTreeMap<String, String>,
    #[serde(rename = "fieldSpecs", default)]
    pub(in crate::render) specs: Vec<Spec>,
}

impl Labels {
    /// Adds the labels.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        add(place, resources, &self.specs, &self.pairs)
    }
}

fn templates() -> Vec<FieldSpec<'static>> {
    let direct = TEMPLATED.iter().map(|(group, version, kind)| FieldSpec {
        group,
        version,
        ..FieldSpec::of(kind, "spec/template/metadata/labels", true)
    });
    direct.chain(OF_TEMPLATES).collect()
}

fn selectors() -> Vec<FieldSpec<'static>> {
    let placed = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| {
        OF_PLACEMENT.iter().map(move |path| FieldSpec { group: "apps", ..FieldSpec::of(kind, path, false) })
    });
    OF_SELECTORS.into_iter().chain(placed).collect()
}

/// Sets texts in the maps that specs name.
pub(super) fn add(
    place: &Place<'_>,
    resources: &mut [Resource],
    specs: &[Spec],
    pairs: &BTreeMap<String, String>,
) -> Result<(), RenderError> {
    for resource in resources {
        // Each text goes everywhere before the next one: what one makes is there for those after it.
        for (key, text) in pairs {
            let link = resource.new_link();
            each_field(place, resource, specs, Some(Made::Map), &mut |value| set(value, key, text, link))?;
        }
        resource.settle_links();
    }
    Ok(())
}

/// Sets a text in a map. One that is added is linked to those in other maps.
fn set(value: &mut Node, key: &str, text: &str, link: Link) -> Result<(), String> {
    if value.is_null() {
        // What was null, and is not to be made, stays so.
        return Ok(());
    }
    let Node::Map(map) = value else { return Err("expected a map of texts".to_owned()) };
    match map.get_mut(key) {
        Some(Node::Scalar(scalar)) => scalar.set_string(text),
        Some(other) => *other = Node::string(text),
        None => map.push(Scalar::key(key), Node::Scalar(Scalar { link, ..written(text) })),
    }
    Ok(())
}
