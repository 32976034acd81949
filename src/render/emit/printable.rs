//! What kustomize changes in a string or refuses to print, because its YAML reader reads Go's JSON.
use serde_json::Value;
use std::borrow::Cow;

/// Longest key, in characters of its JSON spelling with quotes, that the reader takes for one.
const KEY_CHARS: usize = 1_024;
/// The one line break that Go's JSON leaves as it is inside a string.
const NEXT_LINE: char = '\u{85}';

/// Why kustomize would fail to print a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unprintable {
    /// A string holds a character that YAML does not allow.
    #[error(
        "{path} holds the character U+{code:04X}, which YAML does not allow; remove it or encode the text in base64"
    )]
    Character {
        /// Where in the object; the key itself for a key.
        path: String,
        /// The character's code point.
        code: u32,
    },
    /// A next-line character (U+0085) stands where it ends the text for a reader of YAML.
    #[error("{path} holds a next-line character (U+0085) that cannot be printed there; replace it by a line feed")]
    NextLine {
        /// Where in the object.
        path: String,
    },
    /// A key is too long.
    #[error("{path} holds a key of more than {KEY_CHARS} characters, which YAML does not allow; shorten it")]
    LongKey {
        /// The map with the key.
        path: String,
    },
}

/// Checks that kustomize prints a value.
///
/// # Errors
/// When a string holds DEL, a C1 control character or a noncharacter, or a key is too long. The error
/// names the first such place, by keys that are not at fault themselves.
pub fn check(value: &Value) -> Result<(), Unprintable> {
    walk(value, &mut String::new())
}

fn walk(value: &Value, path: &mut String) -> Result<(), Unprintable> {
    let length = path.len();
    match value {
        Value::String(text) => string(text, path),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            path.truncate(length);
            path.push_str(&format!("[{index}]"));
            walk(item, path)
        }),
        Value::Object(map) => map.iter().try_for_each(|(name, item)| {
            path.truncate(length);
            key(name, path)?;
            if length > 0 {
                path.push('.');
            }
            path.push_str(name);
            walk(item, path)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn key(key: &str, path: &str) -> Result<(), Unprintable> {
    let path = || if path.is_empty() { "the object".to_owned() } else { path.to_owned() };
    if key.chars().map(json_chars).sum::<usize>() + 2 > KEY_CHARS {
        return Err(Unprintable::LongKey { path: path() });
    }
    if key.contains(NEXT_LINE) {
        return Err(Unprintable::NextLine { path: path() });
    }
    forbidden(key).map_or(Ok(()), |code| Err(Unprintable::Character { path: path(), code }))
}

fn string(text: &str, path: &str) -> Result<(), Unprintable> {
    let path = || if path.is_empty() { "the value".to_owned() } else { path.to_owned() };
    if let Some(code) = forbidden(text) {
        return Err(Unprintable::Character { path: path(), code });
    }
    let ends_document = |line: &str| {
        let after = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        after.is_some_and(|after| after.starts_with([' ', NEXT_LINE]))
    };
    if text.match_indices(NEXT_LINE).any(|(at, _)| ends_document(&text[at + NEXT_LINE.len_utf8()..])) {
        return Err(Unprintable::NextLine { path: path() });
    }
    Ok(())
}

/// The first character that Go's JSON leaves bare and YAML does not allow.
fn forbidden(text: &str) -> Option<u32> {
    let is_forbidden = |c: &char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    text.chars().find(is_forbidden).map(u32::from)
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
    use serde_json::json;

    #[test]
    fn what_kustomize_refuses_is_named() {
        let character = |path: &str, code| Err(Unprintable::Character { path: path.to_owned(), code });
        assert_eq!(check(&json!({"data": {"a": ["x", "b\u{7f}"]}})), character("data.a[1]", 0x7f));
        assert_eq!(check(&json!({"data": {"a": "", "b": "\u{9f}"}})), character("data.b", 0x9f));
        assert_eq!(check(&json!({"data": {"\u{ffff}": ""}})), character("data", 0xffff));
        assert_eq!(check(&json!("\u{fffe}")), character("the value", 0xfffe));
        let long = Err(Unprintable::LongKey { path: "data".to_owned() });
        assert_eq!(check(&json!({"data": {"k".repeat(1_023): 1}})), long);
        assert_eq!(check(&json!({"data": {"<".repeat(171): 1}})), long);
        let next_line = Err(Unprintable::NextLine { path: "a".to_owned() });
        assert_eq!(check(&json!({"a": "x\u{85}--- y"})), next_line);
        assert_eq!(check(&json!({"a": {"k\u{85}": 1}})), next_line);
    }

    #[test]
    fn what_kustomize_prints_is_no_error() {
        let value = json!({
            "data": {"a": "\0\u{1}\u{1b}\t\r\n", "b": "\u{85}---", "c": "😀\u{feff}\u{2028}"}, "list": [1, null, true],
            "k".repeat(1_022): "é", "é".repeat(1_022): 1,
        });
        assert_eq!(check(&value), Ok(()));
    }

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
