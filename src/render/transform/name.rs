//! Prefixes and suffixes of names.
use crate::render::{
    error::{Place, RenderError},
    node::Node,
    object::{
        fieldspec::{FieldSpec, Made, Spec},
        resource::Resource,
    },
};

const NAME: FieldSpec<'static> = FieldSpec::of("", "metadata/name", false);

/// Where prefixes and suffixes go by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    vec![NAME.into()]
}

/// Something put before or after names.
#[derive(Debug)]
pub(in crate::render) struct Name {
    pub(in crate::render) part: Part,
    pub(in crate::render) specs: Vec<Spec>,
}

/// What is put around a name.
#[derive(Debug)]
pub(in crate::render) enum Part {
    /// Goes before it.
    Prefix(String),
    /// Goes after it.
    Suffix(String),
}

/// Kinds whose name means something that a prefix would change.
fn keeps_its_name(resource: &Resource) -> bool {
    match resource.original().kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => resource.group() == "apiregistration.k8s.io",
        _ => false,
    }
}

impl Name {
    /// Puts it around every name that may change.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        let (Part::Prefix(text) | Part::Suffix(text)) = &self.part;
        if text.is_empty() {
            return Ok(());
        }
        for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
            for spec in self.specs.iter().map(Spec::borrowed) {
                if !spec.selects_kind(&resource.original().kind, resource) {
                    continue;
                }
                if spec.path == NAME.path {
                    resource.remember();
                    match self.part {
                        Part::Prefix(_) => resource.prefixes.push(text.into()),
                        Part::Suffix(_) => resource.suffixes.push(text.into()),
                    }
                }
                if !spec.selects(resource) {
                    continue;
                }
                let outcome = spec.walk(resource, Some(Made::Scalar), &mut |value| self.change(value));
                outcome.map_err(|message| place.wrong(format!("{} at {}: {message}", resource.shown(), spec.path)))?;
            }
        }
        Ok(())
    }

    fn change(&self, value: &mut Node) -> Result<(), String> {
        let Node::Scalar(scalar) = value else { return Err("a name is a text, not a map or a list".to_owned()) };
        let old = scalar.text.as_str();
        let text = match &self.part {
            Part::Prefix(prefix) => format!("{prefix}{old}"),
            Part::Suffix(suffix) => format!("{old}{suffix}"),
        };
        scalar.set_text(text);
        Ok(())
    }
}
