//! Names, tags and digests of images.
use super::each_field;
use crate::render::{
    error::{Place, RenderError},
    kustomization::Image,
    node::{Map, Node},
    object::{
        fieldspec::{FieldSpec, Spec},
        resource::Resource,
    },
    transform::selector::{fits_plain, is_plain, literal_braces},
};
use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

const FIELDS: [FieldSpec<'static>; 6] = [
    FieldSpec::of("", "spec/containers[]/image", true),
    FieldSpec::of("", "spec/initContainers[]/image", true),
    FieldSpec::of("", "spec/volumes[]/image/reference", true),
    FieldSpec::of("", "spec/template/spec/containers[]/image", true),
    FieldSpec::of("", "spec/template/spec/initContainers[]/image", true),
    FieldSpec::of("", "spec/template/spec/volumes[]/image/reference", true),
];

/// Where images are named by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    FIELDS.into_iter().map(Spec::from).collect()
}

/// A change of one image.
#[derive(Debug)]
pub(in crate::render) struct Images {
    image: Image,
    /// None where the name is a plain one.
    pattern: Option<Regex>,
    specs: Vec<Spec>,
}

impl Images {
    /// A change of an image, named by a pattern, at the fields that specs name.
    ///
    /// # Errors
    /// When the name is not a pattern.
    pub(in crate::render) fn new(place: &Place<'_>, image: Image, specs: Vec<Spec>) -> Result<Self, RenderError> {
        if is_plain(&image.name) {
            return Ok(Self { image, pattern: None, specs });
        }
        let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", literal_braces(&image.name));
        let pattern = RegexBuilder::new(&pattern).size_limit(MAX_PATTERN).build();
        let wrong = || place.wrong(format!("{:?} is not a pattern of names", image.name));
        let pattern = pattern.ok().ok_or_else(wrong)?;
        Ok(Self { image, pattern: Some(pattern), specs })
    }

    /// Whether a text names the image, with or without a tag and a digest.
    fn fits(&self, text: &str) -> bool {
        if let Some(pattern) = &self.pattern {
            return pattern.is_match(text);
        }
        let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '{' | '}' | '-');
        let Some(rest) = fits_plain(&self.image.name, text) else { return false };
        let rest = rest.strip_prefix(':').map_or(rest, |tag| tag.trim_start_matches(is_inner));
        rest.is_empty() || rest.strip_prefix("@sha256:").is_some_and(|digest| digest.chars().all(is_inner))
    }

    /// Changes the image wherever it is named.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        for resource in resources.iter_mut() {
            // Containers anywhere, and then those at the known places: a tag suffix is therefore added twice to
            // pods, as it is by kustomize.
            if resource.kind() != "CustomResourceDefinition" && has_containers(resource.object()) {
                let outcome = resource.object_mut().values_mut().try_for_each(|value| self.change_containers(value));
                outcome.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))?;
            }
            each_field(place, resource, &self.specs, None, &mut |value| self.change(value))?;
        }
        Ok(())
    }

    /// Changes the images of every list of containers, at any depth.
    fn change_containers(&self, value: &mut Node) -> Result<(), String> {
        match value {
            Node::Map(map) => map.iter_mut().try_for_each(|(key, value)| {
                self.change_containers(value)?;
                if let ("containers" | "initContainers", Node::List(items)) = (key, value) {
                    let mut images = items.iter_mut().filter_map(|item| item.as_map_mut()?.get_mut("image"));
                    return images.try_for_each(|value| self.change(value));
                }
                Ok(())
            }),
            Node::List(items) => items.iter_mut().try_for_each(|item| self.change_containers(item)),
            Node::Scalar(_) => Ok(()),
        }
    }

    fn change(&self, value: &mut Node) -> Result<(), String> {
        let Node::Scalar(scalar) = value else { return Err("an image is a text, not a map or a list".to_owned()) };
        if self.fits(&scalar.text) {
            scalar.set_text(changed(&scalar.text, &self.image));
        }
        Ok(())
    }
}

/// Whether a map holds a list of containers, at any depth.
fn has_containers(map: &Map) -> bool {
    fn within(value: &Node) -> bool {
        match value {
            Node::Map(map) => has_containers(map),
            Node::List(items) => items.iter().any(within),
            Node::Scalar(_) => false,
        }
    }
    map.iter()
        .any(|(key, value)| matches!((key, value), ("containers" | "initContainers", Node::List(_))) || within(value))
}

fn changed(text: &str, image: &Image) -> String {
    let (name, tag, digest) = split(text);
    let name = if image.new_name.is_empty() { name } else { &image.new_name };
    let (tag, digest) = match (image.new_tag.is_empty(), image.digest.is_empty()) {
        (true, true) if !image.tag_suffix.is_empty() => (format!("{tag}{}", image.tag_suffix), ""),
        (true, true) => (tag.to_owned(), digest),
        (is_no_tag, _) => (if is_no_tag { "" } else { &image.new_tag }.to_owned(), image.digest.as_str()),
    };
    let part = |mark: &str, part: &str| if part.is_empty() { String::new() } else { format!("{mark}{part}") };
    format!("{name}{}{}", part(":", &tag), part("@", digest))
}

/// Name, tag and digest of an image. A colon before the first slash is of a port.
fn split(text: &str) -> (&str, &str, &str) {
    let path = text.find('/').unwrap_or(0);
    let (rest, digest) = text[path..].split_once('@').unwrap_or((&text[path..], ""));
    let (last, tag) = rest.split_once(':').unwrap_or((rest, ""));
    (&text[..path + last.len()], tag, digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_changed_part_by_part() {
        let image = |new_name: &str, new_tag: &str, digest: &str| Image {
            new_name: new_name.into(),
            new_tag: new_tag.into(),
            digest: digest.into(),
            ..Image::default()
        };
        assert_eq!(changed("nginx:1@sha256:ab", &image("", "2", "")), "nginx:2");
        let suffixed = |text: &str, tag: &str| changed(text, &Image { tag_suffix: "-x".into(), ..image("", tag, "") });
        assert_eq!(suffixed("nginx:1@sha256:ab", ""), "nginx:1-x");
        assert_eq!(suffixed("nginx", ""), "nginx:-x");
        assert_eq!(suffixed("nginx:1", "2"), "nginx:2");
        assert_eq!(changed("nginx:1", &image("", "", "sha256:cd")), "nginx@sha256:cd");
        assert_eq!(changed("reg:5000/nginx:1", &image("other/web", "", "")), "other/web:1");
        assert_eq!(changed("reg:5000/nginx", &image("", "2", "sha256:cd")), "reg:5000/nginx:2@sha256:cd");
    }
}
