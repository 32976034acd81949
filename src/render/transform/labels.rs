//! Labels: of the objects, of their pod templates, of their selectors.
use super::{TEMPLATED, each_field};
use crate::render::{
    RenderError,
    fieldspec::FieldSpec,
    kustomization::Kustomization,
    resource::{Resource, map_at},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OF_OBJECT: FieldSpec<'static> = FieldSpec::of("", "metadata/labels", true);

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

/// Adds the labels of `labels`, entry by entry, and then those of `commonLabels`.
pub(in crate::render) fn add(
    file: &str,
    fields: &Kustomization,
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    for entry in &fields.labels {
        let mut specs = vec![OF_OBJECT];
        if entry.include_selectors {
            specs.extend(templates().into_iter().chain(selectors()));
        } else if entry.include_templates {
            specs.extend(templates());
        }
        specs.extend(entry.field_specs.iter().map(|spec| FieldSpec {
            group: &spec.group,
            version: &spec.version,
            kind: &spec.kind,
            path: &spec.path,
            create: spec.create,
        }));
        set(file, "labels", &entry.pairs, &specs, resources)?;
    }
    let everywhere: Vec<FieldSpec<'_>> = [OF_OBJECT].into_iter().chain(templates()).chain(selectors()).collect();
    set(file, "commonLabels", &fields.common_labels, &everywhere, resources)
}

fn templates() -> Vec<FieldSpec<'static>> {
    let direct = TEMPLATED
        .iter()
        .map(|(group, kind)| FieldSpec { group, ..FieldSpec::of(kind, "spec/template/metadata/labels", true) });
    direct.chain(OF_TEMPLATES).collect()
}

fn selectors() -> Vec<FieldSpec<'static>> {
    let placed = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| {
        OF_PLACEMENT.iter().map(move |path| FieldSpec { group: "apps", ..FieldSpec::of(kind, path, false) })
    });
    OF_SELECTORS.into_iter().chain(placed).collect()
}

fn set(
    file: &str,
    field: &str,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec<'_>],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    if pairs.is_empty() {
        return Ok(());
    }
    for resource in resources {
        each_field(file, field, resource, specs, &mut |value| merge(value, pairs))?;
    }
    Ok(())
}

/// Sets texts in a map, which is made where there is none.
pub(super) fn merge(value: &mut Value, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    match value {
        Value::Null => *value = json!({}),
        Value::Object(_) => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("expected a map of texts".to_owned());
        }
    }
    let mut holder = serde_json::Map::from_iter([("at".to_owned(), value.take())]);
    let map = map_at(&mut holder, "at");
    for (key, text) in pairs {
        map.insert(key.clone(), json!(text));
    }
    *value = holder.remove("at").unwrap_or_default();
    Ok(())
}
