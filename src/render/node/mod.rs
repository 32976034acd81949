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
        Self { text: SmolStr::new(text), style: Style::Plain, tag: Tag::Str }
    }

    /// A text written without quotes, that is what it looks like.
    pub(super) fn plain(text: impl AsRef<str>) -> Self {
        Self { text: SmolStr::new(text), style: Style::Plain, tag: Tag::Implied }
    }

    /// Changes the text, which is then what it looks like in the quotes that it has.
    pub(super) fn set_text(&mut self, text: impl AsRef<str>) {
        self.text = SmolStr::new(text);
        self.tag = Tag::Implied;
    }

    /// Changes the text, which is then read back as one; the quotes stay.
    pub(super) fn set_string(&mut self, text: impl AsRef<str>) {
        self.text = SmolStr::new(text);
        self.tag = Tag::Str;
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
        Self::Scalar(Scalar { text: SmolStr::default(), style: Style::Plain, tag: Tag::Null })
    }

    /// The null value.
    pub(super) fn null() -> Self {
        Self::Scalar(Scalar { text: SmolStr::new_static("null"), style: Style::Plain, tag: Tag::Null })
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
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.push(Scalar::string(key), value),
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

    /// The value under a key; `made` where there is none.
    pub(super) fn entry(&mut self, key: &str, made: impl FnOnce() -> Node) -> &mut Node {
        let at = match self.entries.iter().position(|entry| entry.key.text == key) {
            Some(at) => at,
            None => {
                self.push(Scalar::string(key), made());
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
