//! What a pass would do, without doing it.
use super::{
    Context, PassError,
    credentials::NoKey,
    engine::{self, Origin},
    memory::Objects,
    observe::{Planned, Subject, nothing},
    reconcile::in_order,
    wanted,
};
use crate::{
    cluster::{Applier, Inventory, LiveObject},
    error::Chain,
    model::{
        Account, Manifest, ObjectId,
        configuration::{Configuration, DriftPolicy, Kustomization},
    },
    plan::{Action, Plan, Step},
};
use futures::{StreamExt as _, stream};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Dry runs at once.
const DRY_RUNS: usize = 16;

/// The manifest and the live object of one step.
pub(super) type Sides = (Option<Arc<Manifest>>, Option<Map<String, Value>>);

/// The plan of one kustomization, with the two sides of each change.
pub struct Preview {
    /// Name of the kustomization.
    pub kustomization: String,
    /// The revision planned for, or the engine whose operator is.
    pub revision: String,
    /// The plan, or why there is none.
    pub plan: Result<Plan, String>,
    /// Manifest and live object of each step of the plan, in its order.
    pub sides: Vec<Sides>,
    /// Objects that nobody can apply, and objects that the server would refuse, and why.
    pub unknown: Vec<String>,
}

/// Plans every kustomization of a configuration, and those that it had before. Reads, and writes nothing.
///
/// What would be applied is tried with a dry run, so that what the server would refuse, an immutable field
/// above all, is named before it fails.
///
/// # Errors
/// When the source cannot be fetched: the text says why.
pub async fn preview(
    ctx: &Context,
    configuration: &Configuration,
    cancel: &CancellationToken,
) -> Result<Vec<Preview>, String> {
    let looked = engine::look(ctx, configuration, NoKey::Leave, ctx.freshness, cancel).await;
    let origin = looked.map_err(|error| Chain(&error).to_string())?;
    let inventory = ctx.cluster.inventories.of(&configuration.id).await.map_err(|error| Chain(&error).to_string())?;
    let applier = &previewing(ctx, configuration, &inventory);
    let mut wanted_by: Vec<(&Kustomization, Result<wanted::Wanted, PassError>)> = Vec::new();
    for kustomization in in_order(&configuration.kustomizations) {
        wanted_by.push((kustomization, wanted::render(ctx, configuration, kustomization, &origin).await));
    }
    let all: Vec<(&str, BTreeSet<ObjectId>)> = wanted_by
        .iter()
        .filter_map(|(kustomization, wanted)| Some((kustomization.name.as_str(), wanted.as_ref().ok()?.ids())))
        .collect();
    let elsewhere = |name: &str| -> BTreeSet<ObjectId> {
        let others = all.iter().filter(|(other, _)| *other != name);
        others.flat_map(|(_, ids)| ids.clone()).chain(origin.keeps(configuration)).collect()
    };
    let are_known = all.len() == wanted_by.len();
    let mut previews = Vec::new();
    for (kustomization, wanted) in &wanted_by {
        let subject = Subject {
            ctx,
            configuration,
            applier,
            name: &kustomization.name,
            prune: kustomization.prune && are_known,
            allow_empty: kustomization.allow_empty,
            drift: kustomization.drift,
            elsewhere: &elsewhere(&kustomization.name),
        };
        previews.push(match wanted {
            Ok(wanted) => {
                let mut preview = told(&subject, &origin, subject.plan(wanted, &Objects::default()).await).await;
                preview.unknown.extend(wanted.prepared.unusable.iter().map(|(_, error)| Chain(error).to_string()));
                preview
            }
            Err(error) => failed(&subject, &origin, error),
        });
    }
    let takes_over = engine::takes_over(&configuration.engine);
    let is_there = |name: &str| takes_over || configuration.kustomizations.iter().any(|one| one.name == *name);
    for (name, entry) in inventory.kustomizations.iter().filter(|(name, entry)| entry.is_pruned && !is_there(name)) {
        let mut elsewhere = elsewhere(name);
        elsewhere.extend(engine::stays_of(name, &configuration.id));
        let drift = DriftPolicy::Report;
        let subject = Subject {
            ctx,
            configuration,
            applier,
            name,
            prune: are_known,
            allow_empty: true,
            drift,
            elsewhere: &elsewhere,
        };
        if !entry.objects.is_empty() {
            let planned = subject.plan(&nothing(), &Objects::default()).await;
            previews.push(told(&subject, &origin, planned).await);
        }
    }
    Ok(previews)
}

/// Asks in the name of the account that will write. One that is still to be made may do nothing yet.
fn previewing(ctx: &Context, configuration: &Configuration, inventory: &Inventory) -> Applier {
    match ctx.accounts.of(configuration) {
        account @ Account::Own(_) if account != inventory.account => ctx.cluster.applier.clone(),
        account => ctx.cluster.applier_of(&configuration.id, &account),
    }
}

fn failed(subject: &Subject<'_>, origin: &Origin, error: &PassError) -> Preview {
    Preview {
        kustomization: subject.name.to_owned(),
        revision: origin.name(),
        plan: Err(Chain(error).to_string()),
        sides: Vec::new(),
        unknown: Vec::new(),
    }
}

async fn told(subject: &Subject<'_>, origin: &Origin, planned: Result<Planned, PassError>) -> Preview {
    let planned = match planned {
        Ok(planned) => planned,
        Err(error) => return failed(subject, origin, &error),
    };
    let unknown = refused(subject.applier, &planned).await;
    let live = |step: &Step| planned.live.get(&step.id).map(LiveObject::object);
    let sides = planned.plan.steps.iter().map(|step| (step.manifest.clone(), live(step))).collect();
    Preview { kustomization: subject.name.to_owned(), revision: origin.name(), plan: Ok(planned.plan), sides, unknown }
}

/// What the server would refuse, in the order of the plan.
///
/// An object whose namespace or definition comes with the same plan cannot be tried before that is there.
async fn refused(applier: &Applier, planned: &Planned) -> Vec<String> {
    let tried = planned.plan.writes().filter(|step| step.action != Action::Prune).filter_map(|step| {
        let kind = planned.kinds.get(&(step.id.group.clone(), step.id.kind.clone()))?;
        Some((step.manifest.as_ref()?, kind))
    });
    let tries: Vec<_> = tried.map(|(manifest, kind)| applier.dry_run(kind, manifest)).collect();
    let answers: Vec<_> = stream::iter(tries).buffered(DRY_RUNS).collect().await;
    let errors = answers
        .into_iter()
        .filter_map(Result::err)
        .filter(|error| error.is_forbidden() || !error.is_transient() && !error.is_not_found());
    errors.map(|error| Chain(&error).to_string()).collect()
}
