//! What a control plane wants, taken together. Pure.
use super::{
    super::{DesiredState, Reach},
    Resource,
};
use crate::{
    api::plane::{PendingConfiguration, PendingConfigurations},
    model::{Door, configuration::ConfigurationId},
};
use std::{collections::BTreeMap, sync::Arc};

/// Every resource that is known.
#[derive(Clone, Debug)]
pub struct State {
    /// The door that it is.
    pub door: Door,
    /// The resources, by their ARM ids in lower case.
    pub resources: BTreeMap<String, Arc<Resource>>,
    /// Whether there are no others: not before something was pulled.
    pub is_complete: bool,
}

impl State {
    /// A state of which nothing is known yet.
    pub fn new(host: &str) -> Self {
        Self { door: Door::Azure(host.into()), resources: BTreeMap::new(), is_complete: false }
    }

    /// The state that follows this one.
    pub(super) fn then(&self, wanted: &PendingConfigurations, is_complete: bool) -> Self {
        let read = |pending: &PendingConfiguration| {
            let key = pending.id.to_ascii_lowercase();
            let resource = Resource::read(&self.door, pending, self.resources.get(&key))?;
            Some((key, resource))
        };
        Self {
            door: self.door.clone(),
            resources: wanted.configurations.iter().filter_map(read).collect(),
            is_complete,
        }
    }

    /// The resource that a name belongs to: of two kinds the first, of one the first by its ARM id.
    pub fn holder(&self, id: &ConfigurationId) -> Option<&Arc<Resource>> {
        let named = self.resources.values().filter(|resource| resource.id == *id);
        named.min_by_key(|resource| (resource.generation, &resource.arm_id))
    }

    /// What they state.
    pub fn desired(&self) -> DesiredState {
        let mut desired = DesiredState { door: self.door.clone(), ..DesiredState::default() };
        let mut holders: BTreeMap<&ConfigurationId, &Arc<Resource>> = BTreeMap::new();
        for resource in self.resources.values() {
            desired.issues.extend(resource.issues.iter().cloned());
            let holder = holders.entry(&resource.id).or_insert(resource);
            if (resource.generation, &resource.arm_id) < (holder.generation, &holder.arm_id) {
                *holder = resource;
            }
        }
        for (id, holder) in holders {
            match &holder.configuration {
                Some(configuration) => desired.configurations.push(Arc::clone(configuration)),
                None => drop(desired.held.insert(id.clone())),
            }
        }
        if self.is_complete {
            desired.certain.insert(self.door.clone(), Reach::Everywhere);
        }
        desired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pending(kind: &str, name: &str, revision: i64, properties: &Value) -> PendingConfiguration {
        PendingConfiguration {
            id: format!("/clusters/c/{kind}/{name}"),
            name: name.into(),
            kind: format!("Microsoft.KubernetesConfiguration/{kind}"),
            revision,
            properties: properties.as_object().cloned().expect("an object"),
        }
    }

    fn flux(name: &str, namespace: &str) -> PendingConfiguration {
        let properties = json!({"namespace": namespace, "gitRepository": {"url": "https://example.org/flux"}});
        pending("fluxConfigurations", name, 1, &properties)
    }

    fn state(configurations: Vec<PendingConfiguration>) -> State {
        State::new("hub").then(&PendingConfigurations { configurations }, true)
    }

    #[test]
    fn configurations_are_sorted_by_their_names_and_not_by_those_of_the_resources() {
        let desired = state(vec![flux("a", "z"), flux("b", "a"), flux("c", "m")]).desired();
        let ids: Vec<String> = desired.configurations.iter().map(|one| one.id.to_string()).collect();
        assert_eq!(ids, ["a/b", "m/c", "z/a"]);
        assert_eq!(desired.certain.len(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_held_and_of_two_with_one_name_one_is_used() {
        let broken =
            pending("fluxConfigurations", "bad", 1, &json!({"namespace": "a", "gitRepository": {"url": "nonsense"}}));
        let v1 = json!({"operatorNamespace": "a", "repositoryUrl": "https://example.org/v1"});
        let both = state(vec![broken, flux("shop", "a"), pending("sourceControlConfigurations", "shop", 1, &v1)]);
        let desired = both.desired();
        assert_eq!(desired.held.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a/bad"]);
        let urls: Vec<&str> = desired.configurations.iter().map(|one| one.source.url.as_str()).collect();
        assert_eq!(urls, ["https://example.org/v1"]);
    }

    #[test]
    fn an_unchanged_configuration_is_the_same_value_and_one_that_is_gone_goes() {
        let before = state(vec![flux("a", "x"), flux("b", "x")]);
        let after = before.then(&PendingConfigurations { configurations: vec![flux("a", "x")] }, true);
        let (old, new) = (before.desired(), after.desired());
        assert!(Arc::ptr_eq(&old.configurations[0], &new.configurations[0]));
        assert_eq!(new.configurations.len(), 1);
    }
}
