//! The order in which objects are printed or applied.
use super::{Order, RenderError, kustomization::SortOptions, resource::Resource};
use std::cmp::Ordering;

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
pub(super) fn sort(
    resources: &mut [Resource],
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
    resources.sort_by(|a, b| {
        rank(a.kind()).cmp(&rank(b.kind())).then_with(|| by_type(a, b)).then_with(|| identity(a).cmp(&identity(b)))
    });
    Ok(())
}

/// By group, version and kind; what has no group comes after what has one, but for the core Namespace.
fn by_type(a: &Resource, b: &Resource) -> Ordering {
    let text = |resource: &Resource| {
        let or = |part: &str, absent: &str| if part.is_empty() { absent.to_owned() } else { part.to_owned() };
        let (group, version, kind) =
            (or(resource.group(), "~G"), or(resource.version(), "~V"), or(resource.kind(), "~K"));
        format!("{group}_{version}_{kind}")
    };
    let order = text(a).cmp(&text(b));
    let is_core = |resource: &Resource| resource.group().is_empty();
    if a.kind() == "Namespace" && b.kind() == "Namespace" && (is_core(a) || is_core(b)) {
        return order.reverse();
    }
    order
}

fn identity(resource: &Resource) -> String {
    let or = |part: &str, absent: &str| if part.is_empty() { absent.to_owned() } else { part.to_owned() };
    format!(
        "{}.{}.{}|{}|{}",
        resource.kind(),
        resource.version(),
        or(resource.group(), "[noGrp]"),
        or(resource.namespace(), "~X"),
        or(resource.name(), "~N")
    )
}
