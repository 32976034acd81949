//! `FluxConfiguration`, the Flux v2 generation.
use super::{Drift, Engine, ProtectedSettingsFrom, ScopeType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// A source and the kustomizations made of it, in the Flux v2 generation.
#[derive(CustomResource, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "FluxConfiguration",
    plural = "fluxconfigurations",
    shortname = "fc",
    namespaced,
    status = "FluxConfigurationStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct FluxConfigurationSpec {
    /// What the configuration may touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeType>,
    /// Namespace of the configuration's own objects; `default` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Which of the sources is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_kind: Option<SourceKind>,
    /// Whether the configuration rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// A Git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repository: Option<GitRepository>,
    /// An S3 bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::any_object")]
    pub bucket: Option<Map<String, Value>>,
    /// An Azure blob container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::any_object")]
    pub azure_blob: Option<Map<String, Value>>,
    /// An OCI artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::any_object")]
    pub oci_repository: Option<Map<String, Value>>,
    /// What is made of the source, by name; one named `kustomization-1` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomizations: Option<BTreeMap<String, KustomizationSpec>>,
    /// Secrets in base64: `sshPrivateKey`, `httpsKey`, `bucketSecretKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_protected_settings: Option<BTreeMap<String, String>>,
    /// Secrets by reference, by the same names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_settings_from: Option<ProtectedSettingsFrom>,
    /// Whether the resource counts as provisioned only when it is reconciled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_reconciliation: Option<bool>,
    /// Longest time to wait for that, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciliation_wait_duration: Option<String>,
    /// What does the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// What happens to drifted objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

impl fmt::Debug for FluxConfigurationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FluxConfigurationSpec").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitRepository {
    /// URL of the repository.
    pub url: String,
    /// Longest time for one fetch, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u32>,
    /// Time between looks for a new revision, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_interval_in_seconds: Option<u32>,
    /// What to check out; branch `master` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_ref: Option<RepositoryRef>,
    /// Lines of a known_hosts file, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_known_hosts: Option<String>,
    /// User for https, as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https_user: Option<String>,
    /// PEM bundle of the authorities that sign the server's certificate, in base64.
    #[serde(rename = "httpsCACert", skip_serializing_if = "Option::is_none")]
    pub https_ca_cert: Option<String>,
    /// Secret of the configuration's namespace that holds the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_auth_ref: Option<String>,
    /// Who runs the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<GitProvider>,
}

/// Who runs a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GitProvider {
    /// Anyone.
    #[default]
    Generic,
    /// Azure DevOps.
    Azure,
    /// GitHub, as an app.
    GitHub,
}

/// Which commit is wanted. Precedence: commit, semver, tag, branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RepositoryRef {
    /// Branch to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Range over the tags that are semantic versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Commit, 40 hexadecimal digits; needs a branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One directory of the source, rendered and applied as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KustomizationSpec {
    /// Directory inside the source; its root when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Kustomizations of this configuration that must be ready first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<String>>,
    /// Longest time for apply and health, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u32>,
    /// Time between reconciles, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_interval_in_seconds: Option<u32>,
    /// Time to the next try after a failure, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_interval_in_seconds: Option<u32>,
    /// Whether objects that left the manifests are deleted; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
    /// Whether an object with a changed immutable field is made again; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// Whether ready means that every object is healthy; true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<bool>,
    /// Variables for the manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_build: Option<PostBuild>,
    /// Whether an empty render may prune everything; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
    /// What happens to drifted objects; the configuration's choice when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

/// Variables for the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PostBuild {
    /// Variables by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute: Option<BTreeMap<String, String>>,
    /// Where more of them are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute_from: Option<Vec<SubstituteFromSpec>>,
}

/// A ConfigMap or Secret whose entries are variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubstituteFromSpec {
    /// Its kind.
    pub kind: SubstituteKind,
    /// Its name.
    pub name: String,
    /// Whether its absence is fine; false when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// Kind of a holder of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SubstituteKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// What came of a `FluxConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FluxConfigurationStatus {
    /// The state.
    pub compliance_state: ComplianceStateV2,
    /// Branch and commit that the source is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_synced_commit_id: Option<String>,
    /// When the source was updated last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_updated_at: Option<String>,
    /// When this status was updated last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_updated_at: Option<String>,
    /// Public half of the key that the repository must accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_public_key: Option<String>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// State of each object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<ObjectStatus>,
    /// Generation that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// State of compliance in the Flux v2 generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ComplianceStateV2 {
    /// The cluster is as wanted.
    Compliant,
    /// The cluster is not as wanted.
    #[serde(rename = "Non-Compliant")]
    NonCompliant,
    /// Work is under way.
    Pending,
    /// The configuration rests.
    Suspended,
    /// Nothing is known yet.
    #[default]
    Unknown,
}

/// State of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatus {
    /// Name of the object.
    pub name: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its state.
    pub compliance_state: ComplianceStateV2,
    /// The kustomization that applied it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_by: Option<ObjectReference>,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_conditions: Vec<ObjectStatusCondition>,
}

/// Name and namespace of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// Its name.
    pub name: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A condition of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatusCondition {
    /// When it changed last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
    /// What there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `True`, `False` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}
