//! One pass over one configuration: fetch, render, observe, plan, apply, prune, judge health.
use super::{
    Context,
    artifact_tree::{ArtifactTree, Closure, is_unchanged},
    credentials::{self, NoKey},
    fight::Fights,
    prepare::{Prepared, prepare},
    status::{KustomizationStatus, ObjectStatus, Outcome, Phase, Report},
};
use crate::{
    cluster::{ClusterError, Inventory},
    error::Chain,
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, Kustomization},
    },
    plan::{Action, Plan, Policy, Step, health::Health, order::Stage, plan},
    render,
    source::Artifact,
};
use futures::{StreamExt as _, stream};
use kube::core::ApiResource;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Longest time for a new definition to be established.
const ESTABLISH_DEADLINE: Duration = Duration::from_secs(60);
/// Objects of one stage that are prepared for writing at once; the applier bounds the requests.
const WIDTH: usize = 64;

/// What is remembered between passes of one configuration.
#[derive(Default)]
pub struct Memory {
    kustomizations: BTreeMap<String, Settled>,
    fights: Fights,
    /// How many passes have failed in a row.
    pub failures: u32,
}

/// The last pass of a kustomization that went through, so that the next can tell that nothing changed.
struct Settled {
    digest: String,
    commit: String,
    closure: Closure,
    ids: BTreeSet<ObjectId>,
    has_refusals: bool,
    status: KustomizationStatus,
    since: tokio::time::Instant,
}

/// Why a kustomization did not go through.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error(transparent)]
    Render(#[from] render::RenderError),
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("variables from {kind} {namespace}/{name} are not there; create it or mark it optional")]
    Variables { kind: String, namespace: String, name: String },
    #[error("rendering was ended")]
    Ended,
}

impl PassError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Render(error) => error.reason(),
            Self::Plan(crate::plan::PlanError::EmptyRender { .. }) => "PruneGuard",
            Self::Cluster(error) => error.reason(),
            Self::Variables { .. } => "VariablesMissing",
            Self::Ended => "Cancelled",
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Render(_) | Self::Plan(_) => false,
            Self::Cluster(error) => error.is_transient(),
            Self::Variables { .. } | Self::Ended => true,
        }
    }
}

/// Reconciles one configuration once, and says what came of it.
///
/// Never fails as a whole: every failure is in the report, and what was good stays as it is. A
/// pass over an unchanged revision with no drift makes no request to the API server.
///
/// # Cancellation
/// May be dropped at any await: the inventory is stored before the first write.
pub async fn reconcile(
    ctx: &Context,
    configuration: &Configuration,
    memory: &mut Memory,
    has_drifted: bool,
    cancel: &CancellationToken,
) -> Report {
    let mut report = Report {
        phase: Phase::Ready,
        reason: "ReconciliationSucceeded".to_owned(),
        message: String::new(),
        revision: None,
        has_written: false,
        kustomizations: Vec::new(),
        public_key: ctx.public_key(configuration),
    };
    if configuration.suspend {
        report.phase = Phase::Suspended;
        report.reason = "Suspended".to_owned();
        report.message = "suspended; nothing is changed until it is resumed".to_owned();
        return report;
    }
    let fetched = credentials::fetch(ctx, configuration, NoKey::Make, ctx.freshness, cancel).await;
    report.public_key = ctx.public_key(configuration);
    let artifact = match fetched {
        Ok(artifact) => artifact,
        Err(error) => {
            report.phase = if error.is_transient() { Phase::Failing } else { Phase::Stalled };
            report.reason = error.reason().to_owned();
            report.message = Chain(&error).to_string();
            report.kustomizations = memory.kustomizations.values().map(|settled| settled.status.clone()).collect();
            return report;
        }
    };
    report.revision = Some(artifact.revision.to_string());
    let mut phases: BTreeMap<String, Phase> = BTreeMap::new();
    for kustomization in in_order(&configuration.kustomizations) {
        let waits_for = kustomization.depends_on.iter().find(|name| phases.get(*name) != Some(&Phase::Ready));
        let status = match waits_for {
            Some(name) => KustomizationStatus {
                name: kustomization.name.clone(),
                phase: Phase::Progressing,
                reason: "DependencyNotReady".to_owned(),
                message: format!("waits for kustomization {name}"),
                last_applied_revision: memory
                    .kustomizations
                    .get(&kustomization.name)
                    .and_then(|settled| settled.status.last_applied_revision.clone()),
                objects: Vec::new(),
            },
            None => {
                let (status, has_written) =
                    one(ctx, configuration, kustomization, &artifact, memory, has_drifted).await;
                report.has_written |= has_written;
                status
            }
        };
        phases.insert(kustomization.name.clone(), status.phase);
        report.kustomizations.push(status);
    }
    if let Some(worst) =
        report.kustomizations.iter().max_by_key(|status| status.phase).filter(|status| status.phase != Phase::Ready)
    {
        report.phase = worst.phase;
        report.reason.clone_from(&worst.reason);
        report.message = if worst.name.is_empty() {
            worst.message.clone()
        } else {
            format!("kustomization {}: {}", worst.name, worst.message)
        };
    } else {
        let objects: usize = report.kustomizations.iter().map(|status| status.objects.len()).sum();
        report.message = format!("applied revision {} ({objects} objects)", artifact.revision);
    }
    report
}

/// Kustomizations so that each comes after those it depends on. Cycles were refused at the door.
fn in_order(all: &[Kustomization]) -> Vec<&Kustomization> {
    let mut ordered: Vec<&Kustomization> = Vec::new();
    let mut rest: Vec<&Kustomization> = all.iter().collect();
    while !rest.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|one| one.depends_on.iter().all(|name| ordered.iter().any(|done| done.name == *name)));
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        rest = waiting;
    }
    ordered
}

async fn one(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    artifact: &Artifact,
    memory: &mut Memory,
    has_drifted: bool,
) -> (KustomizationStatus, bool) {
    if let Some(settled) = memory.kustomizations.get_mut(&kustomization.name)
        && !has_drifted
        && !settled.has_refusals
        && settled.digest == configuration.digest
        && kustomization.substitute_from.is_empty()
    {
        let same = settled.commit == artifact.revision.commit || is_unchanged(artifact, &settled.closure);
        if same {
            settled.commit.clone_from(&artifact.revision.commit);
            settled.status.last_applied_revision = Some(artifact.revision.to_string());
            for object in &mut settled.status.objects {
                object.outcome = if object.outcome == Outcome::Drifted { Outcome::Drifted } else { Outcome::Unchanged };
                object.message.clear();
            }
            judge(ctx, kustomization, settled);
            return (settled.status.clone(), false);
        }
    }
    let before =
        memory.kustomizations.get(&kustomization.name).and_then(|settled| settled.status.last_applied_revision.clone());
    match pass(ctx, configuration, kustomization, artifact, memory).await {
        Ok((settled, has_written)) => {
            let status = settled.status.clone();
            memory.kustomizations.insert(kustomization.name.clone(), settled);
            (status, has_written)
        }
        Err(error) => {
            let status = KustomizationStatus {
                name: kustomization.name.clone(),
                phase: if error.is_transient() { Phase::Failing } else { Phase::Stalled },
                reason: error.reason().to_owned(),
                message: Chain(&error).to_string(),
                last_applied_revision: before,
                objects: memory
                    .kustomizations
                    .get(&kustomization.name)
                    .map(|settled| settled.status.objects.clone())
                    .unwrap_or_default(),
            };
            (status, false)
        }
    }
}

/// Renders a directory of an artifact, off the async threads, with its variables filled in.
async fn rendered(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    artifact: &Artifact,
) -> Result<(Vec<Manifest>, Closure), PassError> {
    let variables = variables(ctx, configuration, kustomization).await?;
    let artifact = artifact.clone();
    let path = kustomization.path.trim_start_matches("./").trim_matches('/').to_owned();
    let _slot = ctx.renders.acquire().await.ok().ok_or_else(|| PassError::Ended)?;
    let work = tokio::task::spawn_blocking(move || {
        let tree = ArtifactTree::new(&artifact);
        let options = render::Options {
            order: render::Order::Fifo,
            load_restriction: false,
            generate: true,
            managed_by_label: false,
        };
        let mut manifests = render::build(&tree, &path, &options)?;
        if !variables.is_empty() {
            manifests = manifests
                .into_iter()
                .map(|manifest| render::substitute(manifest, &variables))
                .collect::<Result<_, _>>()?;
        }
        Ok::<_, render::RenderError>((manifests, tree.into_closure()))
    });
    Ok(work.await.ok().ok_or_else(|| PassError::Ended)??)
}

async fn variables(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
) -> Result<BTreeMap<String, String>, PassError> {
    let mut variables = BTreeMap::new();
    for from in &kustomization.substitute_from {
        match ctx.cluster.variables(&configuration.id.namespace, &from.kind, &from.name).await? {
            Some(found) => variables.extend(found),
            None if from.optional => {}
            None => {
                return Err(PassError::Variables {
                    kind: from.kind.clone(),
                    namespace: configuration.id.namespace.clone(),
                    name: from.name.clone(),
                });
            }
        }
    }
    variables.extend(kustomization.substitute.clone());
    Ok(variables)
}

/// Renders, observes and plans: everything up to the first write.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) prepared: Prepared,
    pub(super) live: BTreeMap<ObjectId, crate::cluster::LiveObject>,
    inventory: Inventory,
    closure: Closure,
}

pub(super) async fn observe_and_plan(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    artifact: &Artifact,
) -> Result<Planned, impl std::error::Error + use<>> {
    observe(ctx, configuration, kustomization, artifact).await
}

async fn observe(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    artifact: &Artifact,
) -> Result<Planned, PassError> {
    let (manifests, closure) = rendered(ctx, configuration, kustomization, artifact).await?;
    let mut prepared = prepare(&ctx.cluster.discovery, configuration, manifests).await?;
    let inventory = ctx.cluster.inventories.of(&configuration.id).await?;
    let owned = inventory.get(&kustomization.name).cloned().unwrap_or_default();
    ctx.cluster.discovery.resolve_ids(&owned, &mut prepared.kinds, &mut prepared.served).await?;
    ctx.cluster.live.sync(&prepared.served).await?;
    let mut ids = owned.clone();
    ids.extend(prepared.manifests.iter().map(Manifest::id));
    let live = ctx.cluster.live.select(&ids);
    let bodies = live.iter().map(|(id, object)| (id.clone(), object.object())).collect();
    let policy = Policy {
        owner: configuration.id.clone(),
        scope: configuration.scope,
        prune: kustomization.prune,
        allow_empty: kustomization.allow_empty,
        drift: kustomization.drift,
    };
    // An object whose kind is unknown was still stated, so it must not be taken for pruned.
    let unknown: BTreeSet<&ObjectId> = prepared.unknown.iter().map(|(id, _)| id).collect();
    let prunable = owned
        .iter()
        .filter(|id| {
            !unknown.iter().any(|other| other.kind == id.kind && other.name == id.name && other.group == id.group)
        })
        .cloned()
        .collect();
    let plan = plan(std::mem::take(&mut prepared.manifests), &bodies, &prunable, &policy)?;
    Ok(Planned { plan, prepared, live, inventory, closure })
}

async fn pass(
    ctx: &Context,
    configuration: &Configuration,
    kustomization: &Kustomization,
    artifact: &Artifact,
    memory: &mut Memory,
) -> Result<(Settled, bool), PassError> {
    let Planned { plan, prepared, live, mut inventory, closure } =
        observe(ctx, configuration, kustomization, artifact).await?;
    let owned = inventory.get(&kustomization.name).cloned().unwrap_or_default();
    let wanted: BTreeSet<ObjectId> =
        plan.steps.iter().filter(|step| step.action != Action::Prune).map(|step| step.id.clone()).collect();
    // Write-ahead: what is about to be applied is on record before it can exist.
    let union: BTreeSet<ObjectId> = owned.union(&wanted).cloned().collect();
    if !union.is_empty() {
        inventory.insert(kustomization.name.clone(), union.clone());
        ctx.cluster.inventories.store(&configuration.id, &inventory).await?;
    }
    let mut objects: BTreeMap<ObjectId, ObjectStatus> = BTreeMap::new();
    let mut note = |id: &ObjectId, outcome, message: String| {
        objects.insert(id.clone(), ObjectStatus { id: id.clone(), outcome, message, health: None });
    };
    let mut is_transient = false;
    for (id, error) in &prepared.unknown {
        note(id, Outcome::Failed, Chain(error).to_string());
    }
    for refusal in &plan.refusals {
        let (crate::plan::Refusal::OwnedByOther { id, .. }
        | crate::plan::Refusal::OutOfScope { id, .. }
        | crate::plan::Refusal::Duplicate { id, .. }) = refusal;
        note(id, Outcome::Failed, refusal.to_string());
    }
    for step in &plan.steps {
        match &step.action {
            Action::Keep => note(&step.id, Outcome::Unchanged, String::new()),
            Action::ReportDrift { paths } => note(&step.id, Outcome::Drifted, format!("drift at {}", paths.join(", "))),
            Action::Create | Action::Update { .. } | Action::Correct { .. } | Action::Prune => {}
        }
    }
    let mut has_written = false;
    for stage in Stage::ALL {
        let steps: Vec<&Step> = plan.applies(stage).collect();
        if steps.is_empty() {
            continue;
        }
        let mut todo = Vec::new();
        for step in steps {
            if matches!(step.action, Action::Correct { .. })
                && !memory.fights.may_correct(&step.id, tokio::time::Instant::now())
            {
                note(&step.id, Outcome::Skipped, "something else keeps changing it; correcting pauses for 5 minutes (find the other writer in metadata.managedFields)".to_owned());
                is_transient = true;
            } else {
                todo.push(step);
            }
        }
        let (kinds, live) = (&prepared.kinds, &live);
        let writes: Vec<_> = todo
            .into_iter()
            .map(|step| async move { (step, take(ctx, kustomization, step, kinds, live).await) })
            .collect();
        let outcomes: Vec<_> = stream::iter(writes).buffer_unordered(WIDTH).collect().await;
        for (step, result) in outcomes {
            match result {
                Ok(message) => {
                    has_written = true;
                    let (outcome, message) = match &step.action {
                        Action::Create => (Outcome::Created, message),
                        Action::Correct { paths } => {
                            tracing::info!(configuration = %configuration.id, object = %step.id, paths = %paths.join(", "), "drift corrected");
                            (
                                Outcome::Corrected,
                                format!(
                                    "drift at {}{}{message}",
                                    paths.join(", "),
                                    if message.is_empty() { "" } else { "; " }
                                ),
                            )
                        }
                        Action::Update { .. } | Action::Keep | Action::ReportDrift { .. } | Action::Prune => {
                            (Outcome::Configured, message)
                        }
                    };
                    note(&step.id, outcome, message);
                }
                Err(error) => {
                    is_transient |= error.is_transient();
                    tracing::warn!(configuration = %configuration.id, object = %step.id, reason = error.reason(), error = %Chain(&error), "apply failed");
                    note(&step.id, Outcome::Failed, Chain(&error).to_string());
                }
            }
        }
        if stage == Stage::Definitions {
            establish(ctx, plan.applies(stage).map(|step| &step.id)).await;
        }
    }
    let mut remaining = union;
    for step in plan.prunes() {
        let result = match prepared.kinds.get(&(step.id.group.clone(), step.id.kind.clone())) {
            // The kind is gone from the API server, and its objects with it.
            None => Ok(()),
            Some(kind) => match live.get(&step.id) {
                None => Ok(()),
                Some(object) => ctx.cluster.applier.delete(&ctx.cluster.live, kind, &step.id, Some(&object.uid)).await,
            },
        };
        match result {
            Ok(()) => {
                has_written = true;
                remaining.remove(&step.id);
                note(&step.id, Outcome::Deleted, String::new());
            }
            Err(error) => {
                is_transient |= error.is_transient();
                note(&step.id, Outcome::Failed, Chain(&error).to_string());
            }
        }
    }
    let kept: BTreeSet<ObjectId> = if kustomization.prune {
        // What asked to be kept is let go of, so that it is not looked at for ever.
        remaining.iter().filter(|id| wanted.contains(id) || objects.contains_key(id)).cloned().collect()
    } else {
        remaining
    };
    inventory.insert(kustomization.name.clone(), kept);
    ctx.cluster.inventories.store(&configuration.id, &inventory).await?;
    // New kinds exist by now: watch them for drift.
    let applied: Vec<ApiResource> = prepared.kinds.values().cloned().collect();
    ctx.cluster.live.sync(&applied).await?;
    let failed: Vec<&ObjectStatus> =
        objects.values().filter(|object| matches!(object.outcome, Outcome::Failed | Outcome::Skipped)).collect();
    let revision = artifact.revision.to_string();
    let mut status = KustomizationStatus {
        name: kustomization.name.clone(),
        phase: Phase::Ready,
        reason: "ReconciliationSucceeded".to_owned(),
        message: format!("applied revision {revision}"),
        last_applied_revision: Some(revision),
        objects: Vec::new(),
    };
    if !failed.is_empty() {
        status.phase = if is_transient { Phase::Failing } else { Phase::Stalled };
        status.reason = "ReconciliationFailed".to_owned();
        let shown: Vec<&str> = failed.iter().take(5).map(|object| object.message.as_str()).collect();
        let more = failed.len().saturating_sub(5);
        status.message = format!(
            "{} of {} objects failed: {}{}",
            failed.len(),
            objects.len(),
            shown.join("; "),
            if more == 0 { String::new() } else { format!("; and {more} more") }
        );
        status.last_applied_revision = memory
            .kustomizations
            .get(&kustomization.name)
            .and_then(|settled| settled.status.last_applied_revision.clone());
    }
    let has_refusals = !failed.is_empty();
    status.objects = objects.into_values().collect();
    let mut settled = Settled {
        digest: configuration.digest.clone(),
        commit: artifact.revision.commit.clone(),
        closure,
        ids: wanted,
        has_refusals,
        status,
        since: tokio::time::Instant::now(),
    };
    judge(ctx, kustomization, &mut settled);
    Ok((settled, has_written))
}

async fn take(
    ctx: &Context,
    kustomization: &Kustomization,
    step: &Step,
    kinds: &BTreeMap<(String, String), ApiResource>,
    live: &BTreeMap<ObjectId, crate::cluster::LiveObject>,
) -> Result<String, ClusterError> {
    let (Some(manifest), Some(kind)) = (&step.manifest, kinds.get(&(step.id.group.clone(), step.id.kind.clone())))
    else {
        return Ok(String::new());
    };
    let cluster = &ctx.cluster;
    match cluster.applier.apply(&cluster.live, kind, manifest, false).await {
        Ok(applied) if applied.conflicts.is_empty() => Ok(String::new()),
        Ok(applied) => {
            let taken: Vec<String> = applied
                .conflicts
                .iter()
                .map(|conflict| format!("{} from {}", conflict.field, conflict.manager))
                .collect();
            Ok(format!("took over {}", taken.join(", ")))
        }
        Err(ClusterError::Refused { id, message, fields, .. })
            if kustomization.force && message.contains("immutable") && live.contains_key(&id) =>
        {
            tracing::info!(object = %id, fields = %fields.join(", "), "replacing an object whose immutable field changed");
            cluster.applier.delete(&cluster.live, kind, &id, live.get(&id).map(|object| &*object.uid)).await?;
            cluster
                .applier
                .apply(&cluster.live, kind, manifest, false)
                .await
                .map(|_| "replaced, since an immutable field changed".to_owned())
        }
        Err(error) => Err(error),
    }
}

/// Waits until new definitions are served, so that their objects can be applied in the same pass.
async fn establish(ctx: &Context, ids: impl Iterator<Item = &ObjectId>) {
    let definitions: BTreeSet<ObjectId> = ids.filter(|id| id.kind == "CustomResourceDefinition").cloned().collect();
    if definitions.is_empty() {
        return;
    }
    let deadline = tokio::time::Instant::now() + ESTABLISH_DEADLINE;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while tokio::time::Instant::now() < deadline {
        tick.tick().await;
        let health = ctx.cluster.live.health(&definitions);
        if health.values().all(|health| !matches!(health, None | Some(Health::InProgress(_)))) {
            return;
        }
    }
}

/// Puts the health of each object into the status, and decides whether the kustomization is ready.
fn judge(ctx: &Context, kustomization: &Kustomization, settled: &mut Settled) {
    let health = ctx.cluster.live.health(&settled.ids);
    for object in &mut settled.status.objects {
        object.health = health.get(&object.id).cloned().flatten();
    }
    if settled.has_refusals {
        return;
    }
    let waiting: Vec<String> = settled
        .status
        .objects
        .iter()
        .filter(|object| object.outcome != Outcome::Deleted)
        .filter_map(|object| match &object.health {
            Some(Health::Current) => None,
            Some(Health::InProgress(why)) => Some(format!("{}: {why}", object.id)),
            Some(Health::Failed(why)) => Some(format!("{} failed: {why}", object.id)),
            Some(Health::Terminating) => Some(format!("{} is being deleted", object.id)),
            None => Some(format!("{} is not there", object.id)),
        })
        .collect();
    let drifted = settled.status.objects.iter().filter(|object| object.outcome == Outcome::Drifted).count();
    let has_failed = settled.status.objects.iter().any(|object| matches!(object.health, Some(Health::Failed(_))));
    let status = &mut settled.status;
    if drifted > 0 {
        status.phase = Phase::Failing;
        status.reason = "Drifted".to_owned();
        status.message = format!("{drifted} objects drifted and are left alone (drift: report)");
    } else if kustomization.wait && !waiting.is_empty() {
        let is_late = settled.since.elapsed() > kustomization.timeout;
        status.phase = if has_failed || is_late { Phase::Failing } else { Phase::Progressing };
        status.reason = if has_failed || is_late { "HealthCheckFailed" } else { "Progressing" }.to_owned();
        status.message = format!(
            "{} of {} objects are not healthy: {}",
            waiting.len(),
            status.objects.len(),
            waiting.iter().take(5).cloned().collect::<Vec<_>>().join("; ")
        );
    } else {
        status.phase = Phase::Ready;
        status.reason = "ReconciliationSucceeded".to_owned();
        status.message = format!("applied revision {}", status.last_applied_revision.as_deref().unwrap_or_default());
    }
}

/// Deletes what a configuration that is gone had applied, where its kustomizations prune.
///
/// # Errors
/// When the API server does not answer; what was not deleted stays in the inventory.
pub async fn remove(ctx: &Arc<Context>, configuration: &Configuration) -> Result<usize, ClusterError> {
    let cluster = &ctx.cluster;
    let mut inventory = cluster.inventories.of(&configuration.id).await?;
    let mut deleted = 0;
    for kustomization in configuration.kustomizations.iter().rev().filter(|one| one.prune) {
        let Some(owned) = inventory.get(&kustomization.name).cloned() else { continue };
        let mut kinds = BTreeMap::new();
        let mut served = Vec::new();
        cluster.discovery.resolve_ids(&owned, &mut kinds, &mut served).await?;
        cluster.live.sync(&served).await?;
        let live = cluster.live.select(&owned);
        let bodies = live.iter().map(|(id, object)| (id.clone(), object.object())).collect();
        let policy = Policy {
            owner: configuration.id.clone(),
            scope: configuration.scope,
            prune: true,
            allow_empty: true,
            drift: kustomization.drift,
        };
        let Ok(plan) = plan(Vec::new(), &bodies, &owned, &policy) else { continue };
        let mut remaining = owned;
        for step in plan.prunes() {
            if let (Some(kind), Some(object)) =
                (kinds.get(&(step.id.group.clone(), step.id.kind.clone())), live.get(&step.id))
            {
                cluster.applier.delete(&cluster.live, kind, &step.id, Some(&object.uid)).await?;
                deleted += 1;
            }
            remaining.remove(&step.id);
        }
        inventory.remove(&kustomization.name);
        cluster.inventories.store(&configuration.id, &inventory).await?;
    }
    cluster.keys.remove(&configuration.id).await?;
    Ok(deleted)
}
