//! The order in which objects are printed or applied.
use crate::render::{error::RenderError, kustomization::SortOptions, object::resource::Resource};
use std::cmp::Ordering;

/// Order of the rendered objects, where the kustomization does not choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By kind, as `kustomize build` prints them.
    Legacy,
    /// As they were accumulated, as Flux applies them.
    Fifo,
}

/// Kinds that come first, in this order.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come last, in this order.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as the top kustomization asks, or else as the caller does.
///
/// # Errors
/// When the kustomization asks for an order that there is none of.
pub(in crate::render) fn sort(
    resources: &mut Vec<Resource>,
    asked: Option<&(String, SortOptions)>,
    order: Order,
) -> Result<(), RenderError> {
    let (first, last): (Vec<&str>, Vec<&str>) = match asked {
        None if order == Order::Fifo => return Ok(()),
        None => (FIRST.to_vec(), LAST.to_vec()),
        Some((file, options)) => match (options.order.as_str(), &options.legacy_sort_options) {
            ("fifo", None) => return Ok(()),
            ("fifo", Some(_)) => {
                return Err(RenderError::field(file, "sortOptions", "legacySortOptions are for the order legacy"));
            }
            ("legacy", None) => (FIRST.to_vec(), LAST.to_vec()),
            ("legacy", Some(kinds)) => (
                kinds.order_first.iter().map(String::as_str).collect(),
                kinds.order_last.iter().map(String::as_str).collect(),
            ),
            _ => return Err(RenderError::field(file, "sortOptions.order", "must be legacy or fifo")),
        },
    };
    let rank = |kind: &str| match first.iter().position(|one| *one == kind) {
        Some(at) => at,
        None => first.len() + last.iter().position(|one| *one == kind).map_or(0, |at| at + 1),
    };
    let mut keyed: Vec<(Key, Resource)> =
        resources.drain(..).map(|resource| (Key::of(&resource, rank(resource.kind())), resource)).collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b));
    resources.extend(keyed.into_iter().map(|(_, resource)| resource));
    Ok(())
}

/// What the legacy order compares.
struct Key {
    rank: usize,
    by_type: String,
    identity: String,
    is_core_namespace: bool,
    is_namespace: bool,
}

impl Key {
    fn of(resource: &Resource, rank: usize) -> Self {
        fn or<'a>(part: &'a str, absent: &'a str) -> &'a str {
            if part.is_empty() { absent } else { part }
        }
        let (group, version, kind) = (resource.group(), resource.version(), resource.kind());
        let is_namespace = kind == "Namespace";
        Self {
            rank,
            by_type: format!("{}_{}_{}", or(group, "~G"), or(version, "~V"), or(kind, "~K")),
            identity: format!(
                "{kind}.{version}.{}|{}|{}",
                or(group, "[noGrp]"),
                or(resource.namespace(), "~X"),
                or(resource.name(), "~N")
            ),
            is_core_namespace: is_namespace && group.is_empty(),
            is_namespace,
        }
    }

    /// By rank, type and identity; what has no group comes after what has one, but for the core Namespace.
    fn compare(&self, other: &Self) -> Ordering {
        let by_type = self.by_type.cmp(&other.by_type);
        let is_reversed =
            self.is_namespace && other.is_namespace && (self.is_core_namespace || other.is_core_namespace);
        let by_type = if is_reversed { by_type.reverse() } else { by_type };
        self.rank.cmp(&other.rank).then(by_type).then_with(|| self.identity.cmp(&other.identity))
    }
}
