//! Carries out a plan: stage by stage, everything of a stage at once, every error kept.
use super::{
    Context,
    fight::Fights,
    memory::InSync,
    status::{ObjectStatus, Outcome},
};
use crate::{
    cluster::{Applied, Applier, Cluster, ClusterError, Deletion, Kinds, LiveObject},
    error::Chain,
    model::{
        Manifest, ObjectId,
        configuration::{Configuration, Kustomization},
    },
    plan::{
        Action, Plan, Step, digest_of,
        health::Health,
        order::{Stage, goes_first},
    },
};
use futures::{StreamExt as _, stream};
use kube::core::ApiResource;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest time for a new definition to be established.
const ESTABLISH_DEADLINE: Duration = Duration::from_secs(60);
/// Longest time for an object that is replaced to go.
const REPLACE_DEADLINE: Duration = Duration::from_secs(30);
/// Objects of one stage that are prepared for writing at once; the applier bounds the requests.
const WIDTH: usize = 64;
/// Longest name of an object.
const MAX_NAME: usize = 63;

/// What a plan is carried out with.
pub(super) struct Means<'a> {
    pub(super) ctx: &'a Context,
    pub(super) configuration: &'a Configuration,
    pub(super) kustomization: &'a Kustomization,
    /// Writes in the name of the configuration's account.
    pub(super) applier: &'a Applier,
    pub(super) kinds: &'a Kinds,
    pub(super) live: &'a BTreeMap<ObjectId, LiveObject>,
    pub(super) stop: &'a CancellationToken,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Results {
    pub(super) objects: BTreeMap<ObjectId, ObjectStatus>,
    /// Objects that the server made of their manifest.
    pub(super) in_sync: InSync,
    /// Objects that are gone.
    pub(super) deleted: BTreeSet<ObjectId>,
    /// Objects whose deletion was accepted, and which something still holds.
    pub(super) going: BTreeSet<ObjectId>,
    pub(super) has_written: bool,
    /// Whether trying again can help some of what failed.
    pub(super) is_transient: bool,
    /// Whether the API server did not let the account do something.
    pub(super) is_forbidden: bool,
    /// Whether it was ended before everything was done.
    pub(super) is_cut_short: bool,
}

impl Results {
    pub(super) fn note(&mut self, id: &ObjectId, outcome: Outcome, message: impl Into<String>) {
        let status =
            ObjectStatus { id: id.clone(), outcome, message: message.into(), health: None, conditions: Vec::new() };
        self.objects.insert(id.clone(), status);
    }

    pub(super) fn note_error(&mut self, id: &ObjectId, error: &ClusterError) {
        self.is_forbidden |= error.is_forbidden();
        self.is_transient |= error.is_transient();
        self.note(id, Outcome::Failed, Chain(error).to_string());
    }

    pub(super) fn has_failures(&self) -> bool {
        self.objects.values().any(|object| object.outcome == Outcome::Failed)
    }
}

impl Means<'_> {
    fn cluster(&self) -> &Cluster {
        &self.ctx.cluster
    }

    fn kind_of(&self, id: &ObjectId) -> Option<&ApiResource> {
        self.kinds.get(&(id.group.clone(), id.kind.clone()))
    }

    /// Takes every step that applies. Ends early, between writes, when told to stop.
    pub(super) async fn apply(&self, plan: &Plan, fights: &mut Fights, results: &mut Results) {
        for step in &plan.steps {
            match &step.action {
                Action::Keep => results.note(&step.id, Outcome::Unchanged, ""),
                Action::Skip => results.note(&step.id, Outcome::Skipped, "an annotation asks for that"),
                Action::ReportDrift { paths } => {
                    results.note(&step.id, Outcome::Drifted, format!("drift at {}", paths.join(", ")));
                }
                Action::Create | Action::Update { .. } | Action::Correct { .. } | Action::Prune => {}
            }
        }
        for stage in Stage::ALL {
            let mut steps = Vec::new();
            for step in plan.applies(stage) {
                if matches!(step.action, Action::Correct { .. }) && !fights.may_correct(&step.id, Instant::now()) {
                    results.is_transient = true;
                    let writer = fights.writer(&step.id);
                    let message = format!(
                        "{} is changed again and again by {writer}; correcting it pauses for 5 minutes (keep {writer} from it, or take those fields out of the manifest)",
                        step.id
                    );
                    results.note(&step.id, Outcome::Failed, message);
                } else {
                    steps.push(step);
                }
            }
            self.apply_at_once(&steps, fights, results).await;
            if stage == Stage::Definitions {
                self.establish(&steps).await;
            }
        }
    }

    async fn apply_at_once(&self, steps: &[&Step], fights: &mut Fights, results: &mut Results) {
        let writes = steps.iter().map(|step| async move {
            let outcome = if self.stop.is_cancelled() { None } else { Some(self.take(step).await) };
            (*step, outcome)
        });
        let writes: Vec<_> = writes.collect();
        let mut outcomes = stream::iter(writes).buffer_unordered(WIDTH);
        while let Some((step, outcome)) = outcomes.next().await {
            match outcome {
                None => results.is_cut_short = true,
                Some(Ok((applied, message))) => {
                    results.has_written = true;
                    if let Some(digest) = step.manifest.as_ref().and_then(|one| digest_of(one)) {
                        results.in_sync.insert(step.id.clone(), (digest, applied.digest));
                    }
                    if let (Action::Correct { .. }, [conflict, ..]) = (&step.action, applied.conflicts.as_slice()) {
                        fights.note_writer(&step.id, &conflict.manager);
                    }
                    let (outcome, message) = self.told(step, message);
                    results.note(&step.id, outcome, message);
                }
                Some(Err(error)) => {
                    tracing::warn!(configuration = %self.configuration.id, object = %step.id, reason = error.reason(), error = %Chain(&error), "apply failed");
                    results.note_error(&step.id, &error);
                }
            }
        }
    }

    /// How a step that was taken is told.
    fn told(&self, step: &Step, message: String) -> (Outcome, String) {
        match &step.action {
            Action::Create => (Outcome::Created, message),
            Action::Correct { paths } => {
                let paths = paths.join(", ");
                tracing::info!(configuration = %self.configuration.id, object = %step.id, %paths, "drift corrected");
                let more = if message.is_empty() { message } else { format!("; {message}") };
                (Outcome::Corrected, format!("drift at {paths}{more}"))
            }
            Action::Update { .. } | Action::Keep | Action::Skip | Action::ReportDrift { .. } | Action::Prune => {
                (Outcome::Configured, message)
            }
        }
    }

    async fn take(&self, step: &Step) -> Result<(Applied, String), ClusterError> {
        let (Some(manifest), Some(kind)) = (&step.manifest, self.kind_of(&step.id)) else {
            return Err(ClusterError::UnknownKind {
                id: step.id.clone(),
                api_version: step.id.group.clone(),
                kind: step.id.kind.clone(),
            });
        };
        match self.applier.apply(&self.cluster().live, kind, manifest).await {
            Ok(applied) => {
                let taken =
                    applied.conflicts.iter().map(|conflict| format!("{} from {}", conflict.field, conflict.manager));
                let taken = taken.collect::<Vec<_>>().join(", ");
                let message = if taken.is_empty() { taken } else { format!("took over {taken}") };
                Ok((applied, message))
            }
            Err(error) => match (&error, self.live.get(&step.id)) {
                (ClusterError::Refused { is_immutable: true, fields, .. }, Some(old)) if self.kustomization.force => {
                    let fields = fields.join(", ");
                    self.replace(kind, manifest, old)
                        .await
                        .map(|applied| (applied, format!("replaced, since {fields} cannot change")))
                }
                _ => Err(error),
            },
        }
    }

    /// Deletes an object and makes it again, after the server has said that it would take it.
    async fn replace(
        &self,
        kind: &ApiResource,
        manifest: &Manifest,
        old: &LiveObject,
    ) -> Result<Applied, ClusterError> {
        let cluster = self.cluster();
        // A definition's name is fixed by what it defines, so it cannot be tried under another.
        if manifest.kind() != "CustomResourceDefinition" {
            self.applier.dry_run(kind, &under_another_name(manifest)).await?;
        }
        let id = manifest.id();
        tracing::info!(configuration = %self.configuration.id, object = %id, "replacing an object, since a field that cannot change would");
        if let Deletion::UnderWay { held_by } = self.applier.delete(&cluster.live, kind, &id, &old.uid).await? {
            self.until_gone(&id, &held_by).await?;
        }
        self.applier.apply(&cluster.live, kind, manifest).await
    }

    /// Waits until an object that is being deleted is gone, which the watch tells.
    async fn until_gone(&self, id: &ObjectId, held_by: &str) -> Result<(), ClusterError> {
        let deadline = Instant::now() + REPLACE_DEADLINE;
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        while self.cluster().live.health([id]).values().any(Option::is_some) {
            if Instant::now() >= deadline || self.stop.is_cancelled() {
                return Err(ClusterError::StillThere { id: id.clone(), held_by: held_by.to_owned() });
            }
            tick.tick().await;
        }
        Ok(())
    }

    /// Waits until new definitions are served, so that their objects can be applied in the same pass.
    async fn establish(&self, steps: &[&Step]) {
        let definitions = steps.iter().filter(|step| step.id.kind == "CustomResourceDefinition");
        let definitions: BTreeSet<ObjectId> = definitions.map(|step| step.id.clone()).collect();
        if definitions.is_empty() {
            return;
        }
        let deadline = Instant::now() + ESTABLISH_DEADLINE;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while Instant::now() < deadline && !self.stop.is_cancelled() {
            tick.tick().await;
            let health = self.cluster().live.health(&definitions);
            if health.values().all(|health| !matches!(health, None | Some(Health::InProgress(_)))) {
                return;
            }
        }
    }

    /// Takes every step that deletes, in its order. One that fails does not stop the others, save the namespace in
    /// which the record of them all is.
    pub(super) async fn prune(&self, plan: &Plan, results: &mut Results) {
        let mut awaited: Vec<(ObjectId, String)> = Vec::new();
        for step in plan.prunes() {
            if self.stop.is_cancelled() {
                results.is_cut_short = true;
                return;
            }
            if !goes_first(&step.id) && !self.are_gone(&mut awaited, results).await {
                let names: Vec<String> = awaited.iter().map(|(id, _)| id.to_string()).collect();
                results.going.insert(step.id.clone());
                results.note(&step.id, Outcome::Deleted, format!("is deleted when {} is gone", names.join(", ")));
                continue;
            }
            if self.holds_inventory(&step.id) && results.has_failures() {
                results.note(&step.id, Outcome::Failed, "goes last, and something else could not be deleted");
                continue;
            }
            match self.delete(&step.id).await {
                Ok(Deletion::Gone) => {
                    results.has_written = true;
                    results.deleted.insert(step.id.clone());
                    results.note(&step.id, Outcome::Deleted, "");
                }
                Ok(Deletion::UnderWay { held_by }) => {
                    results.going.insert(step.id.clone());
                    if goes_first(&step.id) && self.is_followed(&step.id) {
                        awaited.push((step.id.clone(), held_by.clone()));
                    }
                    let held_by = if held_by.is_empty() { held_by } else { format!(", held by {held_by}") };
                    results.note(&step.id, Outcome::Deleted, format!("is being deleted{held_by}"));
                }
                Err(error) => {
                    tracing::warn!(configuration = %self.configuration.id, object = %step.id, reason = error.reason(), error = %Chain(&error), "delete failed");
                    results.note_error(&step.id, &error);
                }
            }
        }
    }

    /// Whether an object is one that the engine has a controller work on.
    fn is_followed(&self, id: &ObjectId) -> bool {
        self.live.get(id).is_some_and(|object| object.in_full().is_some())
    }

    /// Waits a while until objects that are being deleted are gone; those that are stay no longer in the list.
    async fn are_gone(&self, awaited: &mut Vec<(ObjectId, String)>, results: &mut Results) -> bool {
        while let Some((id, held_by)) = awaited.last() {
            if self.until_gone(id, held_by).await.is_err() {
                return false;
            }
            results.has_written = true;
            results.going.remove(id);
            results.deleted.insert(id.clone());
            results.note(id, Outcome::Deleted, "");
            awaited.pop();
        }
        true
    }

    fn holds_inventory(&self, id: &ObjectId) -> bool {
        id.group.is_empty() && id.kind == "Namespace" && id.name == self.configuration.id.namespace
    }

    async fn delete(&self, id: &ObjectId) -> Result<Deletion, ClusterError> {
        let cluster = self.cluster();
        match (self.kind_of(id), self.live.get(id)) {
            // Asked for before: what holds it has to let go.
            (Some(_), Some(object)) if object.health == Health::Terminating => {
                Ok(Deletion::UnderWay { held_by: object.finalizers() })
            }
            (Some(kind), Some(object)) => self.applier.delete(&cluster.live, kind, id, &object.uid).await,
            (Some(_), None) => Ok(Deletion::Gone),
            (None, _) if cluster.discovery.is_gone(&id.group, &id.kind).await? => Ok(Deletion::Gone),
            (None, _) => {
                Err(ClusterError::UnknownKind { id: id.clone(), api_version: id.group.clone(), kind: id.kind.clone() })
            }
        }
    }
}

/// The same object under a name that nothing has.
fn under_another_name(manifest: &Manifest) -> Manifest {
    let suffix = format!("-{:08x}", fastrand::u32(..));
    let stem: String = manifest.name().chars().take(MAX_NAME - suffix.len()).collect();
    let mut copy = manifest.clone();
    if let Some(Value::Object(metadata)) = copy.object.get_mut("metadata") {
        metadata.insert("name".to_owned(), json!(stem + &suffix));
    }
    copy
}
