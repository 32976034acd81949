//! What is there, compared with what is wanted: everything up to the first write.
use super::{
    Context, PassError,
    memory::{InSync, Objects},
    wanted::Wanted,
};
use crate::{
    cluster::{Applier, ClusterError, Denials, Inventory, Kinds, LiveObject},
    error::Chain,
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, ConfigurationId, DriftPolicy},
    },
    plan::{Action, Form, Observed, Plan, Policy, applies_once, digest_of, health::Health, plan},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::core::ApiResource;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Dry runs at once.
const DRY_RUNS: usize = 16;

/// A plan, and what it was made from.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) kinds: Kinds,
    pub(super) live: BTreeMap<ObjectId, LiveObject>,
    pub(super) inventory: Inventory,
    /// What was found to be in sync.
    pub(super) in_sync: InSync,
    /// Objects that the agent may not see, which are therefore left alone.
    pub(super) denied: Vec<(ObjectId, ClusterError)>,
}

/// What a plan is made for.
pub(super) struct Subject<'a> {
    pub(super) ctx: &'a Context,
    pub(super) configuration: &'a Configuration,
    /// Asks in the name of the configuration's account.
    pub(super) applier: &'a Applier,
    /// Name of the kustomization.
    pub(super) name: &'a str,
    pub(super) prune: bool,
    pub(super) allow_empty: bool,
    pub(super) drift: DriftPolicy,
    /// Objects that other kustomizations of the configuration want, which are therefore never pruned.
    pub(super) elsewhere: &'a BTreeSet<ObjectId>,
}

impl Subject<'_> {
    /// Observes and plans. Writes nothing; asks the server about single objects only where comparing cannot tell.
    pub(super) async fn plan(&self, wanted: &Wanted, known: &Objects) -> Result<Planned, PassError> {
        let cluster = &self.ctx.cluster;
        let inventory = cluster.inventories.of(&self.configuration.id).await?;
        let owned = inventory.objects(self.name);
        let (mut kinds, mut served) = (wanted.prepared.kinds.clone(), wanted.prepared.served.clone());
        cluster.discovery.resolve_ids(&owned, &mut kinds, &mut served).await?;
        let denials = cluster.live.sync(&served).await?;
        let is_seen = |id: &ObjectId| !denials.contains_key(&(id.group.clone(), id.kind.clone()));
        let manifests = &wanted.prepared.manifests;
        let seen: Vec<Arc<Manifest>> = manifests.iter().filter(|one| is_seen(&one.id())).cloned().collect();
        let ids: BTreeSet<ObjectId> = owned.iter().cloned().chain(seen.iter().map(|one| one.id())).collect();
        let mut live = cluster.live.select(&ids);
        let mut observed = self.observed(&seen, &live, &inventory, known);
        let mut prunable = self.prunable(&owned, wanted);
        prunable.retain(is_seen);
        let policy = self.policy();
        let mut plan = plan(&seen, &observed, &prunable, &policy)?;
        let is_settled = self.settle(&plan, &kinds, &live, &mut observed).await;
        let is_found = self.look_for_unowned(&plan, &kinds, &inventory, &mut live, &mut observed).await?;
        let is_guarded = self.guard(&plan, &live, &mut observed).await;
        if is_settled || is_found || is_guarded {
            plan = crate::plan::plan(&seen, &observed, &prunable, &policy)?;
        }
        let in_sync = in_sync(&plan, &live);
        let left = owned.iter().filter(|id| self.prune && !self.elsewhere.contains(*id)).cloned();
        let concerned: BTreeSet<ObjectId> = manifests.iter().map(|one| one.id()).chain(left).collect();
        let unseen = concerned.into_iter().filter(|id| !is_seen(id));
        let denied = unseen.map(|id| denied(id, &denials)).collect();
        Ok(Planned { plan, kinds, live, inventory, in_sync, denied })
    }

    fn policy(&self) -> Policy {
        Policy {
            owner: self.configuration.id.clone(),
            scope: self.configuration.scope,
            prune: self.prune,
            allow_empty: self.allow_empty,
            drift: self.drift,
        }
    }

    /// What is known of the live objects. What was found in sync before, and is as it was, need not be compared.
    fn observed(
        &self,
        manifests: &[Arc<Manifest>],
        live: &BTreeMap<ObjectId, LiveObject>,
        inventory: &Inventory,
        known: &Objects,
    ) -> BTreeMap<ObjectId, Observed> {
        let wanted: BTreeMap<ObjectId, Option<u64>> = manifests.iter().map(|one| (one.id(), digest_of(one))).collect();
        let mut observed = BTreeMap::new();
        for (id, object) in live {
            let is_settled = match (wanted.get(id), known.pair(id)) {
                (None, _) => true,
                (Some(digest), Some((manifest, live))) => *digest == Some(manifest) && live == object.digest,
                (Some(_), None) => false,
            };
            let mut one = object.observed(is_settled);
            if let Some(owner) = one.owner.take() {
                one.owner = self.owner(id, owner, inventory);
            }
            observed.insert(id.clone(), one);
        }
        observed
    }

    /// Who really owns an object: labels are copied and edited, an inventory is not.
    fn owner(&self, id: &ObjectId, labelled: ConfigurationId, inventory: &Inventory) -> Option<ConfigurationId> {
        let own = &self.configuration.id;
        if labelled == *own || self.ctx.cluster.inventories.claims(&labelled, id) {
            return Some(labelled);
        }
        inventory.holds(id).then(|| own.clone())
    }

    /// What may be pruned: what is owned, is not wanted elsewhere, and is not of a kind that only seems to be unknown.
    fn prunable(&self, owned: &BTreeSet<ObjectId>, wanted: &Wanted) -> BTreeSet<ObjectId> {
        // A manifest of an unknown kind has no sure namespace, so it is compared without one.
        let unknown: BTreeSet<(&str, &str, &str)> =
            wanted.prepared.unusable.iter().map(|(id, _)| (&*id.group, &*id.kind, &*id.name)).collect();
        let is_free =
            |id: &&ObjectId| !self.elsewhere.contains(id) && !unknown.contains(&(&*id.group, &*id.kind, &*id.name));
        owned.iter().filter(is_free).cloned().collect()
    }

    /// Asks the server about objects that look drifted: it writes some values in another way than the manifest.
    async fn settle(
        &self,
        plan: &Plan,
        kinds: &Kinds,
        live: &BTreeMap<ObjectId, LiveObject>,
        observed: &mut BTreeMap<ObjectId, Observed>,
    ) -> bool {
        let looks_drifted = |action: &Action| matches!(action, Action::Correct { .. } | Action::ReportDrift { .. });
        let suspects = plan.steps.iter().filter(|step| looks_drifted(&step.action)).filter_map(|step| {
            let kind = kinds.get(&(step.id.group.clone(), step.id.kind.clone()))?;
            Some((&step.id, step.manifest.as_ref()?, kind, live.get(&step.id)?))
        });
        let asked: Vec<_> = suspects
            .map(|(id, manifest, kind, object)| async move {
                let is_one = self.is_one(manifest, kind, object).await;
                (id, is_one.unwrap_or(false))
            })
            .collect();
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(DRY_RUNS).collect().await;
        let settled: Vec<&ObjectId> = answers.into_iter().filter(|(_, is_one)| *is_one).map(|(id, _)| id).collect();
        for id in &settled {
            if let Some(one) = observed.get_mut(id) {
                one.form = Form::Settled;
            }
        }
        !settled.is_empty()
    }

    /// Looks for objects that are to be made only where there is none: one of somebody else carries no label, so that no watch
    /// tells of it.
    async fn look_for_unowned(
        &self,
        plan: &Plan,
        kinds: &Kinds,
        inventory: &Inventory,
        live: &mut BTreeMap<ObjectId, LiveObject>,
        observed: &mut BTreeMap<ObjectId, Observed>,
    ) -> Result<bool, ClusterError> {
        let asked = plan.steps.iter().filter(|step| step.action == Action::Create).filter_map(|step| {
            let kind = kinds.get(&(step.id.group.clone(), step.id.kind.clone()))?;
            step.manifest.as_ref().filter(|manifest| applies_once(manifest)).map(|_| (&step.id, kind))
        });
        let asked: Vec<_> =
            asked.map(|(id, kind)| async move { Ok((id, self.applier.get(kind, id).await?)) }).collect();
        let found: Vec<_> = stream::iter(asked).buffer_unordered(DRY_RUNS).try_collect().await?;
        let mut is_found = false;
        for (id, object) in found {
            let Some(object) = object else { continue };
            let mut one = object.observed(false);
            one.owner = one.owner.and_then(|owner| self.owner(id, owner, inventory));
            observed.insert(id.clone(), one);
            live.insert(id.clone(), object);
            is_found = true;
        }
        Ok(is_found)
    }

    /// Whether applying a manifest would leave the object as it is.
    async fn is_one(&self, manifest: &Manifest, kind: &ApiResource, object: &LiveObject) -> Result<bool, ClusterError> {
        let answer = self.applier.dry_run(kind, manifest).await?;
        if object.api_version() == manifest.api_version() {
            return Ok(answer.digest == object.digest);
        }
        // The watch tells of another version of the kind, in which the same object reads differently.
        let same_version = self.applier.get(kind, &manifest.id()).await?;
        Ok(same_version.is_some_and(|object| object.digest == answer.digest))
    }

    /// Looks into namespaces and definitions before they are pruned.
    async fn guard(
        &self,
        plan: &Plan,
        live: &BTreeMap<ObjectId, LiveObject>,
        observed: &mut BTreeMap<ObjectId, Observed>,
    ) -> bool {
        let mut is_guarded = false;
        for step in plan.prunes() {
            let can_hold = matches!(step.id.kind.as_str(), "Namespace" | "CustomResourceDefinition");
            let (true, Some(object), Some(one)) = (can_hold, live.get(&step.id), observed.get_mut(&step.id)) else {
                continue;
            };
            if one.goes_with_content || object.health == Health::Terminating {
                continue;
            }
            let looked = self.ctx.cluster.foreign_content(&step.id, object, &self.configuration.id).await;
            one.foreign =
                looked.unwrap_or_else(|error| Some(format!("something that could not be listed ({})", Chain(&error))));
            is_guarded |= one.foreign.is_some();
        }
        is_guarded
    }
}

fn denied(id: ObjectId, denials: &Denials) -> (ObjectId, ClusterError) {
    let message = denials.get(&(id.group.clone(), id.kind.clone())).cloned().unwrap_or_default();
    let error = ClusterError::WatchDenied { kind: id.kind.clone(), message };
    (id, error)
}

/// The pairs that the plan found to need nothing.
fn in_sync(plan: &Plan, live: &BTreeMap<ObjectId, LiveObject>) -> InSync {
    let kept = plan.steps.iter().filter(|step| step.action == Action::Keep);
    kept.filter_map(|step| {
        let digest = digest_of(step.manifest.as_ref()?)?;
        Some((step.id.clone(), (digest, live.get(&step.id)?.digest)))
    })
    .collect()
}

/// Nothing wanted: for a kustomization, or a configuration, that is gone.
pub(super) fn nothing() -> Wanted {
    Wanted {
        prepared: super::prepare::Prepared::default(),
        closure: super::artifact_tree::Closure::default(),
        variables: BTreeMap::new(),
    }
}
