//! What is remembered of a configuration between its visits.
use super::{
    artifact_tree::Closure,
    fight::Fights,
    revision::SourceMemory,
    status::{KustomizationStatus, ObjectStatus, Outcome},
};
use crate::model::ObjectId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Pairs of a manifest's digest and a live object's digest of which the server said that they are one.
pub(super) type InSync = BTreeMap<ObjectId, Pair>;
/// A manifest's digest and a live object's.
pub(super) type Pair = (u64, u64);

/// The objects that were wanted, and the pair of each that was found in sync. Compact: there is one for each configuration.
#[derive(Default)]
pub(super) struct Objects(Box<[(ObjectId, Option<Pair>)]>);

impl Objects {
    /// Puts ids and pairs together.
    pub(super) fn new(ids: BTreeSet<ObjectId>, in_sync: &InSync) -> Self {
        Self(
            ids.into_iter()
                .map(|id| {
                    let pair = in_sync.get(&id).copied();
                    (id, pair)
                })
                .collect(),
        )
    }

    /// The objects, sorted.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ObjectId> {
        self.0.iter().map(|(id, _)| id)
    }

    /// The digests of which the server said that they are one.
    pub(super) fn pair(&self, id: &ObjectId) -> Option<Pair> {
        let at = self.0.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        self.0[at].1
    }
}

/// What is remembered between visits. Losing it costs a comparison, never an object.
#[derive(Default)]
pub struct Memory {
    pub(super) source: SourceMemory,
    pub(super) kustomizations: BTreeMap<String, Settled>,
    /// What others said last of the kustomizations that they do the work of.
    pub(super) reported: BTreeMap<String, Arc<KustomizationStatus>>,
    pub(super) fights: Fights,
    /// How many visits have failed in a row.
    pub(super) failures: u32,
}

/// The last pass over a kustomization, so that the next can tell that nothing changed.
pub(super) struct Settled {
    /// Digest of the configuration.
    pub(super) digest: String,
    /// Stands for what the objects were made of.
    pub(super) origin: String,
    pub(super) closure: Closure,
    /// Variables that came from the cluster.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) objects: Objects,
    /// Whether something was refused or failed, so that it must be tried again.
    pub(super) has_failures: bool,
    pub(super) status: Arc<KustomizationStatus>,
    /// When the last write ended: health is waited for from then on.
    pub(super) since: tokio::time::Instant,
}

impl Memory {
    /// The last revision that a kustomization applied whole.
    pub(super) fn last_applied(&self, kustomization: &str) -> Option<String> {
        self.kustomizations.get(kustomization)?.status.last_applied_revision.clone()
    }

    /// The objects of a kustomization as they were told last.
    pub(super) fn last_objects(&self, kustomization: &str) -> Vec<ObjectStatus> {
        self.kustomizations.get(kustomization).map(|settled| settled.status.objects.clone()).unwrap_or_default()
    }
}

impl Settled {
    /// Takes note that the same was found again, at a revision of which it is a part too.
    pub(super) fn confirm(&mut self, origin: &str, revision: Option<String>) {
        origin.clone_into(&mut self.origin);
        if self.status.last_applied_revision != revision {
            Arc::make_mut(&mut self.status).last_applied_revision = revision;
        }
        // What was deleted is told once; what is still being deleted, until it is gone.
        let is_going = |object: &ObjectStatus| object.outcome == Outcome::Deleted && !object.message.is_empty();
        let is_told = |object: &ObjectStatus| {
            is_going(object) || matches!(object.outcome, Outcome::Unchanged | Outcome::Drifted | Outcome::Skipped)
        };
        if self.status.objects.iter().all(is_told) {
            return;
        }
        let objects = &mut Arc::make_mut(&mut self.status).objects;
        objects.retain(|object| object.outcome != Outcome::Deleted || is_going(object));
        for object in objects {
            match object.outcome {
                Outcome::Drifted | Outcome::Skipped | Outcome::Deleted => {}
                Outcome::Created | Outcome::Configured | Outcome::Corrected | Outcome::Unchanged | Outcome::Failed => {
                    object.outcome = Outcome::Unchanged;
                    object.message.clear();
                }
            }
        }
    }
}
