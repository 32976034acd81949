//! Objects that are made when they are missing, and left alone when they are there.
use super::{
    ClusterError,
    deadline::{READ, WRITE, answered},
};
use crate::model::{FIELD_MANAGER, Manifest, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, configuration::ConfigurationId};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    api::{ObjectMeta, PostParams},
    core::{ApiResource, DynamicObject},
};
use std::collections::BTreeMap;

/// Whether a missing object is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    Make,
    /// It is spoken of as if it had been made: the command only looks.
    Suppose,
}

/// Whether a namespace is a configuration's own: made for it, here or before.
///
/// A missing one is made with the owner labels on it, in one request, so that it is known for the configuration's own
/// whatever happens next. One that was there before, or that somebody else makes meanwhile, stays theirs.
///
/// # Errors
/// When it is being deleted, or the API server does not answer or refuses.
pub(super) async fn namespace(
    client: &Client,
    owner: &ConfigurationId,
    missing: Missing,
) -> Result<bool, ClusterError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let name = owner.namespace.as_str();
    let id = owner.own_namespace();
    let read = async || {
        let found = answered(READ, || format!("reading {id}"), api.get_opt(name)).await?;
        found.map_err(|error| ClusterError::of(&id, "reading", error))
    };
    let mut found = read().await?;
    if found.is_none() {
        if missing == Missing::Suppose {
            return Ok(true);
        }
        let (parameters, body) = (PostParams::default(), owned_namespace(owner));
        match answered(WRITE, || format!("creating {id}"), api.create(&parameters, &body)).await? {
            Ok(_) => return Ok(true),
            // Somebody was quicker: another agent, or whoever it belongs to then.
            Err(kube::Error::Api(status)) if status.code == 409 => found = read().await?,
            Err(error) => return Err(ClusterError::of(&id, "creating", error)),
        }
    }
    let Some(found) = found.filter(|found| found.metadata.deletion_timestamp.is_none()) else {
        let message = "it is being deleted".to_owned();
        return Err(ClusterError::NamespaceNotReady { id, namespace: name.to_owned(), message });
    };
    let label = |key: &str| found.labels().get(key).map(String::as_str);
    Ok(label(OWNER_NAME_LABEL) == Some(&owner.name) && label(OWNER_NAMESPACE_LABEL) == Some(&owner.namespace))
}

fn owned_namespace(owner: &ConfigurationId) -> Namespace {
    let labels = [
        (OWNER_NAME_LABEL, owner.name.as_str()),
        (OWNER_NAMESPACE_LABEL, &owner.namespace),
        ("app.kubernetes.io/managed-by", FIELD_MANAGER),
    ];
    let labels: BTreeMap<String, String> =
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let metadata = ObjectMeta { name: Some(owner.namespace.clone()), labels: Some(labels), ..ObjectMeta::default() };
    Namespace { metadata, ..Namespace::default() }
}

/// Makes an object that belongs to nobody, unless it is there in whatever form.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn shared(client: &Client, kind: &ApiResource, manifest: &Manifest) -> Result<(), ClusterError> {
    let id = manifest.id();
    let api: Api<DynamicObject> = Api::all_with(client.clone(), kind);
    let found = answered(READ, || format!("reading {id}"), api.get_metadata_opt(&id.name)).await?;
    if found.map_err(|error| ClusterError::of(&id, "reading", error))?.is_some() {
        return Ok(());
    }
    let body = serde_json::Value::Object(manifest.object.clone());
    let body: DynamicObject = serde_json::from_value(body).map_err(|error| ClusterError::Unavailable {
        what: format!("creating {id}"),
        source: Box::new(kube::Error::SerdeError(error)),
    })?;
    let parameters = PostParams::default();
    match answered(WRITE, || format!("creating {id}"), api.create(&parameters, &body)).await? {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(ClusterError::of(&id, "creating", error)),
    }
}
