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
pub(super) struct Text<'a> {
    /// The string as it was.
    pub(super) source: &'a str,
    /// The string as it is printed.
    pub(super) text: Cow<'a, str>,
    /// The style it takes.
    pub(super) style: Style,
    /// Whether it holds a line break of any kind.
    multiline: bool,
    seen: Seen,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let seen = Seen::of(source);
        if seen.is_simple() {
            let (style, multiline) = (simple_style(source, seen), seen.has(LINE_FEED));
            return Self { source, text: Cow::Borrowed(source), style, multiline, seen };
        }
        if !seen.has(WIDE) {
            let multiline = seen.has(LINE_FEED) || source.contains('\r');
            return Self { source, text: Cow::Borrowed(source), style: Style::DoubleQuoted, multiline, seen };
        }
        let text = folded(source);
        let shape = Shape::of(&text);
        Self { source, style: style(&text, shape), multiline: shape.multiline, text, seen }
    }

    /// Whether it can be a key without `? `.
    pub(super) fn is_simple_key(&self) -> bool {
        !self.multiline && self.text.len() <= SIMPLE_KEY_BYTES
    }

    /// Whether it holds nothing but line feeds and the printable characters of ASCII.
    pub(super) fn is_simple(&self) -> bool {
        self.seen.is_simple()
    }

    /// Whether its last character ends a line.
    pub(super) fn ends_in_break(&self) -> bool {
        self.text.ends_with(is_break)
    }
}

/// Which kinds of bytes a text holds, of those that may keep it from being plain.
#[derive(Clone, Copy)]
struct Seen(u8);

const SPACE: u8 = 1;
const LINE_FEED: u8 = 2;
const COLON: u8 = 4;
/// Control characters of ASCII, other than the line feed.
const CONTROL: u8 = 8;
/// All but ASCII.
const WIDE: u8 = 16;

/// The kind of each byte.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        kinds[byte as usize] = kind(byte);
        byte -= 1;
    }
    kinds[0] = kind(0);
    kinds
};

const fn kind(byte: u8) -> u8 {
    let control = (byte < b' ') & (byte != b'\n') | (byte == b'\x7f');
    ((byte == b' ') as u8 * SPACE)
        | ((byte == b'\n') as u8 * LINE_FEED)
        | ((byte == b':') as u8 * COLON)
        | (control as u8 * CONTROL)
        | ((byte > b'\x7f') as u8 * WIDE)
}

impl Seen {
    fn of(text: &str) -> Self {
        let (blocks, rest) = text.as_bytes().as_chunks::<16>();
        let of_rest = rest.iter().fold(0, |seen, byte| seen | KINDS[usize::from(*byte)]);
        if blocks.is_empty() {
            return Self(of_rest);
        }
        // Lanes and computed kinds are what compilers make vector instructions of.
        let mut lanes = [0; 16];
        for block in blocks {
            lanes.iter_mut().zip(block).for_each(|(lane, byte)| *lane |= kind(*byte));
        }
        Self(lanes.iter().fold(of_rest, |seen, lane| seen | lane))
    }

    fn has(self, kind: u8) -> bool {
        self.0 & kind != 0
    }

    fn is_simple(self) -> bool {
        !self.has(CONTROL | WIDE)
    }
}

/// The style of a text without special characters.
fn simple_style(text: &str, seen: Seen) -> Style {
    if seen.has(LINE_FEED) {
        let escaped = text.ends_with(' ') || seen.has(SPACE) && has_pair(text, *b" \n");
        return if escaped { Style::DoubleQuoted } else { Style::Literal };
    }
    if !resolve::is_text(text) {
        Style::DoubleQuoted
    } else if has_indicator(text, seen) {
        Style::SingleQuoted
    } else {
        Style::Plain
    }
}

/// Whether a text of one line begins or goes on like something other than a plain scalar in a block.
fn has_indicator(text: &str, seen: Seen) -> bool {
    let bytes = text.as_bytes();
    let first = match bytes {
        [] => false,
        [b' ' | b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"', ..]
        | [b'%' | b'@' | b'`', ..] => true,
        [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..] => true,
        [b'-' | b'?', rest @ ..] => matches!(rest, [] | [b' ', ..]),
        _ => false,
    };
    let space = seen.has(SPACE);
    first
        || seen.has(COLON) && (text.ends_with(':') || space && has_pair(text, *b": "))
        || space && (text.ends_with(' ') || has_pair(text, *b" #"))
}

fn has_pair(text: &str, pair: [u8; 2]) -> bool {
    // Without a way out of it, the loop becomes one of vector instructions.
    let pairs = text.bytes().zip(text.bytes().skip(1));
    pairs.fold(false, |found, two| found | ((two.0 == pair[0]) & (two.1 == pair[1])))
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

impl Shape {
    fn of(text: &str) -> Self {
        let (mut special, mut multiline, mut space_before_break, mut space_after_break) = (false, false, false, false);
        let (mut after_space, mut after_break) = (false, false);
        for c in text.chars() {
            let (space, line_break) = (c == ' ', is_break(c));
            special |= !is_printable(c);
            multiline |= line_break;
            space_before_break |= after_space && line_break;
            space_after_break |= after_break && space;
            (after_space, after_break) = (space, line_break);
        }
        let unbroken = !special && !space_before_break;
        Self {
            multiline,
            plain: unbroken && !multiline && !has_indicator(text, Seen::of(text)),
            single_quoted: unbroken && !space_after_break,
            literal: unbroken && !after_space && !text.is_empty(),
        }
    }
}

/// Whether a character is written as it is: neither a control character nor beyond the basic plane.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// Whether a character ends a line in YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
