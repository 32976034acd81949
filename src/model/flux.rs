//! What the Flux v2 controllers are told for one configuration, as far as the configuration decides about it.
use super::configuration::Kustomization;
use secrecy::SecretString;
use std::{collections::BTreeMap, time::Duration};

/// A source and the kustomizations that Flux makes of it.
#[derive(Clone, Debug)]
pub struct FluxV2 {
    /// Where the manifests are. A Git repository itself is in the configuration's source.
    pub source: FluxSource,
    /// Time between looks at the source.
    pub interval: Duration,
    /// Longest time for one fetch.
    pub timeout: Duration,
    /// As the user states them; at least one, names unique.
    pub kustomizations: Vec<Kustomization>,
}

/// A kind of source, with what is its own.
#[derive(Clone, Debug)]
pub enum FluxSource {
    /// A Git repository.
    Git {
        /// Who runs it, in Flux's word; none for anyone.
        provider: Option<&'static str>,
    },
    /// A bucket, or a container of blobs.
    Bucket(FluxBucket),
    /// An OCI artifact.
    Oci(Box<FluxOci>),
}

impl FluxSource {
    /// The Flux kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Git { .. } => "GitRepository",
            Self::Bucket(_) => "Bucket",
            Self::Oci(_) => "OCIRepository",
        }
    }
}

/// Entries of a Secret that is made for a source.
pub type Entries = BTreeMap<&'static str, SecretString>;

/// A bucket.
#[derive(Clone, Debug)]
pub struct FluxBucket {
    /// `generic` for S3, `azure` for Azure blobs.
    pub provider: &'static str,
    /// Address; of an S3 server without the scheme.
    pub endpoint: String,
    /// Name of the bucket or container.
    pub name: String,
    /// Whether it is reached by http.
    pub insecure: bool,
    /// Credentials for Azure; of an S3 server they are the configuration's user and password. Empty for none.
    pub entries: Entries,
    /// Secret that holds the credentials instead.
    pub secret: Option<String>,
}

/// An OCI artifact.
#[derive(Clone, Debug, Default)]
pub struct FluxOci {
    /// `oci://registry/name`.
    pub url: String,
    /// Of these, the first of digest, semver and tag that is given decides.
    pub digest: Option<String>,
    /// Range over the tags.
    pub semver: Option<String>,
    /// Tag.
    pub tag: Option<String>,
    /// Media type of the layer.
    pub media_type: Option<String>,
    /// `extract` or `copy`.
    pub operation: Option<&'static str>,
    /// How the signature is verified.
    pub verify: Option<FluxVerify>,
    /// Whether the registry is reached by http.
    pub insecure: bool,
    /// Whether a workload identity of Azure logs in.
    pub uses_identity: bool,
    /// Service account that logs in.
    pub account: Option<String>,
    /// `tls.crt`, `tls.key` and `ca.crt` for the registry; empty for none.
    pub tls: Entries,
    /// Secret with the registry's credentials.
    pub secret: Option<String>,
}

/// How the signature of an artifact is verified.
#[derive(Clone, Debug, Default)]
pub struct FluxVerify {
    /// `cosign` or `notation`.
    pub provider: String,
    /// Public keys and policies, by name of the entry.
    pub entries: BTreeMap<String, SecretString>,
    /// Issuer and subject of each identity of which one must have signed.
    pub identities: Vec<(String, String)>,
}
