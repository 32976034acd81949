//! A value put into fields of resources: the `ValueAddTransformer`.
use super::namespace::{Namespace, Subjects};
use crate::render::{
    error::{Place, RenderError},
    kustomization::Selector,
    node::{Node, Scalar},
    object::{fieldspec, resource::Resource},
    transform::selector::Compiled,
};
use serde::Deserialize;
use smol_str::SmolStr;

/// A value, and where it goes.
#[derive(Debug)]
pub(in crate::render) struct ValueAdd {
    value: String,
    targets: Vec<(Option<Compiled>, ValueTarget)>,
}

/// A field that the value goes to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::render) struct ValueTarget {
    selector: Option<Selector>,
    field_path: String,
    /// From 1: the part of a file path that the value becomes; 0: the whole field.
    file_path_position: usize,
}

impl ValueAdd {
    /// A value for some fields.
    ///
    /// # Errors
    /// When there is no target, or one names no field.
    pub(in crate::render) fn new(
        place: &Place<'_>,
        value: String,
        targets: Vec<ValueTarget>,
    ) -> Result<Self, RenderError> {
        if targets.is_empty() {
            return Err(place.wrong("at least one target is needed"));
        }
        let compiled = targets.into_iter().map(|target| {
            if target.field_path.is_empty() {
                return Err(place.wrong("a target has no fieldPath"));
            }
            let selector = target.selector.as_ref().map(|selector| Compiled::new(selector, place)).transpose()?;
            Ok((selector, target))
        });
        Ok(Self { value, targets: compiled.collect::<Result<_, _>>()? })
    }

    /// Puts the value where it goes.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        for (selector, target) in &self.targets {
            let fits = |resource: &&mut Resource| selector.as_ref().is_none_or(|selector| selector.fits(resource));
            for resource in resources.iter_mut().filter(fits) {
                self.add(place, target, resource)?;
            }
        }
        Ok(())
    }

    fn add(&self, place: &Place<'_>, target: &ValueTarget, resource: &mut Resource) -> Result<(), RenderError> {
        if target.field_path == "metadata/namespace" {
            let namespace = Namespace {
                name: self.value.clone(),
                specs: Vec::new(),
                unset_only: false,
                subjects: Subjects::DefaultOnly,
            };
            return namespace.change(place, resource);
        }
        let parts = fieldspec::split(&target.field_path);
        let mut object = Node::Map(resource.take_object());
        let outcome = self.write(&mut object, &parts, target.file_path_position);
        if let Node::Map(object) = object {
            resource.set_object(object);
        }
        outcome.map_err(|message| place.wrong(format!("{} at {}: {message}", resource.shown(), target.field_path)))
    }

    fn write(&self, node: &mut Node, path: &[SmolStr], position: usize) -> Result<(), String> {
        let Some((first, rest)) = path.split_first() else {
            let Node::Scalar(scalar) = node else { return Err("expected a text".to_owned()) };
            let text =
                if position == 0 { self.value.clone() } else { inserted(&scalar.text, position - 1, &self.value) };
            scalar.set_text(text);
            return Ok(());
        };
        let Node::Map(map) = node else { return Err(format!("expected a map above {first}")) };
        let made = || match rest {
            [] => Node::Scalar(Scalar::plain("")),
            _ => Node::map(),
        };
        self.write(map.entry(first, made), rest, position)
    }
}

/// A file path with a part put in; past its end at the end.
fn inserted(path: &str, position: usize, part: &str) -> String {
    if path.is_empty() {
        return part.to_owned();
    }
    let (root, relative) = path.strip_prefix('/').map_or(("", path), |relative| ("/", relative));
    let mut parts: Vec<&str> = relative.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inserted;

    #[test]
    fn a_part_is_put_into_a_file_path() {
        for (path, position, wanted) in [
            ("", 0, "PEACH"),
            ("/", 0, "/PEACH"),
            ("pie", 0, "PEACH/pie"),
            ("/pie", 0, "/PEACH/pie"),
            ("raw", 9, "raw/PEACH"),
            ("/a/nice/warm/pie", 3, "/a/nice/warm/PEACH/pie"),
        ] {
            assert_eq!(inserted(path, position, "PEACH"), wanted);
        }
    }
}
