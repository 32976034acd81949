//! What deleting a namespace or a definition would delete besides: objects of somebody else.
use super::{
    ClusterError, Discovery, LiveObject,
    deadline::{READ, answered},
};
use crate::model::{OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, ObjectId, configuration::ConfigurationId};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
    core::{ApiResource, DynamicObject},
};
use serde_json::Value;

/// Objects asked for at once.
const PAGE: u32 = 500;
/// Kinds that Kubernetes itself fills a namespace with, and that mean nothing without the others.
const DERIVED: [&str; 6] = ["Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics", "ControllerRevision"];
/// Objects that Kubernetes makes in every namespace.
const IN_EVERY_NAMESPACE: [(&str, &str); 2] = [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")];

/// An object of somebody else in a namespace, or of a definition; none when there is none.
///
/// Costs one request for each kind that the API server has, so it is asked only before a deletion.
/// Objects with an owner reference go with their owner, and count for nothing by themselves.
///
/// # Errors
/// When the API server does not answer or refuses to list: then nothing is known to be safe.
pub(super) async fn content(
    client: &Client,
    discovery: &Discovery,
    id: &ObjectId,
    object: &LiveObject,
    owner: &ConfigurationId,
) -> Result<Option<String>, ClusterError> {
    if id.kind == "CustomResourceDefinition" {
        return match defined_kind(object) {
            Some(kind) => find(&Api::all_with(client.clone(), &kind), &kind, owner).await,
            None => Ok(None),
        };
    }
    for kind in discovery.listable_in_namespaces().await? {
        if DERIVED.contains(&kind.kind.as_str()) {
            continue;
        }
        let api = Api::namespaced_with(client.clone(), &id.name, &kind);
        if let Some(found) = find(&api, &kind, owner).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The kind that a definition defines, at the first version that it serves.
fn defined_kind(object: &LiveObject) -> Option<ApiResource> {
    let object = Value::Object(object.object());
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let versions = object.pointer("/spec/versions")?.as_array()?;
    let served = versions.iter().find(|version| version.get("served") == Some(&Value::Bool(true)))?;
    let (group, version) = (text("/spec/group")?, served.get("name")?.as_str()?.to_owned());
    Some(ApiResource {
        api_version: format!("{group}/{version}"),
        group,
        version,
        kind: text("/spec/names/kind")?,
        plural: text("/spec/names/plural")?,
    })
}

async fn find(
    api: &Api<DynamicObject>,
    kind: &ApiResource,
    owner: &ConfigurationId,
) -> Result<Option<String>, ClusterError> {
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let what = || format!("looking for {} that would be deleted too", kind.plural);
        let page = match answered(READ, what, api.list_metadata(&parameters)).await? {
            Ok(page) => page,
            // Listed by discovery, and not to be listed: nothing that can be asked.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 405) => return Ok(None),
            Err(source) => {
                return Err(ClusterError::Unavailable { what: what(), source: Box::new(source) });
            }
        };
        if let Some(found) = page.items.iter().find(|object| is_foreign(object, kind, owner)) {
            return Ok(Some(match found.namespace() {
                Some(namespace) => format!("{}/{namespace}/{}", kind.kind, found.name_any()),
                None => format!("{}/{}", kind.kind, found.name_any()),
            }));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(None),
        }
    }
}

fn is_foreign(object: &PartialObjectMeta<DynamicObject>, kind: &ApiResource, owner: &ConfigurationId) -> bool {
    let label = |key: &str| object.labels().get(key).map(String::as_str);
    let is_own = label(OWNER_NAME_LABEL) == Some(owner.name.as_str())
        && label(OWNER_NAMESPACE_LABEL) == Some(owner.namespace.as_str());
    let is_in_every = IN_EVERY_NAMESPACE.contains(&(kind.kind.as_str(), object.name_any().as_str()));
    let is_inventory = label("clusterconfig.azure.com/inventory") == Some(owner.name.as_str());
    !is_own && !is_in_every && !is_inventory && object.owner_references().is_empty()
}
