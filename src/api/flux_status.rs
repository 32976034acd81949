//! What came of a `FluxConfiguration`.
use super::InstallState;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of a `FluxConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FluxConfigurationStatus {
    /// State of compliance.
    pub compliance_state: ComplianceStateV2,
    /// State of what the engine installs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_state: Option<InstallState>,
    /// Whether the resource is stored; it says nothing about the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_state: Option<ProvisioningStateV2>,
    /// Branch and commit that the source is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_synced_commit_id: Option<String>,
    /// When the source was updated last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_updated_at: Option<String>,
    /// When this status was updated last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_updated_at: Option<String>,
    /// Public half of the ssh key that the repository must accept, as a line of `authorized_keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_public_key: Option<String>,
    /// What failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// State of each object, unique by name, namespace and kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<ObjectStatus>,
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

/// State of the resource itself in the Flux v2 generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProvisioningStateV2 {
    /// It is stored.
    Succeeded,
    /// It could not be stored.
    Failed,
    /// Its change was given up.
    Canceled,
    /// It is being made.
    #[default]
    Creating,
    /// It is being changed.
    Updating,
    /// It is being deleted.
    Deleting,
}

/// State of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatus {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Kind of the object.
    pub kind: String,
    /// State of compliance of the object.
    pub compliance_state: ComplianceStateV2,
    /// The kustomization that applied the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_by: Option<ObjectReference>,
    /// Conditions of the object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_conditions: Vec<ObjectStatusCondition>,
    /// More about an object that is a Helm release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_release_properties: Option<HelmReleaseProperties>,
}

/// Name and namespace of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A condition of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectStatusCondition {
    /// When the condition changed last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
    /// What there is to say about the condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why the condition is so, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `True`, `False` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Type of the condition.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// More about a Helm release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmReleaseProperties {
    /// Number of the release's revision that was applied last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_revision_applied: Option<i64>,
    /// The HelmChart that the release is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_chart_ref: Option<ObjectReference>,
    /// Number of failed reconciles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_count: Option<i64>,
    /// Number of failed installations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_failure_count: Option<i64>,
    /// Number of failed upgrades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_failure_count: Option<i64>,
}
