//! The Flux v2 controllers, where the agent is asked to install them: a configuration that no user states.
//!
//! It is kept like any other, with an inventory and corrected drift, for as long as a configuration of engine `flux-v2` is
//! wanted, or was once. Nothing of it is removed by itself: what the controllers have applied leans on it.
use super::{
    super::{
        super::{Context, SourceError, credentials::NoKey},
        operator::Made,
    },
    find,
};
use crate::{
    cluster::{ClusterError, Missing},
    desired::DesiredState,
    flux::v2,
    model::configuration::{Configuration, ConfigurationId, DriftPolicy, Engine, GitSource, Kustomization},
    model::operator::OPERATOR,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Time between looks for what others did to Flux.
const INTERVAL: Duration = Duration::from_secs(300);
/// Longest time for the controllers to come up.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Adds the controllers to a state, where they are to be installed and something needs them, or has needed them.
pub(in crate::agents::config) fn lay_over(
    settings: &v2::Settings,
    state: Arc<DesiredState>,
    is_needed: &mut bool,
) -> Arc<DesiredState> {
    let id = v2::controllers_id(settings);
    *is_needed |= state.configurations.iter().any(|one| matches!(one.engine, Engine::FluxV2(_)));
    if !settings.install || !*is_needed || state.states(&id) {
        return state;
    }
    let mut state = DesiredState::clone(&state);
    let at = state.configurations.partition_point(|one| one.id < id);
    state.configurations.insert(at, Arc::new(configuration(settings, id)));
    Arc::new(state)
}

fn configuration(settings: &v2::Settings, id: ConfigurationId) -> Configuration {
    let own = Kustomization {
        name: OPERATOR.to_owned(),
        interval: INTERVAL,
        timeout: TIMEOUT,
        wait: true,
        allow_empty: false,
        drift: DriftPolicy::Correct,
        ..Kustomization::gone(OPERATOR)
    };
    let gone = Configuration::gone(id);
    Configuration {
        engine: Engine::FluxControllers,
        source: GitSource { interval: INTERVAL, timeout: TIMEOUT, ..gone.source.clone() },
        kustomizations: vec![own],
        digest: format!("{settings:?}"),
        ..gone
    }
}

/// Makes the controllers, unless somebody else has: then those are used as they are, and nothing is made.
///
/// # Errors
/// When the API server does not answer or refuses.
///
/// # Cancellation
/// May be dropped; what was made is found again.
pub(in crate::agents::config::engine) async fn make(
    ctx: &Context,
    configuration: &Configuration,
    no_key: NoKey,
) -> Result<Made, SourceError> {
    let settings = &ctx.controllers;
    let id = &configuration.id;
    let found = find(ctx, Duration::ZERO).await.map_err(SourceError::Operator)?;
    let is_own = |one: &v2::Controller| one.owner.as_ref() == Some(id);
    if !found.controllers.is_empty() && !found.controllers.iter().any(is_own) {
        let title = format!("Flux was there before, and is used as it is ({})", found.told());
        return Ok(Made::new(Vec::new(), "engine flux-v2", title, None));
    }
    let missing = match no_key {
        NoKey::Make => Missing::Make,
        NoKey::Leave => Missing::Suppose,
    };
    ctx.cluster.claim_namespace(id, missing).await.map_err(SourceError::Operator)?;
    let foreign = foreign_definitions(ctx, id).await.map_err(SourceError::Operator)?;
    let title = format!("Flux is installed in namespace {}", settings.namespace);
    Ok(Made::new(v2::controllers(settings, &foreign), "engine flux-v2", title, None))
}

/// The definitions of Flux that are there and were not made by this agent.
async fn foreign_definitions(ctx: &Context, id: &ConfigurationId) -> Result<BTreeSet<String>, ClusterError> {
    let mut foreign = BTreeSet::new();
    for definition in v2::definitions() {
        let (kind, _) = ctx.cluster.discovery.resolve(&definition, false).await?.ok_or_else(|| {
            let (api_version, kind) = (definition.api_version().to_owned(), definition.kind().to_owned());
            ClusterError::UnknownKind { id: definition.id(), api_version, kind }
        })?;
        let live = ctx.cluster.applier.get(&kind, &definition.id()).await?;
        if live.is_some_and(|live| live.owner() != Some(id)) {
            foreign.insert(definition.name().to_owned());
        }
    }
    Ok(foreign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flux::{FluxSource, FluxV2};

    fn state(engines: Vec<Engine>) -> Arc<DesiredState> {
        let one = |(number, engine): (usize, Engine)| {
            let id = ConfigurationId { namespace: format!("n{number}"), name: "web".to_owned() };
            Arc::new(Configuration { engine, ..Configuration::gone(id) })
        };
        let configurations = engines.into_iter().enumerate().map(one).collect();
        Arc::new(DesiredState { configurations, ..DesiredState::default() })
    }

    fn flux() -> Engine {
        let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(60));
        let source = FluxSource::Git { provider: None };
        Engine::FluxV2(Box::new(FluxV2 { source, interval, timeout, kustomizations: Vec::new() }))
    }

    #[test]
    fn controllers_are_added_only_where_asked_for_and_needed() {
        let asked = v2::Settings { install: true, ..v2::Settings::default() };
        let fresh = |settings: &v2::Settings, state| lay_over(settings, state, &mut false);
        let added = fresh(&asked, state(vec![Engine::Native, flux()]));
        assert_eq!(added.configurations.len(), 3);
        let id = v2::controllers_id(&asked);
        let own = added.configuration(&id).expect("it is found, so the order holds");
        assert!(matches!(own.engine, Engine::FluxControllers));
        assert_eq!(fresh(&asked, Arc::clone(&added)).configurations.len(), 3, "not twice");
        assert_eq!(fresh(&asked, state(vec![Engine::Native])).configurations.len(), 1);
        assert_eq!(fresh(&v2::Settings::default(), state(vec![flux()])).configurations.len(), 1);
        let mut is_needed = false;
        lay_over(&asked, state(vec![flux()]), &mut is_needed);
        assert_eq!(lay_over(&asked, state(Vec::new()), &mut is_needed).configurations.len(), 1, "they stay");
        let other = v2::Settings { source_controller: "registry.example.org/s:2".to_owned(), ..asked.clone() };
        let changed = fresh(&other, state(vec![flux()]));
        assert_ne!(changed.configuration(&id).map(|one| &one.digest), Some(&own.digest), "another image is a change");
    }
}
