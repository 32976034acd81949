//! What does the work of a configuration: where its objects come from, and how it is told where they stand.
//!
//! Everything between the two is the same for all engines: observe, plan, carry out, inventory, prune, drift.
mod flux;
mod operator;

pub(super) use flux::{Findings, abandon, lay_over, let_go};

use super::{
    Context, PassError, SourceError,
    artifact_tree::Closure,
    credentials::{self, NoKey},
    judge::{self, Expectation},
    rendered::rendered,
    status::{InstallState, KustomizationStatus, Phase},
};
use crate::{
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, ConfigurationId, Engine, Generation},
        operator::OPERATOR,
    },
    source::Artifact,
};
use flux::Orders;
use kube::core::ApiResource;
use operator::Made;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// What the objects of a configuration are made of, at one moment.
#[derive(Clone)]
pub(super) enum Origin {
    /// A commit of its repository.
    Artifact(Artifact),
    /// The configuration itself: they are an operator, or the Flux controllers.
    Operator(Made),
    /// The configuration itself: they are what the Flux controllers are told.
    Flux(Orders),
}

/// Looks for what the objects of a configuration are made of.
///
/// # Errors
/// When the repository, or what is needed to reach it, cannot be had.
///
/// # Cancellation
/// May be dropped; what was made is found again.
pub(super) async fn look(
    ctx: &Context,
    configuration: &Configuration,
    no_key: NoKey,
    freshness: Duration,
    cancel: &CancellationToken,
) -> Result<Origin, SourceError> {
    match &configuration.engine {
        Engine::Native => credentials::fetch(ctx, configuration, no_key, freshness, cancel).await.map(Origin::Artifact),
        Engine::FluxV1(operator) => operator::make(ctx, configuration, operator, no_key).await.map(Origin::Operator),
        Engine::FluxV2(told) => flux::make(ctx, configuration, told, no_key, freshness).await.map(Origin::Flux),
        Engine::FluxControllers => flux::controllers::make(ctx, configuration, no_key).await.map(Origin::Operator),
    }
}

/// Whether a configuration that rests is visited all the same, since others do its work and have to be told.
pub(super) fn tells_of_rest(engine: &Engine) -> bool {
    match engine {
        Engine::FluxV2(_) => true,
        Engine::Native | Engine::FluxV1(_) | Engine::FluxControllers => false,
    }
}

/// Whether objects that another engine applied stay as they are when the configuration has this one: its operator
/// takes them over.
pub(super) fn takes_over(engine: &Engine) -> bool {
    match engine {
        Engine::Native | Engine::FluxControllers => false,
        Engine::FluxV1(_) | Engine::FluxV2(_) => true,
    }
}

/// What stays of a kustomization that a configuration does not have any more: the namespace that was made for its
/// operator, for as long as the configuration is there.
pub(super) fn stays_of(kustomization: &str, id: &ConfigurationId) -> Option<ObjectId> {
    (kustomization == OPERATOR).then(|| id.own_namespace())
}

/// The word for where a configuration stands, in the language of its generation.
///
/// An operator is `Installed` when it runs. It is never `Compliant`: it does not say whether it could apply everything.
pub(super) fn compliance_state(configuration: &Configuration, phase: Phase, reason: &str) -> &'static str {
    let is_of_install = || operator::is_of_install(reason);
    match (&configuration.engine, configuration.generation, phase) {
        (Engine::FluxV1(_) | Engine::FluxControllers, _, Phase::Ready) => "Installed",
        (Engine::FluxV1(_) | Engine::FluxControllers, _, Phase::Failing | Phase::Stalled) if is_of_install() => {
            "Failed"
        }
        (Engine::FluxV1(_) | Engine::FluxControllers, _, Phase::Failing | Phase::Stalled) => "Noncompliant",
        (Engine::Native | Engine::FluxV2(_), _, Phase::Ready) => "Compliant",
        (_, _, Phase::Progressing) | (_, Generation::SourceControl, Phase::Suspended) => "Pending",
        (_, Generation::SourceControl, Phase::Failing | Phase::Stalled) => "Noncompliant",
        (_, Generation::Flux, Phase::Failing | Phase::Stalled) => "Non-Compliant",
        (_, Generation::Flux, Phase::Suspended) => "Suspended",
    }
}

/// How far what the engine installs has come; nothing for an engine that installs nothing.
pub(super) fn install_state(
    configuration: &Configuration,
    phase: Phase,
    reason: &str,
    before: Option<InstallState>,
) -> Option<InstallState> {
    match (&configuration.engine, phase) {
        (Engine::Native, _) => None,
        // The controllers are there unless they are what is missing, which an API server that is away does not tell.
        (Engine::FluxV2(_), _) if flux::is_of_install(reason) => Some(InstallState::Failed),
        (Engine::FluxV2(_), phase) if flux::is_installing(phase, reason) => Some(InstallState::Pending),
        (Engine::FluxV2(_), Phase::Failing) if reason == judge::UNREACHABLE => before,
        (Engine::FluxV2(_), _) => Some(InstallState::Installed),
        (Engine::FluxV1(_) | Engine::FluxControllers, Phase::Ready) => Some(InstallState::Installed),
        (Engine::FluxV1(_) | Engine::FluxControllers, Phase::Progressing) => Some(InstallState::Pending),
        (Engine::FluxV1(_) | Engine::FluxControllers, Phase::Failing | Phase::Stalled)
            if operator::is_of_install(reason) =>
        {
            Some(InstallState::Failed)
        }
        (Engine::FluxV1(_) | Engine::FluxControllers, Phase::Failing | Phase::Stalled | Phase::Suspended) => {
            Some(before.unwrap_or(InstallState::Pending))
        }
    }
}

impl Origin {
    /// Stands for what it is: the same, when nothing changed.
    pub(super) fn fingerprint(&self) -> &str {
        match self {
            Self::Artifact(artifact) => &artifact.revision.commit,
            Self::Operator(made) => &made.fingerprint,
            Self::Flux(orders) => &orders.fingerprint,
        }
    }

    /// Whether what was made of another one, by its fingerprint and of what was read of it, would be made of this one too.
    pub(super) fn is_same_for(&self, fingerprint: &str, closure: &Closure) -> bool {
        fingerprint == self.fingerprint()
            || match self {
                Self::Artifact(artifact) => super::artifact_tree::is_unchanged(artifact, closure),
                Self::Operator(_) | Self::Flux(_) => false,
            }
    }

    /// The revision that the objects have when all are applied; none when an operator does that, and does not say.
    pub(super) fn revision(&self, ctx: &Context) -> Option<String> {
        match self {
            Self::Artifact(artifact) => Some(artifact.revision.to_string()),
            Self::Operator(made) => made.synced_revision(ctx),
            Self::Flux(orders) => orders.revision(ctx),
        }
    }

    /// The manifests of one kustomization, and what was read for them.
    pub(super) async fn manifests(
        &self,
        ctx: &Context,
        path: String,
        variables: BTreeMap<String, String>,
    ) -> Result<(Vec<Manifest>, Closure), PassError> {
        match self {
            Self::Artifact(artifact) => rendered(ctx, artifact.clone(), path, variables).await,
            Self::Operator(Made { manifests, .. }) | Self::Flux(Orders { manifests, .. }) => {
                Ok((manifests.to_vec(), Closure::default()))
            }
        }
    }

    /// Objects that are not pruned while the configuration is there, whatever is wanted: the namespace that was made for
    /// an operator holds everything of it.
    pub(super) fn keeps(&self, configuration: &Configuration) -> Option<ObjectId> {
        match self {
            Self::Artifact(_) | Self::Flux(_) => None,
            Self::Operator(_) => Some(configuration.id.own_namespace()),
        }
    }

    /// Kinds that are watched besides those of the manifests.
    pub(super) fn also_watched(&self) -> Vec<ApiResource> {
        match self {
            Self::Artifact(_) | Self::Flux(_) => Vec::new(),
            Self::Operator(_) => operator::watched(),
        }
    }

    /// Says where a kustomization stands whose objects were all applied.
    pub(super) fn judge(
        &self,
        ctx: &Context,
        configuration: &Configuration,
        status: &mut KustomizationStatus,
        before: &KustomizationStatus,
        expectation: Expectation,
    ) {
        match self {
            Self::Artifact(_) => judge::by_health(status, expectation),
            Self::Operator(made) => made.judge(ctx, configuration, status, expectation.is_late),
            Self::Flux(orders) => orders.judge(ctx, configuration, status, before, expectation),
        }
    }

    /// What others say of the kustomizations that they do the work of, and said `before`; empty where nobody else does any.
    pub(super) fn reported(
        &self,
        ctx: &Context,
        configuration: &Configuration,
        before: &BTreeMap<String, Arc<KustomizationStatus>>,
        is_late: bool,
    ) -> Vec<Arc<KustomizationStatus>> {
        match self {
            Self::Artifact(_) | Self::Operator(_) => Vec::new(),
            Self::Flux(orders) => orders.reported(ctx, configuration, before, is_late),
        }
    }

    /// Says where a kustomization stands of which some objects failed.
    pub(super) fn judge_failures(&self, status: &mut KustomizationStatus, is_transient: bool) {
        judge::by_failures(status, is_transient);
        match self {
            Self::Artifact(_) => {}
            Self::Operator(_) | Self::Flux(_) => operator::tell_of_rights(status, &self.name()),
        }
    }

    /// What a plan is made for, for a person.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Artifact(artifact) => artifact.revision.to_string(),
            Self::Operator(made) => made.engine.to_owned(),
            Self::Flux(_) => "engine flux-v2".to_owned(),
        }
    }

    /// What there is to say of a configuration that is ready, with so many objects.
    pub(super) fn told_when_ready(&self, ctx: &Context, objects: usize) -> String {
        match self {
            Self::Artifact(artifact) => format!("applied revision {} ({objects} objects)", artifact.revision),
            Self::Operator(made) => made.told_when_ready(ctx),
            Self::Flux(orders) => {
                let revision = orders.revision(ctx).unwrap_or_default();
                format!("the Flux controllers have applied revision {revision} ({objects} objects)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::operator::Operator;

    fn configuration(generation: Generation, engine: Engine) -> Configuration {
        let id = ConfigurationId { namespace: "shop".to_owned(), name: "web".to_owned() };
        Configuration { generation, engine, ..Configuration::gone(id) }
    }

    fn operator() -> Configuration {
        let operator = Operator { instance: "flux".to_owned(), paths: Vec::new(), arguments: Vec::new(), helm: None };
        configuration(Generation::SourceControl, Engine::FluxV1(Box::new(operator)))
    }

    #[test]
    fn each_generation_has_its_words_and_an_operator_is_never_compliant() {
        let v1 = configuration(Generation::SourceControl, Engine::Native);
        let v2 = configuration(Generation::Flux, Engine::Native);
        let flux = operator();
        for (phase, reason, of_v1, of_v2, of_operator) in [
            (Phase::Ready, "", "Compliant", "Compliant", "Installed"),
            (Phase::Progressing, "", "Pending", "Pending", "Pending"),
            (Phase::Suspended, "Suspended", "Pending", "Suspended", "Pending"),
            (Phase::Failing, "CrashLoop", "Noncompliant", "Non-Compliant", "Failed"),
            (Phase::Stalled, "Forbidden", "Noncompliant", "Non-Compliant", "Failed"),
            (Phase::Failing, "Drifted", "Noncompliant", "Non-Compliant", "Noncompliant"),
            (Phase::Failing, "ClusterUnavailable", "Noncompliant", "Non-Compliant", "Noncompliant"),
        ] {
            let words = [&v1, &v2, &flux].map(|one| compliance_state(one, phase, reason));
            assert_eq!(words, [of_v1, of_v2, of_operator], "{phase:?} {reason}");
        }
    }

    #[test]
    fn what_is_installed_stays_so_while_nothing_is_known_of_it() {
        let flux = operator();
        let after = |phase, reason, before| install_state(&flux, phase, reason, before);
        let (installed, failed) = (Some(InstallState::Installed), Some(InstallState::Failed));
        assert_eq!(after(Phase::Ready, "Installed", None), installed);
        assert_eq!(after(Phase::Progressing, "Progressing", installed), Some(InstallState::Pending));
        assert_eq!(after(Phase::Failing, "CrashLoop", installed), failed);
        assert_eq!(after(Phase::Failing, "ClusterUnavailable", installed), installed);
        assert_eq!(after(Phase::Failing, "Drifted", installed), installed);
        assert_eq!(after(Phase::Suspended, "Suspended", failed), failed);
        assert_eq!(after(Phase::Failing, "ClusterUnavailable", None), Some(InstallState::Pending));
        let native = configuration(Generation::SourceControl, Engine::Native);
        assert_eq!(install_state(&native, Phase::Ready, "", None), None);
    }
}
