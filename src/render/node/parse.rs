//! From YAML text to nodes, as kustomize's reader takes it.
//!
//! Reads what libyaml reads: YAML 1.1 with indentation, simple keys and indicators by its rules, which are laxer than
//! the specification in places and stricter in others. Aliases are replaced by what they stand for and merge keys
//! (`<<`) are merged here, so nothing after this knows of them.
//!
//! Source: YAML 1.1 (<https://yaml.org/spec/1.1/>), as libyaml and its port in Go (`go.yaml.in/yaml/v3`) read it.
mod block;
mod flow;
mod scalar;

use super::{Entry, Map, Node, Scalar, Style, Tag};
use smol_str::SmolStr;
use std::{borrow::Cow, collections::HashMap};

/// Largest YAML text that is read, in bytes.
const MAX_TEXT_BYTES: usize = 32 << 20;
/// Deepest nesting of maps and lists.
const MAX_DEPTH: usize = 256;
/// Most nodes of one document, with all that its aliases stand for.
const MAX_NODES: usize = 4_000_000;
/// Longest key that needs no `?`, in characters, as far as its colon.
const MAX_SIMPLE_KEY: usize = 1_024;

/// Why a text was not read as YAML. Holds none of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub(in crate::render) struct ParseError {
    /// From 1.
    pub(in crate::render) line: usize,
    /// From 1, in bytes.
    pub(in crate::render) column: usize,
    what: &'static str,
}

/// Reads the documents of a file, as kustomize splits it: at lines that begin with `---`. Empty ones, and
/// those that are null, are left out.
///
/// # Errors
/// When a document is not YAML, a separator is followed by something other than a comment, or a bound is exceeded.
pub(in crate::render) fn documents(text: &str) -> Result<Vec<Node>, ParseError> {
    together(split(text)?.iter().map(|part| read(&part.text, part.line)))
}

/// Reads the documents of several files, on every core.
pub(in crate::render) fn all_documents(texts: &[&str]) -> Vec<Result<Vec<Node>, ParseError>> {
    let split: Vec<Result<Vec<Part<'_>>, ParseError>> = texts.iter().map(|text| split(text)).collect();
    let parts: Vec<&Part<'_>> = split.iter().flatten().flatten().collect();
    let mut read = crate::render::parallel::map(&parts, |part| read(&part.text, part.line)).into_iter();
    split
        .iter()
        .map(|parts| match parts {
            Ok(parts) => together(read.by_ref().take(parts.len())),
            Err(error) => Err(error.clone()),
        })
        .collect()
}

/// The documents that hold something.
fn together(read: impl Iterator<Item = Result<Option<Node>, ParseError>>) -> Result<Vec<Node>, ParseError> {
    let is_empty = |node: &Result<Node, ParseError>| node.as_ref().is_ok_and(Node::is_null);
    read.filter_map(Result::transpose).filter(|node| !is_empty(node)).collect()
}

/// Reads the first document of a text, whatever follows it; none when it is empty.
///
/// # Errors
/// When it is not YAML, or a bound is exceeded.
pub(in crate::render) fn one(text: &str) -> Result<Option<Node>, ParseError> {
    // A separator that is none is for the document to refuse.
    let Ok(parts) = split(text) else { return read(&line_feeds(text), 1) };
    parts.iter().find_map(|part| read(&part.text, part.line).transpose()).transpose()
}

/// A document's text, and the line of the file that it begins on.
struct Part<'a> {
    text: Cow<'a, str>,
    line: usize,
}

fn line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

fn split(text: &str) -> Result<Vec<Part<'_>>, ParseError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ParseError { line: 1, column: 1, what: "more than 32 MiB of YAML" });
    }
    let mut parts = Vec::new();
    match line_feeds(text) {
        Cow::Borrowed(text) => split_at_separators(text, |text, line| parts.push(Part { text: text.into(), line }))?,
        Cow::Owned(text) => {
            split_at_separators(&text, |text, line| parts.push(Part { text: text.to_owned().into(), line }))?;
        }
    }
    Ok(parts)
}

fn split_at_separators<'a>(text: &'a str, mut part: impl FnMut(&'a str, usize)) -> Result<(), ParseError> {
    let (mut begin, mut line, mut from) = (0, 1, 0);
    while let Some(found) = text[from..].find("\n---") {
        let at = from + found;
        // A separator without an end of its line is the document's own business.
        let Some(length) = text[at + 1..].find('\n') else { break };
        let after = text[at + 4..at + 1 + length].trim();
        let lines = text[begin..at].matches('\n').count();
        if !after.is_empty() && !after.starts_with('#') {
            return Err(ParseError {
                line: line + lines + 1,
                column: 4,
                what: "a document separator is followed by something other than a comment",
            });
        }
        part(&text[begin..=at], line);
        begin = at + 1 + length + 1;
        line += lines + 2;
        from = begin;
    }
    part(&text[begin..], line);
    Ok(())
}

fn read(text: &str, line: usize) -> Result<Option<Node>, ParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser {
        bytes: text.as_bytes(),
        text,
        first_line: line,
        at: 0,
        line_start: 0,
        indent: -1,
        flow: 0,
        allowed: true,
        depth: 0,
        nodes: 0,
        anchors: HashMap::new(),
    };
    if text.len() > MAX_TEXT_BYTES {
        return Err(parser.error("more than 32 MiB of YAML"));
    }
    if let Some(at) = forbidden(text) {
        parser.at = at;
        return Err(parser.error("a control character, which YAML does not allow"));
    }
    parser.document()
}

/// Where the first character stands that YAML does not allow.
fn forbidden(text: &str) -> Option<usize> {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r') || *byte == 0x7f;
    let control = text.bytes().position(|byte| is_control(&byte));
    if control.is_some() || text.is_ascii() {
        return control;
    }
    let is_allowed = |c: char| !matches!(c, '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    text.char_indices().find(|(_, c)| !is_allowed(*c)).map(|(at, _)| at)
}

/// Reads one document.
struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    first_line: usize,
    at: usize,
    /// Where the line begins on which `at` is.
    line_start: usize,
    /// Column of the block collection that is being read; -1 outside all.
    indent: isize,
    /// How many flow collections are open.
    flow: usize,
    /// Whether a key may begin here.
    allowed: bool,
    depth: usize,
    nodes: usize,
    anchors: HashMap<SmolStr, Node>,
}

/// What may stand before a node.
#[derive(Default)]
struct Properties {
    anchor: Option<SmolStr>,
    tag: Option<Tag>,
}

impl Properties {
    fn is_empty(&self) -> bool {
        self.anchor.is_none() && self.tag.is_none()
    }
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Option<Node>, ParseError> {
        self.skip();
        while self.column() == 0 && self.peek(0) == b'%' {
            self.directive()?;
        }
        let begun = self.is_marker(b'-');
        if begun {
            self.at += 3;
            self.allowed = false;
            self.skip();
        }
        if !begun && self.is_marker(b'.') {
            return Err(self.error("a document ends before it begins"));
        }
        let node = if self.is_over() { None } else { Some(self.block_node(false)?) };
        self.skip();
        while self.is_marker(b'-') || self.is_marker(b'.') {
            self.at += 3;
            self.allowed = false;
            self.skip();
        }
        if self.at < self.bytes.len() {
            return Err(self.error("something follows the end of the document"));
        }
        Ok(node)
    }

    fn directive(&mut self) -> Result<(), ParseError> {
        if !self.bytes[self.at..].starts_with(b"%YAML 1.1") || !self.is_blank_at(self.at + 9) {
            return Err(self.error("only the directive %YAML 1.1 is read"));
        }
        self.at += 9;
        self.skip();
        if self.is_marker(b'-') || self.peek(0) == b'%' {
            Ok(())
        } else {
            Err(self.error("a directive must be followed by ---"))
        }
    }

    fn error(&self, what: &'static str) -> ParseError {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        ParseError { line: self.first_line + line, column: column + 1, what }
    }

    /// The byte that stands so far on; 0 past the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn column(&self) -> isize {
        (self.at - self.line_start).cast_signed()
    }

    /// Length in bytes of the line break at a place; 0 when there is none.
    fn break_at(&self, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b'\n') => 1,
            Some(b'\r') => 1 + usize::from(self.bytes.get(at + 1) == Some(&b'\n')),
            Some(0xc2) if self.bytes.get(at + 1) == Some(&0x85) => 2,
            Some(0xe2) if matches!(self.bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => 3,
            _ => 0,
        }
    }

    /// Whether there is white space, a line break or the end.
    fn is_blank_at(&self, at: usize) -> bool {
        matches!(self.bytes.get(at), None | Some(b' ' | b'\t' | b'\n' | b'\r')) || self.break_at(at) > 0
    }

    /// Whether `---` or `...` begins the line here.
    fn is_marker(&self, mark: u8) -> bool {
        self.column() == 0
            && self.peek(0) == mark
            && self.peek(1) == mark
            && self.peek(2) == mark
            && self.is_blank_at(self.at + 3)
    }

    /// Whether the document ends here.
    fn is_over(&self) -> bool {
        self.at >= self.bytes.len() || self.is_marker(b'-') || self.is_marker(b'.')
    }

    /// Goes to the next token: over white space, comments and line breaks. Says whether a line was ended.
    fn skip(&mut self) -> bool {
        let mut ended = false;
        loop {
            match self.peek(0) {
                b' ' => self.at += 1,
                b'\t' if self.flow > 0 || !self.allowed => self.at += 1,
                b'#' => self.comments(),
                _ => match self.break_at(self.at) {
                    0 => return ended,
                    length => {
                        self.at += length;
                        self.line_start = self.at;
                        self.allowed = self.allowed || self.flow == 0;
                        ended = true;
                    }
                },
            }
        }
    }

    /// Goes to the end of the comment here and of those that follow it, over empty lines even if these hold tabs.
    fn comments(&mut self) {
        loop {
            while self.at < self.bytes.len() && self.break_at(self.at) == 0 {
                self.at += 1;
            }
            let mut at = self.at;
            while at < self.bytes.len() && self.is_blank_at(at) {
                at += self.break_at(at).max(1);
            }
            if self.bytes.get(at) != Some(&b'#') {
                return;
            }
            self.at = at;
        }
    }

    /// Counts a node, within the bounds.
    fn count(&mut self) -> Result<(), ParseError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(self.error("more than 4 000 000 values in one document")) } else { Ok(()) }
    }

    fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("maps and lists inside each other more than 256 deep"));
        }
        self.count()
    }

    /// Gives a node the tag and the anchor that stand before it.
    fn finish(&mut self, mut node: Node, properties: Properties) -> Node {
        if let (Some(tag), Node::Scalar(scalar)) = (properties.tag, &mut node) {
            scalar.tag = tag;
            // Such a tag counts for more than quotes do.
            if matches!(tag, Tag::Null | Tag::Bool | Tag::Int | Tag::Float | Tag::Timestamp) {
                scalar.style = Style::Plain;
            }
        }
        if let Some(anchor) = properties.anchor {
            // Where something within has the same name, that came later.
            self.anchors.entry(anchor).or_insert_with(|| node.clone());
        }
        node
    }

    /// A node of no text: null.
    fn empty(&mut self, properties: Properties) -> Result<Node, ParseError> {
        self.count()?;
        let style = if self.flow > 0 { Style::EmptyInFlow } else { Style::Plain };
        Ok(self.finish(Node::Scalar(Scalar { style, ..Scalar::plain("") }), properties))
    }

    /// Reads the anchors and tags that stand here, if any.
    fn property(&mut self, properties: &mut Properties) -> Result<(), ParseError> {
        match self.peek(0) {
            b'&' if properties.anchor.is_none() => {
                let name = self.anchor()?;
                // Nothing within the value stands for the value, or for what had the name before.
                self.anchors.remove(&name);
                properties.anchor = Some(name);
            }
            b'!' if properties.tag.is_none() => properties.tag = Some(self.tag()?),
            _ => return Err(self.error("a second anchor or tag for one value")),
        }
        self.allowed = false;
        Ok(())
    }

    /// The name after `&` or `*`.
    fn anchor(&mut self) -> Result<SmolStr, ParseError> {
        let begin = self.at + 1;
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = self.bytes[begin..].iter().take_while(is_name).count();
        self.at = begin + length;
        let ends =
            self.is_blank_at(self.at) || matches!(self.peek(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if length == 0 || !ends {
            return Err(self.error("an anchor or alias must be named by letters, digits, - and _"));
        }
        Ok(SmolStr::new(&self.text[begin..begin + length]))
    }

    fn tag(&mut self) -> Result<Tag, ParseError> {
        let rest = &self.bytes[self.at..];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-;/?:@&=+$,.!~*'()[]".contains(byte);
        let begin = if rest.starts_with(b"!<") { 2 } else { 1 };
        let length = rest[begin..].iter().take_while(|byte| is_name(byte)).count();
        let name = &rest[begin..begin + length];
        self.at += begin + length;
        if begin == 2 {
            if self.peek(0) != b'>' || name.is_empty() {
                return Err(self.error("a tag that begins with !< must end with >"));
            }
            self.at += 1;
        }
        if !self.is_blank_at(self.at) {
            return Err(self.error("a tag must be followed by white space"));
        }
        let name = match (begin, name) {
            (1, b"") => return Ok(Tag::Implied),
            (1, [b'!', name @ ..]) if !name.is_empty() => name,
            (2, name) => name.strip_prefix(b"tag:yaml.org,2002:").unwrap_or_default(),
            _ if is_handled(name) => return Err(self.error("a tag with a handle that is not declared, or no name")),
            _ => b"",
        };
        Ok(match name {
            b"null" => Tag::Null,
            b"bool" => Tag::Bool,
            b"int" => Tag::Int,
            b"float" => Tag::Float,
            b"str" => Tag::Str,
            b"timestamp" => Tag::Timestamp,
            b"binary" => Tag::Binary,
            // What merge keys are printed with.
            b"merge" => Tag::Implied,
            _ => Tag::Custom,
        })
    }

    /// What an alias stands for.
    fn alias(&mut self) -> Result<Node, ParseError> {
        let name = self.anchor()?;
        let Some(node) = self.anchors.get(&name).cloned() else {
            return Err(self.error("an alias of an anchor that is not there"));
        };
        self.nodes += size(&node);
        self.count()?;
        Ok(node)
    }

    /// Merges what the key `<<` of a map names under the map's own keys. The first such key goes, even in quotes.
    fn merged(&self, map: Map) -> Result<Map, ParseError> {
        let mut merge = None;
        let mut all = Map::default();
        let mut is_first = true;
        for entry in map {
            let is_named = entry.key.text == "<<";
            if is_named && entry.key.style == Style::Plain && entry.key.tag == Tag::Implied {
                if merge.replace(entry.value).is_some() {
                    return Err(self.error("two merge keys in one map"));
                }
            } else if !(is_named && is_first) {
                all.push(entry.key, entry.value);
            }
            is_first = is_first && !is_named;
        }
        let named = match merge {
            None => return Ok(all),
            Some(Node::List(items)) => items,
            Some(one) => vec![one],
        };
        for node in named {
            let Node::Map(map) = node else {
                return Err(self.error("a merge key that names something other than maps"));
            };
            for Entry { key, mut value } in map {
                match &mut value {
                    Node::Scalar(scalar) if scalar.style == Style::EmptyInFlow && self.flow == 0 => {
                        scalar.style = Style::Plain;
                    }
                    _ => {}
                }
                if !all.contains(&key.text) {
                    all.push(key, value);
                }
            }
        }
        Ok(all)
    }
}

/// Whether a tag's text after its `!` is `handle!name`, or only `!`.
fn is_handled(name: &[u8]) -> bool {
    let handle = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
    name.get(handle) == Some(&b'!')
}

/// How many nodes there are in one.
fn size(node: &Node) -> usize {
    1 + match node {
        Node::Scalar(_) => 0,
        Node::List(items) => items.iter().map(size).sum(),
        Node::Map(map) => map.values().map(size).sum(),
    }
}
