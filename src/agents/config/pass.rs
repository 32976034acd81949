//! One pass over one kustomization: observe, plan, record, apply, prune.
use super::{
    Context, PassError, account,
    carry_out::{Means, Results},
    engine::Origin,
    judge::{self, Expectation},
    memory::{Memory, Objects, Settled},
    observe::{Planned, Subject},
    status::{KustomizationStatus, Outcome, Phase},
    wanted::Wanted,
};
use crate::{
    cluster::{Entry, Inventory},
    error::Chain,
    model::{
        ObjectId,
        configuration::{Configuration, Kustomization},
    },
    plan::Action,
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a pass is made in.
pub(super) struct Visit<'a> {
    pub(super) ctx: &'a Context,
    pub(super) configuration: &'a Configuration,
    pub(super) origin: &'a Origin,
    /// Ends the visit between two writes.
    pub(super) stop: &'a CancellationToken,
}

/// What the other kustomizations of the configuration mean for this one.
pub(super) struct Siblings {
    /// Objects that they want.
    pub(super) wanted: BTreeSet<ObjectId>,
    /// Whether all of them are known: one that cannot be rendered may want anything.
    pub(super) are_known: bool,
}

impl Visit<'_> {
    /// Makes one pass, and says whether anything was written.
    ///
    /// The inventory is stored before the first write, and narrowed only by what was deleted, so that a
    /// pass that fails or is killed at any point forgets nothing that it applied.
    pub(super) async fn pass(
        &self,
        kustomization: &Kustomization,
        wanted: Wanted,
        siblings: &Siblings,
        memory: &mut Memory,
    ) -> Result<(Settled, bool), PassError> {
        let before = memory.kustomizations.get(&kustomization.name);
        let nothing = Objects::default();
        let known = before.map_or(&nothing, |settled| &settled.objects);
        let applier = account::made_ready(self.ctx, self.configuration).await?;
        let subject = Subject {
            ctx: self.ctx,
            applier: &applier,
            configuration: self.configuration,
            name: &kustomization.name,
            prune: kustomization.prune && siblings.are_known,
            allow_empty: kustomization.allow_empty,
            drift: kustomization.drift,
            elsewhere: &siblings.wanted,
        };
        let mut planned = subject.plan(&wanted, known).await?;
        let ids = self.record_ahead(kustomization, &mut planned).await?;
        let mut results = told_before(&wanted, &planned);
        let means = Means {
            ctx: self.ctx,
            configuration: self.configuration,
            kustomization,
            applier: &applier,
            kinds: &planned.kinds,
            live: &planned.live,
            stop: self.stop,
        };
        means.apply(&planned.plan, &mut memory.fights, &mut results).await;
        means.prune(&planned.plan, &mut results).await;
        if results.is_forbidden {
            self.ctx.cluster.accounts.doubt(&self.configuration.id);
        }
        self.record_after(kustomization, &ids, &wanted, siblings, &results, &mut planned.inventory).await?;
        // Kinds that were defined just now can be watched for drift from here on.
        let applied: Vec<_> = wanted.prepared.kinds.values().cloned().collect();
        self.ctx.cluster.live.sync(&applied).await?;
        let before = memory.kustomizations.get(&kustomization.name);
        let has_written = results.has_written;
        let mut in_sync = planned.in_sync;
        in_sync.append(&mut results.in_sync);
        let mut status = KustomizationStatus::new(&kustomization.name);
        status.last_applied_revision = before.and_then(|settled| settled.status.last_applied_revision.clone());
        let mut settled = Settled {
            digest: self.configuration.digest.clone(),
            origin: self.origin.fingerprint().to_owned(),
            closure: wanted.closure,
            variables: wanted.variables,
            objects: Objects::new(ids, &in_sync),
            has_failures: results.has_failures() || results.is_cut_short || !siblings.are_known,
            since: before.filter(|_| !has_written).map_or_else(Instant::now, |settled| settled.since),
            status: Arc::new(status),
        };
        self.tell(kustomization, results, &mut settled);
        Ok((settled, has_written))
    }

    /// Puts what is about to be applied on record before it can exist. Returns the objects that are planned for.
    async fn record_ahead(
        &self,
        kustomization: &Kustomization,
        planned: &mut Planned,
    ) -> Result<BTreeSet<ObjectId>, PassError> {
        let applied = planned.plan.steps.iter().filter(|step| step.action != Action::Prune);
        let ids: BTreeSet<ObjectId> = applied.map(|step| step.id.clone()).collect();
        let mut objects = planned.inventory.objects(&kustomization.name);
        objects.extend(ids.iter().cloned());
        self.store(kustomization, objects, &mut planned.inventory).await?;
        Ok(ids)
    }

    /// Drops from the record what is gone or was let go of.
    async fn record_after(
        &self,
        kustomization: &Kustomization,
        ids: &BTreeSet<ObjectId>,
        wanted: &Wanted,
        siblings: &Siblings,
        results: &Results,
        inventory: &mut Inventory,
    ) -> Result<(), PassError> {
        let is_pruned = kustomization.prune && siblings.are_known && !results.is_cut_short;
        let is_unknown = |id: &ObjectId| {
            let alike = |other: &ObjectId| other.kind == id.kind && other.name == id.name && other.group == id.group;
            wanted.prepared.unusable.iter().any(|(other, _)| alike(other))
        };
        let is_held_elsewhere = |id: &ObjectId| {
            let others = inventory.kustomizations.iter().filter(|(name, _)| **name != kustomization.name);
            siblings.wanted.contains(id) && others.into_iter().any(|(_, entry)| entry.objects.contains(id))
        };
        let stays = |id: &ObjectId| {
            if ids.contains(id) {
                return true;
            }
            let is_released = is_held_elsewhere(id)
                || is_pruned && !results.objects.contains_key(id) && !siblings.wanted.contains(id) && !is_unknown(id);
            !results.deleted.contains(id) && !is_released
        };
        let objects = inventory.objects(&kustomization.name).into_iter().filter(stays).collect();
        self.store(kustomization, objects, inventory).await
    }

    async fn store(
        &self,
        kustomization: &Kustomization,
        objects: BTreeSet<ObjectId>,
        inventory: &mut Inventory,
    ) -> Result<(), PassError> {
        if objects.is_empty() && inventory.is_empty() {
            return Ok(());
        }
        let entry = Entry { is_pruned: kustomization.prune, objects };
        inventory.kustomizations.insert(kustomization.name.clone(), entry);
        inventory.door = self.configuration.door.clone();
        inventory.account = self.ctx.accounts.of(self.configuration);
        Ok(self.ctx.cluster.inventories.store(&self.configuration.id, inventory).await?)
    }

    fn tell(&self, kustomization: &Kustomization, results: Results, settled: &mut Settled) {
        let is_transient = results.is_transient || results.is_cut_short;
        let status = Arc::make_mut(&mut settled.status);
        status.objects = results.objects.into_values().collect();
        if !settled.has_failures {
            status.last_applied_revision = self.origin.revision(self.ctx);
        }
        self.judge(kustomization, settled);
        if settled.has_failures {
            self.origin.judge_failures(Arc::make_mut(&mut settled.status), is_transient);
        }
    }

    /// Puts the health of each object into the status, and says where the kustomization stands.
    pub(super) fn judge(&self, kustomization: &Kustomization, settled: &mut Settled) {
        let live = &self.ctx.cluster.live;
        let mut health = live.health(settled.objects.ids());
        let mut status = KustomizationStatus::clone(&settled.status);
        for object in &mut status.objects {
            object.health = health.remove(&object.id).flatten();
        }
        if let Some(since) = live.unreachable() {
            status.phase = Phase::Failing;
            judge::UNREACHABLE.clone_into(&mut status.reason);
            // Rounded, so that the text does not change with every look.
            let minutes = since.as_secs() / 60;
            let since = if minutes == 0 { "some seconds".to_owned() } else { format!("{minutes} min") };
            status.message = format!("the API server has not answered for {since}; what is there is not known");
        } else {
            let is_late = settled.since.elapsed() > kustomization.timeout;
            let expectation = Expectation { wait: kustomization.wait, is_late };
            self.origin.judge(self.ctx, self.configuration, &mut status, &settled.status, expectation);
        }
        // The same status is the same value, which the board shares.
        if *settled.status != status {
            settled.status = Arc::new(status);
        }
    }
}

/// What is known before anything is done: objects that nobody can apply, and why.
fn told_before(wanted: &Wanted, planned: &Planned) -> Results {
    let mut results = Results::default();
    for (id, error) in &wanted.prepared.unusable {
        results.is_transient |= error.is_transient();
        results.note(id, Outcome::Failed, Chain(error).to_string());
    }
    for (id, error) in &planned.denied {
        results.note_error(id, error);
    }
    for refusal in &planned.plan.refusals {
        results.note(refusal.id(), Outcome::Failed, refusal.to_string());
    }
    results
}
