//! Validators, which may change nothing but one label.
use super::{Build, place::Target};
use crate::render::{
    error::RenderError,
    node::{Map, Node},
    object::resource::Resource,
};

/// The label that a validator may set.
const VALIDATED_BY: &str = "validated-by";

impl Build<'_> {
    /// Runs the validators, which may change nothing but one label.
    pub(super) fn validate(&self, at: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), RenderError> {
        let place = at.place("validators");
        for config in self.plugins(at, place.field, &at.fields.validators)? {
            let before = resources.clone();
            for transformer in self.plugin(at, place.field, &config).transformers()? {
                transformer.apply(&place, &self.schema(), resources)?;
            }
            let is_same = |(a, b): (&Resource, &Resource)| without_mark(a) == without_mark(b);
            if before.len() != resources.len() || !before.iter().zip(resources.iter()).all(is_same) {
                return Err(place.wrong(format!("{} changes resources, which a validator may not", config.shown())));
            }
        }
        Ok(())
    }
}

/// A resource as it is without the label that a validator may set.
fn without_mark(resource: &Resource) -> Map {
    let mut object = resource.object().clone();
    if let Some(Node::Map(metadata)) = object.get_mut("metadata")
        && let Some(Node::Map(labels)) = metadata.get_mut("labels")
    {
        labels.remove(VALIDATED_BY);
        if labels.is_empty() {
            metadata.remove("labels");
        }
    }
    object
}
