//! `FluxConfiguration`, the Flux v2 generation.
use super::{
    AzureBlob, Bucket, Drift, Engine, FluxConfigurationStatus, GitRepository, OciRepository, ProtectedSettingsFrom,
    ScopeType, SourceKind,
    shared::{MAX_SECONDS, SUBDOMAIN},
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A source that the cluster is kept like, and the kustomizations made of it, in the Flux v2 generation.
#[derive(CustomResource, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "FluxConfiguration",
    plural = "fluxconfigurations",
    shortname = "fc",
    namespaced,
    category = "arcwright",
    doc = "A source that the cluster is kept like, and the kustomizations made of it, in the Flux v2 generation.",
    status = "FluxConfigurationStatus",
    printcolumn = r#"{"name":"Engine","type":"string","jsonPath":".spec.engine"}"#,
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".spec.gitRepository.url"}"#,
    printcolumn = r#"{"name":"Install","type":"string","jsonPath":".status.installState"}"#,
    printcolumn = r#"{"name":"Compliance","type":"string","jsonPath":".status.complianceState"}"#,
    printcolumn = r#"{"name":"Revision","type":"string","jsonPath":".status.sourceSyncedCommitId"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct FluxConfigurationSpec {
    /// What the configuration may touch; `cluster` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "cluster"))]
    pub scope: Option<ScopeType>,
    /// Namespace of the configuration's own objects; `default` when absent. It is made when it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = SUBDOMAIN))]
    pub namespace: Option<String>,
    /// Which of the four sources is meant; `GitRepository` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "GitRepository"))]
    pub source_kind: Option<SourceKind>,
    /// Whether the configuration rests: its source is not fetched and nothing is applied, pruned or corrected; false when
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub suspend: Option<bool>,
    /// A Git repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repository: Option<GitRepository>,
    /// An S3 bucket. Engine `native` does not fetch it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<Bucket>,
    /// An Azure blob container. Engine `native` does not fetch it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_blob: Option<AzureBlob>,
    /// An OCI artifact. Engine `native` does not fetch it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci_repository: Option<OciRepository>,
    /// What is made of the source, by name; one named `kustomization-1`, of its root, when absent. A name has at most 63
    /// characters, and at most 62 together with the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomizations: Option<BTreeMap<String, KustomizationSpec>>,
    /// Secrets in base64: `sshPrivateKey` (a PEM key), `httpsKey`, `bucketSecretKey`. Better given by reference, in
    /// `protectedSettingsFrom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_protected_settings: Option<BTreeMap<String, String>>,
    /// Secrets by reference, by the same names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_settings_from: Option<ProtectedSettingsFrom>,
    /// Whether the ARM resource counts as provisioned only when it is reconciled. It has no meaning in a state file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_reconciliation: Option<bool>,
    /// Longest time to wait for that, as an ISO 8601 duration such as `PT30M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciliation_wait_duration: Option<String>,
    /// What does the work; `native` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "native"))]
    pub engine: Option<Engine>,
    /// Service account of the configuration's namespace in whose name its objects are written; somebody makes it and gives it
    /// its rights. Without it the agent decides: its own name, or an account that it makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub service_account_name: Option<String>,
    /// What happens to an object that drifted, in each kustomization that does not say otherwise; `correct` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "correct"))]
    pub drift: Option<Drift>,
}

impl fmt::Debug for FluxConfigurationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FluxConfigurationSpec").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// One directory of the source, rendered and applied as a whole.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationSpec {
    /// Name of the kustomization, which is its key; read-only in the ARM resource, and accepted when it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Directory inside the source; its root when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = ""))]
    pub path: Option<String>,
    /// Kustomizations of this configuration that must be ready first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<Vec<String>>,
    /// Longest time for apply and health together, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub timeout_in_seconds: Option<u32>,
    /// Time between reconciles when nothing changes, in seconds; 600 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS), extend("default" = 600))]
    pub sync_interval_in_seconds: Option<u32>,
    /// Time to the next try after a failure, in seconds; growing waits when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub retry_interval_in_seconds: Option<u32>,
    /// Whether objects that left the manifests are deleted; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub prune: Option<bool>,
    /// Whether an object with a changed immutable field is deleted and made again; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub force: Option<bool>,
    /// Whether the kustomization is ready only when every object of it is healthy; true when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub wait: Option<bool>,
    /// Variables for the manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_build: Option<PostBuild>,
    /// Whether a render without objects may prune everything; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub allow_empty: Option<bool>,
    /// What happens to an object that drifted; the configuration's choice when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

// The values of variables can be secrets.
impl fmt::Debug for KustomizationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KustomizationSpec").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Variables that `${name}` in the manifests stands for.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostBuild {
    /// Values by name. A name has letters, digits and `_`, and begins with no digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute: Option<BTreeMap<String, String>>,
    /// ConfigMaps and Secrets that hold more values. A later one wins over an earlier one, and `substitute` over all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute_from: Option<Vec<SubstituteFromSpec>>,
}

/// A ConfigMap or Secret in the configuration's namespace whose entries are variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubstituteFromSpec {
    /// Its kind.
    pub kind: SubstituteKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether it may be missing; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub optional: Option<bool>,
}

/// Kind of an object that holds variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SubstituteKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}
