//! What a reader of YAML 1.1 takes a plain scalar for, as far as printing must know: text or not.
//!
//! Source: YAML 1.1 types (<https://yaml.org/type/>) as the YAML reader of Go (`go.yaml.in/yaml/v2`)
//! implements them, which is laxer in places (underscores anywhere) and stricter in others.
use super::timestamp::is_timestamp;
use crate::render::node::{self, Node, Style};
use std::borrow::Cow;

/// Whether a plain scalar reads back as text: not null, a boolean, a number, a timestamp, or a number
/// in base 60 (`1:30`), which that reader takes for text but others do not.
pub(in crate::render) fn is_text(text: &str) -> bool {
    let other = match text.bytes().next() {
        None => true,
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => is_word(text),
        Some(b'.') => is_special_float(text) || is_dotted_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => text.bytes().all(is_of_numbers) && is_number_or_time(text),
        Some(_) => false,
    };
    !other
}

/// Whether a text is read back as one when it stands by itself, as a whole document. A text of several lines always is
/// taken for that.
pub(in crate::render) fn reads_as_text(text: &str) -> bool {
    if text.is_empty() || text.contains('\n') {
        return true;
    }
    let begins = text.starts_with(['[', '{', '-', '?', '#', '!', '&', '"', '\'', '|', '>', ':']);
    if !begins && !text.contains(": ") && !text.ends_with(':') {
        return is_text(text) || is_base_60(text);
    }
    match node::one(text) {
        Ok(Some(Node::Scalar(scalar))) if scalar.style == Style::Plain => is_text(&scalar.text),
        Ok(Some(Node::Scalar(_))) | Err(_) => true,
        Ok(Some(Node::Map(_) | Node::List(_)) | None) => false,
    }
}

/// The words for null and the booleans: in lower, title and upper case.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 10] = ["y", "yes", "true", "on", "n", "no", "false", "off", "null", "~"];
    let cased = || {
        let tail = text.get(1..).unwrap_or_default();
        tail.bytes().all(|byte| byte.is_ascii_lowercase()) || text.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) && cased()
}

/// Whether a byte may stand in a number or a timestamp: most texts that begin like one hold another.
fn is_of_numbers(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
        || matches!(byte, b'+' | b'-' | b'_' | b'.' | b',' | b':' | b' ' | b'x' | b'X' | b'o' | b'O')
        || matches!(byte, b't' | b'T' | b'Z' | b'i' | b'I' | b'n' | b'N')
}

fn is_number_or_time(text: &str) -> bool {
    is_special_float(text) || is_timestamp(text) || is_number(&without_underscores(text)) || is_base_60(text)
}

fn without_underscores(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

/// Infinity with or without a sign, and not-a-number without one.
fn is_special_float(text: &str) -> bool {
    matches!(text, ".nan" | ".NaN" | ".NAN")
        || matches!(text.strip_prefix(['+', '-']).unwrap_or(text), ".inf" | ".Inf" | ".INF")
}

/// A float that begins with its point, with underscores between digits only.
fn is_dotted_float(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separates = |at: usize| is_digit(at - 1) && is_digit(at + 1);
    (1..bytes.len()).all(|at| bytes[at] != b'_' || separates(at)) && is_finite_float(&without_underscores(text))
}

/// An integer or a float, without its underscores.
fn is_number(text: &str) -> bool {
    is_integer(text) || is_finite_float(text) || is_signed_binary(text)
}

/// An integer of 64 bits, signed or not, with the prefixes `0x`, `0o`, `0b`, and `0` for octal.
fn is_integer(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    // The standard parsers take a sign, which may not come a second time.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    if text.starts_with('-') {
        return i64::from_str_radix(&format!("-{digits}"), base).is_ok();
    }
    i64::from_str_radix(digits, base).is_ok() || (!text.starts_with('+') && u64::from_str_radix(digits, base).is_ok())
}

/// `0b-101`: that reader takes a sign after the prefix as well.
fn is_signed_binary(text: &str) -> bool {
    let Some(digits) = text.strip_prefix("0b") else { return false };
    digits.starts_with(['+', '-']) && i64::from_str_radix(digits, 2).is_ok()
}

/// `1.`, `.5`, `12e03`: digits with an optional point and exponent, within the range of 64 bits.
fn is_finite_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    (all_digits(whole) || (whole.is_empty() && all_digits(fraction)))
        && (fraction.is_empty() || all_digits(fraction))
        && exponent.is_none_or(all_digits)
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `12:30:45`, `-1:30.5`: digits, then groups below 60, then a fraction that may be empty.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = whole.split(':');
    let digit_or_underscore = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let first = groups.next().unwrap_or_default();
    let is_group = |group: &str| match group.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => matches!(tens, b'0'..=b'5') && digit.is_ascii_digit(),
        _ => false,
    };
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(digit_or_underscore)
        && whole.contains(':')
        && groups.all(is_group)
        && fraction.bytes().all(digit_or_underscore)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_back_as_something_else_is_not_text() {
        for text in [
            "",
            "~",
            "null",
            "Null",
            "NULL",
            "true",
            "True",
            "FALSE",
            "yes",
            "No",
            "ON",
            "off",
            "y",
            "N",
            "0",
            "-0",
            "+1",
            "00",
            "08",
            "0777",
            "0o7",
            "0x1F",
            "0XfF",
            "0b1",
            "0b-1",
            "-0b11",
            "1_000",
            "1__0_",
            "18446744073709551615",
            "99999999999999999999999",
            "1e5",
            "12e03",
            "1.",
            ".5",
            ".5_0",
            "1.5E-3",
            ".inf",
            "-.INF",
            ".NaN",
            "1:30",
            "12:30:45",
            "-1:30.5_",
            "1_0:59",
            "2001-1-1",
            "2001-12-14 21:59:43",
        ] {
            assert!(!is_text(text), "{text:?}");
        }
    }

    #[test]
    fn what_reads_back_as_itself_is_text() {
        for text in [
            "oN",
            "yEs",
            "nUll",
            "NaN",
            "nan",
            "inf",
            "1e",
            "0x",
            "0b",
            "0b2",
            "0xg",
            "+",
            "-",
            "_1",
            "-_",
            "=",
            "<<",
            "1,000",
            "1.2.3",
            "10.0.0.1",
            "a:b",
            "x}",
            "1e999",
            ".1e999",
            "._5",
            ".5_",
            ".e5",
            "--1",
            "+-1",
            "0x-1",
            "0xFFFFFFFFFFFFFFFFF",
            "1:60",
            "1:",
            "a1:30",
            "1:30:",
            "2001-02-30",
            "é",
            ".",
            "-.nan",
            "1e5e5",
            "½",
        ] {
            assert!(is_text(text), "{text:?}");
        }
    }
}
