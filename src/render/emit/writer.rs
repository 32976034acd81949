//! Blocks: puts maps and lists into lines, each value ending its line.
use super::{
    lines::{Lines, WIDTH},
    number, order,
    printable::{self, Fault, Unprintable},
    scalar::{Style, Text},
};
use crate::render::node::{Entry, Map, Node, Resolved, Scalar, Tag, Unresolvable};

/// Columns of one level.
const INDENT: usize = 2;

/// Prints nodes onto the end of a text.
pub(super) struct Writer<'n, 'o> {
    lines: Lines<'o>,
    /// The entries of the maps being written, sorted; each map's after those of the map around it.
    entries: Vec<&'n Entry>,
    /// Whether to refuse what kustomize refuses.
    strict: bool,
}

impl<'n, 'o> Writer<'n, 'o> {
    /// Refuses what kustomize refuses.
    pub(super) fn strict(out: &'o mut String) -> Self {
        Self { lines: Lines::new(out), entries: Vec::with_capacity(64), strict: true }
    }

    /// Refuses nothing.
    pub(super) fn lenient(out: &'o mut String) -> Self {
        Self { strict: false, ..Self::strict(out) }
    }

    /// Writes one value as a document.
    pub(super) fn document(&mut self, node: &'n Node) -> Result<(), Unprintable> {
        match node {
            Node::Scalar(scalar) => self.scalar(scalar, INDENT),
            Node::Map(map) => self.object_document(map),
            Node::List(_) => self.block(node, 0),
        }
    }

    /// Writes one object as a document.
    pub(super) fn object_document(&mut self, object: &'n Map) -> Result<(), Unprintable> {
        self.map(object, 0, true)
    }

    /// Writes a node whose first line has been begun, as far as the column of its keys or dashes.
    fn block(&mut self, node: &'n Node, indent: usize) -> Result<(), Unprintable> {
        match node {
            Node::Scalar(scalar) => self.scalar(scalar, indent),
            Node::List(items) => self.list(items, indent),
            Node::Map(map) => self.map(map, indent, false),
        }
    }

    /// Writes the value of a key that stands at a column, from after the key's colon.
    fn value(&mut self, node: &'n Node, indent: usize) -> Result<(), Unprintable> {
        // Beside its key, a list is not indented: its dashes already set it off.
        let inner = match node {
            Node::List(items) if !items.is_empty() => indent,
            Node::Map(map) if !map.is_empty() => indent + INDENT,
            Node::Scalar(_) | Node::List(_) | Node::Map(_) => {
                self.lines.push(" ");
                return self.block(node, indent + INDENT);
            }
        };
        self.lines.push("\n");
        self.lines.start(inner);
        self.block(node, inner)
    }

    fn list(&mut self, items: &'n [Node], indent: usize) -> Result<(), Unprintable> {
        if items.is_empty() {
            self.lines.push("[]\n");
        }
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.lines.start(indent);
            }
            self.lines.push("- ");
            self.block(item, indent + INDENT).map_err(|error| error.under(&format!("[{at}]")))?;
        }
        Ok(())
    }

    fn map(&mut self, map: &'n Map, indent: usize, at_the_top: bool) -> Result<(), Unprintable> {
        if map.is_empty() {
            self.lines.push("{}\n");
        }
        let first = self.entries.len();
        self.entries.extend(map.entries());
        if let Some(key) = order::sort(&mut self.entries[first..]) {
            self.refuse(|| Fault::Twice(key.to_owned()))?;
        }
        for at in first..first + map.len() {
            let Entry { key, value } = self.entries[at];
            if at > first {
                self.lines.start(indent);
            }
            let is_key = if at_the_top { is_text_at_the_top(key) } else { is_text(key) };
            if !is_key {
                self.refuse(|| Fault::Key)?;
            }
            self.entry(key, value, indent)?;
        }
        self.entries.truncate(first);
        Ok(())
    }

    fn entry(&mut self, key: &'n Scalar, value: &'n Node, indent: usize) -> Result<(), Unprintable> {
        let name = Text::new(&key.text);
        if self.strict {
            printable::key(&name)?;
        }
        let written = if name.is_simple_key() {
            self.lines.string(&name, indent + INDENT, usize::MAX);
            self.lines.push(":");
            self.value(value, indent)
        } else {
            self.lines.push("? ");
            self.text(&name, indent + INDENT);
            self.lines.start(indent);
            self.lines.push(": ");
            self.block(value, indent + INDENT)
        };
        written.map_err(|error| error.under(&key.text))
    }

    /// Writes a scalar, and ends its line; its further lines are indented.
    fn scalar(&mut self, scalar: &'n Scalar, indent: usize) -> Result<(), Unprintable> {
        if number::is_plain_integer(scalar) {
            self.word(&scalar.text);
            return Ok(());
        }
        match scalar.resolve() {
            Ok(Resolved::Null) => self.word("null"),
            Ok(Resolved::Bool(true)) => self.word("true"),
            Ok(Resolved::Bool(false)) => self.word("false"),
            Ok(Resolved::Number(number)) => self.word(&number::text(&number)),
            Ok(Resolved::Text(text)) => {
                let text = Text::new(&text);
                if self.strict {
                    printable::string(&text)?;
                }
                self.text(&text, indent);
            }
            Err(error) => {
                self.refuse(|| Fault::Scalar(error))?;
                self.text(&Text::new(&scalar.text), indent);
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>, indent: usize) {
        self.lines.string(text, indent, WIDTH);
        if text.style != Style::Literal || !text.ends_in_break() {
            self.lines.push("\n");
        }
    }

    fn word(&mut self, word: &str) {
        self.lines.push(word);
        self.lines.push("\n");
    }

    fn refuse(&self, fault: impl FnOnce() -> Fault) -> Result<(), Unprintable> {
        if self.strict { Err(fault().into()) } else { Ok(()) }
    }
}

/// Whether a key is one of a map that Go's JSON encoder takes: that it becomes a text is not enough.
fn is_text(key: &Scalar) -> bool {
    key.tag() == Tag::Str
}

/// Whether a key is one of an object itself, where Go takes a scalar of any kind as it is written.
fn is_text_at_the_top(key: &Scalar) -> bool {
    match key.tag() {
        Tag::Str => true,
        Tag::Null | Tag::Binary => false,
        Tag::Implied | Tag::Bool | Tag::Int | Tag::Float | Tag::Timestamp | Tag::Custom => {
            key.resolve() != Err(Unresolvable::Mistagged)
        }
    }
}
