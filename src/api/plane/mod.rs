//! The data plane: what an agent and its control plane say to each other.
//!
//! Paths are those of the agents of 2021 where these are known; the bodies are Arcwright's own, and versioned.
//! `docs/data-plane.md` tells the whole protocol, and `schemas/data-plane.json` is it in OpenAPI.
mod openapi;

pub use openapi::openapi;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `api-version` of every request.
pub const VERSION: &str = "2026-11-01";
/// Versions that a control plane answers.
pub const VERSIONS: [&str; 1] = [VERSION];
/// Where the certificate of a cluster is asked for, below the URL that the discovery gives; the parameter `id` is the
/// ARM id of the cluster.
pub const CERTIFICATE: &str = "/type/ConnectedClusters/certificate";
/// Where the URL of the identity service is asked for.
pub const DISCOVERY: &str = "/discovery";
/// Segment between group and cluster in the paths of the data plane.
pub const PROVIDER: &str = "Microsoft.Kubernetes-connectedClusters";
/// `typ` of the header of an enrolment's JWS.
pub const ENROLMENT_TYPE: &str = "arcwright-enrolment+jwt";
/// Longest life of an enrolment's JWS, in seconds.
pub const ENROLMENT_SECONDS: i64 = 600;
/// Most statuses of one report.
pub const MAX_STATUSES: usize = 100;
/// Longest wait for a change, in seconds.
pub const MAX_WAIT_SECONDS: u64 = 300;
/// Seconds between two heartbeats.
pub const HEARTBEAT_SECONDS: u64 = 300;

/// What a request of the data plane is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The configurations that are wanted: POST, long-polled with `If-None-Match` and the parameter `waitSeconds`.
    Pull,
    /// Where configurations stand: POST of a [`StatusReport`].
    Status,
    /// Metadata, and by that a sign of life: POST of a [`Heartbeat`].
    Heartbeat,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 3] = [Self::Pull, Self::Status, Self::Heartbeat];

    /// The path below that of the cluster.
    pub fn path(self) -> &'static str {
        match self {
            Self::Pull => "configurations/getPendingConfigs",
            Self::Status => "configurations/postStatus",
            Self::Heartbeat => "metadata/postHeartbeat",
        }
    }
}

/// The path of a call of a cluster; none when the id is not that of a connected cluster.
///
/// ```
/// use arcwright::api::plane::{Call, path};
/// let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/north";
/// let path = path(id, Call::Pull).expect("a cluster");
/// assert_eq!(path, "/subscriptions/s/resourceGroups/g/provider/Microsoft.Kubernetes-connectedClusters/clusters/north/configurations/getPendingConfigs");
/// ```
pub fn path(cluster: &str, call: Call) -> Option<String> {
    let segments: Vec<&str> = cluster.trim_matches('/').split('/').collect();
    let [subscriptions, subscription, groups, group, providers, provider, kind, name] = segments.as_slice() else {
        return None;
    };
    let is = |found: &str, wanted: &str| found.eq_ignore_ascii_case(wanted);
    let is_cluster = is(subscriptions, "subscriptions")
        && is(groups, "resourceGroups")
        && is(providers, "providers")
        && is(provider, "Microsoft.Kubernetes")
        && is(kind, "connectedClusters");
    is_cluster.then(|| {
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/provider/{PROVIDER}/clusters/{name}/{}",
            call.path()
        )
    })
}

/// What the JWS says by which a cluster asks for its certificate; signed with the onboarding key (RS256).
///
/// It is the bearer token of the request. Each is good once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnrolmentClaims {
    /// ARM id of the cluster.
    pub sub: String,
    /// URL of the control plane, without a slash at the end.
    pub aud: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// Until when it is good, in seconds since 1970: at most 600 s after `iat`.
    pub exp: i64,
    /// Something that no other has, of 16 to 128 characters.
    pub jti: String,
    /// SHA-256 of the signing request in DER, in base64url without padding: a stolen token gives nobody else's key a certificate.
    pub csr: String,
}

/// A request for an identity certificate.
///
/// Signed by an [`EnrolmentClaims`] at first, and when the owner allows it once more; by the cluster's access token from
/// day 46 of a certificate on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest {
    /// A PKCS#10 signing request in PEM, with a key of its own. Its names are ignored.
    pub csr: String,
}

/// An identity certificate, and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCertificate {
    /// `CertificateCreateSucceeded`.
    pub response_type: String,
    /// For a person.
    pub message: String,
    /// The certificate and its authority's, in PEM.
    pub certificate: String,
    /// From when it is good.
    pub not_before: jiff::Timestamp,
    /// Until when it is good: 90 days.
    pub not_after: jiff::Timestamp,
    /// From when it can be renewed: after 45 days.
    pub renew_after: jiff::Timestamp,
    /// Client id by which the cluster signs in.
    pub client_id: String,
    /// Tenant in which it signs in.
    pub tenant_id: String,
    /// URL of the token endpoint, which takes client assertions that the certificate's key signed.
    pub token_endpoint: String,
}

/// What is wanted of a cluster. The answer's ETag is that of the whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingConfigurations {
    /// Every configuration, sorted by id.
    pub configurations: Vec<PendingConfiguration>,
}

/// One configuration.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingConfiguration {
    /// ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.KubernetesConfiguration/sourceControlConfigurations` or `.../fluxConfigurations`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Grows with each write.
    pub revision: i64,
    /// The properties of the resource, with the values of `configurationProtectedSettings`.
    pub properties: Map<String, Value>,
}

impl std::fmt::Debug for PendingConfiguration {
    // The properties hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingConfiguration")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// Where configurations stand.
///
/// Reports are delivered in their order and at least once. Of two statuses of a configuration that one instance reports,
/// that with the higher sequence counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// What numbers the sequences: another one begins anew.
    pub instance: String,
    /// At most 100.
    pub statuses: Vec<ReportedStatus>,
}

/// Where one configuration stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedStatus {
    /// ARM id of the configuration.
    pub id: String,
    /// Grows with each report of the instance.
    pub sequence: u64,
    /// Revision of the configuration that is meant.
    pub revision: i64,
    /// When it was seen so, by the cluster's clock.
    pub observed_at: jiff::Timestamp,
    /// The properties of the resource that a client reads and may not write: those of the status of the custom resource
    /// of the same kind (`complianceState` and `statuses`, or `complianceStatus`, and so on).
    pub status: Map<String, Value>,
}

/// What became of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusAnswer {
    /// Ids of configurations that are not there any more; nothing more need be said of them.
    pub unknown: Vec<String>,
}

/// What a cluster is, and a sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// When it was seen so, by the cluster's clock.
    pub observed_at: jiff::Timestamp,
    /// Version of the agent.
    pub agent_version: String,
    /// Version of Kubernetes, without a leading `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// Nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_node_count: Option<u32>,
    /// Cores of all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_core_count: Option<u32>,
    /// Distribution, as the agent detects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Infrastructure, as the agent detects it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure: Option<String>,
    /// How the agents are.
    #[serde(default)]
    pub agents: Vec<AgentHealth>,
    /// Statuses that wait for delivery.
    #[serde(default)]
    pub waiting: u64,
}

/// How one agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentHealth {
    /// `identity`, `config`, `metadata`, `sync`, and so on.
    pub name: String,
    /// `Running`, `Degraded`, `Failed` or `Disabled`.
    pub state: String,
    /// Why, for a person; empty when it runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when it is so.
    pub since: jiff::Timestamp,
}

/// The control plane's answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatAnswer {
    /// The control plane's time, by which an agent sees that its clock is wrong.
    pub time: jiff::Timestamp,
    /// Seconds until the next one is wanted.
    pub next_seconds: u64,
}
