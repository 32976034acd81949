//! What is remembered of a configuration between its visits.
use super::{
    artifact_tree::Closure,
    fight::Fights,
    revision::SourceMemory,
    status::{KustomizationStatus, Outcome},
};
use crate::model::ObjectId;
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of a manifest's digest and a live object's digest of which the server said that they are one.
pub(super) type InSync = BTreeMap<ObjectId, (String, u64)>;

/// What is remembered between visits. Losing it costs a comparison, never an object.
#[derive(Default)]
pub struct Memory {
    pub(super) source: SourceMemory,
    pub(super) kustomizations: BTreeMap<String, Settled>,
    pub(super) fights: Fights,
    /// How many visits have failed in a row.
    pub(super) failures: u32,
}

/// The last pass over a kustomization, so that the next can tell that nothing changed.
pub(super) struct Settled {
    /// Digest of the configuration.
    pub(super) digest: String,
    pub(super) commit: String,
    pub(super) closure: Closure,
    /// Variables that came from the cluster.
    pub(super) variables: BTreeMap<String, String>,
    /// The objects that were wanted.
    pub(super) ids: BTreeSet<ObjectId>,
    pub(super) in_sync: InSync,
    /// Whether something was refused or failed, so that it must be tried again.
    pub(super) has_failures: bool,
    pub(super) status: KustomizationStatus,
    /// When the last write ended: health is waited for from then on.
    pub(super) since: tokio::time::Instant,
}

impl Memory {
    /// The last revision that a kustomization applied whole.
    pub(super) fn last_applied(&self, kustomization: &str) -> Option<String> {
        self.kustomizations.get(kustomization)?.status.last_applied_revision.clone()
    }

    /// The objects of a kustomization as they were told last.
    pub(super) fn last_objects(&self, kustomization: &str) -> Vec<super::status::ObjectStatus> {
        self.kustomizations.get(kustomization).map(|settled| settled.status.objects.clone()).unwrap_or_default()
    }
}

impl Settled {
    /// Takes note that the same was found again, at a revision of which it is a part too.
    pub(super) fn confirm(&mut self, commit: &str, revision: &str) {
        commit.clone_into(&mut self.commit);
        self.status.last_applied_revision = Some(revision.to_owned());
        for object in &mut self.status.objects {
            match object.outcome {
                Outcome::Drifted | Outcome::Skipped => {}
                Outcome::Created
                | Outcome::Configured
                | Outcome::Corrected
                | Outcome::Unchanged
                | Outcome::Deleted
                | Outcome::Failed => {
                    object.outcome = Outcome::Unchanged;
                    object.message.clear();
                }
            }
        }
    }
}
