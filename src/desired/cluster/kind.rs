//! The kinds of resources that are configurations, and the document that each of them states. Pure.
use crate::{
    api::{self, API_VERSION},
    model::configuration::ConfigurationId,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Map, Value, json};

/// A kind of resource that is a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `FluxConfiguration`
    Flux,
    /// `SourceControlConfiguration`
    SourceControl,
    /// `FluxConfig`, by which the first agents kept a `FluxConfiguration`.
    FluxConfig,
    /// `GitConfig`, by which the first agents kept a `SourceControlConfiguration`.
    GitConfig,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Flux, Self::SourceControl, Self::FluxConfig, Self::GitConfig];
    /// The kinds that are followed unless more is asked for.
    pub const USUAL: [Self; 2] = [Self::Flux, Self::SourceControl];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flux => "FluxConfiguration",
            Self::SourceControl => "SourceControlConfiguration",
            Self::FluxConfig => "FluxConfig",
            Self::GitConfig => "GitConfig",
        }
    }

    /// The command that prints its definition.
    pub(super) fn definition(self) -> &'static str {
        match self {
            Self::Flux | Self::SourceControl => "arcwright crds",
            Self::FluxConfig | Self::GitConfig => "arcwright crds --historical",
        }
    }

    /// How the API server is asked for it.
    pub fn api_resource(self) -> ApiResource {
        match self {
            Self::Flux => ApiResource::erase::<api::FluxConfiguration>(&()),
            Self::SourceControl => ApiResource::erase::<api::SourceControlConfiguration>(&()),
            Self::GitConfig => ApiResource::erase::<api::GitConfig>(&()),
            Self::FluxConfig => {
                let kind = GroupVersionKind::gvk(api::GROUP, "v1beta1", self.name());
                ApiResource::from_gvk_with_plural(&kind, "fluxconfigs")
            }
        }
    }

    /// The document that an object states: what its author wrote, without what others keep in it.
    ///
    /// A resource is in the namespace that its configuration has, so that a namespace which the spec leaves out is the
    /// resource's own.
    pub(super) fn document(self, id: &ConfigurationId, spec: Option<&Value>) -> Value {
        let (kind, field) = match self {
            Self::Flux | Self::FluxConfig => (Self::Flux, "namespace"),
            Self::SourceControl | Self::GitConfig => (Self::SourceControl, "operatorNamespace"),
        };
        let mut spec = match (self, spec) {
            (Self::GitConfig, Some(Value::Object(fields))) => Value::Object(renamed(fields)),
            (_, spec) => spec.cloned().unwrap_or_default(),
        };
        if let Value::Object(fields) = &mut spec
            && fields.get(field).is_none_or(Value::is_null)
        {
            fields.insert(field.to_owned(), id.namespace.clone().into());
        }
        json!({
            "apiVersion": API_VERSION,
            "kind": kind.name(),
            "metadata": {"name": id.name, "namespace": id.namespace},
            "spec": spec,
        })
    }

    /// A field of the document as the kind calls it.
    pub(super) fn field(self, field: &str) -> String {
        match (self, field) {
            (Self::GitConfig, REPOSITORY_URL) => GIT_URL.to_owned(),
            (Self::Flux | Self::SourceControl | Self::FluxConfig | Self::GitConfig, field) => field.to_owned(),
        }
    }
}

const REPOSITORY_URL: &str = "spec.repositoryUrl";
const GIT_URL: &str = "spec.giturl";
/// Fields of a `GitConfig` that the first agents wrote for themselves.
const OF_THE_AGENTS: [&str; 3] = ["correlationId", "deleteOperator", "operatorClientLocation"];

/// The spec of a `GitConfig` as one of a `SourceControlConfiguration`.
fn renamed(fields: &Map<String, Value>) -> Map<String, Value> {
    let kept = fields.iter().filter(|(key, value)| !OF_THE_AGENTS.contains(&key.as_str()) && !value.is_null());
    kept.map(|(key, value)| match (key.as_str(), value.as_str()) {
        ("giturl", _) => ("repositoryUrl".to_owned(), value.clone()),
        ("operatorType", Some(name)) if name.eq_ignore_ascii_case("flux") => (key.clone(), "Flux".into()),
        _ => (key.clone(), value.clone()),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{parse, secrets::Reader};

    fn id() -> ConfigurationId {
        ConfigurationId { namespace: "pending".into(), name: "pending".into() }
    }

    #[test]
    fn a_git_config_is_a_source_control_configuration() {
        let spec = json!({"correlationId": "", "deleteOperator": false, "enableHelmOperator": false,
            "giturl": "git@github.com:slack/cluster-config.git", "helmOperatorProperties": null,
            "operatorClientLocation": "azurearcfork8s.azurecr.io/arc-preview/fluxctl:0.1.3",
            "operatorInstanceName": "pending", "operatorParams": "\"--disable-registry-scanning\"",
            "operatorScope": "cluster", "operatorType": "flux"});
        let document = Kind::GitConfig.document(&id(), Some(&spec));
        let parsed = parse::document(&document, &Reader::of_cluster());
        let errors: Vec<_> =
            parsed.problems.iter().filter(|one| one.severity == super::super::super::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let configuration = parsed.configuration.expect("a configuration");
        assert_eq!(configuration.source.url, "git@github.com:slack/cluster-config.git");
        assert_eq!(configuration.id, id());
    }

    #[test]
    fn a_flux_config_is_a_flux_configuration() {
        let spec = json!({"gitRepository": {"url": "https://example.org/a"}});
        assert_eq!(Kind::FluxConfig.document(&id(), Some(&spec)), Kind::Flux.document(&id(), Some(&spec)));
    }
}
