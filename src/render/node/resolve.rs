//! What a plain scalar means to kustomize when it reads a manifest: null, a boolean, a number, a time, or text.
//!
//! Source: the YAML reader of Go (`go.yaml.in/yaml/v3`), which reads booleans by YAML 1.2 and octal numbers by both.
use super::{Scalar, Style, Tag};
use base64::Engine as _;
use serde_json::Number;
use std::borrow::Cow;

/// What a scalar turns out to be.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::render) enum Resolved<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
}

/// Why a scalar is nothing that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::render) enum Unresolvable {
    /// The text is not of the kind that its tag says.
    #[error("is not of the kind that its tag says")]
    Mistagged,
    /// Infinity, or not a number.
    #[error("is a number that JSON cannot hold")]
    NotFinite,
    /// `!!binary` that is no base64, or no UTF-8 text.
    #[error("is tagged !!binary but is not the base64 of a text")]
    Binary,
}

impl Scalar {
    /// What it is.
    ///
    /// # Errors
    /// When its text is not what its tag says, or what it is has no place in JSON.
    pub(in crate::render) fn resolve(&self) -> Result<Resolved<'_>, Unresolvable> {
        let text = || Ok(Resolved::Text(Cow::Borrowed(self.text.as_str())));
        match (self.tag, self.style) {
            (Tag::Str | Tag::Custom | Tag::Implied, Style::Folded) => Ok(Resolved::Text(refolded(&self.text))),
            (Tag::Str | Tag::Custom, _) | (Tag::Implied, Style::Quoted) => text(),
            (Tag::Implied, Style::EmptyInFlow) if self.text.is_empty() => text(),
            (Tag::Implied, _) => plain(&self.text),
            (Tag::Binary, _) => {
                let packed: String = self.text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(Unresolvable::Binary)?;
                Ok(Resolved::Text(Cow::Owned(text)))
            }
            // Quotes win when the text is what the tag says anyway: the tag is then not written.
            (tag, Style::Quoted) if implied(&self.text) == tag => text(),
            (tag, _) => match (tag, implied(&self.text)) {
                (Tag::Float, Tag::Int) => {
                    let found = integer(&without_underscores(&self.text)).filter(Number::is_i64);
                    found.and_then(|found| found.as_f64()).map_or(Err(Unresolvable::Mistagged), number)
                }
                (tag, implied) if tag == implied => plain(&self.text),
                _ => Err(Unresolvable::Mistagged),
            },
        }
    }
}

/// The text that is read back when kustomize prints a text as a folded block, as it does before it makes JSON of it.
///
/// Its printer adds an empty line after each line that is not indented, which keeps the breaks between such lines, but
/// adds one before a line that is indented, and at an end of several breaks. It adds none when the first line of all is
/// indented. Texts that it cannot print as a block are put in quotes.
fn refolded(text: &str) -> Cow<'_, str> {
    let is_special = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{10000}'..);
    if text.ends_with(' ') || text.contains(" \n") || text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let is_indented = |line: &str| line.starts_with([' ', '\t']);
    let mut rest = text.trim_start_matches('\n');
    let widens = !is_indented(rest);
    let mut read = "\n".repeat(text.len() - rest.len());
    while let Some((line, after)) = rest.split_once('\n') {
        read.push_str(line);
        rest = after.trim_start_matches('\n');
        let breaks = 1 + after.len() - rest.len();
        let written = breaks + usize::from(widens && !is_indented(line));
        match (breaks, written) {
            (1, _) if rest.is_empty() => read.push('\n'),
            _ if rest.is_empty() || is_indented(line) || is_indented(rest) => read.push_str(&"\n".repeat(written)),
            (_, 1) => read.push(' '),
            _ => read.push_str(&"\n".repeat(written - 1)),
        }
    }
    read.push_str(rest);
    Cow::Owned(read)
}

/// What a plain text is taken for.
pub(super) fn implied(text: &str) -> Tag {
    match text.as_bytes().first() {
        None => Tag::Null,
        Some(b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'~') => match text {
            "~" | "null" | "Null" | "NULL" => Tag::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Tag::Bool,
            _ => Tag::Str,
        },
        Some(b'.') if is_special(text) || float(text).is_some() => Tag::Float,
        Some(b'+' | b'-' | b'0'..=b'9') => numeric(text),
        Some(_) => Tag::Str,
    }
}

/// What a text that begins with a digit or a sign is taken for.
fn numeric(text: &str) -> Tag {
    if is_special(text) {
        return Tag::Float;
    }
    if timestamp(text).is_some() {
        return Tag::Timestamp;
    }
    let digits = without_underscores(text);
    if integer(&digits).is_some() {
        Tag::Int
    } else if float(&digits).is_some() {
        Tag::Float
    } else {
        Tag::Str
    }
}

fn is_special(text: &str) -> bool {
    matches!(text, ".nan" | ".NaN" | ".NAN")
        || matches!(text.strip_prefix(['+', '-']).unwrap_or(text), ".inf" | ".Inf" | ".INF")
}

fn plain(text: &str) -> Result<Resolved<'_>, Unresolvable> {
    Ok(match implied(text) {
        Tag::Null => Resolved::Null,
        Tag::Bool => Resolved::Bool(matches!(text, "true" | "True" | "TRUE")),
        Tag::Int => {
            let found = integer(&without_underscores(text));
            found.map_or(Resolved::Text(Cow::Borrowed(text)), Resolved::Number)
        }
        Tag::Float if is_special(text) => return Err(Unresolvable::NotFinite),
        Tag::Float => return number(float(&without_underscores(text)).unwrap_or(f64::NAN)),
        Tag::Timestamp => Resolved::Text(timestamp(text).map_or(Cow::Borrowed(text), Cow::Owned)),
        Tag::Implied | Tag::Str | Tag::Binary | Tag::Custom => Resolved::Text(Cow::Borrowed(text)),
    })
}

fn number<'a>(float: f64) -> Result<Resolved<'a>, Unresolvable> {
    Number::from_f64(float).map(Resolved::Number).ok_or(Unresolvable::NotFinite)
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

/// An integer of 64 bits: decimal, or with the prefix `0x`, `0o`, `0b`, or `0` for octal.
fn integer(text: &str) -> Option<Number> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'+' | b'-' => text.split_at(1),
        _ => ("", text),
    };
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    // That reader takes a second sign after the lower-case prefixes of 2 and 8 where the first is none or a minus.
    let signs_again = matches!(unsigned.as_bytes(), [b'0', b'o' | b'b', ..]) && sign.is_empty();
    let first = digits.as_bytes().first()?;
    if !(first.is_ascii_alphanumeric() || signs_again && matches!(first, b'+' | b'-')) {
        return None;
    }
    let signed = match sign {
        "-" => i64::from_str_radix(&format!("-{digits}"), base),
        _ => i64::from_str_radix(digits, base),
    };
    match signed {
        Ok(number) => Some(number.into()),
        Err(_) if sign.is_empty() => u64::from_str_radix(digits, base).ok().map(Number::from),
        Err(_) => None,
    }
}

/// A finite float: digits with an optional point and exponent.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let begins = unsigned.as_bytes().first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let allowed = unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let digits = |part: &str| part.bytes().any(|byte| byte.is_ascii_digit());
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    if !(begins && allowed && digits(mantissa)) {
        return None;
    }
    text.parse().ok().filter(|float: &f64| float.is_finite())
}

/// A date, or a date and time, as RFC 3339 writes it.
fn timestamp(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (year, rest) = text.split_at(4);
    let (month, rest) = field(&rest[1..])?;
    let (day, rest) = field(rest.strip_prefix('-')?)?;
    jiff::civil::Date::new(year.parse().ok()?, month, day).ok()?;
    let date = format!("{year}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let (zoned, time) = match rest.strip_prefix(['T', 't']) {
        Some(time) => (true, time),
        None if rest.starts_with(' ') => (false, rest.trim_start_matches(' ')),
        None => return None,
    };
    let (clock, zone) = clock(time)?;
    match (zoned, zone) {
        (false, "") | (true, "Z") => Some(format!("{date}T{clock}Z")),
        (true, zone) => {
            let (hour, minute) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
            let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let fits = two(hour) && two(minute) && hour <= "24" && minute <= "60";
            // A zone of no offset is written as UTC.
            let zone = if hour == "00" && minute == "00" { "Z" } else { zone };
            fits.then(|| format!("{date}T{clock}{zone}"))
        }
        (false, _) => None,
    }
}

/// One or two digits, and what follows.
fn field(text: &str) -> Option<(i8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

/// Hours, minutes, seconds and an optional fraction, as RFC 3339 writes them, and what follows.
fn clock(text: &str) -> Option<(String, &str)> {
    let (hour, rest) = field(text)?;
    let (minute, rest) = field(rest.strip_prefix(':')?)?;
    let (second, rest) = field(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let digits = rest.strip_prefix(['.', ',']).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, rest) = if digits == 0 { ("", rest) } else { (&rest[1..=digits], &rest[digits + 1..]) };
    let fraction = fraction.get(..fraction.len().min(9)).unwrap_or_default().trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some((format!("{hour:02}:{minute:02}:{second:02}{point}{fraction}"), rest))
}
