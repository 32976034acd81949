//! What can go wrong with the API server.
use crate::model::ObjectId;

/// The way out when a field cannot change.
const REPLACE_HINT: &str = "; set force: true on the kustomization to have the object deleted and made again";
/// The way out when the agent may not speak for an account.
const IMPERSONATE_HINT: &str = "; grant the agent the verb impersonate on serviceaccounts";
/// The way out when a right is missing.
const GRANT_HINT: &str = "; grant that in a Role or ClusterRole that is bound to it";

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
    #[error("{id} was refused: {message}{}", way_out(*is_immutable, message))]
    Refused {
        /// The object.
        id: ObjectId,
        /// The API server's machine-readable reason.
        reason: String,
        /// Its message.
        message: String,
        /// Field paths that it named.
        fields: Vec<String>,
        /// Whether all that is wrong is that fields which cannot change would.
        is_immutable: bool,
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
    /// The API server did not answer in time.
    #[error("{what} got no answer from the API server within {seconds} s")]
    NoAnswer {
        /// What was tried.
        what: String,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// An object that is to be replaced does not go.
    #[error("{id} is being deleted to be made again, and is held by {held_by}; see what should clear that")]
    StillThere {
        /// The object.
        id: ObjectId,
        /// Its finalizers.
        held_by: String,
    },
    /// The namespace of the object is missing or on its way out.
    #[error("{id} has to wait for namespace {namespace}: {message}")]
    NamespaceNotReady {
        /// The object.
        id: ObjectId,
        /// Its namespace.
        namespace: String,
        /// The API server's message.
        message: String,
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
    /// The agent may not follow a kind, so that it would not see what is there.
    #[error("objects of kind {kind} cannot be followed: {message}; grant the agent list and watch on them")]
    WatchDenied {
        /// The kind.
        kind: String,
        /// The API server's message.
        message: String,
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
            kube::Error::Api(status) if waits_for_namespace(id, &status) => Self::NamespaceNotReady {
                id: id.clone(),
                namespace: id.namespace.clone(),
                message: status.message.clone(),
            },
            kube::Error::Api(status) if is_final(&status) => Self::Refused {
                id: id.clone(),
                reason: status.reason.clone(),
                message: redact(id, &status.message),
                fields: causes(&status).map(|cause| cause.field.clone()).filter(|field| !field.is_empty()).collect(),
                is_immutable: is_immutable(&status),
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
            Self::WatchDenied { .. } => "Forbidden",
            Self::NamespaceNotReady { .. } => "NamespaceNotReady",
            Self::StillThere { .. } => "ObjectTerminating",
            Self::Unavailable { .. } | Self::WatchTimeout { .. } | Self::NoAnswer { .. } => "ClusterUnavailable",
            Self::Inventory { .. } => "InventoryUnreadable",
            Self::Key { .. } => "SecretInvalid",
        }
    }

    /// Whether the API server does not have the resource that was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { reason, .. } if reason == "NotFound")
    }

    /// Whether the API server does not let the agent do what it tried.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Refused { reason, .. } => reason == "Forbidden",
            Self::WatchDenied { .. } => true,
            _ => false,
        }
    }

    /// Whether trying again can help when nothing else has changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::WatchTimeout { .. }
            | Self::NoAnswer { .. }
            | Self::StillThere { .. }
            | Self::NamespaceNotReady { .. }
            | Self::WatchDenied { .. } => true,
            // Rights and quotas are somebody else's to change, and nothing here tells when they were.
            Self::Refused { reason, .. } => reason == "Forbidden",
            // Somebody may mend or delete the Secret.
            Self::Key { .. } => true,
            // Its definition may come with another configuration.
            Self::UnknownKind { .. } => true,
            Self::Kubeconfig { .. } | Self::NoKubeconfig { .. } | Self::Client { .. } | Self::Inventory { .. } => false,
        }
    }
}

/// What the reader of a refusal can do.
fn way_out(is_immutable: bool, message: &str) -> &'static str {
    match (is_immutable, lacks_right(message)) {
        // From 1.35 on the API server names a narrower right, which would do too.
        (false, true) if message.contains(" cannot impersonate") => IMPERSONATE_HINT,
        (true, _) => REPLACE_HINT,
        (false, true) => GRANT_HINT,
        (false, false) => "",
    }
}

/// Whether the message is the one for a user without a right; it quotes nothing of the object.
fn lacks_right(message: &str) -> bool {
    message.contains(" is forbidden: User \"")
}

fn causes(status: &kube::core::Status) -> impl Iterator<Item = &kube::core::response::StatusCause> {
    status.details.iter().flat_map(|details| &details.causes)
}

/// Whether every cause is that a field cannot change. Only the end of a cause's text is the server's own.
fn is_immutable(status: &kube::core::Status) -> bool {
    let ends = ["field is immutable", "may not be changed", "may not change once set", "is set", "are forbidden"];
    let is_one = |cause: &kube::core::response::StatusCause| {
        let is_of_field = matches!(cause.reason.as_str(), "FieldValueInvalid" | "FieldValueForbidden");
        let text = cause.message.split('\n').next().unwrap_or_default();
        is_of_field && (ends.iter().any(|end| text.ends_with(end)) || text.contains("is immutable after creation"))
    };
    status.code == 422 && causes(status).next().is_some() && causes(status).all(is_one)
}

/// Whether an object is refused only because its namespace is not there, or is being deleted.
fn waits_for_namespace(id: &ObjectId, status: &kube::core::Status) -> bool {
    let is_missing = status.code == 404
        && status.details.as_ref().is_some_and(|details| details.kind == "namespaces" && details.name == id.namespace);
    !id.namespace.is_empty() && (is_missing || causes(status).any(|cause| cause.reason == "NamespaceTerminating"))
}

/// Whether trying again cannot help. A conflict means that somebody was quicker, and credentials are renewed.
fn is_final(status: &kube::core::Status) -> bool {
    !is_transient_code(status.code) && status.code != 409 && status.code != 401
}

/// A validation message of a Secret may quote its data.
fn redact(id: &ObjectId, message: &str) -> String {
    if id.kind == "Secret" && !lacks_right(message) {
        "the API server found it invalid (the message is withheld, since it may quote the data)".to_owned()
    } else {
        message.to_owned()
    }
}

pub(crate) fn is_transient_code(code: u16) -> bool {
    code == 429 || code >= 500
}
