//! The four kinds of source of a `FluxConfiguration`.
use super::shared::{MAX_SECONDS, SUBDOMAIN};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Kind of source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceKind {
    /// A Git repository.
    #[default]
    GitRepository,
    /// An S3 bucket.
    Bucket,
    /// An Azure blob container.
    AzureBlob,
    /// An OCI artifact.
    #[serde(rename = "OCIRepository")]
    OciRepository,
}

/// A Git repository and how to reach it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitRepository {
    /// URL of the repository: `https://`, `http://`, `ssh://` or `git@host:path`; in a state file also `file://` and a
    /// path. It may not hold a password.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Longest time for one fetch, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub timeout_in_seconds: Option<u32>,
    /// Time between looks for a new revision, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub sync_interval_in_seconds: Option<u32>,
    /// Which commit is wanted; the head of branch `master` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_ref: Option<RepositoryRef>,
    /// Lines of a known_hosts file, in base64. Without a line that matches, an ssh host is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_known_hosts: Option<String>,
    /// User for https, in plain text; comes with the protected setting `httpsKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub https_user: Option<String>,
    /// PEM certificates of the authorities that sign the https server's certificate, in base64. They are trusted besides
    /// the system's.
    #[serde(rename = "httpsCACert", skip_serializing_if = "Option::is_none")]
    pub https_ca_cert: Option<String>,
    /// Name of a Secret in the configuration's namespace that holds the credentials, with the keys that Flux knows:
    /// `username`, `password`, `identity`, `known_hosts`, `ca.crt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub local_auth_ref: Option<String>,
    /// Who runs the repository, which decides the kind of token; `Generic` when absent. Engine `native` knows `Generic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Generic"))]
    pub provider: Option<GitProvider>,
}

// The URL and the user may be more than their owner wants to see in a log.
impl fmt::Debug for GitRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitRepository").field("repository_ref", &self.repository_ref).finish_non_exhaustive()
    }
}

/// Who runs a Git repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GitProvider {
    /// Anyone.
    #[default]
    Generic,
    /// Azure DevOps, with a workload identity.
    Azure,
    /// GitHub, as an app.
    GitHub,
}

/// Which commit of a Git repository is wanted. Of several fields the first of `commit`, `semver`, `tag` and `branch`
/// decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryRef {
    /// Branch whose head is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub branch: Option<String>,
    /// Tag that is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub tag: Option<String>,
    /// Range over the tags that are semantic versions, as in `>=1.2.0 <2.0.0` or `1.x`; the highest one in it is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub semver: Option<String>,
    /// Commit, 40 hexadecimal digits; comes with the branch that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{40}$"))]
    pub commit: Option<String>,
}

/// An S3 bucket and how to reach it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// URL of the S3 endpoint.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Name of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// Whether the endpoint is reached by http; true when absent, as in the ARM resource. A URL that begins with `https://`
    /// is reached by https all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub insecure: Option<bool>,
    /// Longest time for one fetch, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub timeout_in_seconds: Option<u32>,
    /// Time between looks for changes, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub sync_interval_in_seconds: Option<u32>,
    /// Access key, in plain text; comes with the protected setting `bucketSecretKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// Name of a Secret in the configuration's namespace that holds the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub local_auth_ref: Option<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("bucket_name", &self.bucket_name).finish_non_exhaustive()
    }
}

/// An Azure blob container and how to reach it. One of `servicePrincipal`, `accountKey`, `sasToken`, `managedIdentity`
/// and `localAuthRef` is given.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureBlob {
    /// URL of the blob endpoint.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Name of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// Longest time for one fetch, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub timeout_in_seconds: Option<u32>,
    /// Time between looks for changes, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub sync_interval_in_seconds: Option<u32>,
    /// Service principal that reads the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_principal: Option<ServicePrincipal>,
    /// Shared key of the storage account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key: Option<String>,
    /// Shared access signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sas_token: Option<String>,
    /// Managed identity that reads the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<ManagedIdentity>,
    /// Name of a Secret in the configuration's namespace that holds the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub local_auth_ref: Option<String>,
}

impl fmt::Debug for AzureBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureBlob").field("container_name", &self.container_name).finish_non_exhaustive()
    }
}

/// A service principal: client, tenant, and either a secret or a certificate.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// Id of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Id of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Secret of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Certificate of the client, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Password of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_password: Option<String>,
    /// Whether the certificate's chain is sent along; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub client_certificate_send_chain: Option<bool>,
}

impl fmt::Debug for ServicePrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServicePrincipal").finish_non_exhaustive()
    }
}

/// A managed identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedIdentity {
    /// Id of its client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// An OCI artifact and how to reach it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciRepository {
    /// URL of the repository, `oci://registry/name`.
    #[schemars(length(min = 1, max = 2048))]
    pub url: String,
    /// Longest time for one fetch, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub timeout_in_seconds: Option<u32>,
    /// Time between looks for a new revision, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub sync_interval_in_seconds: Option<u32>,
    /// Which artifact is wanted; tag `latest` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_ref: Option<OciRepositoryRef>,
    /// Which layer of the artifact is wanted; the first one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_selector: Option<LayerSelector>,
    /// How the artifact's signature is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// Whether the registry is reached by http; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub insecure: Option<bool>,
    /// Whether a workload identity logs in; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub use_workload_identity: Option<bool>,
    /// Name of a service account in the configuration's namespace that logs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub service_account_name: Option<String>,
    /// TLS settings for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// Name of a Secret in the configuration's namespace that holds the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub local_auth_ref: Option<String>,
}

impl fmt::Debug for OciRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciRepository").field("repository_ref", &self.repository_ref).finish_non_exhaustive()
    }
}

/// Which OCI artifact is wanted. Of several fields the first of `digest`, `semver` and `tag` decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciRepositoryRef {
    /// Tag; `latest` when nothing is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub tag: Option<String>,
    /// Range over the tags that are semantic versions; the highest one in it is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub semver: Option<String>,
    /// Digest, `sha256:` and 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<String>,
}

/// Which layer of an OCI artifact is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerSelector {
    /// Media type of the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What is done with the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<LayerOperation>,
}

/// What is done with a layer: `extract`, its archive is unpacked; `copy`, it is taken as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerOperation {
    /// Its archive is unpacked.
    #[default]
    Extract,
    /// It is taken as it is.
    Copy,
}

/// How the signature of an OCI artifact is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// Tool that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Public keys, in base64, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_config: Option<BTreeMap<String, String>>,
    /// Identities of which one must have signed it.
    #[serde(rename = "matchOidcIdentity", skip_serializing_if = "Option::is_none")]
    pub match_oidc_identity: Option<Vec<OidcIdentity>>,
}

/// An identity by the token that it signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcIdentity {
    /// Regular expression for the token's issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Regular expression for the token's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// TLS settings for a registry, each in base64.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsConfig {
    /// Certificate of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Private key of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// Certificates of the authorities that sign the registry's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}
