//! The kinds by which the agents speak with others in the cluster: requests for tokens, and what is known of the cluster.
//!
//! Source: names and fields are those of the first agents, as far as public clients of them show these.
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of the one [`ConnectedCluster`], in the agent's own namespace.
pub const CLUSTER_METADATA: &str = "clustermetadata";
/// Entry of a token's Secret.
pub const TOKEN_ENTRY: &str = "cluster-identity-token";

/// A request for a token in the name of the cluster, in the agent's own namespace.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "AzureClusterIdentityRequest",
    plural = "azureclusteridentityrequests",
    namespaced,
    doc = "A request for a token in the name of the cluster, in the agent's own namespace.",
    status = "AzureClusterIdentityRequestStatus",
    printcolumn = r#"{"name":"Audience","type":"string","jsonPath":".spec.audience"}"#,
    printcolumn = r#"{"name":"Expires","type":"string","jsonPath":".status.expirationTime"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct AzureClusterIdentityRequestSpec {
    /// For whom the token is; the control plane when absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub audience: Option<String>,
    /// Name of the extension in whose name it is asked for. It has no meaning here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub resource_id: Option<String>,
}

/// What came of an `AzureClusterIdentityRequest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureClusterIdentityRequestStatus {
    /// Until when the token is good, RFC 3339. Emptied by a client that wants another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<String>,
    /// Where the token is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_reference: Option<TokenReference>,
    /// A condition of the type Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Where a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenReference {
    /// Name of the Secret.
    pub secret_name: String,
    /// Its entry.
    pub data_name: String,
}

/// What is known of the cluster; there is one, `clustermetadata`, in the agent's own namespace.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "arc.azure.com",
    version = "v1beta1",
    kind = "ConnectedCluster",
    plural = "connectedclusters",
    namespaced,
    doc = "What is known of the cluster; there is one, `clustermetadata`, in the agent's own namespace.",
    status = "ConnectedClusterStatus",
    printcolumn = r#"{"name":"Kubernetes","type":"string","jsonPath":".status.kubernetesAPIServerVersion"}"#,
    printcolumn = r#"{"name":"Agent","type":"string","jsonPath":".status.arcAgentVersion"}"#,
    printcolumn = r#"{"name":"Nodes","type":"integer","jsonPath":".status.nodeCount"}"#,
    printcolumn = r#"{"name":"Cores","type":"integer","jsonPath":".status.coreCount"}"#,
    printcolumn = r#"{"name":"Connected","type":"date","jsonPath":".status.lastConnectivityTime"}"#
)]
pub struct ConnectedClusterSpec {}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectedClusterStatus {
    /// Nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<u32>,
    /// Cores of all nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_count: Option<u32>,
    /// Version of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arc_agent_version: Option<String>,
    /// Version of Kubernetes, without a leading `v`.
    #[serde(rename = "kubernetesAPIServerVersion", skip_serializing_if = "Option::is_none")]
    pub kubernetes_api_server_version: Option<String>,
    /// When the control plane last heard of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_connectivity_time: Option<String>,
    /// Until when the identity certificate is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_identity_certificate_expiration_time: Option<String>,
}

/// The definitions of these kinds.
pub(super) fn definitions() -> [CustomResourceDefinition; 2] {
    [AzureClusterIdentityRequest::crd(), ConnectedCluster::crd()]
}
