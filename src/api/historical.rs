//! The kinds by which the first agents kept configurations in a cluster, as far as they are known: `GitConfig` of the Flux v1
//! generation, and `FluxConfig` of the Flux v2 generation.
//!
//! Source: the documented example of a `GitConfig`, of the 03/2021 agents. The schema of a `FluxConfig` was not published;
//! it has the properties of the ARM resource, which are those of a [`FluxConfiguration`].
use super::{FluxConfiguration, GROUP, HelmOperatorProperties, ScopeType, shared::LABEL};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A Git repository that the cluster is kept like, as the first agents kept it.
#[derive(CustomResource, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "clusterconfig.azure.com",
    version = "v1beta1",
    kind = "GitConfig",
    plural = "gitconfigs",
    namespaced,
    category = "arcwright",
    doc = "A Git repository that the cluster is kept like, as the first agents kept it.",
    status = "GitConfigStatus",
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".spec.giturl"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct GitConfigSpec {
    /// URL of the repository: `http[s]://server/repo[.git]`, `git://server/repo[.git]`, `ssh://user@server/repo[.git]` or
    /// `user@server:repo[.git]`.
    #[schemars(length(min = 1, max = 2048))]
    pub giturl: String,
    /// Name of the operator instance, at most 23 characters; the resource's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 23), regex(pattern = LABEL))]
    pub operator_instance_name: Option<String>,
    /// Kind of operator: `flux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_type: Option<String>,
    /// Arguments of the operator in one string, as on a command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_params: Option<String>,
    /// What the configuration may touch; `cluster` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_scope: Option<ScopeType>,
    /// Whether a Helm operator is wanted too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_helm_operator: Option<bool>,
    /// Settings of the Helm operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_operator_properties: Option<HelmOperatorProperties>,
    /// Written by the first agents; it has no meaning here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Written by the first agents; it has no meaning here: delete the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_operator: Option<bool>,
    /// Written by the first agents; it has no meaning here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_client_location: Option<String>,
}

impl fmt::Debug for GitConfigSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitConfigSpec").field("instance", &self.operator_instance_name).finish_non_exhaustive()
    }
}

/// What came of a `GitConfig`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitConfigStatus {
    /// When the configuration was applied last, RFC 3339; empty when it was not.
    pub config_applied_time: String,
    /// Whether this status was delivered to Azure.
    pub is_synced_with_azure: bool,
    /// When the operator was asked last; there is none to be asked.
    pub last_polled_status_time: String,
    /// What there is to say.
    pub message: String,
    /// Digest of what the operator was installed with; there is none.
    pub operator_properties_hashed: String,
    /// Public half of the ssh key that the repository must accept.
    pub public_key: String,
    /// How often the operator was asked for that key in vain.
    pub retry_count_public_key: i32,
    /// State of compliance: `Pending`, `Compliant` or `Noncompliant`.
    pub status: String,
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

/// The definition of `FluxConfig`: another name of a `FluxConfiguration`, with columns of its own.
fn flux_config() -> CustomResourceDefinition {
    let mut crd = FluxConfiguration::crd();
    crd.metadata.name = Some(format!("fluxconfigs.{GROUP}"));
    crd.spec.names = CustomResourceDefinitionNames {
        kind: "FluxConfig".to_owned(),
        plural: "fluxconfigs".to_owned(),
        singular: Some("fluxconfig".to_owned()),
        categories: crd.spec.names.categories.take(),
        ..CustomResourceDefinitionNames::default()
    };
    let column = |name: &str, kind: &str, path: &str| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: kind.to_owned(),
        json_path: path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(vec![
            column("Scope", "string", ".spec.scope"),
            column("URL", "string", ".spec.gitRepository.url"),
            column("Provision", "string", ".status.provisioningState"),
            column("Age", "date", ".metadata.creationTimestamp"),
        ]);
    }
    crd
}

/// The CustomResourceDefinitions of the historical kinds.
pub fn historical_crds() -> Vec<CustomResourceDefinition> {
    vec![GitConfig::crd(), flux_config()]
}
