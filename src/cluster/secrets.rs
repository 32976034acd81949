//! Secrets that configurations refer to.
use super::{
    ClusterError,
    deadline::{READ, answered},
};
use crate::model::ObjectId;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// The entries of a Secret that are text, and the names of those that are not.
#[derive(Debug, Default)]
pub struct SecretEntries {
    /// Values by key.
    pub text: BTreeMap<String, SecretString>,
    /// Keys whose values are not UTF-8.
    pub binary: Vec<String>,
}

impl SecretEntries {
    pub(super) fn of(secret: Secret) -> Self {
        let mut entries = Self::default();
        for (key, value) in secret.data.into_iter().flatten() {
            match String::from_utf8(value.0) {
                Ok(text) => drop(entries.text.insert(key, text.into())),
                Err(_) => entries.binary.push(key),
            }
        }
        entries
    }
}

/// The identity of a Secret, for errors.
pub(super) fn secret_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId { group: String::new(), kind: "Secret".to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
}

/// Reads a Secret; `None` when it is not there. One request.
///
/// # Errors
/// When the API server does not answer or refuses.
pub(super) async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<SecretEntries>, ClusterError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let id = secret_id(namespace, name);
    let found = answered(READ, || format!("reading {id}"), api.get_opt(name)).await?;
    let found = found.map_err(|error| ClusterError::of(&id, "reading", error))?;
    Ok(found.map(SecretEntries::of))
}
