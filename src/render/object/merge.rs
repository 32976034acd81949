//! Strategic merge: a patch laid over an object, lists by the keys that Kubernetes' types give them.
//!
//! Works as kustomize does, which differs from the API server: elements of the patch come first, `$retainKeys` and its
//! like mean nothing, elements of a merged list that share their key become one even where the patch does not reach, and a
//! value that is left empty (not one that says `null`) is dropped.
//!
//! Source: the merge of kustomize's library (`sigs.k8s.io/kustomize/kyaml/yaml/merge2`), by its behaviour.
mod list;

use crate::render::{
    node::{Map, Node, Scalar},
    object::schema::Type,
};
use list::walk_list;
use smol_str::SmolStr;
use std::collections::{HashMap, HashSet};

/// The directive that says how a map or a list is patched.
const DIRECTIVE: &str = "$patch";

/// Lays a patch over an object of a type; gives none when the patch deletes the object.
///
/// # Errors
/// Says what does not go together, and where, without any of the values.
pub(in crate::render) fn merge(target: Node, patch: &Node, of: Type<'_>) -> Result<Option<Node>, String> {
    if patch.get(DIRECTIVE).and_then(Node::text) == Some("replace") {
        // What would replace the whole object gets lost.
        return Ok(Some(target));
    }
    walk(Some(target), Some(patch), of)
}

fn is_missing(node: Option<&Node>) -> bool {
    node.is_none_or(Node::is_null)
}

/// Says under which key an error is. An error without a place begins with a colon.
fn under(key: &str) -> impl FnOnce(String) -> String {
    move |message| if message.starts_with(':') { format!("{key}{message}") } else { format!("{key}.{message}") }
}

fn walk(target: Option<Node>, patch: Option<&Node>, of: Type<'_>) -> Result<Option<Node>, String> {
    let kind = if is_missing(target.as_ref()) { patch.filter(|patch| !patch.is_null()) } else { target.as_ref() };
    match (kind, patch.filter(|patch| !patch.is_null())) {
        (None, _) => Ok(walk_null(target, patch)),
        (Some(Node::Map(_)), Some(Node::Map(_)) | None) => walk_map(target, patch, of),
        (Some(Node::List(_)), Some(Node::List(_)) | None) => match of.merge_keys() {
            Some(keys) => walk_list(target, patch, keys, of.elements()),
            // What the patch has replaces the list.
            None => Ok(patch.map_or(target, |patch| Some(patch.clone())).filter(|list| !list.is_null())),
        },
        (Some(Node::Scalar(_)), Some(Node::Scalar(_)) | None) => Ok(scalar(target, patch)),
        _ => Err(": the patch and the object hold values of different shapes".to_owned()),
    }
}

/// Nothing on either side: only a null that is spelt out, and that the patch does not touch, stays.
fn walk_null(target: Option<Node>, patch: Option<&Node>) -> Option<Node> {
    target.filter(|target| patch.is_none() && target.text().is_some_and(|text| !text.is_empty()))
}

/// The patch's scalar, in the quotes of the target's.
fn scalar(target: Option<Node>, patch: Option<&Node>) -> Option<Node> {
    let Some(Node::Scalar(new)) = patch else { return target };
    if new.is_null() {
        return None;
    }
    match target {
        Some(Node::Scalar(old)) => {
            let link = old.link.written();
            Some(Node::Scalar(Scalar { text: new.text.clone(), tag: new.tag(), style: old.style, link }))
        }
        _ => Some(Node::Scalar(new.clone())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "merge" => Ok(Self::Merge),
            "replace" => Ok(Self::Replace),
            "delete" => Ok(Self::Delete),
            _ => Err(format!(": {DIRECTIVE} must be merge, replace or delete")),
        }
    }
}

fn without_directive(map: &Map) -> Map {
    let mut map = map.clone();
    map.remove(DIRECTIVE);
    map
}

fn walk_map(target: Option<Node>, patch: Option<&Node>, of: Type<'_>) -> Result<Option<Node>, String> {
    let directive = patch.and_then(|patch| patch.get(DIRECTIVE)).and_then(Node::text);
    let Some(Node::Map(map)) = target else {
        // The patch adds it. A directive that is none is then a field like others.
        let Some(Node::Map(added)) = patch else { return Ok(None) };
        let known = directive.and_then(|text| Directive::read(text).ok());
        if known == Some(Directive::Delete) {
            return Ok(None);
        }
        let added = if known.is_some() { without_directive(added) } else { added.clone() };
        return walk_fields(added.clone(), Some(&added), of).map(|map| Some(Node::Map(map)));
    };
    let patch = match patch {
        None => return walk_fields(map, None, of).map(|map| Some(Node::Map(map))),
        Some(Node::Map(patch)) => patch,
        Some(_) => return Ok(None),
    };
    match directive.map_or(Ok(Directive::Merge), Directive::read)? {
        Directive::Delete => Ok(None),
        Directive::Replace => {
            let patch = without_directive(patch);
            walk_fields(patch.clone(), Some(&patch), of).map(|map| Some(Node::Map(map)))
        }
        Directive::Merge if directive.is_some() => {
            // What the patch adds is its own target, and loses the directive too.
            let map = if map == *patch { without_directive(&map) } else { map };
            walk_fields(map, Some(&without_directive(patch)), of).map(|map| Some(Node::Map(map)))
        }
        Directive::Merge => walk_fields(map, Some(patch), of).map(|map| Some(Node::Map(map))),
    }
}

fn walk_fields(target: Map, patch: Option<&Map>, of: Type<'_>) -> Result<Map, String> {
    let mut merged = Map::default();
    // By hash: a map may have as many keys as a file has lines.
    let mut fields: HashMap<&str, &Node> = HashMap::new();
    for (key, value) in patch.into_iter().flat_map(Map::iter) {
        fields.entry(key).or_insert(value);
    }
    let mut seen: HashSet<SmolStr> = HashSet::new();
    for entry in target {
        let key = entry.key;
        let new = fields.get(key.text.as_str()).copied();
        if let Some(value) = walk(Some(entry.value), new, of.field(&key.text)).map_err(under(&key.text))? {
            merged.push(key.clone(), value);
        }
        if new.is_some() {
            seen.insert(key.text);
        }
    }
    for entry in patch.map(Map::entries).unwrap_or_default() {
        let key = &entry.key;
        if !seen.contains(&key.text)
            && let Some(value) = walk(None, Some(&entry.value), of.field(&key.text)).map_err(under(&key.text))?
        {
            merged.push(key.clone(), value);
        }
    }
    Ok(merged)
}
