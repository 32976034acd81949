//! ConfigMaps and Secrets that a kustomization makes.
pub(super) mod chart;

use crate::render::{
    error::{Place, RenderError},
    kustomization::{GeneratorArgs, GeneratorOptions},
    load::Files,
    node::{Entry, Map, Node, Scalar, Tag},
    object::{resource::Resource, written::written},
};
use base64::Engine as _;
use std::{collections::BTreeMap, sync::Arc};

/// Longest line of base64 in a generated object.
const LINE: usize = 70;

/// Which kind a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Kind {
    ConfigMap,
    Secret,
}

/// Makes the object that a generator describes.
///
/// # Errors
/// When a source is missing or not of its form, or two give the same key.
pub(in crate::render) fn make(
    files: &Files<'_>,
    kind: Kind,
    args: &GeneratorArgs,
    global: Option<&GeneratorOptions>,
) -> Result<Resource, RenderError> {
    let wrong = |message: String| files.place.wrong(message);
    if args.name.is_empty() {
        return Err(wrong("an entry has no name".to_owned()));
    }
    let options = merged(args.options.as_ref(), global);
    let mut pairs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |key: String, value: Vec<u8>| match pairs.insert(key.clone(), value) {
        None => Ok(()),
        Some(_) => Err(wrong(format!("{} repeats the key {key:?}", args.name))),
    };
    for name in &args.envs {
        let text = files.text(name)?;
        for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines() {
            let line = line.trim_start();
            if !line.is_empty() && !line.starts_with('#') {
                let (key, value) = line.split_once('=').unwrap_or((line, ""));
                add(key.to_owned(), value.as_bytes().to_vec())?;
            }
        }
    }
    for literal in &args.literals {
        let (key, value) = literal
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| wrong(format!("a literal of {} is not key=value", args.name)))?;
        let bare =
            ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value);
        add(key.to_owned(), bare.as_bytes().to_vec())?;
    }
    for entry in &args.files {
        let (key, name) = match entry.split_once('=') {
            None => (entry.rsplit('/').next().unwrap_or(entry), entry.as_str()),
            Some((key, name)) if !key.is_empty() && !name.is_empty() && !name.contains('=') => (key, name),
            Some(_) => return Err(wrong(format!("file {entry:?} is not [key=]path"))),
        };
        add(key.to_owned(), files.bytes(name)?)?;
    }
    Ok(object(kind, args, &options, pairs, files.place.file))
}

fn merged(own: Option<&GeneratorOptions>, global: Option<&GeneratorOptions>) -> GeneratorOptions {
    let mut options = own.cloned().unwrap_or_default();
    if let Some(global) = global {
        for (from, to) in [(&global.labels, &mut options.labels), (&global.annotations, &mut options.annotations)] {
            for (key, value) in from {
                to.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        options.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        options.immutable |= global.immutable;
    }
    options
}

fn object(
    kind: Kind,
    args: &GeneratorArgs,
    options: &GeneratorOptions,
    pairs: BTreeMap<String, Vec<u8>>,
    file: &str,
) -> Resource {
    let mut metadata = Map::default();
    metadata.insert("name", Node::string(&args.name));
    if !args.namespace.is_empty() {
        metadata.insert("namespace", Node::string(&args.namespace));
    }
    for (key, values) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !values.is_empty() {
            metadata.insert(key, texts(values));
        }
    }
    let (mut data, mut binary) = (Map::default(), Map::default());
    for (key, bytes) in pairs {
        let key = Scalar::key(key);
        match (kind, String::from_utf8(bytes)) {
            (Kind::ConfigMap, Ok(text)) => data.push(key, Node::Scalar(written(text))),
            (Kind::Secret, Ok(text)) => data.push(key, Node::Scalar(written(lines(text.as_bytes())))),
            (Kind::ConfigMap, Err(error)) => binary.push(key, Node::string(lines(error.as_bytes()))),
            (Kind::Secret, Err(error)) => data.push(key, Node::string(lines(error.as_bytes()))),
        }
    }
    let mut object = Map::default();
    object.insert("apiVersion", Node::string("v1"));
    object.insert("kind", Node::string(if kind == Kind::Secret { "Secret" } else { "ConfigMap" }));
    object.insert("metadata", Node::Map(metadata));
    if kind == Kind::Secret {
        object.insert("type", Node::string(if args.kind.is_empty() { "Opaque" } else { &args.kind }));
        object.insert("data", Node::Map(data));
    } else {
        for (key, values) in [("data", data), ("binaryData", binary)] {
            if !values.is_empty() {
                object.insert(key, Node::Map(values));
            }
        }
    }
    if options.immutable {
        object.insert("immutable", Node::Scalar(Scalar { tag: Tag::Bool, ..Scalar::plain("true") }));
    }
    let mut resource = Resource::new(object, &Arc::from(file));
    resource.needs_hash = !options.disable_name_suffix_hash;
    resource
}

/// Base64, in lines of 70 when it is longer than one.
fn lines(bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() <= LINE {
        return text;
    }
    let mut out = String::with_capacity(text.len() + text.len() / LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out
}

/// Puts a generated object among the others, as its behaviour says.
///
/// # Errors
/// When it is there and is to be created, or is not there once and is to be merged or replaced.
pub(in crate::render) fn put(
    place: &Place<'_>,
    mut generated: Resource,
    behavior: &str,
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let id = generated.current();
    let matches: Vec<usize> = (0..resources.len())
        .filter(|at| resources[*at].api_version() == generated.api_version() && resources[*at].was(&id))
        .collect();
    if !matches!(behavior, "merge" | "replace") {
        if let Some(at) = matches.first() {
            return Err(place.wrong(format!(
                "{} is there already, from {}; set behavior to merge or replace",
                generated.shown(),
                resources[*at].origin
            )));
        }
        resources.push(generated);
        return Ok(());
    }
    let [at] = matches.as_slice() else {
        return Err(place.wrong(format!(
            "{} is there {} times, and must be there once to {behavior} it",
            generated.shown(),
            matches.len()
        )));
    };
    let old = &resources[*at];
    take_metadata(&mut generated, old);
    if behavior == "merge" {
        for key in ["data", "binaryData"] {
            overlay(generated.object_mut(), key, old.object().get(key));
        }
        generated.provenance = old.provenance.clone().or(generated.provenance);
    }
    generated.needs_hash = old.needs_hash && generated.needs_hash;
    generated.previous.clone_from(&old.previous);
    generated.vars.clone_from(&old.vars);
    generated.prefixes.clone_from(&old.prefixes);
    generated.suffixes.clone_from(&old.suffixes);
    generated.transformations.clone_from(&old.transformations);
    resources[*at] = generated;
    Ok(())
}

/// Takes over what is left of the metadata of the object that a generated one stands for.
fn take_metadata(generated: &mut Resource, old: &Resource) {
    let metadata = generated.metadata_mut();
    let before = old.object().get("metadata");
    metadata.insert("name", Node::Scalar(Scalar::plain(old.name())));
    match old.namespace() {
        "" => drop(metadata.remove("namespace")),
        namespace => metadata.insert("namespace", Node::Scalar(Scalar::plain(namespace))),
    }
    for key in ["labels", "annotations"] {
        overlay(metadata, key, before.and_then(|metadata| metadata.get(key)));
    }
}

/// Puts the values under a key over those from before. All become texts; no values are no map.
fn overlay(map: &mut Map, key: &str, before: Option<&Node>) {
    let mut all = BTreeMap::new();
    for values in [before, map.get(key)].into_iter().flatten().filter_map(Node::as_map) {
        all.extend(values.iter().map(|(key, value)| (key.to_owned(), value.text().unwrap_or_default().to_owned())));
    }
    map.remove(key);
    if !all.is_empty() {
        map.insert(key, texts(&all));
    }
}

/// A map of texts.
fn texts(values: &BTreeMap<String, String>) -> Node {
    let entry = |(key, value): (&String, &String)| Entry { key: Scalar::key(key), value: Node::Scalar(written(value)) };
    Node::Map(values.iter().map(entry).collect())
}
