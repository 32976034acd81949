//! Replacements: values copied from one resource into others.
use crate::render::{
    error::{Place, RenderError},
    kustomization::{ReplacementField, ReplacementOptions, ReplacementSource, ReplacementTarget},
    node::{self, Dialect, Node},
    object::{
        path::{self, Kind},
        resource::{Previous, Resource, effective},
    },
    transform::selector::Compiled,
};
use serde_json::Value;

/// The field that is meant when none is named.
const NAME: &str = "metadata.name";

/// Replacements, in order.
#[derive(Debug)]
pub(in crate::render) struct Replacements(Vec<Replacement>);

#[derive(Debug)]
struct Replacement {
    source: Source,
    targets: Vec<Target>,
}

#[derive(Debug)]
enum Source {
    Value(String),
    Field(ReplacementSource),
}

#[derive(Debug)]
struct Target {
    select: Compiled,
    /// Selectors, and whether each says anything of names and kinds, or of labels.
    reject: Vec<(Compiled, bool, bool)>,
    paths: Vec<String>,
    options: ReplacementOptions,
}

impl Replacements {
    /// Entries that hold their own replacements.
    ///
    /// # Errors
    /// When an entry lacks a source or a target.
    pub(in crate::render) fn new(place: &Place<'_>, entries: &[ReplacementField]) -> Result<Self, RenderError> {
        entries.iter().map(|entry| Replacement::new(place, entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Copies the values.
    pub(super) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        for replacement in &self.0 {
            let (source, mut value) = replacement.source.find(place, resources)?;
            for target in &replacement.targets {
                for (at, resource) in resources.iter_mut().enumerate().filter(|(_, resource)| target.fits(resource)) {
                    for path in &target.paths {
                        let outcome = target.write(path, &value, resource);
                        outcome.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))?;
                        // A field that is copied whole is copied as it then is, when it is itself written over.
                        if source == Some(at) && replacement.source.is_whole() {
                            value = replacement.source.read(place, resource).unwrap_or(value);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Replacement {
    fn new(place: &Place<'_>, entry: &ReplacementField) -> Result<Self, RenderError> {
        let source = match (&entry.source, &entry.source_value) {
            (Some(source), None) => Source::Field(source.clone()),
            (None, Some(value)) => Source::Value(value.clone()),
            (Some(_), Some(_)) => return Err(place.wrong("an entry has both source and sourceValue")),
            (None, None) => return Err(place.wrong("an entry needs a source and at least one target")),
        };
        if entry.targets.is_empty() {
            return Err(place.wrong("an entry needs a source and at least one target"));
        }
        let targets = entry.targets.iter().map(|target| Target::new(place, target)).collect::<Result<_, _>>()?;
        Ok(Self { source, targets })
    }
}

impl Source {
    /// The value to copy, and the number of the resource that it is read from.
    fn find(&self, place: &Place<'_>, resources: &[Resource]) -> Result<(Option<usize>, Node), RenderError> {
        let source = match self {
            Self::Value(text) => return Ok((None, Node::Scalar(node::Scalar::plain(text)))),
            Self::Field(source) => source,
        };
        let shown = [&source.group, &source.version, &source.kind, &source.namespace, &source.name];
        let shown: Vec<&str> = shown.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let shown = shown.join("/");
        let mut found = resources.iter().enumerate().filter(|(_, resource)| is_source(source, resource));
        match (found.next(), found.next()) {
            (Some((at, resource)), None) => Ok((Some(at), self.read(place, resource)?)),
            (None, _) => Err(place.wrong(format!("the source {shown} is not there"))),
            (Some(_), Some(_)) => Err(place.wrong(format!("the source {shown} may mean several resources"))),
        }
    }

    /// Whether it is all of a field.
    fn is_whole(&self) -> bool {
        matches!(self, Self::Field(source) if source.options.delimiter.is_empty())
    }

    /// The value that it means of a resource.
    fn read(&self, place: &Place<'_>, resource: &Resource) -> Result<Node, RenderError> {
        let source = match self {
            Self::Value(text) => return Ok(Node::Scalar(node::Scalar::plain(text))),
            Self::Field(source) => source,
        };
        let path = if source.field_path.is_empty() { NAME } else { &source.field_path };
        let object = Node::Map(resource.object().clone());
        let value = path::look_up(&object, &path::split(path)).map_err(|message| place.wrong(message))?;
        let is_empty = |value: &Node| match value {
            Node::Map(map) => map.is_empty(),
            Node::List(items) => items.is_empty(),
            Node::Scalar(scalar) => scalar.text.is_empty() && scalar.is_null(),
        };
        let value = value.filter(|value| !is_empty(value));
        let value = value.ok_or_else(|| place.wrong(format!("{} has no {path} to copy", resource.shown())))?;
        refined(value, &source.options).map_err(|message| place.wrong(message))
    }
}

/// Whether a resource is, or was, what a source names.
fn is_source(source: &ReplacementSource, resource: &Resource) -> bool {
    let fits = |want: &str, have: &str| want.is_empty() || want == have;
    let is_id = |id: &Previous| {
        fits(&source.kind, &id.kind) && fits(&source.name, &id.name) && fits(&source.namespace, &id.namespace)
    };
    // Whether its kind can have a namespace does not matter for what it is called now.
    let now = Previous { namespace: effective(resource.namespace()), ..resource.current() };
    fits(&source.group, resource.group())
        && fits(&source.version, resource.version())
        && (is_id(&now) || resource.previous.iter().any(is_id))
}

/// The part of a source that is meant.
fn refined(value: &Node, options: &ReplacementOptions) -> Result<Node, String> {
    if options.delimiter.is_empty() {
        return Ok(value.clone().unlinked());
    }
    let Node::Scalar(scalar) = value else { return Err("a delimiter needs a text".to_owned()) };
    let mut parts = scalar.text.split(&options.delimiter);
    let part = usize::try_from(options.index).ok().and_then(|index| parts.nth(index));
    let part = part.ok_or_else(|| format!("the source has no part {}", options.index))?;
    Ok(Node::Scalar(node::Scalar { tag: scalar.tag(), style: scalar.style, ..node::Scalar::plain(part) }))
}

impl Target {
    fn new(place: &Place<'_>, target: &ReplacementTarget) -> Result<Self, RenderError> {
        let select = target.select.as_ref().ok_or_else(|| place.wrong("a target needs select"))?;
        let reject = target.reject.iter().map(|reject| {
            let names = [&reject.group, &reject.version, &reject.kind, &reject.name, &reject.namespace];
            let by_name = names.iter().any(|text| !text.is_empty());
            let by_label = !reject.label_selector.is_empty() || !reject.annotation_selector.is_empty();
            Ok((Compiled::new(reject, place)?, by_name, by_label))
        });
        let paths = if target.field_paths.is_empty() { vec![NAME.to_owned()] } else { target.field_paths.clone() };
        Ok(Self {
            select: Compiled::new(select, place)?,
            reject: reject.collect::<Result<_, RenderError>>()?,
            paths,
            options: target.options.clone(),
        })
    }

    fn fits(&self, resource: &Resource) -> bool {
        let is_rejected = self.reject.iter().any(|(reject, by_name, by_label)| {
            *by_label && reject.fits_labels(resource) || *by_name && reject.fits_any_name(resource)
        });
        !is_rejected && self.select.fits_labels(resource) && self.select.fits_any_name(resource)
    }

    /// Writes to one of its paths.
    fn write(&self, path: &str, value: &Node, resource: &mut Resource) -> Result<(), String> {
        let parts = path::split(path);
        let create = self.options.create.then(|| Kind::of(value));
        let mut object = Node::Map(resource.take_object());
        let outcome = if write_into_text(&mut object, &parts, value, create) {
            Ok(1)
        } else {
            path::each(&mut object, &parts, create, &mut |field| self.set(field, value))
        };
        if let Node::Map(object) = object {
            resource.set_object(object);
        }
        resource.settle_links();
        match outcome {
            Ok(0) => {
                let or_make = if create.is_some() { ", nor can it be made" } else { "" };
                Err(format!("there is no field {path}{or_make}"))
            }
            Ok(_) => Ok(()),
            Err(message) => Err(format!("field {path}: {message}")),
        }
    }

    /// Writes over a field. Of a scalar only the text changes: what it is stays.
    fn set(&self, field: &mut Node, value: &Node) -> Result<(), String> {
        let ReplacementOptions { delimiter, index, .. } = &self.options;
        let text = value.text().unwrap_or_default();
        let Node::Scalar(scalar) = field else {
            if !delimiter.is_empty() {
                return Err("a delimiter needs a text".to_owned());
            }
            *field = value.clone();
            return Ok(());
        };
        let is_made = scalar.text.is_empty() && scalar.tag == node::Tag::Implied;
        let tag = if is_made { scalar.tag } else { scalar.tag() };
        let text = if delimiter.is_empty() {
            text.to_owned()
        } else {
            let mut parts: Vec<&str> = scalar.text.split(delimiter.as_str()).collect();
            match usize::try_from(*index) {
                Err(_) => parts.insert(0, text),
                Ok(at) => match parts.get_mut(at) {
                    Some(part) => *part = text,
                    None => parts.push(text),
                },
            }
            parts.join(delimiter)
        };
        scalar.set(text, tag);
        Ok(())
    }
}

/// Writes into the JSON or YAML that a text of an object holds; says whether the path led there.
fn write_into_text(object: &mut Node, parts: &[String], value: &Node, create: Option<Kind>) -> bool {
    for end in 1..parts.len() {
        let (outer, inner) = parts.split_at(end);
        let text = match path::look_up(object, outer) {
            Ok(Some(Node::Scalar(scalar))) => scalar.text.clone(),
            _ => continue,
        };
        let Ok(Some(mut structure)) = node::one(&text) else { continue };
        let set = &mut |field: &mut Node| {
            match (field.text().is_some(), field) {
                (true, Node::Scalar(scalar)) => {
                    let tag = scalar.tag();
                    scalar.set(value.text().unwrap_or_default(), tag);
                }
                (_, field) => *field = value.clone(),
            }
            Ok(())
        };
        let found = path::each(&mut structure, inner, create, set);
        let Some(written) = found.ok().filter(|found| *found > 0).and_then(|_| serialised(&structure, &text)) else {
            return false;
        };
        let set = &mut |field: &mut Node| {
            if let Node::Scalar(scalar) = field {
                let tag = scalar.tag();
                scalar.set(&written, tag);
            }
            Ok(())
        };
        return path::each(object, outer, None, set).is_ok();
    }
    false
}

/// A structure as the text that it came from was written: JSON, in lines or not, or YAML.
fn serialised(structure: &Node, before: &str) -> Option<String> {
    let value = structure.to_value(Dialect::Manifest).ok()?;
    if !before.trim_start().starts_with(['{', '[']) {
        return Some(crate::render::emit::value_to_yaml(&value).trim().to_owned());
    }
    let value = sorted(&value);
    let text = if before.contains('\n') && before.contains("  ") {
        serde_json::to_string_pretty(&value)
    } else {
        serde_json::to_string(&value)
    };
    text.ok().map(|text| super::hash::escaped(&text))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
