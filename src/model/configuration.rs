//! A configuration, checked: the one form that every door hands to the engine.
use super::{Door, ObjectId, flux::FluxV2, operator::Operator};
use secrecy::SecretString;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Which resource a configuration came as: it decides the compliance words and the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// `SourceControlConfiguration`, the Flux v1 generation.
    SourceControl,
    /// `FluxConfiguration`, the Flux v2 generation.
    Flux,
}

/// Name and namespace of a configuration, unique in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigurationId {
    /// Namespace that holds the configuration's own objects; exists or is made.
    pub namespace: String,
    /// Name, DNS-1123, at most 63 characters.
    pub name: String,
}

impl ConfigurationId {
    /// The namespace that holds what is a configuration's own.
    pub fn own_namespace(&self) -> ObjectId {
        ObjectId::of_namespace(&self.namespace)
    }
}

impl fmt::Display for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What the configuration may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every object of the cluster.
    Cluster,
    /// Only namespaced objects of the configuration's own namespace.
    Namespace,
}

/// Which commit of a repository is wanted. Precedence: commit, semver, tag, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Branch to follow; also where `commit` is looked for.
    pub branch: Option<String>,
    /// Tag.
    pub tag: Option<String>,
    /// Range over the tags that are semantic versions; the highest wins.
    pub semver: Option<String>,
    /// Commit, 40 hexadecimal digits.
    pub commit: Option<String>,
}

/// What proves to the repository who is asking.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// User for https.
    pub user: Option<String>,
    /// Password or token for https.
    pub password: Option<SecretString>,
    /// Token for https that stands by itself (`Authorization: Bearer`); comes before user and password.
    pub bearer_token: Option<SecretString>,
    /// Private key for ssh: PEM or OpenSSH, RSA, ECDSA or Ed25519.
    pub ssh_private_key: Option<SecretString>,
    /// Text of a known_hosts file. Without a matching line an ssh host is refused.
    pub known_hosts: Option<String>,
    /// PEM bundle of the authorities that sign the https server's certificate, besides the system's.
    pub ca_bundle: Option<String>,
}

/// A Secret of the configuration's namespace that holds credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A whole Secret in the form that Flux knows: `username`, `password`, `identity`, `known_hosts`, `ca.crt`.
    Whole {
        /// Name of the Secret.
        name: String,
    },
    /// One entry, for one setting.
    Entry {
        /// What the entry is.
        setting: Setting,
        /// Name of the Secret.
        name: String,
        /// Key of the entry.
        key: String,
    },
}

/// A protected setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// `sshPrivateKey`
    SshPrivateKey,
    /// `httpsUser`
    HttpsUser,
    /// `httpsKey`
    HttpsKey,
    /// `bucketSecretKey`
    BucketSecretKey,
}

/// A Git repository and how to reach it.
#[derive(Clone, Debug)]
pub struct GitSource {
    /// `https://`, `http://`, `ssh://`, `user@host:path`, `file://` or a plain path.
    pub url: String,
    /// Whether the url may be on this machine: only the owner of the machine may say so, in a local state file.
    pub allow_local: bool,
    /// What to check out of it.
    pub reference: Reference,
    /// How to authenticate.
    pub credentials: Credentials,
    /// Secrets of the cluster that complete the credentials.
    pub secret_refs: Vec<SecretRef>,
    /// Longest time for one fetch.
    pub timeout: Duration,
    /// Time between looks for a new revision.
    pub interval: Duration,
}

/// What happens to an object that drifted from its manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriftPolicy {
    /// Bring it back.
    #[default]
    Correct,
    /// Say so, and leave it.
    Report,
}

/// One directory of the repository, rendered and applied as a whole.
#[derive(Clone, Debug)]
pub struct Kustomization {
    /// Name within the configuration; empty for the only one of a `SourceControlConfiguration`.
    pub name: String,
    /// Directory inside the repository; "" is its root.
    pub path: String,
    /// Names of the kustomizations of the same configuration that must be ready first.
    pub depends_on: Vec<String>,
    /// Longest time for apply and health together.
    pub timeout: Duration,
    /// Time between reconciles when nothing changes.
    pub interval: Duration,
    /// Time to the next try after a failure.
    pub retry_interval: Option<Duration>,
    /// Whether objects that left the manifests are deleted.
    pub prune: bool,
    /// Whether an object with a changed immutable field is deleted and made again.
    pub force: bool,
    /// Whether ready means that every object is healthy.
    pub wait: bool,
    /// Whether an empty render may prune everything.
    pub allow_empty: bool,
    /// What happens to drifted objects.
    pub drift: DriftPolicy,
    /// Variables for `${name}` in the manifests.
    pub substitute: BTreeMap<String, String>,
    /// ConfigMaps and Secrets that hold more variables.
    pub substitute_from: Vec<SubstituteFrom>,
}

/// A ConfigMap or Secret of the configuration's namespace whose entries are variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubstituteFrom {
    /// `ConfigMap` or `Secret`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether its absence is fine.
    pub optional: bool,
}

/// What does the work of a configuration, and what it needs to know for that.
#[derive(Clone, Debug, Default)]
pub enum Engine {
    /// Arcwright fetches, renders and applies itself.
    #[default]
    Native,
    /// A Flux v1 operator, installed for this configuration, does.
    FluxV1(Box<Operator>),
    /// The Flux v2 controllers, which all configurations share, do.
    FluxV2(Box<FluxV2>),
    /// It is no work of a user's: the Flux v2 controllers themselves are kept.
    FluxControllers,
}

impl Engine {
    /// The word that a user writes for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::FluxV1(_) => "flux-v1",
            Self::FluxV2(_) | Self::FluxControllers => "flux-v2",
        }
    }
}

/// One version of a custom resource of the cluster, by the name of its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRef {
    /// Its kind.
    pub kind: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
}

/// A configuration: a source and the kustomizations made of it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Name and namespace.
    pub id: ConfigurationId,
    /// The resource it came as.
    pub generation: Generation,
    /// What does its work.
    pub engine: Engine,
    /// What it may touch.
    pub scope: Scope,
    /// Service account of its namespace in whose name its objects are written, where it names one.
    pub service_account: Option<String>,
    /// Whether it rests.
    pub suspend: bool,
    /// Where its manifests are.
    pub source: GitSource,
    /// What is made of them; at least one, names unique.
    pub kustomizations: Vec<Kustomization>,
    /// Settings that have no meaning for this engine, to be told to the user.
    pub ignored: Vec<String>,
    /// sha256 over everything that can change what is applied, secrets included; 64 hexadecimal digits.
    pub digest: String,
    /// By what it came in.
    pub door: Door,
    /// The custom resource that it came as, if it did.
    pub resource: Option<ResourceRef>,
    /// Revision of the ARM resource that it came as, if it did.
    pub revision: Option<i64>,
}

impl Kustomization {
    /// A kustomization of which only the name is known, since its configuration does not have it any more.
    pub fn gone(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: String::new(),
            depends_on: Vec::new(),
            timeout: Duration::ZERO,
            interval: Duration::ZERO,
            retry_interval: None,
            prune: true,
            force: false,
            wait: false,
            allow_empty: true,
            drift: DriftPolicy::Report,
            substitute: BTreeMap::new(),
            substitute_from: Vec::new(),
        }
    }
}

impl Configuration {
    /// A configuration of which only the name is known, since no door has it any more.
    pub fn gone(id: ConfigurationId) -> Self {
        Self {
            id,
            generation: Generation::Flux,
            engine: Engine::Native,
            scope: Scope::Cluster,
            service_account: None,
            suspend: false,
            source: GitSource {
                url: String::new(),
                allow_local: false,
                reference: Reference::default(),
                credentials: Credentials::default(),
                secret_refs: Vec::new(),
                timeout: Duration::ZERO,
                interval: Duration::ZERO,
            },
            kustomizations: Vec::new(),
            ignored: Vec::new(),
            digest: String::new(),
            door: Door::Unknown,
            resource: None,
            revision: None,
        }
    }
}
