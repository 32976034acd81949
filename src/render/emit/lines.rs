//! Lines of text: indents, and strings in their styles, folded column by column.
use super::scalar::{Style, Text, is_break, is_printable};
use std::fmt::Write as _;

/// Column past which a line is folded at its next single space.
pub(super) const WIDTH: usize = 80;

/// The text so far, and where its last line begins.
pub(super) struct Lines<'o> {
    out: &'o mut String,
    line: usize,
}

impl<'o> Lines<'o> {
    /// Goes on at the end of a text, which must be empty or end in a line break.
    pub(super) fn new(out: &'o mut String) -> Self {
        Self { line: out.len(), out }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Begins a line: the one before must be ended.
    pub(super) fn start(&mut self, indent: usize) {
        self.line = self.out.len();
        self.indent(indent);
    }

    fn indent(&mut self, indent: usize) {
        const SPACES: &str = "                                                                ";
        let mut left = indent;
        while left > SPACES.len() {
            self.out.push_str(SPACES);
            left -= SPACES.len();
        }
        self.out.push_str(&SPACES[..left]);
    }

    /// Writes a string in its style; a line past the width is folded where the style allows it.
    pub(super) fn string(&mut self, text: &Text<'_>, indent: usize, width: usize) {
        match text.style {
            Style::Plain if self.out.len() - self.line + text.text.len() <= width => self.out.push_str(&text.text),
            Style::Plain => {
                let column = self.column();
                Run { lines: self, text: &text.text, indent, width, folds_before_space: false, column }
                    .write(0, text.text.len());
            }
            Style::SingleQuoted => self.single_quoted(&text.text, indent, width),
            Style::DoubleQuoted => self.double_quoted(&text.text, indent, width),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Characters on the last line.
    fn column(&self) -> usize {
        self.out[self.line..].chars().count()
    }

    fn single_quoted(&mut self, text: &str, indent: usize, width: usize) {
        self.push("'");
        let column = self.column();
        let mut run = Run { lines: self, text, indent, width, folds_before_space: false, column };
        let mut from = 0;
        let may_be = |byte| byte < b' ' || byte == b'\'';
        while let Some((at, c)) = next(text, from, may_be, |c| c == '\'' || is_break(c)) {
            run.write(from, at);
            from = at + c.len_utf8();
            if c == '\'' {
                run.push("''");
            } else {
                run.line_break(c, from);
            }
        }
        run.write(from, text.len());
        self.push("'");
    }

    fn double_quoted(&mut self, text: &str, indent: usize, width: usize) {
        self.push("\"");
        // A byte order mark in front makes that emitter escape every character of the text.
        let escapes_all = text.starts_with('\u{feff}');
        let may_be = |byte| escapes_all || byte < b' ' || matches!(byte, b'"' | b'\\' | b'\x7f');
        let is_escaped = |c| escapes_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\');
        let column = self.column();
        let mut run = Run { lines: self, text, indent, width, folds_before_space: true, column };
        let mut from = 0;
        while let Some((at, c)) = next(text, from, may_be, is_escaped) {
            run.write(from, at);
            run.escape(c);
            from = at + c.len_utf8();
        }
        run.write(from, text.len());
        self.push("\"");
    }

    fn literal(&mut self, text: &Text<'_>, indent: usize) {
        self.push("|");
        if text.text.starts_with(' ') || text.text.starts_with(is_break) {
            self.push("2");
        }
        let mut from_end = text.text.chars().rev().map(is_break);
        match (from_end.next(), from_end.next()) {
            (Some(true), Some(false)) => {}
            (Some(true), _) => self.push("+"),
            _ => self.push("-"),
        }
        self.push("\n");
        if text.is_simple() {
            text.text.split_inclusive('\n').for_each(|line| self.literal_line(line, indent));
        } else {
            text.text.split_inclusive(is_break).for_each(|line| self.literal_line(line, indent));
        }
    }

    fn literal_line(&mut self, line: &str, indent: usize) {
        if !line.starts_with(is_break) {
            self.indent(indent);
        }
        self.push(line);
    }
}

/// The first character from a place on that is of a kind, and where it is. Of ASCII, only what `may_be` takes.
fn next(text: &str, from: usize, may_be: impl Fn(u8) -> bool, is_it: impl Fn(char) -> bool) -> Option<(usize, char)> {
    let mut at = from;
    loop {
        at += text[at..].bytes().position(|byte| !byte.is_ascii() || may_be(byte))?;
        let c = text[at..].chars().next()?;
        if is_it(c) {
            return Some((at, c));
        }
        at += c.len_utf8();
    }
}

/// A string being written that may be folded.
struct Run<'l, 'o, 't> {
    lines: &'l mut Lines<'o>,
    text: &'t str,
    indent: usize,
    width: usize,
    /// Whether a line may end before several spaces, as a backslash keeps them.
    folds_before_space: bool,
    /// Characters on the last line.
    column: usize,
}

impl Run<'_, '_, '_> {
    /// Writes a part of the text as it is, but for the spaces that become folds.
    fn write(&mut self, from: usize, end: usize) {
        let mut from = from;
        while let Some(at) = self.fold(from, end) {
            self.lines.push(&self.text[from..at]);
            self.lines.push("\n");
            self.lines.start(self.indent);
            self.column = self.indent;
            from = at + 1;
            if self.text.as_bytes().get(from) == Some(&b' ') {
                self.push("\\");
            }
        }
        self.push(&self.text[from..end]);
    }

    /// The first space past the width that may be a fold: not beside another, nor at an end of the text.
    fn fold(&self, from: usize, end: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let beyond = match self.width.checked_sub(self.column) {
            Some(room) if room >= end - from => return None,
            Some(room) => {
                let mut chars = self.text[from..end].chars();
                chars.nth(room)?;
                end - chars.as_str().len()
            }
            None => from,
        };
        let is_single = |at: &usize| {
            let at = *at;
            bytes[at] == b' '
                && at > 0
                && bytes[at - 1] != b' '
                && bytes.get(at + 1).is_some_and(|next| self.folds_before_space || *next != b' ')
        };
        (beyond..end).find(is_single)
    }

    fn push(&mut self, text: &str) {
        self.lines.push(text);
        self.column += text.chars().count();
    }

    /// Writes a line break of the text, and the indent of what follows it.
    fn line_break(&mut self, c: char, end: usize) {
        self.lines.out.push(c);
        self.column = 0;
        if self.text[end..].starts_with(|c: char| !is_break(c)) {
            self.lines.indent(self.indent);
            self.column = self.indent;
        }
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => return self.escape_as_hex(u32::from(c)),
        };
        self.push(short);
    }

    fn escape_as_hex(&mut self, code: u32) {
        let begin = self.lines.out.len();
        let _infallible: std::fmt::Result = match code {
            0..=0xff => write!(self.lines.out, "\\x{code:02X}"),
            0x100..=0xffff => write!(self.lines.out, "\\u{code:04X}"),
            _ => write!(self.lines.out, "\\U{code:08X}"),
        };
        self.column += self.lines.out.len() - begin;
    }
}
