//! What is said of a configuration: one value, from which status file, event and log line are made.
pub use crate::api::InstallState;
use crate::{
    desired::doors::{owned_elsewhere, way_out},
    model::{Door, ObjectId, configuration::ConfigurationId},
    plan::health::Health,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Reason of the conditions of a configuration that came in by another door already.
pub(crate) const OWNED_ELSEWHERE: &str = "OwnedElsewhere";

/// What became of one object in the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    /// The object.
    #[serde(flatten)]
    pub id: ObjectId,
    /// `Created`, `Configured`, `Corrected`, `Unchanged`, `Drifted`, `Deleted`, `Skipped` or `Failed`.
    pub outcome: Outcome,
    /// Why, where it needs saying.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its health; none when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What a controller says of it, where the engine follows that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words are the field's own")]
pub enum Outcome {
    Created,
    Configured,
    Corrected,
    Unchanged,
    Drifted,
    Deleted,
    Skipped,
    Failed,
}

/// A condition, as Kubernetes writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word in CamelCase, of a closed set.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: jiff::Timestamp,
}

/// Where a kustomization stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KustomizationStatus {
    /// Its name; empty for the only one of a `SourceControlConfiguration`.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// One word in CamelCase, of a closed set.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// The last revision that was applied whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// Objects, sorted.
    #[serde(default)]
    pub objects: Vec<ObjectStatus>,
}

impl KustomizationStatus {
    /// The status of a kustomization of which nothing is known yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Progressing,
            reason: "Progressing".to_owned(),
            message: String::new(),
            last_applied_revision: None,
            objects: Vec::new(),
        }
    }
}

/// Where a kustomization, or a configuration, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Everything is applied and, where that is asked for, healthy.
    Ready,
    /// It rests.
    Suspended,
    /// It is on the way, or waits for health or for another.
    Progressing,
    /// It failed, and will be tried again.
    Failing,
    /// It failed, and trying again cannot help until something changes.
    Stalled,
}

/// Where a configuration stands: the promise to whoever reads the status file or `-o json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// Namespace of the configuration.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `SourceControlConfiguration` or `FluxConfiguration`.
    pub kind: String,
    /// `native`, `flux-v1` or `flux-v2`.
    pub engine: String,
    /// Address of the repository, without credentials.
    pub url: String,
    /// `Pending`, `Compliant`, `Noncompliant`, `Installed`, `Failed` for a `SourceControlConfiguration`;
    /// `Compliant`, `Non-Compliant`, `Pending`, `Suspended`, `Unknown` for a `FluxConfiguration`.
    pub compliance_state: String,
    /// How far what the engine installs has come; none for an engine that installs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_state: Option<InstallState>,
    /// For a person.
    pub message: String,
    /// `Information`, `Warning` or `Error`.
    pub message_level: String,
    /// When something was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_config_applied: Option<jiff::Timestamp>,
    /// The last revision that was applied whole by every kustomization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The last revision that was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The public half of the key in use, in OpenSSH's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_public_key: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`.
    pub conditions: Vec<Condition>,
    /// In their order.
    pub kustomizations: Vec<Arc<KustomizationStatus>>,
    /// `metadata.generation` of the custom resource that the configuration came as, or the revision of the ARM resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Settings that mean nothing to this engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

impl ConfigurationStatus {
    /// The status of a condition: `True`, `False` or `Unknown`.
    fn condition(&self, kind: &str) -> &str {
        let found = self.conditions.iter().find(|condition| condition.kind == kind);
        found.map_or("Unknown", |condition| condition.status.as_str())
    }

    /// Why it stands where it stands, in one word.
    pub(super) fn condition_reason(&self) -> &str {
        let ready = self.conditions.iter().find(|condition| condition.kind == "Ready");
        ready.map_or("", |condition| condition.reason.as_str())
    }

    /// Whether everything is applied and healthy.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready") == "True"
    }

    /// Whether it is on the way: neither ready nor failed.
    pub fn is_progressing(&self) -> bool {
        self.condition("Ready") == "Unknown"
    }
}

/// What one pass over a configuration came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where the configuration stands.
    pub phase: Phase,
    /// One word in CamelCase, of a closed set.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// The revision that was fetched.
    pub revision: Option<String>,
    /// Whether anything was written.
    pub has_written: bool,
    /// Each kustomization.
    pub kustomizations: Vec<Arc<KustomizationStatus>>,
    /// The public half of the key in use.
    pub public_key: Option<String>,
}

impl Report {
    /// The report of a visit of which nothing bad is known.
    pub fn ready(public_key: Option<String>) -> Self {
        Self {
            phase: Phase::Ready,
            reason: "ReconciliationSucceeded".to_owned(),
            message: String::new(),
            revision: None,
            has_written: false,
            kustomizations: Vec::new(),
            public_key,
        }
    }
}

impl Report {
    /// The report of a configuration that is left alone, since another door owns it.
    pub(super) fn refused(owner: &Door, id: &ConfigurationId) -> Self {
        Self {
            phase: Phase::Stalled,
            reason: OWNED_ELSEWHERE.to_owned(),
            message: format!("{}; {}", owned_elsewhere(id, owner), way_out(id)),
            ..Self::ready(None)
        }
    }
}
