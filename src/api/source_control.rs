//! `SourceControlConfiguration`, the Flux v1 generation.
use super::{Drift, Engine, ProtectedSettingsFrom, ScopeType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A Git repository to keep the cluster like, in the Flux v1 generation.
#[derive(CustomResource, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "SourceControlConfiguration",
    plural = "sourcecontrolconfigurations",
    shortname = "scc",
    namespaced,
    status = "SourceControlConfigurationStatus"
)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceControlConfigurationSpec {
    /// URL of the repository.
    pub repository_url: String,
    /// Namespace of the configuration's own objects; `default` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_namespace: Option<String>,
    /// Name of the operator instance; the configuration's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_instance_name: Option<String>,
    /// Kind of operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_type: Option<OperatorType>,
    /// Arguments of the operator, as on a command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_params: Option<String>,
    /// What the configuration may touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_scope: Option<ScopeType>,
    /// Secrets in base64: `sshPrivateKey`, `httpsUser`, `httpsKey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration_protected_settings: Option<BTreeMap<String, String>>,
    /// Secrets by reference, by the same names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_settings_from: Option<ProtectedSettingsFrom>,
    /// Lines of a known_hosts file, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_known_hosts_contents: Option<String>,
    /// Whether a Helm operator is wanted too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_helm_operator: Option<bool>,
    /// Settings of the Helm operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_operator_properties: Option<HelmOperatorProperties>,
    /// What does the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// What happens to drifted objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Whether an empty repository may prune everything.
    #[serde(skip_serializing_if = "Option::is_none")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmOperatorProperties {
    /// Version of its chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_version: Option<String>,
    /// Values for its chart, as `--set` takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_values: Option<String>,
}

/// What came of a `SourceControlConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceControlConfigurationStatus {
    /// Compliance, as ARM has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance_status: Option<ComplianceStatus>,
    /// Public half of the key that the repository must accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_public_key: Option<String>,
    /// Revision that was applied last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// Generation that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Compliance of a `SourceControlConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComplianceStatus {
    /// The state.
    pub compliance_state: ComplianceStateV1,
    /// When the configuration was applied last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_config_applied: Option<String>,
    /// What there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How bad it is.
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
    /// The operator is there.
    Installed,
    /// The operator could not be put there.
    Failed,
}

/// How bad a message is.
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
