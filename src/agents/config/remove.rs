//! Deleting what is left of a kustomization, or of a configuration, that is gone.
use super::{
    Context, PassError,
    carry_out::{Means, Results},
    memory::Objects,
    observe::{Subject, nothing},
    pass::Visit,
    status::Outcome,
};
use crate::{
    cluster::Inventory,
    model::{
        ObjectId,
        configuration::{Configuration, ConfigurationId, DriftPolicy, Kustomization},
    },
};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// Deletes the objects of kustomizations that the configuration does not have any more.
///
/// Objects that another of its kustomizations wants just change hands.
pub(super) async fn retired(visit: &Visit<'_>, wanted: &BTreeSet<ObjectId>) -> Result<(), PassError> {
    let Visit { ctx, configuration, stop, .. } = *visit;
    let inventory = ctx.cluster.inventories.of(&configuration.id).await?;
    let is_there = |name: &str| configuration.kustomizations.iter().any(|one| one.name == *name);
    let gone: Vec<String> = inventory.kustomizations.keys().filter(|name| !is_there(name)).cloned().collect();
    for name in gone {
        let left = clear(ctx, configuration, &name, wanted, stop).await?;
        if let Some(left) = left {
            tracing::warn!(configuration = %configuration.id, kustomization = %name, left, "kustomization is gone, but not all of its objects");
        }
    }
    Ok(())
}

/// Deletes what a configuration that is gone had applied, where its kustomizations prune, and its inventory.
///
/// Returns how many objects could not be deleted; they stay in the inventory.
///
/// # Errors
/// When the API server does not answer.
pub async fn remove(ctx: &Context, id: &ConfigurationId, stop: &CancellationToken) -> Result<usize, PassError> {
    let configuration = Configuration::gone(id.clone());
    let inventory = ctx.cluster.inventories.of(id).await?;
    let mut failed = 0;
    for name in inventory.kustomizations.keys().rev() {
        failed += clear(ctx, &configuration, name, &BTreeSet::new(), stop).await?.unwrap_or(0);
    }
    let left = ctx.cluster.inventories.of(id).await?;
    if left.kustomizations.is_empty() && !inventory.kustomizations.is_empty() {
        ctx.cluster.inventories.remove(id).await?;
    }
    Ok(failed)
}

/// Deletes the objects of one kustomization, unless it never pruned, and takes it out of the inventory.
///
/// Returns how many could not be deleted, when some could not.
async fn clear(
    ctx: &Context,
    configuration: &Configuration,
    name: &str,
    elsewhere: &BTreeSet<ObjectId>,
    stop: &CancellationToken,
) -> Result<Option<usize>, PassError> {
    let before = ctx.cluster.inventories.of(&configuration.id).await?;
    let is_pruned = before.kustomizations.get(name).is_some_and(|entry| entry.is_pruned);
    let mut left = BTreeSet::new();
    if is_pruned {
        let subject =
            Subject { ctx, configuration, name, prune: true, allow_empty: true, drift: DriftPolicy::Report, elsewhere };
        let planned = subject.plan(&nothing(), &Objects::default()).await?;
        let mut results = Results::default();
        for refusal in &planned.plan.refusals {
            tracing::warn!(configuration = %configuration.id, object = %refusal.id(), "{refusal}");
            results.note(refusal.id(), Outcome::Failed, refusal.to_string());
        }
        let kustomization = Kustomization::gone(name);
        let (kinds, live) = (&planned.kinds, &planned.live);
        let means = Means { ctx, configuration, kustomization: &kustomization, kinds, live, stop };
        means.prune(&planned.plan, &mut results).await;
        let unfinished = planned.plan.prunes().map(|step| &step.id).filter(|id| !results.deleted.contains(id));
        left.extend(unfinished.cloned());
        left.extend(planned.plan.refusals.iter().map(|refusal| refusal.id().clone()));
    }
    let mut after: Inventory = before;
    if left.is_empty() {
        after.kustomizations.remove(name);
    } else if let Some(entry) = after.kustomizations.get_mut(name) {
        entry.objects.clone_from(&left);
    }
    ctx.cluster.inventories.store(&configuration.id, &after).await?;
    Ok(Some(left.len()).filter(|left| *left > 0))
}
