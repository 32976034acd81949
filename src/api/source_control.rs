//! `SourceControlConfiguration`, the Flux v1 generation.
use super::{
    Drift, Engine, InstallState, ProtectedSettingsFrom, ScopeType,
    shared::{LABEL, SUBDOMAIN},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A Git repository that the cluster is kept like, in the Flux v1 generation: one branch, some directories of it, and
/// the arguments of a Flux operator.
#[derive(CustomResource, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "SourceControlConfiguration",
    plural = "sourcecontrolconfigurations",
    shortname = "scc",
    namespaced,
    category = "arcwright",
    doc = "A Git repository that the cluster is kept like, in the Flux v1 generation.",
    status = "SourceControlConfigurationStatus",
    printcolumn = r#"{"name":"Engine","type":"string","jsonPath":".spec.engine"}"#,
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".spec.repositoryUrl"}"#,
    printcolumn = r#"{"name":"Install","type":"string","jsonPath":".status.installState"}"#,
    printcolumn = r#"{"name":"Compliance","type":"string","jsonPath":".status.complianceStatus.complianceState"}"#,
    printcolumn = r#"{"name":"Revision","type":"string","jsonPath":".status.lastAppliedRevision"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SourceControlConfigurationSpec {
    /// URL of the repository: `http[s]://server/repo[.git]`, `git://server/repo[.git]`, `ssh://user@server/repo[.git]` or
    /// `user@server:repo[.git]`; in a state file also `file://` and a path.
    #[schemars(length(min = 1, max = 2048))]
    pub repository_url: String,
    /// Namespace of the configuration's own objects, at most 23 characters; `default` when absent. It is made when it
    /// does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 23), regex(pattern = LABEL))]
    pub operator_namespace: Option<String>,
    /// Name of the operator instance, at most 23 characters; the configuration's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 23), regex(pattern = LABEL))]
    pub operator_instance_name: Option<String>,
    /// Kind of operator; there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Flux"))]
    pub operator_type: Option<OperatorType>,
    /// Arguments of the operator in one string, as on a command line: `--git-branch` (master), `--git-path`,
    /// `--git-poll-interval` (5m), `--sync-garbage-collection` and others. Engine `native` translates them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_params: Option<String>,
    /// What the configuration may touch; `cluster` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "cluster"))]
    pub operator_scope: Option<ScopeType>,
    /// Secrets in base64: `sshPrivateKey` (a PEM key), or `httpsUser` and `httpsKey` together. Better given by reference,
    /// in `protectedSettingsFrom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_protected_settings: Option<BTreeMap<String, String>>,
    /// Secrets by reference, by the same names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_settings_from: Option<ProtectedSettingsFrom>,
    /// Lines of a known_hosts file, in base64. Without a line that matches, an ssh host is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_known_hosts_contents: Option<String>,
    /// Whether a Helm operator is wanted too; false when absent. Engine `native` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub enable_helm_operator: Option<bool>,
    /// Settings of the Helm operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_operator_properties: Option<HelmOperatorProperties>,
    /// What does the work; `native` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "native"))]
    pub engine: Option<Engine>,
    /// Service account of the configuration's namespace in whose name its objects are written; somebody makes it and gives it
    /// its rights. Without it the agent decides: its own name, or an account that it makes. Engine `flux-v1` has no use for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub service_account_name: Option<String>,
    /// What happens to an object that drifted; `correct` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "correct"))]
    pub drift: Option<Drift>,
    /// Whether a repository without manifests may prune everything; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub allow_empty: Option<bool>,
}

impl fmt::Debug for SourceControlConfigurationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceControlConfigurationSpec")
            .field("operator_namespace", &self.operator_namespace)
            .finish_non_exhaustive()
    }
}

/// Kind of operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OperatorType {
    /// Flux v1.
    #[default]
    Flux,
}

/// Settings of the Helm operator.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmOperatorProperties {
    /// Version of its chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_version: Option<String>,
    /// Values for its chart, as `helm --set` takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_values: Option<String>,
}

// Values for a chart can hold secrets.
impl fmt::Debug for HelmOperatorProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HelmOperatorProperties").field("chart_version", &self.chart_version).finish_non_exhaustive()
    }
}

/// What came of a `SourceControlConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceControlConfigurationStatus {
    /// Compliance, as the ARM resource has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance_status: Option<ComplianceStatus>,
    /// State of what the engine installs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_state: Option<InstallState>,
    /// Whether the resource is stored; it says nothing about the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_state: Option<ProvisioningStateV1>,
    /// Public half of the ssh key that the repository must accept, as a line of `authorized_keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_public_key: Option<String>,
    /// Revision that was applied last, as `branch@sha1:commit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The value of the annotation `reconcile.fluxcd.io/requestedAt` that was heeded last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Generation of the resource that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions of the types Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Compliance of a `SourceControlConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComplianceStatus {
    /// State of compliance.
    pub compliance_state: ComplianceStateV1,
    /// When the configuration was applied last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_config_applied: Option<String>,
    /// What there is to say about the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How serious the message is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_level: Option<MessageLevel>,
}

/// State of compliance in the Flux v1 generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ComplianceStateV1 {
    /// Nothing is known yet.
    #[default]
    Pending,
    /// The cluster is as wanted.
    Compliant,
    /// The cluster is not as wanted.
    Noncompliant,
    /// The operator is installed.
    Installed,
    /// The operator could not be installed.
    Failed,
}

/// State of the resource itself in the Flux v1 generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProvisioningStateV1 {
    /// It was accepted.
    #[default]
    Accepted,
    /// It is being deleted.
    Deleting,
    /// It is being stored.
    Running,
    /// It is stored.
    Succeeded,
    /// It could not be stored.
    Failed,
}

/// How serious a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MessageLevel {
    /// Something failed.
    Error,
    /// Something needs attention.
    Warning,
    /// All is well.
    #[default]
    Information,
}
