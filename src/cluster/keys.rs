//! Keys for ssh that were made for configurations, kept in the cluster for as long as these live.
//!
//! A key is in a Secret of the configuration's namespace, so that it outlives the agent's own disk: who has
//! added its public half to a repository need not do so again.
use super::{
    ClusterError,
    deadline::{WRITE, answered},
    secrets::{self, secret_id},
};
use crate::{
    model::{FIELD_MANAGER, configuration::ConfigurationId},
    source::git::{generate_key, public_key_of},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Label of the Secrets that hold keys; its value is the configuration's name.
const LABEL: &str = "clusterconfig.azure.com/repository-key";
/// Entry with the private half, named as Flux names it.
const PRIVATE: &str = "identity";
/// Entry with the public half.
const PUBLIC: &str = "identity.pub";

/// A key pair of a configuration.
#[derive(Clone, Debug)]
pub struct RepositoryKey {
    /// The private half, as OpenSSH writes it.
    pub private: SecretString,
    /// The public half, as a line of `authorized_keys`.
    pub public: String,
}

/// The keys of all configurations.
pub struct Keys {
    client: Client,
    made: Mutex<HashMap<ConfigurationId, RepositoryKey>>,
    public: Mutex<HashMap<ConfigurationId, String>>,
}

impl Keys {
    pub(super) fn new(client: Client) -> Self {
        Self { client, made: Mutex::default(), public: Mutex::default() }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<ConfigurationId, RepositoryKey>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn public(&self) -> MutexGuard<'_, HashMap<ConfigurationId, String>> {
        self.public.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public half of the key that a configuration last used.
    pub fn public_half(&self, configuration: &ConfigurationId) -> Option<String> {
        self.public().get(configuration).cloned()
    }

    /// Remembers the public half of the key that a configuration uses.
    pub fn remember(&self, configuration: &ConfigurationId, public: String) {
        self.public().insert(configuration.clone(), public);
    }

    /// The key of a configuration; `None` when none was made. Costs a request, once.
    ///
    /// # Errors
    /// When the API server does not answer, or the stored key cannot be used.
    pub async fn find(&self, configuration: &ConfigurationId) -> Result<Option<RepositoryKey>, ClusterError> {
        let known = self.made().get(configuration).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let (namespace, name) = (configuration.namespace.as_str(), name_of(configuration));
        let Some(entries) = secrets::read(&self.client, namespace, &name).await? else { return Ok(None) };
        let unusable = |why: String| ClusterError::Key { namespace: namespace.to_owned(), name: name.clone(), why };
        let private = entries.text.get(PRIVATE).cloned();
        let private = private.ok_or_else(|| unusable(format!("it has no entry {PRIVATE}")))?;
        let public = public_key_of(&private).map_err(|error| unusable(error.to_string()))?;
        Ok(Some(self.keep(configuration, RepositoryKey { private, public })))
    }

    /// The key of a configuration, made when there is none. Makes the namespace too when it is missing.
    ///
    /// When two agents make one at once, both use the one that was stored first.
    ///
    /// # Errors
    /// When the API server does not answer or refuses, or the stored key cannot be used.
    pub async fn find_or_make(&self, configuration: &ConfigurationId) -> Result<RepositoryKey, ClusterError> {
        if let Some(key) = self.find(configuration).await? {
            return Ok(key);
        }
        let (namespace, name) = (configuration.namespace.as_str(), name_of(configuration));
        let failed = |why: String| ClusterError::Key { namespace: namespace.to_owned(), name: name.clone(), why };
        let key = generate_key(&format!("arcwright {configuration}")).map_err(|error| failed(error.to_string()))?;
        let key = RepositoryKey { private: key.private, public: key.public };
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let body = body(configuration, &key);
        let parameters = PostParams::default();
        let create =
            || answered(WRITE, || format!("creating Secret {namespace}/{name}"), api.create(&parameters, &body));
        let mut stored = create().await?;
        if is_code(&stored, 404) {
            super::namespace::make(&self.client, namespace).await?;
            stored = create().await?;
        }
        match stored {
            Ok(_) => {
                tracing::info!(%configuration, secret = %name, public_key = %key.public, "key made for the repository");
                Ok(self.keep(configuration, key))
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {
                self.find(configuration).await?.ok_or_else(|| failed("it comes and goes".to_owned()))
            }
            Err(error) => Err(ClusterError::of(&secret_id(namespace, &name), "creating", error)),
        }
    }

    fn keep(&self, configuration: &ConfigurationId, key: RepositoryKey) -> RepositoryKey {
        self.made().insert(configuration.clone(), key.clone());
        key
    }

    /// Removes the key of a configuration that is gone.
    ///
    /// # Errors
    /// When the API server refuses, or does not answer.
    pub async fn remove(&self, configuration: &ConfigurationId) -> Result<(), ClusterError> {
        let is_known = self.made().remove(configuration).is_some();
        self.public().remove(configuration);
        let (namespace, name) = (configuration.namespace.as_str(), name_of(configuration));
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let parameters = DeleteParams::default();
        match answered(WRITE, || format!("deleting Secret {namespace}/{name}"), api.delete(&name, &parameters)).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            // An agent that may not delete it was not meant to make any.
            Err(kube::Error::Api(status)) if status.code == 403 && !is_known => Ok(()),
            Err(error) => Err(ClusterError::of(&secret_id(namespace, &name), "deleting", error)),
        }
    }
}

/// Name of the Secret with a configuration's key.
fn name_of(configuration: &ConfigurationId) -> String {
    format!("arcwright-key.{}", configuration.name)
}

fn body(configuration: &ConfigurationId, key: &RepositoryKey) -> Secret {
    let labels = [(LABEL, configuration.name.as_str()), ("app.kubernetes.io/managed-by", FIELD_MANAGER)];
    let entries = [(PRIVATE, key.private.expose_secret()), (PUBLIC, &key.public)];
    let owned = |pairs: [(&str, &str); 2]| -> BTreeMap<String, String> {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    Secret {
        metadata: ObjectMeta {
            name: Some(name_of(configuration)),
            namespace: Some(configuration.namespace.clone()),
            labels: Some(owned(labels)),
            ..ObjectMeta::default()
        },
        string_data: Some(owned(entries)),
        ..Secret::default()
    }
}

fn is_code<T>(outcome: &Result<T, kube::Error>, code: u16) -> bool {
    matches!(outcome, Err(kube::Error::Api(status)) if status.code == code)
}
