//! What kustomize changes in a string or refuses to print, because its YAML reader reads Go's JSON.
use super::scalar::Text;
use crate::render::node::Unresolvable;
use std::borrow::Cow;

/// Longest key, in characters of its JSON spelling with quotes, that the reader takes for one.
const KEY_CHARS: usize = 1_024;
/// Most characters that JSON spells one byte with.
const MOST_JSON_CHARS: usize = 6;
/// The one line break that Go's JSON leaves as it is inside a string.
const NEXT_LINE: char = '\u{85}';

/// Why kustomize would not print an object, and where in it. Holds no value of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{} {fault}", if path.is_empty() { "the object" } else { path })]
pub(in crate::render) struct Unprintable {
    /// Empty for the object itself; for a key, the map that holds it.
    path: String,
    fault: Fault,
}

/// Why kustomize would not print a value, to follow its path in a sentence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Fault {
    #[error("holds the character U+{0:04X}, which YAML does not allow; remove it or encode the text in base64")]
    Character(u32),
    #[error("holds a next-line character (U+0085) that cannot be printed there; replace it by a line feed")]
    NextLine,
    #[error("holds a key of more than {KEY_CHARS} characters, which YAML does not allow; shorten it")]
    LongKey,
    #[error("has a key that is not a text; put it in quotes")]
    Key,
    #[error("has the key {0:?} twice")]
    Twice(String),
    #[error("{0}")]
    Scalar(Unresolvable),
}

impl From<Fault> for Unprintable {
    fn from(fault: Fault) -> Self {
        Self { path: String::new(), fault }
    }
}

impl Unprintable {
    /// The same, seen from what holds the value under a key, or at an index in brackets.
    pub(super) fn under(self, step: &str) -> Self {
        let point = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: format!("{step}{point}{}", self.path), fault: self.fault }
    }
}

/// Checks a key: its length as well as its characters, since the reader looks for its colon only so far.
pub(super) fn key(key: &Text<'_>) -> Result<(), Fault> {
    let text = key.source;
    if text.len() > KEY_CHARS / MOST_JSON_CHARS - 1 && text.chars().map(json_chars).sum::<usize>() + 2 > KEY_CHARS {
        return Err(Fault::LongKey);
    }
    if key.is_simple() {
        return Ok(());
    }
    if text.contains(NEXT_LINE) {
        return Err(Fault::NextLine);
    }
    forbidden(text).map_or(Ok(()), |code| Err(Fault::Character(code)))
}

/// Checks a string: no DEL, C1 control character or noncharacter, and no U+0085 before what ends a document.
pub(super) fn string(text: &Text<'_>) -> Result<(), Fault> {
    if text.is_simple() {
        return Ok(());
    }
    let text = text.source;
    if let Some(code) = forbidden(text) {
        return Err(Fault::Character(code));
    }
    let ends_document = |line: &str| {
        let after = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        after.is_some_and(|after| after.starts_with([' ', NEXT_LINE]))
    };
    if text.match_indices(NEXT_LINE).any(|(at, _)| ends_document(&text[at + NEXT_LINE.len_utf8()..])) {
        return Err(Fault::NextLine);
    }
    Ok(())
}

/// The first character that Go's JSON leaves bare and YAML does not allow.
fn forbidden(text: &str) -> Option<u32> {
    let is_forbidden = |c: &char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    let from = text.bytes().position(|byte| byte >= b'\x7f')?;
    text[from..].chars().find(is_forbidden).map(u32::from)
}

/// How many characters Go's JSON spells a character with.
fn json_chars(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        _ => 1,
    }
}

/// A string as it is after kustomize's JSON was read as YAML: lines ended by U+0085 are folded, one
/// such break into a space, more into one line feed fewer, with the spaces around them dropped.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if !text.contains(NEXT_LINE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(NEXT_LINE) {
        let (line, tail) = rest.split_at(at);
        out.push_str(line.trim_end_matches(' '));
        let after = tail.trim_start_matches([' ', NEXT_LINE]);
        let breaks = tail[..tail.len() - after.len()].matches(NEXT_LINE).count();
        out.push_str(&if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) });
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_line_character_is_folded() {
        for (text, wanted) in [
            ("a\u{85}b", "a b"),
            ("a  \u{85}  b", "a b"),
            ("\u{85}", " "),
            ("a\u{85} \u{85}\u{85}b\u{85}", "a\n\nb "),
            ("a\t\u{85}\tb", "a\t \tb"),
        ] {
            assert_eq!(folded(text), wanted);
        }
    }
}
