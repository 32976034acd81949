//! Field specs: which fields of which kinds a transformer changes, and the walk to them.
use super::resource::Resource;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most specs for one transformer.
const MAX_SPECS: usize = 10_000;

/// A field of the kinds that it selects. Empty group, version or kind: any.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpec<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) kind: &'a str,
    /// Keys separated by `/`; `\/` is a slash; lists on the way are entered; `name[]` is a list.
    pub(super) path: &'a str,
    pub(super) create: bool,
}

impl<'a> FieldSpec<'a> {
    /// A spec of a kind of any group.
    pub(super) const fn of(kind: &'a str, path: &'a str, create: bool) -> Self {
        Self { group: "", version: "", kind, path, create }
    }

    /// Whether it selects a resource.
    pub(super) fn selects(&self, resource: &Resource) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(self.group, resource.group()) && fits(self.version, resource.version()) && fits(self.kind, resource.kind())
    }

    /// Calls `change` with the value of the field, wherever it is; makes it where `create` says so.
    ///
    /// # Errors
    /// When a text or number stands where more of the path must go.
    pub(super) fn walk(
        &self,
        resource: &mut Resource,
        change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let parts = split(self.path);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        walk_map(&mut resource.object, &parts, self.create, change)
    }
}

/// A [`FieldSpec`] that may come from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Spec {
    pub(super) group: Cow<'static, str>,
    pub(super) version: Cow<'static, str>,
    pub(super) kind: Cow<'static, str>,
    pub(super) path: Cow<'static, str>,
    pub(super) create: bool,
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
    pub(super) fn borrowed(&self) -> FieldSpec<'_> {
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
pub(super) fn merge(specs: &mut Vec<Spec>, added: impl IntoIterator<Item = Spec>) -> Result<(), String> {
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

fn split(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = path.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&'/') => {
                characters.next();
                if let Some(last) = parts.last_mut() {
                    last.push('/');
                }
            }
            '/' => parts.push(String::new()),
            c => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    parts
}

type Change<'a> = &'a mut dyn FnMut(&mut Value) -> Result<(), String>;

fn walk_map(map: &mut Map<String, Value>, path: &[&str], create: bool, change: Change<'_>) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let (key, is_list) = first.strip_suffix("[]").map_or((*first, false), |key| (key, true));
    if map.get(key).is_none_or(Value::is_null) {
        if !create || is_list {
            return Ok(());
        }
        map.insert(key.to_owned(), if rest.is_empty() { Value::Null } else { Value::Object(Map::new()) });
    }
    match map.get_mut(key) {
        Some(value) if rest.is_empty() => match value {
            Value::Array(items) if is_list => items.iter_mut().try_for_each(&mut *change),
            value => change(value),
        },
        Some(value) => walk_value(value, rest, create, change),
        None => Ok(()),
    }
}

fn walk_value(value: &mut Value, path: &[&str], create: bool, change: Change<'_>) -> Result<(), String> {
    match value {
        Value::Object(map) => walk_map(map, path, create, change),
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk_value(item, path, create, change)),
        Value::Null => Ok(()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(format!("expected a map or a list above {}", path.join("/")))
        }
    }
}
