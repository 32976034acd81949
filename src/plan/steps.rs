//! What a plan is made of.
use super::order::Stage;
use crate::model::{
    Manifest, ObjectId,
    configuration::{ConfigurationId, DriftPolicy, Scope},
};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// Annotation that decides about the pruning of an object: `disabled` keeps it, `always` deletes a
/// namespace or definition whatever is in it, `empty` lets go of one that holds objects of others.
pub const PRUNE_ANNOTATION: &str = "clusterconfig.azure.com/prune";
/// The value of the annotation by which a namespace or definition with objects of others is let go of.
pub const PRUNE_WHEN_EMPTY: &str = "empty";
/// Annotations, with their value, by which a live object asks not to be deleted.
pub(super) const KEEP: [(&str, &str); 4] = [
    (PRUNE_ANNOTATION, "disabled"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("kustomize.toolkit.fluxcd.io/ssa", "ignore"),
];
/// Annotations, with their value, by which a manifest or a live object asks not to be applied.
pub(super) const SKIP: [(&str, &str); 3] = [
    ("clusterconfig.azure.com/reconcile", "disabled"),
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("kustomize.toolkit.fluxcd.io/ssa", "ignore"),
];
/// Annotation, with its value, by which a manifest asks to be applied only where the object is missing.
pub(super) const ONCE: [(&str, &str); 1] = [("kustomize.toolkit.fluxcd.io/ssa", "ifnotpresent")];

/// What a plan must keep to.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The configuration that plans.
    pub owner: ConfigurationId,
    /// What it may touch.
    pub scope: Scope,
    /// Whether objects that left the manifests are deleted.
    pub prune: bool,
    /// Whether an empty render may prune everything.
    pub allow_empty: bool,
    /// What happens to drifted objects.
    pub drift: DriftPolicy,
}

/// What is to be done with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum Action {
    /// It is missing.
    Create,
    /// Its manifest changed since it was last applied.
    Update {
        /// Where it differs; empty when only fields that left the manifest change.
        paths: Vec<String>,
    },
    /// Its manifest is the one last applied, and the live object differs from it.
    Correct {
        /// Where it differs.
        paths: Vec<String>,
    },
    /// It differs, and the configuration only reports that.
    ReportDrift {
        /// Where it differs.
        paths: Vec<String>,
    },
    /// Nothing.
    Keep,
    /// Nothing, since an annotation asks for that.
    Skip,
    /// It left the manifests.
    Prune,
}

/// One object and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The object.
    pub id: ObjectId,
    /// What is to be done.
    #[serde(flatten)]
    pub action: Action,
    /// What to apply; none for a prune.
    #[serde(skip)]
    pub manifest: Option<Arc<Manifest>>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, action, .. } = self;
        match action {
            Action::Create => write!(f, "create   {id}"),
            Action::Update { paths } if paths.is_empty() => write!(f, "update   {id}  (fields that left the manifest)"),
            Action::Update { paths } => write!(f, "update   {id}  ({})", paths.join(", ")),
            Action::Correct { paths } => write!(f, "correct  {id}  (drift at {})", paths.join(", ")),
            Action::ReportDrift { paths } => write!(f, "drifted  {id}  (left alone: {})", paths.join(", ")),
            Action::Keep => write!(f, "keep     {id}"),
            Action::Skip => write!(f, "skip     {id}  (an annotation asks for that)"),
            Action::Prune => write!(f, "prune    {id}  (left the manifests)"),
        }
    }
}

/// Why an object of a render is not planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "camelCase")]
pub enum Refusal {
    /// Another configuration owns the live object.
    #[error("{id} is owned by configuration {owner}; remove it there, or here")]
    OwnedByOther {
        /// The object.
        id: ObjectId,
        /// Namespace and name of the owner.
        owner: String,
    },
    /// The configuration's scope does not reach the object.
    #[error("{id} is outside namespace {namespace}, and the configuration has scope namespace")]
    OutOfScope {
        /// The object.
        id: ObjectId,
        /// The only namespace allowed.
        namespace: String,
    },
    /// Two manifests state the same object.
    #[error("{id} is stated twice: in {first} and in {second}")]
    Duplicate {
        /// The object.
        id: ObjectId,
        /// File of the one that is used.
        first: String,
        /// File of the other.
        second: String,
    },
    /// Deleting it would delete what belongs to others.
    #[error(
        "{id} left the manifests but stays, since {found} is in it and would go too; move that, or annotate {id} with {PRUNE_ANNOTATION}: always (delete all) or disabled (keep)"
    )]
    ForeignContent {
        /// The namespace or definition.
        id: ObjectId,
        /// One of the objects that would go.
        found: String,
    },
}

impl Refusal {
    /// The object that is not planned for.
    pub fn id(&self) -> &ObjectId {
        match self {
            Self::OwnedByOther { id, .. }
            | Self::OutOfScope { id, .. }
            | Self::Duplicate { id, .. }
            | Self::ForeignContent { id, .. } => id,
        }
    }
}

/// Why there is no plan at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing was rendered, and everything would be pruned.
    #[error(
        "the render is empty and would prune all {objects} objects; set allowEmpty to confirm, or correct the path"
    )]
    EmptyRender {
        /// Objects in the inventory.
        objects: usize,
    },
}

/// What to do, in order, and what was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// Steps sorted by stage, kind and identity; prunes last, in reverse order.
    pub steps: Vec<Step>,
    /// Objects of the render that are not planned for.
    pub refusals: Vec<Refusal>,
}

impl Plan {
    /// Whether taking the plan would write anything.
    pub fn changes(&self) -> bool {
        self.writes().next().is_some()
    }

    /// The steps that write.
    pub fn writes(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| !matches!(step.action, Action::Keep | Action::Skip | Action::ReportDrift { .. }))
    }

    /// The steps that apply, of one stage.
    pub fn applies(&self, stage: Stage) -> impl Iterator<Item = &Step> {
        self.writes().filter(move |step| step.action != Action::Prune && Stage::of(&step.id) == stage)
    }

    /// The steps that prune, in order.
    pub fn prunes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action == Action::Prune)
    }
}
