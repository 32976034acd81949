//! Prefixes and suffixes of names.
use super::each_field;
use crate::render::{
    RenderError,
    fieldspec::{FieldSpec, Spec},
    resource::{Resource, scalar_text},
};
use serde_json::{Value, json};

const NAME: FieldSpec<'static> = FieldSpec::of("", "metadata/name", false);

/// Where prefixes and suffixes go by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    vec![NAME.into()]
}

/// What is put around a name.
#[derive(Clone, Copy)]
pub(in crate::render) enum Part<'a> {
    /// Goes before it.
    Prefix(&'a str),
    /// Goes after it.
    Suffix(&'a str),
}

impl Part<'_> {
    fn around(self, value: &Value) -> String {
        let text = if value.is_null() { String::new() } else { scalar_text(value) };
        match self {
            Self::Prefix(prefix) => prefix.to_owned() + &text,
            Self::Suffix(suffix) => text + suffix,
        }
    }
}

/// Kinds whose name means something that a prefix would change.
fn keeps_its_name(resource: &Resource) -> bool {
    match resource.original().kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => resource.group() == "apiregistration.k8s.io",
        _ => false,
    }
}

/// Puts a prefix before, or a suffix after, every name that may change.
///
/// # Errors
/// When a field that is to be changed is none that can hold a name.
pub(in crate::render) fn add(
    file: &str,
    part: Part<'_>,
    specs: &[Spec],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    let (field, text) = match part {
        Part::Prefix(text) => ("namePrefix", text),
        Part::Suffix(text) => ("nameSuffix", text),
    };
    if text.is_empty() {
        return Ok(());
    }
    for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
        for spec in specs {
            if !spec.borrowed().selects(resource) {
                continue;
            }
            if spec.path == NAME.path {
                resource.remember();
                match part {
                    Part::Prefix(_) => resource.prefixes.push(text.to_owned()),
                    Part::Suffix(_) => resource.suffixes.push(text.to_owned()),
                }
            }
            each_field(file, field, resource, std::slice::from_ref(spec), &mut |value| {
                if value.is_object() || value.is_array() {
                    return Err("a name is a text, not a map or a list".to_owned());
                }
                *value = json!(part.around(value));
                Ok(())
            })?;
        }
    }
    Ok(())
}
