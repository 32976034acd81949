//! Objects that others keep: looked for, and nudged, but not applied.
use super::{
    ClusterError,
    deadline::{READ, WRITE, answered},
};
use crate::model::ObjectId;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject},
};
use serde_json::Value;

/// Most Deployments that are looked at.
const MAX: u32 = 500;

/// The Deployments of a namespace, or of all where it is empty, that carry the labels, or any where these are empty.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn deployments(client: &Client, namespace: &str, labels: &str) -> Result<Vec<Value>, ClusterError> {
    let api: Api<Deployment> =
        if namespace.is_empty() { Api::all(client.clone()) } else { Api::namespaced(client.clone(), namespace) };
    let mut parameters = ListParams::default().limit(MAX);
    if !labels.is_empty() {
        parameters = parameters.labels(labels);
    }
    let id = ObjectId {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: namespace.to_owned(),
        name: "*".to_owned(),
    };
    let listed = answered(READ, || "listing Deployments".to_owned(), api.list(&parameters)).await?;
    let listed = listed.map_err(|error| ClusterError::of(&id, "listing", error))?;
    Ok(listed.items.into_iter().filter_map(|one| serde_json::to_value(one).ok()).collect())
}

/// Changes an object by a merge patch, as another field manager than the one that applies; false when it is not there.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn nudge(
    client: &Client,
    kind: &ApiResource,
    id: &ObjectId,
    change: &Value,
) -> Result<bool, ClusterError> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &id.namespace, kind);
    let parameters = PatchParams { field_manager: Some("arcwright-nudge".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(change);
    match answered(WRITE, || format!("patching {id}"), api.patch_metadata(&id.name, &parameters, &patch)).await? {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(ClusterError::of(id, "patching", error)),
    }
}
