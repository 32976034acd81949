//! ConfigMaps and Secrets that a kustomization makes.
use super::{
    RenderError,
    kustomization::{GeneratorArgs, GeneratorOptions, Kustomization},
    load::{Loader, join},
    resource::{Previous, Resource, effective, map_at},
};
use base64::Engine as _;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest line of base64 in a generated object.
const LINE: usize = 70;

/// Runs both generators of a kustomization.
pub(super) fn run(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    fields: &Kustomization,
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    for (field, kind, all) in [
        ("configMapGenerator", "ConfigMap", &fields.config_map_generator),
        ("secretGenerator", "Secret", &fields.secret_generator),
    ] {
        for args in all {
            let generated = make(loader, directory, file, field, kind, args, fields.generator_options.as_ref())?;
            place(generated, &args.behavior, file, field, resources)?;
        }
    }
    Ok(())
}

fn make(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    field: &str,
    kind: &str,
    args: &GeneratorArgs,
    global: Option<&GeneratorOptions>,
) -> Result<Resource, RenderError> {
    let wrong = |message: String| RenderError::field(file, field, message);
    if args.name.is_empty() {
        return Err(wrong("an entry has no name".to_owned()));
    }
    let options = merged(args.options.as_ref(), global);
    let mut pairs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |key: String, value: Vec<u8>| match pairs.insert(key.clone(), value) {
        None => Ok(()),
        Some(_) => Err(wrong(format!("{} repeats the key {key:?}", args.name))),
    };
    let path = |name: &str| join(directory, name).ok_or_else(|| wrong(format!("{name:?} leads out of the repository")));
    for name in &args.envs {
        let text = loader.text(directory, &path(name)?, file)?;
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
        add(key.to_owned(), loader.bytes(directory, &path(name)?, file)?)?;
    }
    Ok(object(kind, args, &options, pairs, file))
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
    kind: &str,
    args: &GeneratorArgs,
    options: &GeneratorOptions,
    pairs: BTreeMap<String, Vec<u8>>,
    file: &str,
) -> Resource {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(args.name));
    if !args.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(args.namespace));
    }
    for (key, values) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !values.is_empty() {
            metadata.insert(key.to_owned(), json!(values));
        }
    }
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in pairs {
        match String::from_utf8(bytes) {
            Ok(text) if kind == "ConfigMap" => drop(data.insert(key, json!(text))),
            Ok(text) => drop(data.insert(key, json!(lines(text.as_bytes())))),
            Err(bytes) if kind == "ConfigMap" => drop(binary.insert(key, json!(lines(bytes.as_bytes())))),
            Err(bytes) => drop(data.insert(key, json!(lines(bytes.as_bytes())))),
        }
    }
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), json!("v1"));
    object.insert("kind".to_owned(), json!(kind));
    object.insert("metadata".to_owned(), Value::Object(metadata));
    if kind == "Secret" {
        object.insert("type".to_owned(), json!(if args.kind.is_empty() { "Opaque" } else { &args.kind }));
        object.insert("data".to_owned(), Value::Object(data));
    } else {
        for (key, values) in [("data", data), ("binaryData", binary)] {
            if !values.is_empty() {
                object.insert(key.to_owned(), Value::Object(values));
            }
        }
    }
    if options.immutable {
        object.insert("immutable".to_owned(), json!(true));
    }
    Resource { needs_hash: !options.disable_name_suffix_hash, ..Resource::new(object, file) }
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
fn place(
    generated: Resource,
    behavior: &str,
    file: &str,
    field: &str,
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let wrong = |message: String| RenderError::field(file, field, message);
    let id = Previous {
        name: generated.name().to_owned(),
        namespace: effective(generated.namespace()),
        kind: generated.kind().to_owned(),
    };
    let matches: Vec<usize> =
        (0..resources.len()).filter(|at| resources[*at].api_version() == "v1" && resources[*at].was(&id)).collect();
    if !matches!(behavior, "merge" | "replace") {
        if let Some(at) = matches.first() {
            return Err(wrong(format!(
                "{} is there already, from {}; set behavior to merge or replace",
                generated.shown(),
                resources[*at].origin
            )));
        }
        resources.push(generated);
        return Ok(());
    }
    let [at] = matches.as_slice() else {
        return Err(wrong(format!(
            "{} is there {} times, and must be there once to {behavior} it",
            generated.shown(),
            matches.len()
        )));
    };
    let old = &mut resources[*at];
    let needs_hash = old.needs_hash && generated.needs_hash;
    let mut object = generated.object;
    let metadata = map_at(&mut object, "metadata");
    for key in ["name", "namespace"] {
        if let Some(value) = old.object.get("metadata").and_then(|metadata| metadata.get(key)) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    for key in ["labels", "annotations"] {
        if let Some(Value::Object(before)) = old.object.get("metadata").and_then(|metadata| metadata.get(key)).cloned()
        {
            overlay(metadata, key, before);
        }
    }
    if behavior == "merge" {
        for key in ["data", "binaryData"] {
            if let Some(Value::Object(before)) = old.object.get(key).cloned() {
                overlay(&mut object, key, before);
            }
        }
    }
    old.object = object;
    old.needs_hash = needs_hash;
    Ok(())
}

/// Puts the values under a key over those from before.
fn overlay(map: &mut Map<String, Value>, key: &str, before: Map<String, Value>) {
    let new = map_at(map, key);
    let mut all = before;
    for (key, value) in std::mem::take(new) {
        all.insert(key, value);
    }
    *new = all;
}
