//! From wanted, live and inventory to steps.
use super::{drift, order, order::Stage};
use crate::model::{
    Manifest, ObjectId,
    configuration::{ConfigurationId, DriftPolicy, Scope},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Annotation that holds the digest of the manifest an object was last applied from.
pub const APPLIED_ANNOTATION: &str = "clusterconfig.azure.com/applied";
/// Annotations, with their value, by which an object asks to be left where it is.
const KEEP: [(&str, &str); 3] = [
    ("clusterconfig.azure.com/prune", "disabled"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
];

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
    pub manifest: Option<Manifest>,
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
        self.steps.iter().filter(|step| !matches!(step.action, Action::Keep | Action::ReportDrift { .. }))
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

/// Decides the steps that make the cluster match `wanted`, in the order to take them.
///
/// Pure: no clock, no I/O. The same input gives the same plan whatever the order of `wanted`, and
/// a plan made again after its steps were taken has no step that writes. Only objects of
/// `inventory` (what this configuration applied before) are pruned, and never one that is wanted,
/// belongs to another configuration, or asks to be kept.
///
/// `wanted` carries owner labels and the applied digest already; `live` holds what is known of the
/// objects by their identity.
///
/// # Errors
/// When nothing is wanted but the inventory is not empty, unless the policy allows that.
pub fn plan(
    wanted: Vec<Manifest>,
    live: &BTreeMap<ObjectId, Map<String, Value>>,
    inventory: &BTreeSet<ObjectId>,
    policy: &Policy,
) -> Result<Plan, PlanError> {
    if wanted.is_empty() && policy.prune && !inventory.is_empty() && !policy.allow_empty {
        return Err(PlanError::EmptyRender { objects: inventory.len() });
    }
    let mut refusals = Vec::new();
    let mut unique: BTreeMap<ObjectId, Manifest> = BTreeMap::new();
    let mut stated = BTreeSet::new();
    let mut sorted = wanted;
    sorted.sort_by(|a, b| a.origin.cmp(&b.origin));
    for manifest in sorted {
        let id = manifest.id();
        stated.insert(id.clone());
        if policy.scope == Scope::Namespace && id.namespace != policy.owner.namespace {
            refusals.push(Refusal::OutOfScope { id, namespace: policy.owner.namespace.clone() });
        } else if let Some(owner) = live.get(&id).and_then(owner_of).filter(|owner| *owner != policy.owner) {
            refusals.push(Refusal::OwnedByOther { id, owner: owner.to_string() });
        } else if let Some(first) = unique.get(&id) {
            refusals.push(Refusal::Duplicate { id, first: first.origin.clone(), second: manifest.origin });
        } else {
            unique.insert(id, manifest);
        }
    }
    let mut steps: Vec<Step> = unique
        .into_iter()
        .map(|(id, manifest)| Step {
            action: decide(&manifest, live.get(&id), policy.drift),
            id,
            manifest: Some(manifest),
        })
        .collect();
    steps.sort_by(|a, b| order::key(&a.id).cmp(&order::key(&b.id)));
    if policy.prune {
        let mut gone: Vec<&ObjectId> = inventory
            .iter()
            .filter(|id| !stated.contains(id))
            .filter(|id| live.get(id).is_none_or(|object| may_prune(object, &policy.owner)))
            .collect();
        gone.sort_by(|a, b| order::key(b).cmp(&order::key(a)));
        steps.extend(gone.into_iter().map(|id| Step { id: id.clone(), action: Action::Prune, manifest: None }));
    }
    Ok(Plan { steps, refusals })
}

fn decide(manifest: &Manifest, live: Option<&Map<String, Value>>, policy: DriftPolicy) -> Action {
    let Some(live) = live else { return Action::Create };
    let paths = drift::paths(&manifest.object, live);
    let applied = live.get("metadata").and_then(|m| m.get("annotations")).and_then(|a| a.get(APPLIED_ANNOTATION));
    let unchanged = applied.and_then(Value::as_str) == manifest.annotation(APPLIED_ANNOTATION);
    match (unchanged, paths.is_empty(), policy) {
        (true, true, _) => Action::Keep,
        (true, false, DriftPolicy::Correct) => Action::Correct { paths },
        (true, false, DriftPolicy::Report) => Action::ReportDrift { paths },
        (false, ..) => {
            let own = format!("metadata.annotations.{APPLIED_ANNOTATION}");
            Action::Update { paths: paths.into_iter().filter(|path| *path != own).collect() }
        }
    }
}

/// The configuration whose labels an object carries.
pub fn owner_of(object: &Map<String, Value>) -> Option<ConfigurationId> {
    let labels = object.get("metadata")?.get("labels")?;
    let label = |key| labels.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ConfigurationId {
        namespace: label(crate::model::OWNER_NAMESPACE_LABEL)?,
        name: label(crate::model::OWNER_NAME_LABEL)?,
    })
}

fn may_prune(object: &Map<String, Value>, owner: &ConfigurationId) -> bool {
    let annotation = |key: &str| object.get("metadata")?.get("annotations")?.get(key)?.as_str();
    owner_of(object).is_some_and(|found| found == *owner)
        && !KEEP.iter().any(|(key, value)| annotation(key).is_some_and(|have| have.eq_ignore_ascii_case(value)))
}

#[cfg(test)]
mod tests;
