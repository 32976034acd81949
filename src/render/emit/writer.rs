//! Lines, indents and folding: puts values into text, column by column.
use super::{
    number, order,
    scalar::{Scalar, Style, is_break, is_printable},
};
use serde_json::{Map, Value};

/// Column past which a line is folded at its next single space.
const WIDTH: usize = 80;
/// Columns of one level.
const INDENT: usize = 2;

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    MapValue,
}

/// The text so far, and what is known of its last line.
#[derive(Default)]
pub(super) struct Writer {
    out: String,
    /// Characters on the last line.
    column: usize,
    /// Indent of the collection being written; none before the first.
    indent: Option<usize>,
    /// Whether the last character separates: an indent or a break, or nothing is written yet.
    separated: bool,
    /// Whether the last line holds nothing but its indent and the marks of blocks (`- `, `? `, `: `).
    only_indent: bool,
}

impl Writer {
    /// Writes one value as a document.
    pub(super) fn document(&mut self, value: &Value) {
        self.begin();
        self.node(value, Place::Root);
        self.start_line();
    }

    /// Writes one object as a document.
    pub(super) fn object_document(&mut self, object: &Map<String, Value>) {
        self.begin();
        self.object(object);
        self.start_line();
    }

    /// The text written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn begin(&mut self) {
        self.separated = true;
        self.only_indent = true;
    }

    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Null => self.word("null"),
            Value::Bool(true) => self.word("true"),
            Value::Bool(false) => self.word("false"),
            Value::Number(number) => self.word(&number::text(number)),
            Value::String(text) => self.scalar(&Scalar::new(text), true),
            Value::Array(items) => self.array(items, place),
            Value::Object(map) => self.object(map),
        }
    }

    fn array(&mut self, items: &[Value], place: Place) {
        if items.is_empty() {
            return self.word("[]");
        }
        // Beside its key, a list is not indented: its dashes already set it off.
        let beside_key = place == Place::MapValue && !self.only_indent;
        let outer = self.indent;
        self.indent = Some(match outer {
            None => 0,
            Some(indent) if beside_key => indent,
            Some(indent) => indent + INDENT,
        });
        for item in items {
            self.start_line();
            self.block_mark('-');
            self.node(item, Place::Item);
        }
        self.indent = outer;
    }

    fn object(&mut self, map: &Map<String, Value>) {
        if map.is_empty() {
            return self.word("{}");
        }
        let outer = self.indent;
        self.indent = Some(outer.map_or(0, |indent| indent + INDENT));
        for (key, value) in order::sorted(map) {
            self.start_line();
            let key = Scalar::new(key);
            if key.is_simple_key() {
                self.scalar(&key, false);
                self.close(':');
            } else {
                self.block_mark('?');
                self.scalar(&key, true);
                self.start_line();
                self.block_mark(':');
            }
            self.node(value, Place::MapValue);
        }
        self.indent = outer;
    }

    /// Writes a string in its style; lines that are too long are folded only if `fold`.
    fn scalar(&mut self, scalar: &Scalar<'_>, fold: bool) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| indent + INDENT));
        match scalar.style {
            Style::Plain => self.plain(&scalar.text, fold),
            Style::SingleQuoted => self.single_quoted(&scalar.text, fold),
            Style::DoubleQuoted => self.double_quoted(&scalar.text, fold),
            Style::Literal => self.literal(&scalar.text),
        }
        self.indent = outer;
    }

    fn plain(&mut self, text: &str, fold: bool) {
        self.separate();
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' && fold && !after_space && self.column > WIDTH && chars.peek() != Some(&' ') {
                self.start_line();
            } else {
                self.put(c);
            }
            after_space = c == ' ';
        }
        self.separated = false;
        self.only_indent = false;
    }

    fn single_quoted(&mut self, text: &str, fold: bool) {
        self.open('\'');
        let mut after_space = false;
        let mut after_break = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let inner = !first && chars.peek().is_some_and(|next| *next != ' ');
            if c == ' ' && fold && !after_space && self.column > WIDTH && inner {
                self.start_line();
            } else if is_break(c) {
                self.put_break(c);
            } else {
                if after_break {
                    self.start_line();
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
            }
            after_break = is_break(c);
            after_space = c == ' ';
            first = false;
        }
        self.close('\'');
    }

    fn double_quoted(&mut self, text: &str, fold: bool) {
        self.open('"');
        // A byte order mark in front makes that emitter escape every character of the text.
        let escape_all = text.starts_with('\u{feff}');
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let inner = !first && chars.peek().is_some();
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escaped(c);
                after_space = false;
            } else if c == ' ' && fold && !after_space && self.column > WIDTH && inner {
                self.start_line();
                if chars.peek() == Some(&' ') {
                    self.put('\\');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = c == ' ';
            }
            first = false;
        }
        self.close('"');
    }

    fn escaped(&mut self, c: char) {
        self.put('\\');
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' | '\\' => c,
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => return self.escaped_as_hex(u32::from(c)),
        };
        self.put(short);
    }

    fn escaped_as_hex(&mut self, code: u32) {
        let text = match code {
            0..=0xff => format!("x{code:02X}"),
            0x100..=0xffff => format!("u{code:04X}"),
            _ => format!("U{code:08X}"),
        };
        text.chars().for_each(|c| self.put(c));
    }

    fn literal(&mut self, text: &str) {
        self.open('|');
        if text.starts_with(' ') || text.starts_with(is_break) {
            self.close('2');
        }
        let mut from_end = text.chars().rev().map(is_break);
        match (from_end.next(), from_end.next()) {
            (Some(true), Some(false)) => {}
            (Some(true), _) => self.close('+'),
            _ => self.close('-'),
        }
        self.put_break('\n');
        self.separated = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break(c);
                after_break = true;
            } else {
                if after_break {
                    self.start_line();
                }
                self.put(c);
                self.only_indent = false;
                after_break = false;
            }
        }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
        self.only_indent = self.only_indent && c == ' ';
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
        self.only_indent = true;
    }

    /// Goes to the indent, on a line of its own.
    fn start_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.only_indent || self.column > indent || (self.column == indent && !self.separated) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.separated = true;
        self.only_indent = true;
    }

    fn separate(&mut self) {
        if !self.separated {
            self.put(' ');
        }
    }

    /// Writes a mark that a block may follow on the same line: `-`, `?`, `:`.
    fn block_mark(&mut self, mark: char) {
        let only_indent = self.only_indent;
        self.separate();
        self.put(mark);
        self.separated = false;
        self.only_indent = only_indent;
    }

    fn open(&mut self, mark: char) {
        self.separate();
        self.close(mark);
    }

    fn close(&mut self, mark: char) {
        self.put(mark);
        self.separated = false;
        self.only_indent = false;
    }

    fn word(&mut self, word: &str) {
        self.separate();
        self.out.push_str(word);
        self.column += word.len();
        self.separated = false;
        self.only_indent = false;
    }
}
