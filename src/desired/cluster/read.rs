//! From an object of the API server to a resource: its document, checked, and what is kept beside it. Pure.
use super::{
    super::{Issue, Problem, parse, secrets::Reader},
    Kind,
};
use crate::model::configuration::{Configuration, ConfigurationId, ResourceRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::core::DynamicObject;
use serde_json::Value;
use std::{fmt, path::PathBuf, sync::Arc};

/// The finalizer by which a resource stays until what it applied is gone.
pub const FINALIZER: &str = "clusterconfig.azure.com/configuration";
/// The annotation by which a visit at once is asked for: each value that it did not have before asks again.
///
/// Source: the Flux toolkit, which its users' tools write.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Longest value of that annotation that is kept, in characters.
const MAX_REQUEST: usize = 256;

/// What a resource is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace and name, which are the configuration's too.
    pub id: ConfigurationId,
    /// Its kind.
    pub kind: Kind,
}

impl Key {
    /// Of an object; none when it has no name.
    pub(super) fn of(kind: Kind, object: &DynamicObject) -> Option<Self> {
        let (namespace, name) = (object.metadata.namespace.clone()?, object.metadata.name.clone()?);
        Some(Self { id: ConfigurationId { namespace, name }, kind })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.id)
    }
}

/// A custom resource: a configuration, and what the API server keeps beside it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it is called.
    pub key: Key,
    /// Which object of that name it is.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`, which grows with each change of the spec.
    pub generation: i64,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
    /// When its deletion was asked for.
    pub deleted: Option<jiff::Timestamp>,
    /// What holds it while it is being deleted.
    pub finalizers: Vec<String>,
    /// The last visit that was asked for, by whatever name.
    pub requested_at: Option<String>,
    /// Its status, as it is stored; null when it has none.
    pub status: Value,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
    /// The configuration, when nothing is wrong; otherwise its last good form, if this process has seen one.
    pub configuration: Option<Arc<Configuration>>,
}

impl Resource {
    /// Reads an object. One that cannot be used keeps the last good form of `before`, the same object as it was.
    pub(super) fn read(key: Key, object: &DynamicObject, before: Option<&Self>) -> Self {
        let metadata = &object.metadata;
        let uid = metadata.uid.clone().unwrap_or_default();
        let before = before.filter(|before| before.uid == uid);
        let generation = metadata.generation.unwrap_or_default();
        let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
        let annotations = metadata.annotations.as_ref();
        let requested_at = annotations.and_then(|all| all.get(REQUESTED_AT));
        let mut resource = Self {
            uid,
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            generation,
            created: time(&metadata.creation_timestamp),
            deleted: time(&metadata.deletion_timestamp),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            requested_at: requested_at.map(|value| value.chars().take(MAX_REQUEST).collect()),
            status: object.data.get("status").cloned().unwrap_or_default(),
            issues: Vec::new(),
            configuration: None,
            key,
        };
        match before.filter(|before| before.generation == generation) {
            // The spec is what it was: only what is kept beside it has changed.
            Some(before) => {
                resource.issues.clone_from(&before.issues);
                resource.configuration.clone_from(&before.configuration);
            }
            None => resource.check(&object.data, before),
        }
        resource
    }

    fn check(&mut self, data: &Value, before: Option<&Self>) {
        let parsed = parse::document(&self.key.kind.document(&self.key.id, data.get("spec")), &Reader::of_cluster());
        let place = PathBuf::from(self.key.to_string());
        let issue = |mut problem: Problem| {
            problem.field = self.key.kind.field(&problem.field);
            problem.of_object(&place, &self.key.id)
        };
        self.issues = parsed.problems.into_iter().map(issue).collect();
        self.configuration = match parsed.configuration {
            Some(configuration) => Some(Arc::new(Configuration { resource: Some(self.reference()), ..configuration })),
            None => before.and_then(|before| before.configuration.clone()),
        };
    }

    /// Which object it is, and which version of it.
    pub fn reference(&self) -> ResourceRef {
        ResourceRef { kind: self.key.kind.name().to_owned(), uid: self.uid.clone(), generation: self.generation }
    }

    /// Whether it can be used as it stands.
    pub fn is_valid(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }

    /// Whether it stays until the agent lets it go.
    pub fn is_held(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// `metadata.resourceVersion` as a number that grows with each write; 0 when it is none.
    pub fn version(&self) -> u64 {
        self.resource_version.parse().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::API_VERSION;
    use serde_json::json;

    fn read(object: &Value, before: Option<&Resource>) -> Resource {
        let object: DynamicObject = serde_json::from_value(object.clone()).expect("an object");
        let kind = if object.types.as_ref().is_some_and(|types| types.kind == "FluxConfiguration") {
            Kind::Flux
        } else {
            Kind::SourceControl
        };
        Resource::read(Key::of(kind, &object).expect("a name"), &object, before)
    }

    fn flux(spec: &Value) -> Value {
        json!({"apiVersion": API_VERSION, "kind": "FluxConfiguration",
            "metadata": {"name": "shop", "namespace": "apps", "uid": "1", "generation": 3, "resourceVersion": "7"},
            "spec": spec})
    }

    fn good() -> Value {
        flux(&json!({"gitRepository": {"url": "https://example.org/shop"}}))
    }

    fn messages(resource: &Resource) -> Vec<String> {
        resource.issues.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_resource_is_a_configuration_of_its_own_namespace() {
        let resource = read(&good(), None);
        assert_eq!(messages(&resource), Vec::<String>::new());
        let configuration = resource.configuration.expect("a configuration");
        assert_eq!(configuration.id.to_string(), "apps/shop");
        assert_eq!(configuration.door, crate::model::Door::Cluster);
        assert_eq!(configuration.resource.as_ref().map(|one| one.generation), Some(3));
        assert!(!configuration.source.allow_local);
    }

    #[test]
    fn what_others_keep_in_a_resource_is_no_change_of_it() {
        let digest = |object: &Value| read(object, None).configuration.expect("a configuration").digest.clone();
        let mut other = good();
        other["metadata"]["resourceVersion"] = json!("99");
        other["metadata"]["uid"] = json!("2");
        other["metadata"]["generation"] = json!(4);
        other["metadata"]["finalizers"] = json!([FINALIZER]);
        other["metadata"]["labels"] = json!({"a": "b"});
        other["metadata"]["annotations"] = json!({REQUESTED_AT: "now"});
        other["metadata"]["managedFields"] = json!([{"manager": "arcwright"}]);
        other["status"] = json!({"complianceState": "Compliant"});
        assert_eq!(digest(&other), digest(&good()));
        other["spec"]["suspend"] = json!(true);
        assert_ne!(digest(&other), digest(&good()));
    }

    #[test]
    fn another_namespace_is_not_reached_from_a_resource() {
        let spec = json!({"namespace": "kube-system", "gitRepository": {"url": "https://example.org/shop"}});
        let resource = read(&flux(&spec), None);
        assert!(resource.configuration.is_none());
        assert_eq!(resource.key.id.to_string(), "apps/shop");
        assert!(messages(&resource)[0].contains("metadata.namespace"), "{:?}", resource.issues);
    }

    #[test]
    fn nothing_of_the_agents_machine_is_reached_from_a_resource() {
        let secret = |from: Value| {
            let spec = json!({"gitRepository": {"url": "https://example.org/shop", "httpsUser": "u"},
                "protectedSettingsFrom": {"httpsKey": from}});
            messages(&read(&flux(&spec), None)).join("\n")
        };
        assert!(secret(json!({"file": "/etc/passwd"})).contains("a file is out of reach of a custom resource"));
        assert!(secret(json!({"file": "/nowhere"})).contains("a file is out of reach of a custom resource"));
        assert!(secret(json!({"env": "HOME"})).contains("the environment is out of reach of a custom resource"));
        assert_eq!(secret(json!({"secretRef": {"name": "a", "key": "b"}})), "");
        for url in ["/srv/shop", "file:///srv/shop", "../shop"] {
            let of_flux = read(&flux(&json!({"gitRepository": {"url": url}})), None);
            let of_v1 = json!({"apiVersion": API_VERSION, "kind": "SourceControlConfiguration",
                "metadata": {"name": "shop", "namespace": "apps"}, "spec": {"repositoryUrl": url}});
            for resource in [of_flux, read(&of_v1, None)] {
                assert!(resource.configuration.is_none(), "{url}");
                assert!(messages(&resource)[0].contains("only in a local state file"), "{:?}", messages(&resource));
            }
        }
    }

    #[test]
    fn a_resource_that_breaks_keeps_its_last_good_form_until_it_is_another_object() {
        let before = read(&good(), None);
        let mut broken = flux(&json!({"gitRepository": {"url": "nonsense"}}));
        broken["metadata"]["generation"] = json!(4);
        let now = read(&broken, Some(&before));
        assert!(!now.is_valid());
        assert!(
            now.configuration.as_ref().is_some_and(|one| one.resource.as_ref().is_some_and(|one| one.generation == 3))
        );
        broken["metadata"]["uid"] = json!("2");
        assert!(read(&broken, Some(&now)).configuration.is_none());
    }

    #[test]
    fn a_spec_of_any_shape_is_told_and_not_taken() {
        for spec in [json!(null), json!([]), json!("x"), json!({"gitRepository": 1}), json!({"kustomizations": []})] {
            let resource = read(&flux(&spec), None);
            assert!(resource.configuration.is_none() && !resource.is_valid(), "{spec}");
        }
    }
}
