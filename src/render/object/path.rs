//! Paths into objects, as replacements and vars write them: `spec.containers.[name=app].image`.
use crate::render::node::{Map, Node, Scalar};
use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// Parts of a path: split at dots, but not at `\.` nor inside brackets. Brackets stay around what holds `=`.
pub(in crate::render) fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for piece in path.strip_prefix('.').unwrap_or(path).split('.') {
        match parts.last_mut().filter(|last| last.ends_with('\\')) {
            Some(last) => {
                last.pop();
                last.push('.');
                last.push_str(piece);
            }
            None => parts.push(piece.to_owned()),
        }
    }
    let mut joined = Vec::new();
    let mut pieces = parts.into_iter();
    while let Some(mut part) = pieces.next() {
        if part.starts_with('[') && !part.ends_with(']') {
            for piece in pieces.by_ref() {
                part.push('.');
                part.push_str(&piece);
                if piece.ends_with(']') {
                    break;
                }
            }
            joined.push(if part.contains('=') { part } else { part.trim_matches(['[', ']']).to_owned() });
        } else {
            joined.push(part);
        }
    }
    joined
}

/// One part of a path, as what it means.
enum Part<'a> {
    Index(usize),
    /// The element whose field has a value; of a list of plain values when the field is "".
    Element(&'a str, &'a str),
    Every,
    Field(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        if let Ok(index) = text.parse() {
            return Ok(Self::Index(index));
        }
        match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(inner) => {
                let (name, value) = inner.split_once('=').ok_or_else(|| format!("{text} is not [field=value]"))?;
                Ok(Self::Element(name, value))
            }
            None if text == "*" => Ok(Self::Every),
            None => Ok(Self::Field(text)),
        }
    }
}

/// The value at a path; none when there is none, or null.
///
/// # Errors
/// When the path goes into something that is not what it takes it for.
pub(in crate::render) fn look_up<'n>(node: &'n Node, path: &[String]) -> Result<Option<&'n Node>, String> {
    let mut here = node;
    for text in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let found = match (Part::of(text)?, here) {
            (Part::Index(at), Node::List(items)) => items.get(at),
            (Part::Field("-"), Node::List(items)) => items.last(),
            (Part::Element(name, value), Node::List(items)) => items.iter().find(|item| is_element(item, name, value)),
            (Part::Field(name), Node::Map(map)) => map.get(name),
            (Part::Every, _) => return Err("* has no place here".to_owned()),
            (Part::Index(_) | Part::Element(..), _) => return Err(format!("{text}: not a list")),
            (Part::Field(_), _) => return Err(format!("{text}: not a map")),
        };
        match found.filter(|found| !found.is_null()) {
            Some(found) => here = found,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

fn is_element(item: &Node, name: &str, value: &str) -> bool {
    let field = if name.is_empty() { Some(item) } else { item.get(name) };
    field.and_then(Node::text) == Some(value)
}

/// What is made where a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Kind {
    Scalar,
    List,
    Map,
}

impl Kind {
    /// The kind of a node.
    pub(in crate::render) fn of(node: &Node) -> Self {
        match node {
            Node::Scalar(_) => Self::Scalar,
            Node::List(_) => Self::List,
            Node::Map(_) => Self::Map,
        }
    }

    /// An empty node of the kind that the next part of a path goes into.
    fn made(self, next: Option<&String>) -> Node {
        let is_list = |part: &String| part.starts_with('[') && part.ends_with(']') || part.parse::<usize>().is_ok();
        let kind = match next.filter(|next| !next.is_empty()) {
            None => self,
            Some(next) if is_list(next) => Self::List,
            Some(_) => Self::Map,
        };
        match kind {
            Self::Scalar => Node::Scalar(Scalar::plain("")),
            Self::List => Node::List(Vec::new()),
            Self::Map => Node::map(),
        }
    }
}

/// What is done with each value that a path leads to.
type Visit<'a> = &'a mut dyn FnMut(&mut Node) -> Result<(), String>;

/// Calls `visit` with each value that a path leads to; says how many there were. Makes them when `create` says so.
///
/// `[field=pattern]` is every element whose field the pattern is found in, `*` every element.
///
/// # Errors
/// When the path goes into something that is not what it takes it for, or `visit` fails.
pub(in crate::render) fn each(
    node: &mut Node,
    path: &[String],
    create: Option<Kind>,
    visit: Visit<'_>,
) -> Result<usize, String> {
    let Some((first, rest)) = path.split_first() else {
        visit(node)?;
        return Ok(1);
    };
    match Part::of(first)? {
        Part::Index(at) => {
            let Node::List(items) = node else { return Err(format!("{first}: not a list")) };
            if let Some(create) = create.filter(|_| items.len() == at) {
                items.push(create.made(rest.first()));
            }
            let count = items.len();
            let item = items.get_mut(at).ok_or_else(|| format!("index {at} of a list of {count}"))?;
            each(item, rest, create, visit)
        }
        Part::Element(name, pattern) => {
            let Node::List(items) = node else { return Err(format!("{first}: not a list")) };
            each_element(items, name, pattern, rest, create, visit)
        }
        Part::Every => {
            let Node::List(items) = node else { return Err("*: not a list".to_owned()) };
            items.iter_mut().try_fold(0, |count, item| Ok(count + each(item, rest, create, &mut *visit)?))
        }
        Part::Field(name) => {
            if node.is_null() {
                return Ok(0);
            }
            let Node::Map(map) = node else { return Err(format!("{first}: not a map")) };
            if let (None, Some(create)) = (map.get(name), create) {
                map.insert(name, create.made(rest.first()));
            }
            match map.get_mut(name) {
                None => Ok(0),
                // What stands inside a text is not changed from here, though it counts as found.
                Some(Node::Scalar(scalar)) if !rest.is_empty() => within_text(scalar, rest),
                Some(value) => each(value, rest, create, visit),
            }
        }
    }
}

fn each_element(
    items: &mut Vec<Node>,
    name: &str,
    pattern: &str,
    rest: &[String],
    create: Option<Kind>,
    visit: Visit<'_>,
) -> Result<usize, String> {
    let compiled = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build();
    let compiled = compiled.ok().ok_or_else(|| format!("{pattern:?} is not a pattern"))?;
    let found = visit_elements(items, name, &compiled, rest, create, &mut *visit)?;
    if found > 0 || create.is_none() {
        return Ok(found);
    }
    let value = Node::Scalar(Scalar::plain(pattern));
    items.push(if name.is_empty() {
        value
    } else {
        let mut map = Map::default();
        map.push(Scalar::plain(name), value);
        Node::Map(map)
    });
    visit_elements(items, name, &compiled, rest, create, visit)
}

fn visit_elements(
    items: &mut [Node],
    name: &str,
    pattern: &Regex,
    rest: &[String],
    create: Option<Kind>,
    visit: Visit<'_>,
) -> Result<usize, String> {
    let mut found = 0;
    for item in items {
        let field = if name.is_empty() { Some(&*item) } else { item.get(name) };
        if !field.and_then(Node::text).is_some_and(|text| pattern.is_match(text)) {
            continue;
        }
        // The path ends at an element of plain values.
        found += each(item, if name.is_empty() { &[] } else { rest }, create, &mut *visit)?;
    }
    Ok(found)
}

fn within_text(scalar: &Scalar, rest: &[String]) -> Result<usize, String> {
    let node = crate::render::node::one(&scalar.text).map_err(|error| error.to_string())?;
    let mut node = node.unwrap_or_else(Node::null);
    each(&mut node, rest, None, &mut |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_at_dots_outside_brackets() {
        for (path, wanted) in [
            ("metadata.name", vec!["metadata", "name"]),
            ("spec.containers.[name=a.b].image", vec!["spec", "containers", "[name=a.b]", "image"]),
            ("metadata.annotations.[example.com/x.y]", vec!["metadata", "annotations", "example.com/x.y"]),
            ("data.a\\.b.0", vec!["data", "a.b", "0"]),
            ("a.[b]", vec!["a", "[b]"]),
        ] {
            assert_eq!(split(path), wanted, "{path}");
        }
    }
}
