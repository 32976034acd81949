//! Strategic merge: a patch laid over an object, lists by the keys that Kubernetes' types give them.
//!
//! Works as kustomize does, which differs from the API server: elements of the patch come first, `$retainKeys` and its
//! like mean nothing, elements of a merged list that share their key become one even where the patch does not reach, and a
//! value that is left empty (not one that says `null`) is dropped.
//!
//! Source: the merge of kustomize's library (`sigs.k8s.io/kustomize/kyaml/yaml/merge2`), by its behaviour.
use crate::render::{
    node::{Map, Node, Scalar},
    object::schema::Type,
};
use smol_str::SmolStr;

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
    let mut seen: Vec<SmolStr> = Vec::new();
    for entry in target {
        let key = entry.key;
        let new = patch.and_then(|patch| patch.get(&key.text));
        if let Some(value) = walk(Some(entry.value), new, of.field(&key.text)).map_err(under(&key.text))? {
            merged.push(key.clone(), value);
        }
        seen.push(key.text);
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

/// A list whose elements are merged: by keys, or as a set of plain values.
fn walk_list(
    target: Option<Node>,
    patch: Option<&Node>,
    keys: &[String],
    of: Type<'_>,
) -> Result<Option<Node>, String> {
    let (mut list, patch) = match (target, patch) {
        (Some(Node::List(list)), None) => (list, None),
        (Some(Node::List(list)), Some(Node::List(patch))) => {
            let (directive, patch) = list_directive(patch)?;
            match directive {
                Directive::Delete => return Ok(None),
                Directive::Replace => (patch.clone(), Some(patch)),
                Directive::Merge => (list, Some(patch)),
            }
        }
        (Some(Node::List(_)), Some(_)) | (_, None) => return Ok(None),
        (_, Some(Node::List(patch))) => (patch.clone(), Some(patch.clone())),
        (_, Some(_)) => return Ok(None),
    };
    let primitive = [String::new()];
    let keys = if keys.is_empty() { &primitive } else { keys };
    let mut all = values(keys, patch.as_deref(), &list);
    if keys.len() > 1 {
        complete(&mut all);
    }
    let mut added: Vec<Node> = Vec::new();
    let mut valid = Vec::new();
    for tuple in &all {
        let (keys, tuple) = valid_keys(&all, tuple, keys);
        let (keys, tuple) = (keys.as_slice(), tuple.as_slice());
        let own = position(&list, keys, tuple);
        let new = patch.as_ref().and_then(|patch| Some(&patch[position(patch, keys, tuple)?]));
        let value = walk(own.map(|own| list[own].clone()), new, of)?;
        match value.filter(|value| !is_empty_map(value)) {
            None => set_element(&mut list, None, keys, tuple),
            Some(mut value) => {
                if let Node::Map(map) = &mut value {
                    for (key, text) in keys.iter().zip(tuple) {
                        if !text.is_empty() && !map.contains(key) {
                            map.push(Scalar::key(key), Node::Scalar(Scalar::plain(text)));
                        }
                    }
                }
                // What would replace an element gets lost: the element comes back with the rest of the list.
                let replaces = new.and_then(|new| new.get(DIRECTIVE)).and_then(Node::text) == Some("replace");
                if let Some(own) = own.filter(|_| !replaces) {
                    list[own] = value.clone();
                }
                set_element(&mut added, Some(&value), keys, tuple);
            }
        }
        valid = keys.to_vec();
    }
    Ok(Some(Node::List(if all.is_empty() { list } else { appended(added, list, &valid) })))
}

/// What an element of the patch that holds nothing but a directive says of the whole list, and the other elements.
fn list_directive(patch: &[Node]) -> Result<(Directive, Vec<Node>), String> {
    let holds = |element: &&Node| element.get(DIRECTIVE).is_some();
    let lone = patch.iter().find(holds).and_then(Node::as_map).filter(|map| map.len() == 1);
    let Some(text) = lone.and_then(|map| map.get(DIRECTIVE)).and_then(Node::text) else {
        return Ok((Directive::Merge, patch.to_vec()));
    };
    let directive = Directive::read(text)?;
    let mut rest = patch.to_vec();
    set_element(&mut rest, None, &[DIRECTIVE.to_owned()], &[SmolStr::new(text)]);
    Ok((directive, rest))
}

type Tuple = Vec<SmolStr>;

/// The tuples of keys of all elements, each once: those of the patch, then those of the target.
fn values(keys: &[String], patch: Option<&[Node]>, target: &[Node]) -> Vec<Tuple> {
    let mut found: Vec<Tuple> = Vec::new();
    for element in patch.unwrap_or_default().iter().chain(target) {
        let tuple: Tuple = if keys[0].is_empty() {
            vec![element.text().map(SmolStr::new).unwrap_or_default()]
        } else {
            keys.iter().map(|key| key_text(element, key)).collect()
        };
        if !found.contains(&tuple) {
            found.push(tuple);
        }
    }
    found
}

/// The text under a key; "" where there is none, or an empty value.
fn key_text(element: &Node, key: &str) -> SmolStr {
    element.get(key).filter(|value| !value.is_null()).and_then(Node::text).map(SmolStr::new).unwrap_or_default()
}

/// Fills in the keys that tuples lack with those of tuples that are otherwise the same.
fn complete(all: &mut [Tuple]) {
    for first in 0..all.len() {
        for second in 0..all.len() {
            if let Some(both) = matched(&all[first], &all[second]) {
                all[first].clone_from(&both);
                all[second] = both;
            }
        }
    }
}

/// The one tuple that two are: they agree somewhere, and where they do not, one has nothing.
fn matched(a: &[SmolStr], b: &[SmolStr]) -> Option<Tuple> {
    let agrees = a.iter().zip(b).any(|(a, b)| a == b);
    let both = a.iter().zip(b).map(|(a, b)| match (a.is_empty(), b.is_empty()) {
        (true, _) => Some(b.clone()),
        (false, true) => Some(a.clone()),
        (false, false) => (a == b).then(|| a.clone()),
    });
    both.collect::<Option<Tuple>>().filter(|_| agrees)
}

/// The keys that any tuple has, and this tuple's values of them.
fn valid_keys(all: &[Tuple], tuple: &[SmolStr], keys: &[String]) -> (Vec<String>, Tuple) {
    let used: Vec<bool> = (0..keys.len()).map(|at| all.iter().any(|tuple| !tuple[at].is_empty())).collect();
    if !used.contains(&true) {
        return (keys.to_vec(), tuple.to_vec());
    }
    let is_used = |at: &usize| used[*at];
    let at: Vec<usize> = (0..keys.len()).filter(is_used).collect();
    (at.iter().map(|at| keys[*at].clone()).collect(), at.iter().map(|at| tuple[*at].clone()).collect())
}

/// The element that has all of a tuple's own values.
fn position(list: &[Node], keys: &[String], tuple: &[SmolStr]) -> Option<usize> {
    if keys[0].is_empty() {
        return list.iter().position(|element| element.text().unwrap_or_default() == tuple[0]);
    }
    // Keys of which the tuple has nothing do not count, unless it has nothing at all.
    let has_any = tuple.iter().any(|text| !text.is_empty());
    let counts = |text: &SmolStr| !has_any || !text.is_empty();
    list.iter().position(|element| {
        element.as_map().is_some_and(|map| {
            let mut pairs = keys.iter().zip(tuple).filter(|(_, text)| counts(text));
            pairs.all(|(key, text)| map.get(key).is_some_and(|value| value.text().unwrap_or_default() == text))
        })
    })
}

fn is_empty_map(node: &Node) -> bool {
    node.is_null() || node.as_map().is_some_and(Map::is_empty)
}

/// Replaces the elements that have the values of a tuple, or removes them; adds the element where there is none.
///
/// A tuple that is shorter than the keys fits no element, and an empty one removes all. Empty elements are dropped.
fn set_element(list: &mut Vec<Node>, element: Option<&Node>, keys: &[String], tuple: &[SmolStr]) {
    let is_keyed = !keys[0].is_empty() && tuple.first().is_some_and(|text| !text.is_empty());
    let has = |node: &Node, key: &str, text: &SmolStr| {
        if key.is_empty() {
            return node.as_scalar().is_some_and(|scalar| scalar.text == *text);
        }
        let value = node.get(key);
        value.is_some_and(|value| text.is_empty() || value.text().unwrap_or_default() == text)
    };
    let mut found = false;
    let mut kept = Vec::with_capacity(list.len() + 1);
    for old in list.drain(..) {
        if is_empty_map(&old) {
            continue;
        }
        if is_keyed && old.as_map().is_none() {
            kept.push(old);
            continue;
        }
        let fits = !tuple.is_empty() && keys.iter().zip(tuple).all(|(key, text)| has(&old, key, text));
        if !fits {
            if !tuple.is_empty() {
                kept.push(old);
            }
            continue;
        }
        found = true;
        kept.extend(element.cloned());
    }
    kept.extend(element.filter(|element| !found && !element.is_null()).cloned());
    *list = kept;
}

/// Adds the elements of the target to those that were merged; each takes the place of its like.
fn appended(mut merged: Vec<Node>, target: Vec<Node>, keys: &[String]) -> Vec<Node> {
    for element in target {
        if keys[0].is_empty() {
            let text = element.text().map(SmolStr::new).unwrap_or_default();
            set_element(&mut merged, Some(&element), keys, &[text]);
            continue;
        }
        let mut tuple = Tuple::new();
        for key in keys {
            match element.get(key) {
                Some(value) => tuple.push(value.text().map(SmolStr::new).unwrap_or_default()),
                None => merged.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(&mut merged, None, keys, &tuple);
        }
        set_element(&mut merged, Some(&element), keys, &tuple);
    }
    merged
}
