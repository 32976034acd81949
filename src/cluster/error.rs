//! What can go wrong with the API server.
use crate::model::ObjectId;

/// Why an operation on the cluster failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig file is missing or wrong.
    #[error("cannot use kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// What was wrong with it.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// No kubeconfig was found, and this is not a pod.
    #[error("no cluster to work on; give --kubeconfig FILE, or set KUBECONFIG")]
    NoKubeconfig {
        /// What was tried.
        #[source]
        source: Box<kube::config::InferConfigError>,
    },
    /// The client could not be built.
    #[error("cannot make a client from the kubeconfig")]
    Client {
        /// What was wrong.
        #[source]
        source: kube::Error,
    },
    /// The API server does not know the kind.
    #[error("{id}: the API server knows no kind {kind} in {api_version}; apply its CustomResourceDefinition first")]
    UnknownKind {
        /// The object.
        id: ObjectId,
        /// `apiVersion` of the manifest.
        api_version: String,
        /// `kind` of the manifest.
        kind: String,
    },
    /// The API server refused the object for what it is: trying again cannot help.
    #[error("{id} was refused: {message}")]
    Refused {
        /// The object.
        id: ObjectId,
        /// The API server's machine-readable reason.
        reason: String,
        /// Its message.
        message: String,
        /// Field paths that it named.
        fields: Vec<String>,
    },
    /// The API server could not be reached, was overloaded, or broke off.
    #[error("{what} failed")]
    Unavailable {
        /// What was tried.
        what: String,
        /// How it failed.
        #[source]
        source: Box<kube::Error>,
    },
    /// A stored inventory is not one.
    #[error(
        "the inventory in ConfigMap {namespace}/{name} cannot be read: {message}; correct or delete it (nothing is pruned meanwhile)"
    )]
    Inventory {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What was wrong.
        message: String,
    },
    /// The Secret that holds the key of a configuration cannot be used.
    #[error(
        "the key for the repository in Secret {namespace}/{name} cannot be used: {why}; correct the Secret, or delete it to have another made"
    )]
    Key {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What was wrong.
        why: String,
    },
    /// The watch did not deliver in time.
    #[error("the watch of {kind} gave no answer within {seconds} s")]
    WatchTimeout {
        /// The kind.
        kind: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
}

impl ClusterError {
    /// Sorts what the client said of one object.
    pub(crate) fn of(id: &ObjectId, what: &str, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if !is_transient_code(status.code) => Self::Refused {
                id: id.clone(),
                reason: status.reason.clone(),
                message: redact(id, &status.message),
                fields: status
                    .details
                    .iter()
                    .flat_map(|d| d.causes.iter().map(|c| c.field.clone()))
                    .filter(|f| !f.is_empty())
                    .collect(),
            },
            other => Self::Unavailable { what: format!("{what} {id}"), source: Box::new(other) },
        }
    }

    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } | Self::NoKubeconfig { .. } | Self::Client { .. } => "NoCluster",
            Self::UnknownKind { .. } => "UnknownKind",
            Self::Refused { .. } => "ObjectRefused",
            Self::Unavailable { .. } | Self::WatchTimeout { .. } => "ClusterUnavailable",
            Self::Inventory { .. } => "InventoryUnreadable",
            Self::Key { .. } => "SecretInvalid",
        }
    }

    /// Whether trying again can help when nothing else has changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::WatchTimeout { .. })
    }
}

/// A validation message of a Secret may quote its data.
fn redact(id: &ObjectId, message: &str) -> String {
    if id.kind == "Secret" {
        "the API server found it invalid (the message is withheld, since it may quote the data)".to_owned()
    } else {
        message.to_owned()
    }
}

pub(crate) fn is_transient_code(code: u16) -> bool {
    code == 429 || code >= 500
}
