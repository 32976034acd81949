//! Transformers: what a kustomization changes in all that it has accumulated.
//!
//! A field of the kustomization makes one with the fields that the configuration names; a file of its own kind (`transformers`)
//! makes one with just the fields that it names.
pub(super) mod accumulated;
pub(super) mod annotations;
pub(super) mod configuration;
pub(super) mod hash;
pub(super) mod images;
pub(super) mod labels;
pub(super) mod name;
pub(super) mod namespace;
pub(super) mod order;
pub(super) mod patch;
pub(super) mod provenance;
pub(super) mod reference;
pub(super) mod replacement;
pub(super) mod replicas;
pub(super) mod selector;
pub(super) mod value_add;
pub(super) mod vars;

use super::error::RenderError;
use crate::render::{
    error::Place,
    node::Node,
    object::{
        fieldspec::{Made, Spec},
        resource::Resource,
        schema::Schema,
    },
};

/// Workloads whose pods have a template directly below `spec`, by group, version and kind. Empty: any.
const TEMPLATED: [(&str, &str, &str); 6] = [
    ("", "", "Deployment"),
    ("", "", "ReplicaSet"),
    ("", "", "DaemonSet"),
    ("apps", "", "StatefulSet"),
    ("batch", "", "Job"),
    ("", "v1", "ReplicationController"),
];

/// A change of all resources.
#[derive(Debug)]
pub(super) enum Transformer {
    StrategicMerge(patch::StrategicMerges),
    Patch(patch::Patch),
    Json6902(patch::Json6902),
    Namespace(namespace::Namespace),
    Name(name::Name),
    Labels(labels::Labels),
    Annotations(annotations::Annotations),
    Replicas(replicas::Replicas),
    Images(images::Images),
    Replacements(replacement::Replacements),
    ValueAdd(value_add::ValueAdd),
    Hash,
}

impl Transformer {
    /// Changes the resources.
    ///
    /// # Errors
    /// When what is asked for does not fit them.
    pub(super) fn apply(
        &self,
        place: &Place<'_>,
        schema: &Schema,
        resources: &mut Vec<Resource>,
    ) -> Result<(), RenderError> {
        match self {
            Self::StrategicMerge(patches) => patches.apply(place, schema, resources),
            Self::Patch(patch) => patch.apply(place, schema, resources),
            Self::Json6902(patch) => patch.apply(place, resources),
            Self::Namespace(namespace) => namespace.apply(place, resources),
            Self::Name(name) => name.apply(place, resources),
            Self::Labels(labels) => labels.apply(place, resources),
            Self::Annotations(annotations) => annotations.apply(place, resources),
            Self::Replicas(replicas) => replicas.apply(place, resources),
            Self::Images(images) => images.apply(place, resources),
            Self::Replacements(replacements) => replacements.apply(place, resources),
            Self::ValueAdd(value) => value.apply(place, resources),
            Self::Hash => hash::add_suffixes(place, resources),
        }
    }
}

/// Calls `change` for every field of a resource that one of the specs means.
fn each_field(
    place: &Place<'_>,
    resource: &mut Resource,
    specs: &[Spec],
    made: Option<Made>,
    change: &mut dyn FnMut(&mut Node) -> Result<(), String>,
) -> Result<(), RenderError> {
    for spec in specs.iter().map(Spec::borrowed) {
        if spec.selects(resource) {
            let outcome = spec.walk(resource, made, change);
            outcome.map_err(|message| place.wrong(format!("{} at {}: {message}", resource.shown(), spec.path)))?;
        }
    }
    Ok(())
}

/// Writes a text over a scalar; its quotes stay.
fn set_string(value: &mut Node, text: &str, what: &str) -> Result<(), String> {
    match value {
        Node::Scalar(scalar) => {
            scalar.set_string(text);
            Ok(())
        }
        Node::List(_) | Node::Map(_) => Err(format!("{what} is a text, not a map or a list")),
    }
}
