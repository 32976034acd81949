//! What both kinds have.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the configuration may touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeType {
    /// Every object of the cluster.
    #[default]
    Cluster,
    /// Only namespaced objects of the configuration's own namespace.
    Namespace,
}

/// What does the work of a configuration.
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

/// What happens to an object that drifted from its manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// Bring it back.
    #[default]
    Correct,
    /// Say so, and leave it.
    Report,
}

/// Where the value of one protected setting is; exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretFrom {
    /// Path of a file that holds the value as it is, not in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Name of an environment variable that holds the value as it is, not in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    pub name: String,
    /// Key of the entry.
    pub key: String,
}

/// Protected settings by reference, by the name of the setting.
pub type ProtectedSettingsFrom = BTreeMap<String, SecretFrom>;
