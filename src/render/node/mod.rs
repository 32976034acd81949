//! YAML as it was written: maps, lists and scalars that keep their text, their quotes and their tag.
//!
//! What a scalar means is decided when it is printed or turned into a value ([`Scalar::resolve`]): kustomize changes
//! texts without changing what they were (`80` stays a number when a replacement writes `8080` over it), and an
//! empty value is not the same as `null` to its merge.
mod parse;
mod resolve;
mod value;

#[cfg(test)]
mod tests;

pub(super) use parse::{ParseError, all_documents, documents, one};
pub(super) use resolve::{Resolved, Unresolvable};
pub(super) use value::{Dialect, Unvalued};

use smol_str::SmolStr;
use std::collections::{HashMap, HashSet, hash_map};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Scalar(Scalar),
    List(Vec<Self>),
    Map(Map),
}

/// A text, how it was written, and what it is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: SmolStr,
    pub(super) style: Style,
    pub(super) tag: Tag,
    pub(super) link: Link,
}

/// Which scalars of an object are one and the same.
///
/// Kustomize puts one value into all the places where it adds a label: what later changes it in one of them (a patch of
/// `metadata.labels`, say) changes it in all, selectors included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    /// 0: the scalar is one of its own.
    group: u16,
    is_written: bool,
}

/// Whether scalars are linked to others says nothing of whether they are equal.
impl PartialEq for Link {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Link {}

impl Link {
    /// A link to all scalars of the same group.
    pub(super) fn to(group: u16) -> Self {
        Self { group, is_written: false }
    }

    /// The same link, once its scalar has been written over.
    pub(super) fn written(self) -> Self {
        Self { is_written: self.group != 0, ..self }
    }
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: what it is depends on its text.
    Plain,
    /// As nothing, inside `[ ]` or `{ }`: null as long as it is not printed, then an empty text.
    EmptyInFlow,
    /// With quotes, or as a literal block (`|`): a text, unless its tag says otherwise.
    Quoted,
    /// As a folded block (`>`): a text too, but printing it changes some of its line breaks.
    Folded,
}

/// What a scalar is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Nothing is said: its text and style decide.
    Implied,
    Null,
    Bool,
    Int,
    Float,
    Str,
    Timestamp,
    Binary,
    /// A tag that Kubernetes knows nothing of.
    Custom,
}

/// Entries in the order they were written in. A key may stand there twice, which printing refuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map {
    entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: Scalar,
    pub(super) value: Node,
}

impl Scalar {
    /// A text that is read back as one, whatever it looks like.
    pub(super) fn string(text: impl AsRef<str>) -> Self {
        Self { text: SmolStr::new(text), style: Style::Plain, tag: Tag::Str, link: Link::default() }
    }

    /// A key that kustomize adds: nothing is said of it, so that a number or `true` is no text, and cannot be printed.
    pub(super) fn key(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        if text.is_empty() { Self::string(text) } else { Self::plain(text) }
    }

    /// A text written without quotes, that is what it looks like.
    pub(super) fn plain(text: impl AsRef<str>) -> Self {
        Self { text: SmolStr::new(text), style: Style::Plain, tag: Tag::Implied, link: Link::default() }
    }

    /// Changes the text, which is then what it looks like in the quotes that it has.
    pub(super) fn set_text(&mut self, text: impl AsRef<str>) {
        self.set(text, Tag::Implied);
    }

    /// Changes the text, which is then read back as one; the quotes stay.
    pub(super) fn set_string(&mut self, text: impl AsRef<str>) {
        self.set(text, Tag::Str);
    }

    /// Changes the text and what it is said to be; the quotes stay.
    pub(super) fn set(&mut self, text: impl AsRef<str>, tag: Tag) {
        self.text = SmolStr::new(text);
        self.tag = tag;
        self.link = self.link.written();
    }

    /// Whether it is null, by its tag or by its text.
    pub(super) fn is_null(&self) -> bool {
        self.tag() == Tag::Null
    }

    /// What it is: what is said, or what its text and style imply.
    pub(super) fn tag(&self) -> Tag {
        match (self.tag, self.style) {
            (Tag::Implied, Style::Quoted | Style::Folded) => Tag::Str,
            (Tag::Implied, Style::Plain | Style::EmptyInFlow) => resolve::implied(&self.text),
            (tag, _) => tag,
        }
    }
}

impl Node {
    /// An empty map.
    pub(super) fn map() -> Self {
        Self::Map(Map::default())
    }

    /// A text.
    pub(super) fn string(text: impl AsRef<str>) -> Self {
        Self::Scalar(Scalar::string(text))
    }

    /// A scalar without a text: null, until it is given one.
    pub(super) fn empty() -> Self {
        Self::Scalar(Scalar { tag: Tag::Null, ..Scalar::plain("") })
    }

    /// The null value.
    pub(super) fn null() -> Self {
        Self::Scalar(Scalar { tag: Tag::Null, ..Scalar::plain("null") })
    }

    /// Whether it is a scalar that is null.
    pub(super) fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// The text of a scalar, whatever it is a scalar of.
    pub(super) fn text(&self) -> Option<&str> {
        self.as_scalar().map(|scalar| scalar.text.as_str())
    }

    pub(super) fn as_scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Scalar(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Scalar(_) | Self::List(_) => None,
        }
    }

    pub(super) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Scalar(_) | Self::List(_) => None,
        }
    }

    /// Calls `visit` with every scalar in it, and where that is.
    fn each_scalar<'a>(&'a self, path: &mut Vec<&'a str>, visit: &mut dyn FnMut(&[&'a str], &'a Scalar)) {
        match self {
            Self::Scalar(scalar) => visit(path, scalar),
            Self::List(items) => items.iter().for_each(|item| item.each_scalar(path, visit)),
            Self::Map(map) => map.each_scalar(path, visit),
        }
    }

    /// Calls `visit` with every scalar in it.
    pub(super) fn each_scalar_mut(&mut self, visit: &mut dyn FnMut(&mut Scalar)) {
        match self {
            Self::Scalar(scalar) => visit(scalar),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_scalar_mut(visit)),
            Self::Map(map) => map.each_scalar_mut(visit),
        }
    }

    /// The same, with scalars that are linked to no others.
    pub(super) fn unlinked(mut self) -> Self {
        self.each_scalar_mut(&mut |scalar| scalar.link = Link::default());
        self
    }

    /// The value under a key, when it is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }
}

impl Map {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Node)> {
        self.entries.iter().map(|entry| (entry.key.text.as_str(), &entry.value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Node> {
        self.entries.iter().map(|entry| &entry.value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.iter_mut().map(|entry| &mut entry.value)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.entries.iter_mut().map(|entry| (entry.key.text.as_str(), &mut entry.value))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key.text == key).map(|entry| &mut entry.value)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value under a key: in its place when the key is there, at the end otherwise.
    pub(super) fn insert(&mut self, key: &str, value: Node) {
        match (self.get_mut(key), value) {
            (Some(Node::Scalar(old)), Node::Scalar(new)) => *old = Scalar { link: old.link.written(), ..new },
            (Some(old), value) => *old = value,
            (None, value) => self.push(Scalar::key(key), value),
        }
    }

    /// Adds an entry, whether or not the key is there.
    pub(super) fn push(&mut self, key: Scalar, value: Node) {
        self.entries.push(Entry { key, value });
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.key.text == key)?;
        Some(self.entries.remove(at).value)
    }

    /// Texts under keys: of a key that comes again the last one, in the place of the first.
    pub(super) fn of_texts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut map = Self::default();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (key, text) in pairs {
            match places.entry(key) {
                hash_map::Entry::Occupied(place) => map.entries[*place.get()].value = Node::string(text),
                hash_map::Entry::Vacant(place) => {
                    place.insert(map.len());
                    map.push(Scalar::key(key), Node::string(text));
                }
            }
        }
        map
    }

    /// Whether a key comes again.
    pub(super) fn repeats_a_key(&self) -> bool {
        let mut seen = HashSet::new();
        !self.entries.iter().all(|entry| seen.insert(entry.key.text.as_str()))
    }

    fn each_scalar<'a>(&'a self, path: &mut Vec<&'a str>, visit: &mut dyn FnMut(&[&'a str], &'a Scalar)) {
        for (key, value) in self.iter() {
            path.push(key);
            value.each_scalar(path, visit);
            path.pop();
        }
    }

    /// The scalars that were written over and are linked to others. Of a group that was written over in several places,
    /// the last is the one that counts: kustomize goes through keys in their order.
    pub(super) fn written_links(&self) -> Vec<Scalar> {
        let mut written: Vec<(Vec<&str>, &Scalar)> = Vec::new();
        self.each_scalar(&mut Vec::new(), &mut |path, scalar| {
            if scalar.link.is_written {
                written.push((path.to_vec(), scalar));
            }
        });
        written.sort_by(|(a, _), (b, _)| a.cmp(b));
        written.into_iter().map(|(_, scalar)| scalar.clone()).collect()
    }

    /// Writes what was written over some scalars over those that they are linked to.
    pub(super) fn settle_links(&mut self, written: &[Scalar]) {
        self.each_scalar_mut(&mut |scalar| {
            if let Some(new) = written.iter().rev().find(|new| new.link.group == scalar.link.group) {
                let link = Link::to(new.link.group);
                *scalar = Scalar { style: scalar.style, link, ..new.clone() };
            }
        });
    }

    /// Calls `visit` with every scalar in it.
    pub(super) fn each_scalar_mut(&mut self, visit: &mut dyn FnMut(&mut Scalar)) {
        self.values_mut().for_each(|value| value.each_scalar_mut(visit));
    }

    /// The value under a key; `made` where there is none.
    pub(super) fn entry(&mut self, key: &str, made: impl FnOnce() -> Node) -> &mut Node {
        let at = match self.entries.iter().position(|entry| entry.key.text == key) {
            Some(at) => at,
            None => {
                self.push(Scalar::key(key), made());
                self.entries.len() - 1
            }
        };
        &mut self.entries[at].value
    }

    /// The map under a key, made where there is none, or something else.
    pub(super) fn map_at(&mut self, key: &str) -> &mut Self {
        let value = self.entry(key, Node::map);
        if value.as_map().is_none() {
            *value = Node::map();
        }
        match value {
            Node::Map(map) => map,
            Node::Scalar(_) | Node::List(_) => unreachable!("it was made a map"),
        }
    }
}

impl FromIterator<Entry> for Map {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
