//! What is installed, and whether it has come up: the operator of engine `flux-v1`, or the controllers of `flux-v2`.
use super::{
    super::{
        Context, SourceError,
        credentials::{self, NoKey},
        judge,
        status::{KustomizationStatus, ObjectStatus, Outcome, Phase},
    },
    flux,
};
use crate::{
    cluster::Missing,
    flux::{
        install::{self, Observed, Standing},
        v1::{self, Installation},
    },
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, Scope},
        operator::Operator,
    },
};
use kube::core::ApiResource;
use std::sync::Arc;

/// Reasons of failures that are not of the installation.
const NOT_OF_INSTALL: [&str; 2] = [judge::DRIFTED, judge::UNREACHABLE];

/// Reason of an installation that the API server does not allow.
const FORBIDDEN: &str = "Forbidden";

/// An operator, made.
#[derive(Clone)]
pub(in crate::agents::config) struct Made {
    pub(super) manifests: Arc<[Manifest]>,
    /// Digest of the manifests.
    pub(super) fingerprint: String,
    /// The engine that it belongs to, for a person.
    pub(super) engine: &'static str,
    /// What there is to say when it runs.
    title: String,
    mark: Option<Mark>,
}

/// Where an operator says what it has synced.
#[derive(Clone)]
pub(super) struct Mark {
    /// The branch that it follows.
    branch: String,
    /// The Secret on which it leaves its mark.
    secret: ObjectId,
}

/// Makes an operator of a configuration. Reads Secrets, and makes the key and what must be there before.
///
/// # Errors
/// When a Secret is missing or not usable, or the API server does not answer or refuses.
///
/// # Cancellation
/// May be dropped; what was made is found again.
pub(super) async fn make(
    ctx: &Context,
    configuration: &Configuration,
    operator: &Operator,
    no_key: NoKey,
) -> Result<Made, SourceError> {
    let id = &configuration.id;
    let missing = match no_key {
        NoKey::Make => Missing::Make,
        NoKey::Leave => Missing::Suppose,
    };
    // First: whatever else makes the namespace does not make it the configuration's own.
    let owns_namespace = match configuration.scope {
        Scope::Cluster => owns_namespace(ctx, configuration, missing).await?,
        Scope::Namespace => false,
    };
    if operator.helm.is_some() && configuration.scope == Scope::Cluster && missing == Missing::Make {
        ctx.cluster.make_shared(&v1::release_definition()).await.map_err(SourceError::Operator)?;
    }
    let source = credentials::complete(ctx, configuration, no_key).await?;
    let installation =
        Installation { id, scope: configuration.scope, operator, source: &source, images: &ctx.images, owns_namespace };
    let branch = source.reference.branch.clone().unwrap_or_default();
    let title = format!("operator {} of namespace {} is installed", operator.instance, id.namespace);
    let mark = Mark { branch, secret: v1::mark(id, operator) };
    Ok(Made::new(v1::manifests(&installation), "engine flux-v1", title, Some(mark)))
}

/// Whether the namespace goes with the configuration: its labels say so, or the inventory, should they be lost.
async fn owns_namespace(ctx: &Context, configuration: &Configuration, missing: Missing) -> Result<bool, SourceError> {
    let id = &configuration.id;
    if ctx.cluster.claim_namespace(id, missing).await.map_err(SourceError::Operator)? {
        return Ok(true);
    }
    let inventory = ctx.cluster.inventories.of(id).await.map_err(SourceError::Operator)?;
    Ok(inventory.holds(&id.own_namespace()))
}

/// What tells how an operator comes up, besides its own objects.
pub(super) fn watched() -> Vec<ApiResource> {
    let kind = |group: &str, kind: &str, plural: &str| ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    vec![kind("apps", "ReplicaSet", "replicasets"), kind("", "Pod", "pods")]
}

/// Whether a failure is one of the installation, rather than of the operator's objects later on.
pub(super) fn is_of_install(reason: &str) -> bool {
    !NOT_OF_INSTALL.contains(&reason)
}

/// Says what to do where the API server does not let the agent install an operator.
pub(super) fn tell_of_rights(status: &mut KustomizationStatus, engine: &str) {
    let is_forbidden = |object: &ObjectStatus| {
        let says = |text: &str| object.message.contains(text);
        object.outcome == Outcome::Failed
            && (says("attempting to grant RBAC permissions") || says("is forbidden: User \""))
    };
    if status.objects.iter().any(is_forbidden) {
        FORBIDDEN.clone_into(&mut status.reason);
        status.message.push_str(&format!("; give the agent the rights that {engine} needs"));
    }
}

impl Made {
    pub(super) fn new(manifests: Vec<Manifest>, engine: &'static str, title: String, mark: Option<Mark>) -> Self {
        Self { fingerprint: flux::fingerprint(&manifests), manifests: manifests.into(), engine, title, mark }
    }

    /// Says where an operator stands whose objects were all applied.
    pub(super) fn judge(
        &self,
        ctx: &Context,
        configuration: &Configuration,
        status: &mut KustomizationStatus,
        is_late: bool,
    ) {
        if judge::by_drift(status) {
            return;
        }
        let live = |group: &str, kind: &str| ctx.cluster.live.of_operator(&configuration.id, group, kind);
        let (deployments, sets, pods) = (live("apps", "Deployment"), live("apps", "ReplicaSet"), live("", "Pod"));
        let observed = Observed { deployments: &deployments, replica_sets: &sets, pods: &pods };
        let names = self.manifests.iter().filter(|one| one.kind() == "Deployment").map(Manifest::name);
        let (phase, reason, message) = match install::assess(names, observed, is_late) {
            Standing::Installed => (Phase::Ready, "Installed", self.told_when_ready(ctx)),
            Standing::Pending(cause) => (Phase::Progressing, cause.reason, cause.message),
            Standing::Failed(cause) => (Phase::Failing, cause.reason, cause.message),
        };
        status.phase = phase;
        reason.clone_into(&mut status.reason);
        status.message = message;
        status.last_applied_revision = self.synced_revision(ctx);
    }

    /// The revision that the operator says it has synced. Only one that does not write to the repository says so here.
    pub(super) fn synced_revision(&self, ctx: &Context) -> Option<String> {
        let Mark { branch, secret: id } = self.mark.as_ref()?;
        let mut found = ctx.cluster.live.select([id]);
        let secret = found.remove(id)?.object();
        v1::synced_commit(&secret).map(|commit| format!("{branch}@sha1:{commit}"))
    }

    /// What there is to say of an operator that runs.
    pub(super) fn told_when_ready(&self, ctx: &Context) -> String {
        match self.synced_revision(ctx) {
            Some(revision) => format!("{}, and says that it has synced {revision}", self.title),
            None => self.title.clone(),
        }
    }
}
