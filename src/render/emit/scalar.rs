//! Which style a string is written in: plain, single-quoted, double-quoted or a literal block.
use super::{printable::folded, resolve};
use std::borrow::Cow;

/// Longest key, in bytes, that is written without `? `.
const SIMPLE_KEY_BYTES: usize = 128;

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// A string, and what its characters allow.
pub(super) struct Scalar<'a> {
    /// The string as it is printed.
    pub(super) text: Cow<'a, str>,
    /// The style it takes.
    pub(super) style: Style,
    /// Whether it holds a line break of any kind.
    multiline: bool,
}

impl<'a> Scalar<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = folded(text);
        let shape = Shape::of(&text);
        Self { style: style(&text, shape), multiline: shape.multiline, text }
    }

    /// Whether it can be a key without `? `.
    pub(super) fn is_simple_key(&self) -> bool {
        !self.multiline && self.text.len() <= SIMPLE_KEY_BYTES
    }
}

/// The least quoted style that the text allows; a text of several lines is a literal block if it can be.
fn style(text: &str, shape: Shape) -> Style {
    if text.contains('\n') {
        return if shape.literal { Style::Literal } else { Style::DoubleQuoted };
    }
    if !resolve::is_text(text) {
        return Style::DoubleQuoted;
    }
    match shape {
        Shape { plain: true, .. } => Style::Plain,
        Shape { single_quoted: true, .. } => Style::SingleQuoted,
        _ => Style::DoubleQuoted,
    }
}

/// What the characters of a text allow, wherever it stands.
#[derive(Clone, Copy)]
struct Shape {
    multiline: bool,
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Break,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            ' ' => Self::Space,
            c if is_break(c) => Self::Break,
            _ => Self::Other,
        }
    }
}

impl Shape {
    fn of(text: &str) -> Self {
        let special = !text.chars().all(is_printable);
        let classes = || text.chars().map(Class::of);
        let pairs = |first, second| classes().zip(classes().skip(1)).any(|pair| pair == (first, second));
        let multiline = classes().any(|class| class == Class::Break);
        let space_before_break = pairs(Class::Space, Class::Break);
        let space_after_break = pairs(Class::Break, Class::Space);
        let (first, last) = (classes().next(), classes().next_back());
        let bare_ends =
            first.is_none_or(|class| class == Class::Other) && last.is_none_or(|class| class == Class::Other);
        let unbroken = !special && !space_before_break;
        Self {
            multiline,
            plain: unbroken && !multiline && bare_ends && !has_indicator(text),
            single_quoted: unbroken && !space_after_break,
            literal: unbroken && last.is_some_and(|class| class != Class::Space),
        }
    }
}

/// Whether a text begins or goes on like something other than a plain scalar in a block.
fn has_indicator(text: &str) -> bool {
    const FIRST: [char; 16] = ['#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'];
    let lone_mark = |mark: char| text.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    text.starts_with(FIRST)
        || text.starts_with("---")
        || text.starts_with("...")
        || lone_mark('?')
        || lone_mark('-')
        || text.contains(": ")
        || text.ends_with(':')
        || text.contains(" #")
}

/// Whether a character is written as it is: neither a control character nor beyond the basic plane.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether a character ends a line in YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
