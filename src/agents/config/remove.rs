//! Deleting what is left of a kustomization, or of a configuration, that is gone.
use super::{
    Context, PassError, account,
    carry_out::{Means, Results},
    engine,
    memory::Objects,
    observe::{Subject, nothing},
    pass::Visit,
    status::Outcome,
};
use crate::{
    cluster::{ClusterError, Inventory},
    model::{
        ObjectId,
        configuration::{Configuration, ConfigurationId, DriftPolicy, Kustomization},
    },
};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

/// How many objects are left of something that is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Objects that could not be deleted.
    pub failed: usize,
    /// Objects whose deletion was accepted, and which something still holds.
    pub going: usize,
}

/// Deletes the objects of kustomizations that the configuration does not have any more.
///
/// Objects that another of its kustomizations wants just change hands. Where its engine takes over what another one
/// applied, everything does; and the namespace that was made for an operator stays for as long as the configuration.
pub(super) async fn retired(visit: &Visit<'_>, wanted: &BTreeSet<ObjectId>) -> Result<(), PassError> {
    let Visit { ctx, configuration, stop, .. } = *visit;
    let inventory = ctx.cluster.inventories.of(&configuration.id).await?;
    let is_there = |name: &str| configuration.kustomizations.iter().any(|one| one.name == *name);
    let gone: Vec<String> = inventory.kustomizations.keys().filter(|name| !is_there(name)).cloned().collect();
    for name in gone {
        if engine::takes_over(&configuration.engine) {
            let mut after = ctx.cluster.inventories.of(&configuration.id).await?;
            after.kustomizations.remove(&name);
            ctx.cluster.inventories.store(&configuration.id, &after).await?;
            tracing::info!(configuration = %configuration.id, kustomization = %name, "what was applied stays, for the operator to take over");
            continue;
        }
        engine::let_go(ctx, inventory.objects(&name).into_iter()).await?;
        let mut elsewhere = wanted.clone();
        elsewhere.extend(engine::stays_of(&name, &configuration.id));
        let left = clear(ctx, configuration, &name, &elsewhere, stop).await?;
        if left.failed > 0 {
            tracing::warn!(configuration = %configuration.id, kustomization = %name, left = left.failed, "kustomization is gone, but not all of its objects");
        }
    }
    Ok(())
}

/// Deletes what a configuration that is gone had applied, where its kustomizations prune, its inventory, and the
/// key that was made for it.
///
/// What is left stays in the inventory.
///
/// # Errors
/// When the API server does not answer.
pub async fn remove(ctx: &Context, id: &ConfigurationId, stop: &CancellationToken) -> Result<Left, PassError> {
    // First: in a namespace that is to go, it would count for something of somebody else.
    ctx.cluster.keys.remove(id).await?;
    let configuration = Configuration::gone(id.clone());
    let inventory = ctx.cluster.inventories.of(id).await?;
    let mut all = Left::default();
    for name in inventory.kustomizations.keys().rev() {
        let left = clear(ctx, &configuration, name, &BTreeSet::new(), stop).await?;
        all.failed += left.failed;
        all.going += left.going;
    }
    Ok(all)
}

/// Stores what is left. An inventory whose namespace is being deleted goes with it, and holds nothing up.
async fn record(ctx: &Context, id: &ConfigurationId, after: &Inventory) -> Result<(), ClusterError> {
    match ctx.cluster.inventories.store(id, after).await {
        Err(ClusterError::NamespaceNotReady { .. }) => Ok(()),
        stored => stored,
    }
}

/// Deletes the objects of one kustomization, unless it never pruned, and takes it out of the inventory. An inventory
/// that holds nothing after that goes too.
async fn clear(
    ctx: &Context,
    configuration: &Configuration,
    name: &str,
    elsewhere: &BTreeSet<ObjectId>,
    stop: &CancellationToken,
) -> Result<Left, PassError> {
    let before = ctx.cluster.inventories.of(&configuration.id).await?;
    let is_pruned = before.kustomizations.get(name).is_some_and(|entry| entry.is_pruned);
    let mut left = BTreeSet::new();
    let mut going = BTreeSet::new();
    if is_pruned {
        // Whatever it may be called by now: this is who applied them.
        let applier = &ctx.cluster.applier_of(&configuration.id, &before.account);
        let drift = DriftPolicy::Report;
        let subject = Subject { ctx, configuration, applier, name, prune: true, allow_empty: true, drift, elsewhere };
        let planned = subject.plan(&nothing(), &Objects::default()).await?;
        let mut results = Results::default();
        for refusal in &planned.plan.refusals {
            tracing::warn!(configuration = %configuration.id, object = %refusal.id(), "{refusal}");
            results.note(refusal.id(), Outcome::Failed, refusal.to_string());
        }
        for (id, error) in &planned.denied {
            tracing::warn!(configuration = %configuration.id, object = %id, "{error}");
            results.note_error(id, error);
        }
        let kustomization = Kustomization::gone(name);
        let (kinds, live) = (&planned.kinds, &planned.live);
        let means = Means { ctx, configuration, kustomization: &kustomization, applier, kinds, live, stop };
        means.prune(&planned.plan, &mut results).await;
        let unfinished = planned.plan.prunes().map(|step| &step.id).filter(|id| !results.deleted.contains(id));
        left.extend(unfinished.cloned());
        left.extend(planned.denied.iter().map(|(id, _)| id.clone()));
        going = results.going;
        engine::abandon(ctx, &ctx.cluster.live.select(&going)).await;
        left.extend(planned.plan.refusals.iter().map(|refusal| refusal.id().clone()));
    }
    let mut after: Inventory = before;
    if left.is_empty() {
        after.kustomizations.remove(name);
    } else if let Some(entry) = after.kustomizations.get_mut(name) {
        entry.objects.clone_from(&left);
    }
    // The namespace goes last, and the account with it: nothing is written after that.
    let is_namespace_going = going.contains(&configuration.id.own_namespace());
    if after.kustomizations.is_empty() || is_namespace_going {
        account::cleared(ctx, configuration, &after.account).await?;
    }
    // Stored, it would bring back the namespace that goes, or has just gone, and in which it is.
    if after.kustomizations.is_empty() {
        ctx.cluster.inventories.remove(&configuration.id).await?;
    } else if !is_namespace_going {
        record(ctx, &configuration.id, &after).await?;
    }
    Ok(Left { failed: left.len() - going.len(), going: going.len() })
}
