//! What both kinds have.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// DNS-1123 subdomain: lower-case letters, digits, `-` and `.`.
pub(super) const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A name of the Flux v1 generation: lower-case letters, digits and `-`.
pub(super) const LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Longest time that can be given, in seconds.
pub(super) const MAX_SECONDS: u32 = i32::MAX.cast_unsigned();

/// What a configuration may touch: `cluster`, every object; `namespace`, only namespaced objects of its own namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeType {
    /// Every object of the cluster.
    #[default]
    Cluster,
    /// Only namespaced objects of the configuration's own namespace.
    Namespace,
}

/// What does the work of a configuration: `native`, Arcwright itself; `flux-v1`, a Flux v1 operator installed for it;
/// `flux-v2`, the Flux v2 controllers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Arcwright itself.
    #[default]
    Native,
    /// A Flux v1 operator, installed for this configuration.
    FluxV1,
    /// The Flux v2 controllers.
    FluxV2,
}

/// What happens to an object that drifted from its manifest: `correct`, it is brought back; `report`, it is left as it
/// is and reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// Bring it back.
    #[default]
    Correct,
    /// Say so, and leave it.
    Report,
}

/// State of what an engine installs for a configuration; `Installed` with engine `native`, which installs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InstallState {
    /// The installation is under way.
    #[default]
    Pending,
    /// Everything that the engine needs is there.
    Installed,
    /// Something that the engine needs could not be put there.
    Failed,
}

/// Where the value of one protected setting is found; exactly one of the fields is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretFrom {
    /// Path of a file that holds the value as it is, not in base64. A relative path starts at the state file's directory.
    /// A custom resource cannot name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub file: Option<String>,
    /// Name of an environment variable of the agent that holds the value as it is, not in base64. A custom resource cannot
    /// name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub env: Option<String>,
    /// Entry of a Secret in the configuration's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

/// One entry of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the entry.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Protected settings by reference, by the name of the setting.
pub type ProtectedSettingsFrom = BTreeMap<String, SecretFrom>;
