//! Field specs: which fields of which kinds a transformer changes, and the walk to them.
use crate::render::{
    node::{Map, Node},
    object::resource::Resource,
};
use serde::Deserialize;
use smol_str::SmolStr;
use std::borrow::Cow;

/// Most specs for one transformer.
const MAX_SPECS: usize = 10_000;

/// A field of the kinds that it selects. Empty group, version or kind: any.
#[derive(Clone, Copy, Debug)]
pub(in crate::render) struct FieldSpec<'a> {
    pub(in crate::render) group: &'a str,
    pub(in crate::render) version: &'a str,
    pub(in crate::render) kind: &'a str,
    /// Keys separated by `/`; `\/` is a slash; lists on the way are entered; `name[]` is a list.
    pub(in crate::render) path: &'a str,
    pub(in crate::render) create: bool,
}

impl<'a> FieldSpec<'a> {
    /// A spec of a kind of any group.
    pub(in crate::render) const fn of(kind: &'a str, path: &'a str, create: bool) -> Self {
        Self { group: "", version: "", kind, path, create }
    }

    /// Whether it selects a resource.
    pub(in crate::render) fn selects(&self, resource: &Resource) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(self.group, resource.group()) && fits(self.version, resource.version()) && fits(self.kind, resource.kind())
    }

    /// Whether it selects a resource as if that were of another kind.
    pub(in crate::render) fn selects_kind(&self, kind: &str, resource: &Resource) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(self.group, resource.group()) && fits(self.version, resource.version()) && fits(self.kind, kind)
    }

    /// Calls `change` with the value of the field, wherever it is; where the spec's `create` says so, it is made of
    /// what the caller makes.
    ///
    /// # Errors
    /// When a text or number stands where more of the path must go.
    pub(in crate::render) fn walk(
        &self,
        resource: &mut Resource,
        made: Option<Made>,
        change: Change<'_>,
    ) -> Result<(), String> {
        let parts = split(self.path);
        let parts: Vec<&str> = parts.iter().map(SmolStr::as_str).collect();
        let made = made.filter(|_| self.create);
        // Objects that are shared with a cache are not copied for a field that is not there.
        if made.is_none() && !leads_somewhere(resource.object(), &parts) {
            return Ok(());
        }
        walk_map(resource.object_mut(), &parts, made, change)
    }
}

/// Whether a map has the first key of a path.
fn leads_somewhere(map: &Map, path: &[&str]) -> bool {
    // A part that is empty is an error.
    path.first().is_some_and(|first| first.is_empty() || map.contains(first.strip_suffix("[]").unwrap_or(first)))
}

/// A [`FieldSpec`] that may come from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Spec {
    pub(in crate::render) group: Cow<'static, str>,
    pub(in crate::render) version: Cow<'static, str>,
    pub(in crate::render) kind: Cow<'static, str>,
    pub(in crate::render) path: Cow<'static, str>,
    pub(in crate::render) create: bool,
}

impl From<FieldSpec<'static>> for Spec {
    fn from(spec: FieldSpec<'static>) -> Self {
        Self {
            group: Cow::Borrowed(spec.group),
            version: Cow::Borrowed(spec.version),
            kind: Cow::Borrowed(spec.kind),
            path: Cow::Borrowed(spec.path),
            create: spec.create,
        }
    }
}

impl Spec {
    pub(in crate::render) fn borrowed(&self) -> FieldSpec<'_> {
        FieldSpec {
            group: &self.group,
            version: &self.version,
            kind: &self.kind,
            path: &self.path,
            create: self.create,
        }
    }

    /// Whether it is there already when `other` is to be added.
    fn stands_for(&self, other: &Self) -> bool {
        let fits = |have: &str, want: &str| want.is_empty() || want == have;
        self.path == other.path
            && fits(&self.group, &other.group)
            && fits(&self.version, &other.version)
            && fits(&self.kind, &other.kind)
    }
}

/// Adds specs to others; one that is there already is not added again.
///
/// # Errors
/// When one is there already, but differs in `create`, or when there are too many.
pub(in crate::render) fn merge(specs: &mut Vec<Spec>, added: impl IntoIterator<Item = Spec>) -> Result<(), String> {
    for spec in added {
        match specs.iter().find(|have| have.stands_for(&spec)) {
            Some(have) if have.create != spec.create => {
                return Err(format!("{:?} of {:?} is there already, with another create", spec.path, spec.kind));
            }
            Some(_) => {}
            None if specs.len() >= MAX_SPECS => return Err(format!("more than {MAX_SPECS} field specs")),
            None => specs.push(spec),
        }
    }
    Ok(())
}

/// The parts of a path; a backslash before a slash makes it part of a name.
pub(in crate::render) fn split(path: &str) -> Vec<SmolStr> {
    if !path.contains('\\') {
        return path.split('/').map(SmolStr::new).collect();
    }
    let mut parts: Vec<String> = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, parts.last_mut()) {
            ('\\', Some(last)) if characters.peek() == Some(&'/') => {
                characters.next();
                last.push('/');
            }
            ('/', _) => parts.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    parts.into_iter().map(SmolStr::from).collect()
}

/// What a field that is made is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Made {
    /// A scalar, null until it is changed.
    Scalar,
    Map,
}

type Change<'a> = &'a mut dyn FnMut(&mut Node) -> Result<(), String>;

fn walk_map(map: &mut Map, path: &[&str], made: Option<Made>, change: Change<'_>) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let (key, is_list) = first.strip_suffix("[]").map_or((*first, false), |key| (key, true));
    if key.is_empty() {
        return Err("a field spec has an empty part".to_owned());
    }
    let made_here = made.filter(|_| !is_list);
    if let (None, Some(made)) = (map.get(key), made_here) {
        map.insert(key, if rest.is_empty() && made == Made::Scalar { Node::empty() } else { Node::map() });
    }
    let Some(value) = map.get_mut(key) else { return Ok(()) };
    if value.is_null() {
        match (made_here, is_list) {
            (_, true) => *value = Node::List(Vec::new()),
            (Some(Made::Scalar), false) if rest.is_empty() => {}
            (Some(_), false) => *value = Node::map(),
            (None, false) => {}
        }
    }
    walk_value(value, rest, made, change)
}

fn walk_value(value: &mut Node, path: &[&str], made: Option<Made>, change: Change<'_>) -> Result<(), String> {
    if path.is_empty() {
        return change(value);
    }
    match value {
        Node::Map(map) => walk_map(map, path, made, change),
        Node::List(items) => items.iter_mut().try_for_each(|item| walk_value(item, path, made, change)),
        Node::Scalar(scalar) if scalar.is_null() => Ok(()),
        Node::Scalar(_) => Err(format!("expected a map or a list above {}", path.join("/"))),
    }
}
