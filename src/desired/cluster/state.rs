//! What the resources of a cluster state, taken together. Pure.
use super::{
    super::{DesiredState, Reach},
    Key, Resource,
};
use crate::model::{Door, configuration::ConfigurationId};
use std::{collections::BTreeMap, sync::Arc};

/// Every resource that is known.
#[derive(Clone, Debug)]
pub struct State {
    /// The resources.
    pub resources: BTreeMap<Key, Arc<Resource>>,
    /// The namespaces that are watched.
    pub reach: Reach,
    /// Whether there are no others.
    pub is_complete: bool,
}

impl Default for State {
    fn default() -> Self {
        Self::new(Reach::Everywhere)
    }
}

impl State {
    /// A state of which nothing is known yet.
    pub(super) fn new(reach: Reach) -> Self {
        Self { resources: BTreeMap::new(), reach, is_complete: false }
    }

    /// A state of some objects.
    #[cfg(test)]
    pub(crate) fn of(objects: impl IntoIterator<Item = (super::Kind, kube::core::DynamicObject)>) -> Self {
        let mut state = Self::new(Reach::Everywhere);
        for (kind, object) in objects {
            let key = Key::of(kind, &object).expect("a name");
            state.resources.insert(key.clone(), Arc::new(Resource::read(key, &object, None)));
        }
        state
    }

    /// The resource that a name belongs to: of those that are not being deleted the oldest.
    pub fn holder(&self, id: &ConfigurationId) -> Option<&Arc<Resource>> {
        super::Kind::ALL
            .into_iter()
            .filter_map(|kind| self.resources.get(&Key { id: id.clone(), kind }))
            .filter(|resource| resource.deleted.is_none())
            .min_by_key(|resource| (resource.created, resource.key.kind))
    }

    /// What they state. A resource that the agent does not hold yet could go without a trace, and is not used before.
    pub fn desired(&self) -> DesiredState {
        let mut desired = DesiredState { door: Door::Cluster, ..DesiredState::default() };
        for (key, resource) in &self.resources {
            desired.issues.extend(resource.issues.iter().cloned());
            match self.holder(&key.id) {
                Some(holder) if holder.key != *key => {}
                Some(holder) => match &holder.configuration {
                    Some(configuration) if holder.is_held() => {
                        desired.configurations.push(Arc::clone(configuration));
                    }
                    Some(_) | None => drop(desired.held.insert(key.id.clone())),
                },
                None if resource.is_held() => drop(desired.leaving.insert(key.id.clone())),
                None => {}
            }
        }
        if self.is_complete {
            desired.certain.insert(Door::Cluster, self.reach.clone());
        }
        desired
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{FINALIZER, Kind},
        *,
    };
    use kube::core::DynamicObject;
    use serde_json::{Value, json};

    fn state(objects: &[(Kind, Value)]) -> State {
        let object = |(kind, metadata): &(Kind, Value)| {
            let mut metadata = metadata.clone();
            metadata["name"] = json!("shop");
            metadata["namespace"] = json!("apps");
            let spec = match kind {
                Kind::Flux | Kind::FluxConfig => json!({"gitRepository": {"url": "https://example.org/flux"}}),
                Kind::SourceControl => json!({"repositoryUrl": "https://example.org/v1"}),
                Kind::GitConfig => json!({"giturl": "https://example.org/git"}),
            };
            let object: DynamicObject =
                serde_json::from_value(json!({"metadata": metadata, "spec": spec})).expect("an object");
            (*kind, object)
        };
        State::of(objects.iter().map(object))
    }

    fn urls(state: &DesiredState) -> Vec<&str> {
        state.configurations.iter().map(|one| one.source.url.as_str()).collect()
    }

    #[test]
    fn a_resource_counts_from_when_it_is_held() {
        let new = state(&[(Kind::Flux, json!({}))]).desired();
        assert_eq!((urls(&new).len(), new.held.len()), (0, 1));
        let held = state(&[(Kind::Flux, json!({"finalizers": [FINALIZER]}))]).desired();
        assert_eq!((urls(&held).len(), held.held.len()), (1, 0));
    }

    #[test]
    fn of_two_kinds_with_one_name_the_older_is_used_and_the_other_follows_it() {
        let older = json!({"finalizers": [FINALIZER], "creationTimestamp": "2026-01-01T00:00:00Z"});
        let younger = json!({"finalizers": [FINALIZER], "creationTimestamp": "2026-01-02T00:00:00Z"});
        let both = state(&[(Kind::Flux, younger.clone()), (Kind::SourceControl, older.clone())]);
        assert_eq!(urls(&both.desired()), ["https://example.org/v1"]);
        let mut gone = older;
        gone["deletionTimestamp"] = json!("2026-01-03T00:00:00Z");
        let after = state(&[(Kind::Flux, younger), (Kind::SourceControl, gone)]).desired();
        assert_eq!(urls(&after), ["https://example.org/flux"]);
        assert!(after.leaving.is_empty(), "what it applied goes over");
    }

    #[test]
    fn a_deleted_resource_leaves_and_one_that_was_let_go_is_nothing() {
        let deleted = json!({"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-03T00:00:00Z"});
        let leaving = state(&[(Kind::Flux, deleted)]).desired();
        assert_eq!((urls(&leaving).len(), leaving.leaving.len()), (0, 1));
        let released = json!({"finalizers": ["other"], "deletionTimestamp": "2026-01-03T00:00:00Z"});
        let released = state(&[(Kind::Flux, released)]).desired();
        assert!(released.leaving.is_empty() && released.held.is_empty());
    }
}
