//! Namespaces for what is a configuration's own.
use super::{
    ClusterError,
    deadline::{WRITE, answered},
};
use crate::model::ObjectId;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

/// Makes a namespace that nobody owns, unless it is there.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn make(client: &Client, name: &str) -> Result<(), ClusterError> {
    let api: Api<Namespace> = Api::all(client.clone());
    let id = ObjectId::of_namespace(name);
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    let (parameters, body) = (PostParams::default(), Namespace { metadata, ..Namespace::default() });
    match answered(WRITE, || format!("creating {id}"), api.create(&parameters, &body)).await? {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(ClusterError::of(&id, "creating", error)),
    }
}
