//! How many of each.
use crate::render::{
    error::{Place, RenderError},
    kustomization::Replica,
    node::{Node, Tag},
    object::{
        fieldspec::{FieldSpec, Made, Spec},
        resource::{Previous, Resource},
    },
};

const FIELDS: [FieldSpec<'static>; 4] = [
    FieldSpec::of("Deployment", "spec/replicas", true),
    FieldSpec::of("ReplicationController", "spec/replicas", true),
    FieldSpec::of("ReplicaSet", "spec/replicas", true),
    FieldSpec::of("StatefulSet", "spec/replicas", true),
];

/// Where the number of replicas stands by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    FIELDS.into_iter().map(Spec::from).collect()
}

/// A number of replicas for what has a name.
#[derive(Debug)]
pub(in crate::render) struct Replicas {
    pub(in crate::render) replica: Replica,
    pub(in crate::render) specs: Vec<Spec>,
}

impl Replicas {
    /// Sets the number of replicas of what is, or was, called so.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        let Replica { name, count } = &self.replica;
        let mut is_found = false;
        for spec in self.specs.iter().map(Spec::borrowed) {
            for resource in resources.iter_mut() {
                let is_meant = |id: &Previous| id.name == *name && spec.selects_kind(&id.kind, resource);
                if !resource.all_names().any(|id| is_meant(&id)) {
                    continue;
                }
                is_found = true;
                if !spec.selects(resource) {
                    continue;
                }
                let outcome = spec.walk(resource, Some(Made::Scalar), &mut |value| match value {
                    // A text stays one: the quotes of the manifest are kept.
                    Node::Scalar(scalar) => {
                        scalar.set_text(count.to_string());
                        scalar.tag = Tag::Int;
                        Ok(())
                    }
                    Node::List(_) | Node::Map(_) => Err("a number of replicas is a number".to_owned()),
                });
                outcome.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))?;
            }
        }
        if is_found { Ok(()) } else { Err(place.wrong(format!("nothing with replicas is named {name:?}"))) }
    }
}
