//! From an ARM resource to a configuration, checked as a document of any door is. Pure.
use super::super::{Issue, Problem, parse, secrets::Reader};
use crate::{
    api::{API_VERSION, READ_ONLY_PROPERTIES, plane::PendingConfiguration},
    model::{
        Door,
        configuration::{Configuration, ConfigurationId, Generation},
    },
};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, sync::Arc};

/// Types of resources, in lower case, and what they are here.
const TYPES: [(&str, &str, Generation); 2] = [
    (
        "microsoft.kubernetesconfiguration/sourcecontrolconfigurations",
        "SourceControlConfiguration",
        Generation::SourceControl,
    ),
    ("microsoft.kubernetesconfiguration/fluxconfigurations", "FluxConfiguration", Generation::Flux),
];

/// An ARM resource: a configuration, and what the control plane keeps beside it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// ARM id.
    pub arm_id: String,
    /// What it is.
    pub generation: Generation,
    /// Revision of its content.
    pub revision: i64,
    /// Namespace and name of the configuration that it states.
    pub id: ConfigurationId,
    /// What it states; of a resource that cannot be used as it stands, what it stated before.
    pub configuration: Option<Arc<Configuration>>,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
}

impl Resource {
    /// Reads a resource; none of a type that is no configuration. `before` is what was known of it.
    pub(super) fn read(door: &Door, pending: &PendingConfiguration, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        if let Some(before) = before.filter(|before| before.revision == pending.revision) {
            return Some(Arc::clone(before));
        }
        let kind = pending.kind.to_ascii_lowercase();
        let (_, kind, generation) = TYPES.iter().find(|(name, ..)| *name == kind)?;
        let document = json!({
            "apiVersion": API_VERSION,
            "kind": kind,
            // The revision makes another document of what was written again: whoever wrote it waits for an answer.
            "metadata": {"name": pending.name, "generation": pending.revision},
            "spec": writable(&pending.properties),
        });
        let parsed = parse::document(&document, &Reader::of_azure(door.clone()));
        let last_good = before.and_then(|before| before.configuration.clone());
        let revised = |configuration| Arc::new(Configuration { revision: Some(pending.revision), ..configuration });
        let configuration = parsed.configuration.map(revised).or(last_good);
        let nameless = || ConfigurationId { namespace: "default".to_owned(), name: pending.name.clone() };
        // What was applied went by the last good form's name.
        let id = configuration.as_ref().map(|one| one.id.clone()).or(parsed.id).unwrap_or_else(nameless);
        let place = PathBuf::from(&pending.id);
        let issue = |problem: Problem| Problem { field: arm_field(&problem.field), ..problem }.of_object(&place, &id);
        let issues = parsed.problems.into_iter().map(issue).collect();
        let arm_id = pending.id.clone();
        Some(Arc::new(Self { arm_id, generation: *generation, revision: pending.revision, id, configuration, issues }))
    }

    /// Whether it can be used as it stands.
    pub fn is_valid(&self) -> bool {
        !self.issues.iter().any(Issue::is_error)
    }
}

/// The properties without those that a client only reads, and without what is null, which is as good as absent.
fn writable(properties: &Map<String, Value>) -> Map<String, Value> {
    let is_wanted = |key: &str, value: &Value| !READ_ONLY_PROPERTIES.contains(&key) && !value.is_null();
    properties
        .iter()
        .filter(|(key, value)| is_wanted(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A field as the resource has it.
fn arm_field(field: &str) -> String {
    match field.strip_prefix("spec") {
        Some(rest) => format!("properties{rest}"),
        None => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::Azure("hub".into())
    }

    fn pending(revision: i64, properties: &Value) -> PendingConfiguration {
        PendingConfiguration {
            id: "/subscriptions/s/.../fluxConfigurations/shop".into(),
            name: "shop".into(),
            kind: "Microsoft.KubernetesConfiguration/FluxConfigurations".into(),
            revision,
            properties: properties.as_object().cloned().expect("an object"),
        }
    }

    fn good() -> Value {
        json!({"namespace": "apps", "gitRepository": {"url": "https://example.org/shop", "httpsUser": "u"}, "bucket": null,
            "configurationProtectedSettings": {"httpsKey": "a2V5"}, "provisioningState": "Succeeded"})
    }

    fn read(pending: &PendingConfiguration, before: Option<&Arc<Resource>>) -> Arc<Resource> {
        Resource::read(&door(), pending, before).expect("a configuration")
    }

    #[test]
    fn a_resource_is_a_configuration_with_its_secrets() {
        let resource = read(&pending(3, &good()), None);
        assert!(resource.is_valid(), "{:?}", resource.issues);
        let configuration = resource.configuration.as_ref().expect("a configuration");
        assert_eq!((configuration.id.to_string().as_str(), configuration.revision), ("apps/shop", Some(3)));
        assert_eq!(configuration.door, door());
        assert!(configuration.source.credentials.password.is_some() && !configuration.source.allow_local);
    }

    #[test]
    fn the_same_revision_is_the_same_value_and_another_one_a_change() {
        let first = read(&pending(3, &good()), None);
        assert!(Arc::ptr_eq(&first, &read(&pending(3, &good()), Some(&first))));
        let again = read(&pending(4, &good()), Some(&first));
        let digest = |resource: &Resource| resource.configuration.as_ref().map(|one| one.digest.clone());
        assert_ne!(digest(&first), digest(&again));
    }

    #[test]
    fn what_breaks_keeps_its_last_good_form_and_says_why_without_secrets() {
        let first = read(&pending(3, &good()), None);
        let mut broken = good();
        broken["gitRepository"]["url"] = json!("https://u:S3CRET@host/x");
        broken["scope"] = json!("everywhere");
        let now = read(&pending(4, &broken), Some(&first));
        assert!(!now.is_valid() && now.revision == 4);
        assert_eq!(now.configuration.as_ref().and_then(|one| one.revision), Some(3));
        assert!(now.issues.iter().any(|issue| issue.field == "properties.scope"), "{:?}", now.issues);
        assert!(!format!("{:?}", now.issues).contains("S3CRET"));
        assert!(read(&pending(1, &broken), None).configuration.is_none());
    }

    #[test]
    fn nothing_of_the_agents_machine_is_reached() {
        for (from, what) in [(json!({"file": "/etc/passwd"}), "a file"), (json!({"env": "HOME"}), "the environment")] {
            let mut properties = good();
            properties["configurationProtectedSettings"] = json!(null);
            properties["protectedSettingsFrom"] = json!({"httpsKey": from});
            let said = format!("{:?}", read(&pending(1, &properties), None).issues);
            assert!(said.contains(&format!("{what} is out of reach of a control plane")), "{said}");
        }
        let local = read(&pending(1, &json!({"gitRepository": {"url": "/srv/shop"}})), None);
        assert!(local.configuration.is_none());
    }
}
