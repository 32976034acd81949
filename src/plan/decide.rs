//! From wanted, live and inventory to steps.
use super::{
    Action, Observed, Plan, PlanError, Policy, Refusal, Step,
    observed::asks,
    order,
    steps::{ONCE, SKIP},
};
use crate::model::{
    Manifest, ObjectId,
    configuration::{DriftPolicy, Scope},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Decides the steps that make the cluster match `wanted`, in the order to take them.
///
/// Pure: no clock, no I/O. The same input gives the same plan whatever the order of `wanted`, and
/// a plan made again after its steps were taken has no step that writes. Only objects of
/// `inventory` (what this configuration applied before) are pruned, and never one that is wanted,
/// belongs to another configuration, asks to be kept, or holds what belongs to others.
///
/// `wanted` carries owner labels and the applied digest already; `live` holds what is known of the
/// objects by their identity.
///
/// # Errors
/// When nothing is wanted but the inventory is not empty, unless the policy allows that.
pub fn plan(
    wanted: &[Arc<Manifest>],
    live: &BTreeMap<ObjectId, Observed>,
    inventory: &BTreeSet<ObjectId>,
    policy: &Policy,
) -> Result<Plan, PlanError> {
    if wanted.is_empty() && policy.prune && !inventory.is_empty() && !policy.allow_empty {
        return Err(PlanError::EmptyRender { objects: inventory.len() });
    }
    let stated: BTreeSet<ObjectId> = wanted.iter().map(|manifest| manifest.id()).collect();
    let (accepted, mut refusals) = accept(wanted, live, policy);
    let mut steps: Vec<Step> = accepted
        .into_iter()
        .map(|(id, manifest)| Step {
            action: decide(&manifest, live.get(&id), policy.drift),
            id,
            manifest: Some(manifest),
        })
        .collect();
    steps.sort_by(|a, b| order::key(&a.id).cmp(&order::key(&b.id)));
    if policy.prune {
        let gone = inventory.iter().filter(|id| !stated.contains(id));
        steps.extend(prunes(gone, live, policy, &mut refusals));
    }
    Ok(Plan { steps, refusals })
}

/// The manifests that may be applied, one an object, and why the others may not.
fn accept(
    wanted: &[Arc<Manifest>],
    live: &BTreeMap<ObjectId, Observed>,
    policy: &Policy,
) -> (BTreeMap<ObjectId, Arc<Manifest>>, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let mut accepted: BTreeMap<ObjectId, Arc<Manifest>> = BTreeMap::new();
    let mut sorted: Vec<&Arc<Manifest>> = wanted.iter().collect();
    sorted.sort_by(|a, b| a.origin.cmp(&b.origin));
    for manifest in sorted {
        let id = manifest.id();
        let owner = live.get(&id).and_then(|object| object.owner.as_ref());
        if policy.scope == Scope::Namespace && id.namespace != policy.owner.namespace {
            refusals.push(Refusal::OutOfScope { id, namespace: policy.owner.namespace.clone() });
        } else if let Some(owner) = owner.filter(|owner| **owner != policy.owner) {
            refusals.push(Refusal::OwnedByOther { id, owner: owner.to_string() });
        } else if let Some(first) = accepted.get(&id) {
            refusals.push(Refusal::Duplicate { id, first: first.origin.clone(), second: manifest.origin.clone() });
        } else {
            accepted.insert(id, Arc::clone(manifest));
        }
    }
    (accepted, refusals)
}

/// Whether a manifest asks to be applied only where its object is not there yet.
pub fn applies_once(manifest: &Manifest) -> bool {
    asks(|key| manifest.annotation(key), &ONCE)
}

fn decide(manifest: &Manifest, live: Option<&Observed>, policy: DriftPolicy) -> Action {
    if asks(|key| manifest.annotation(key), &SKIP) || live.is_some_and(|live| live.asks_to_be_skipped) {
        return Action::Skip;
    }
    let Some(live) = live else { return Action::Create };
    if applies_once(manifest) {
        return Action::Skip;
    }
    let paths = live.differs_at(manifest);
    match (live.was_applied_from(manifest), paths.is_empty(), policy) {
        (true, true, _) => Action::Keep,
        (true, false, DriftPolicy::Correct) => Action::Correct { paths },
        (true, false, DriftPolicy::Report) => Action::ReportDrift { paths },
        (false, ..) => {
            let own = format!("metadata.annotations.{}", super::APPLIED_ANNOTATION);
            Action::Update { paths: paths.into_iter().filter(|path| *path != own).collect() }
        }
    }
}

/// What is deleted: what a controller clears away first, then last made first.
fn prunes<'a>(
    gone: impl Iterator<Item = &'a ObjectId>,
    live: &BTreeMap<ObjectId, Observed>,
    policy: &Policy,
    refusals: &mut Vec<Refusal>,
) -> Vec<Step> {
    let mut ids: Vec<&ObjectId> = Vec::new();
    for id in gone {
        let Some(object) = live.get(id) else {
            ids.push(id);
            continue;
        };
        let is_own = object.owner.as_ref() == Some(&policy.owner);
        match &object.foreign {
            _ if !is_own || object.asks_to_stay => {}
            Some(_) if object.yields_to_content => {}
            Some(found) if !object.goes_with_content => {
                refusals.push(Refusal::ForeignContent { id: id.clone(), found: found.clone() });
            }
            Some(_) | None => ids.push(id),
        }
    }
    ids.sort_by(|a, b| (!order::goes_first(a), order::key(b)).cmp(&(!order::goes_first(b), order::key(a))));
    ids.into_iter().map(|id| Step { id: id.clone(), action: Action::Prune, manifest: None }).collect()
}

#[cfg(test)]
mod tests;
