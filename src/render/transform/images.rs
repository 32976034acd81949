//! Names, tags and digests of images.
use super::each_field;
use crate::render::{
    RenderError,
    fieldspec::{FieldSpec, Spec},
    kustomization::Image,
    resource::Resource,
};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

const FIELDS: [FieldSpec<'static>; 6] = [
    FieldSpec::of("", "spec/containers[]/image", false),
    FieldSpec::of("", "spec/initContainers[]/image", false),
    FieldSpec::of("", "spec/volumes[]/image/reference", false),
    FieldSpec::of("", "spec/template/spec/containers[]/image", false),
    FieldSpec::of("", "spec/template/spec/initContainers[]/image", false),
    FieldSpec::of("", "spec/template/spec/volumes[]/image/reference", false),
];

/// Where images are named by default.
pub(in crate::render) fn defaults() -> Vec<Spec> {
    FIELDS.into_iter().map(Spec::from).collect()
}

/// Changes images, entry by entry, each seeing what the one before left.
pub(in crate::render) fn set(
    file: &str,
    images: &[Image],
    specs: &[Spec],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    for image in images {
        let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
        let pattern = RegexBuilder::new(&pattern).size_limit(MAX_PATTERN).build();
        let wrong = || RenderError::field(file, "images", format!("{:?} is not a pattern of names", image.name));
        let pattern = pattern.ok().ok_or_else(wrong)?;
        for resource in resources.iter_mut() {
            // Containers anywhere, and then those at the known places: a tag suffix is therefore added twice to
            // pods, as it is by kustomize.
            if resource.kind() != "CustomResourceDefinition" {
                resource.object.values_mut().for_each(|value| containers(value, &pattern, image));
            }
            each_field(file, "images", resource, specs, &mut |value| {
                change(value, &pattern, image);
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Changes the images of every list of containers, at any depth.
fn containers(value: &mut Value, pattern: &Regex, image: &Image) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if let ("containers" | "initContainers", Value::Array(items)) = (key.as_str(), &mut *value) {
                    items
                        .iter_mut()
                        .filter_map(|item| item.get_mut("image"))
                        .for_each(|value| change(value, pattern, image));
                }
                containers(value, pattern, image);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| containers(item, pattern, image)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn change(value: &mut Value, pattern: &Regex, image: &Image) {
    if let Value::String(text) = value
        && pattern.is_match(text)
    {
        *text = changed(text, image);
    }
}

fn changed(text: &str, image: &Image) -> String {
    let (name, tag, digest) = split(text);
    let name = if image.new_name.is_empty() { name } else { &image.new_name };
    let (tag, digest) = match (image.new_tag.is_empty(), image.digest.is_empty()) {
        (false, false) => (format!(":{}", image.new_tag), format!("@{}", image.digest)),
        (false, true) => (format!(":{}", image.new_tag), String::new()),
        (true, false) => (String::new(), format!("@{}", image.digest)),
        (true, true) => (tag.to_owned(), digest.to_owned()),
    };
    if image.tag_suffix.is_empty() {
        format!("{name}{tag}{digest}")
    } else {
        format!("{name}{tag}{}", image.tag_suffix)
    }
}

/// Name, `:tag` and `@digest` of an image. A colon before the first slash is of a port.
fn split(text: &str) -> (&str, &str, &str) {
    let (rest, digest) = text.find('@').map_or((text, ""), |at| text.split_at(at));
    let path = rest.find('/').map_or(0, |at| at + 1);
    match rest[path..].find(':') {
        Some(at) => (&rest[..path + at], &rest[path + at..], digest),
        None => (rest, "", digest),
    }
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
        assert_eq!(changed("nginx:1", &image("", "", "sha256:cd")), "nginx@sha256:cd");
        assert_eq!(changed("reg:5000/nginx:1", &image("other/web", "", "")), "other/web:1");
        assert_eq!(changed("reg:5000/nginx", &image("", "2", "sha256:cd")), "reg:5000/nginx:2@sha256:cd");
    }
}
