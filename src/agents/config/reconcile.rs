//! One visit to one configuration: revision, then each of its kustomizations in order, then what is left over.
use super::{
    Context, PassError,
    engine::{self, Origin},
    memory::Memory,
    pass::{Siblings, Visit},
    status::{KustomizationStatus, Phase, Report},
    wanted::{self, Turn},
};
use crate::{
    error::Chain,
    model::{
        ObjectId,
        configuration::{Configuration, Kustomization},
        operator::OPERATOR,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// Reconciles one configuration at the last good revision, and says what came of it.
///
/// `has_drifted` says that the content of one of its objects may have changed.
///
/// Never fails as a whole: every failure is in the report, and what was good stays as it is. A
/// visit with an unchanged revision and no drift makes no request to the API server. While the
/// source is out of reach the last good revision is kept applied.
///
/// # Cancellation
/// Ends between two writes when `stop` is cancelled. May also be dropped: the inventory is stored
/// before the first write.
pub async fn reconcile(
    ctx: &Context,
    configuration: &Configuration,
    memory: &mut Memory,
    has_drifted: bool,
    stop: &CancellationToken,
) -> Report {
    let mut report = Report::ready(ctx.public_key(configuration));
    let tells_of_rest = engine::tells_of_rest(&configuration.engine);
    if configuration.suspend && !tells_of_rest {
        report.phase = Phase::Suspended;
        "Suspended".clone_into(&mut report.reason);
        "suspended; nothing is changed until it is resumed".clone_into(&mut report.message);
        return report;
    }
    let origin = memory.source.origin();
    if let Some(origin) = &origin {
        // Looks at repositories are not held up by this, nor hold it up.
        let _slot = ctx.passes.acquire().await;
        let visit = Visit { ctx, configuration, origin, stop };
        kustomizations(&visit, memory, has_drifted, &mut report).await;
        report.revision = origin.revision(ctx);
        sum_up(ctx, origin, &mut report);
    }
    if let Some(failure) = memory.source.failure()
        && (report.phase < failure.phase || origin.is_none())
    {
        report.phase = failure.phase;
        report.reason.clone_from(&failure.reason);
        report.message = match &report.revision {
            Some(revision) => format!("{}; {revision} stays applied", failure.message),
            None => failure.message.clone(),
        };
    }
    if configuration.suspend && report.phase == Phase::Ready {
        report.phase = Phase::Suspended;
        "Suspended".clone_into(&mut report.reason);
        "suspended; the controllers change nothing until it is resumed".clone_into(&mut report.message);
    }
    report
}

/// Says where the configuration stands: where its worst kustomization does, and of several such the first, on which the
/// others may lean.
fn sum_up(ctx: &Context, origin: &Origin, report: &mut Report) {
    let worst = report.kustomizations.iter().rev().max_by_key(|status| status.phase);
    match worst.filter(|status| status.phase != Phase::Ready) {
        Some(worst) => {
            report.phase = worst.phase;
            report.reason.clone_from(&worst.reason);
            report.message = if worst.name.is_empty() || worst.name == OPERATOR {
                worst.message.clone()
            } else {
                format!("kustomization {}: {}", worst.name, worst.message)
            };
        }
        None => {
            let objects: usize = report.kustomizations.iter().map(|status| status.objects.len()).sum();
            report.message = origin.told_when_ready(ctx, objects);
        }
    }
}

/// Takes the turn of each kustomization. What all of them want is known before the first deletes anything.
async fn kustomizations(visit: &Visit<'_>, memory: &mut Memory, has_drifted: bool, report: &mut Report) {
    let Visit { ctx, configuration, origin, .. } = *visit;
    let mut turns: BTreeMap<&str, Turn> = BTreeMap::new();
    let mut wanted: BTreeMap<&str, BTreeSet<ObjectId>> = BTreeMap::new();
    for kustomization in &configuration.kustomizations {
        let name = kustomization.name.as_str();
        let turn = wanted::turn(ctx, configuration, kustomization, origin, memory, has_drifted).await;
        let ids = match &turn {
            Turn::Wanted(wanted) => wanted.ids(),
            Turn::Unchanged | Turn::Failed(_) => memory
                .kustomizations
                .get(name)
                .map(|settled| settled.objects.ids().cloned().collect())
                .unwrap_or_default(),
        };
        wanted.insert(name, ids);
        turns.insert(name, turn);
    }
    let are_known = !turns.values().any(|turn| matches!(turn, Turn::Failed(_)));
    let mut phases: BTreeMap<&str, Phase> = BTreeMap::new();
    for kustomization in in_order(&configuration.kustomizations) {
        let name = kustomization.name.as_str();
        let Some(turn) = turns.remove(name) else { continue };
        let others = wanted.iter().filter(|(other, _)| **other != name);
        let kept = origin.keeps(configuration);
        let siblings =
            Siblings { wanted: others.flat_map(|(_, ids)| ids.iter().cloned()).chain(kept).collect(), are_known };
        let waits_for = kustomization.depends_on.iter().find(|other| phases.get(other.as_str()) != Some(&Phase::Ready));
        let status = match waits_for {
            Some(other) => Arc::new(waiting(kustomization, other, memory)),
            None => take_turn(visit, kustomization, turn, &siblings, memory, report).await,
        };
        phases.insert(name, status.phase);
        report.kustomizations.push(status);
    }
    reported(visit, memory, report);
    if are_known && let Err(error) = super::remove::retired(visit, &wanted.into_values().flatten().collect()).await {
        tracing::warn!(configuration = %configuration.id, error = %Chain(&error), "objects of a kustomization that is gone could not all be deleted; they stay in the inventory");
    }
}

/// Adds what others say of the kustomizations that they do the work of.
fn reported(visit: &Visit<'_>, memory: &mut Memory, report: &mut Report) {
    let Visit { ctx, configuration, origin, .. } = *visit;
    let own = configuration.kustomizations.first();
    let is_late = own.and_then(|own| Some((own, memory.kustomizations.get(&own.name)?)));
    let is_late = is_late.is_some_and(|(own, settled)| settled.since.elapsed() > own.timeout);
    let statuses = origin.reported(ctx, configuration, &memory.reported, is_late);
    memory.reported = statuses.iter().map(|status| (status.name.clone(), Arc::clone(status))).collect();
    report.kustomizations.extend(statuses);
}

/// A kustomization whose dependency is not ready.
fn waiting(kustomization: &Kustomization, other: &str, memory: &Memory) -> KustomizationStatus {
    KustomizationStatus {
        phase: Phase::Progressing,
        reason: "DependencyNotReady".to_owned(),
        message: format!("waits for kustomization {other}"),
        last_applied_revision: memory.last_applied(&kustomization.name),
        objects: memory.last_objects(&kustomization.name),
        ..KustomizationStatus::new(&kustomization.name)
    }
}

async fn take_turn(
    visit: &Visit<'_>,
    kustomization: &Kustomization,
    turn: Turn,
    siblings: &Siblings,
    memory: &mut Memory,
    report: &mut Report,
) -> Arc<KustomizationStatus> {
    let outcome = match turn {
        Turn::Unchanged => {
            if let Some(settled) = memory.kustomizations.get_mut(&kustomization.name) {
                settled.confirm(visit.origin.fingerprint(), visit.origin.revision(visit.ctx));
                visit.judge(kustomization, settled);
                return Arc::clone(&settled.status);
            }
            Err(PassError::Ended)
        }
        Turn::Wanted(wanted) => Box::pin(visit.pass(kustomization, *wanted, siblings, memory)).await,
        Turn::Failed(error) => Err(error),
    };
    match outcome {
        Ok((settled, has_written)) => {
            report.has_written |= has_written;
            let status = Arc::clone(&settled.status);
            memory.kustomizations.insert(kustomization.name.clone(), settled);
            status
        }
        Err(error) => Arc::new(KustomizationStatus {
            phase: if error.is_transient() { Phase::Failing } else { Phase::Stalled },
            reason: error.reason().to_owned(),
            message: Chain(&error).to_string(),
            last_applied_revision: memory.last_applied(&kustomization.name),
            objects: memory.last_objects(&kustomization.name),
            ..KustomizationStatus::new(&kustomization.name)
        }),
    }
}

/// Kustomizations so that each comes after those it depends on. Cycles were refused at the door.
pub(super) fn in_order(all: &[Kustomization]) -> Vec<&Kustomization> {
    let mut ordered: Vec<&Kustomization> = Vec::new();
    let mut rest: Vec<&Kustomization> = all.iter().collect();
    while !rest.is_empty() {
        let is_done = |name: &String| ordered.iter().any(|done| done.name == *name);
        let (ready, waiting): (Vec<_>, Vec<_>) = rest.into_iter().partition(|one| one.depends_on.iter().all(is_done));
        if ready.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        rest = waiting;
    }
    ordered
}
