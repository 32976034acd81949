//! The order in which objects are applied and pruned.
use crate::model::ObjectId;

/// A group of objects that are applied together; a stage begins when the one before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// CustomResourceDefinitions, namespaces, cluster roles: what others are defined by.
    Definitions,
    /// StorageClass, IngressClass, PriorityClass and other classes that others name.
    Classes,
    /// Everything else.
    Rest,
    /// Admission webhooks and aggregated APIs, which can stop the others.
    Webhooks,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Definitions, Self::Classes, Self::Rest, Self::Webhooks];

    /// The stage of an object, by its kind.
    pub fn of(id: &ObjectId) -> Self {
        match id.kind.as_str() {
            "CustomResourceDefinition" | "Namespace" | "ClusterRole" => Self::Definitions,
            "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
            | "APIService"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding"
            | "MutatingAdmissionPolicy"
            | "MutatingAdmissionPolicyBinding" => Self::Webhooks,
            kind if kind.ends_with("Class") => Self::Classes,
            _ => Self::Rest,
        }
    }
}

/// Kinds that others of the same stage lean on, first to last.
const FIRST: [&str; 12] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
];

/// Whether what an object holds is deleted by a controller while the object is deleted, so that it goes before what that
/// controller needs for it: its account, its source.
pub fn goes_first(id: &ObjectId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("kustomize.toolkit.fluxcd.io", "Kustomization") | ("helm.toolkit.fluxcd.io", "HelmRelease")
    )
}

/// Sort key of an object: stage, rank of its kind, then group, kind, namespace and name.
pub fn key(id: &ObjectId) -> (Stage, usize, &ObjectId) {
    let rank = FIRST.iter().position(|kind| *kind == id.kind).unwrap_or(FIRST.len());
    (Stage::of(id), rank, id)
}
