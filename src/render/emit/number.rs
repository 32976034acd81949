//! How numbers are spelt: twice, first by Go's JSON encoder and then by its YAML emitter.
use crate::render::node::{Scalar, Style, Tag};
use serde_json::Number;

/// Whether a scalar is an integer that is written as it is printed: of 64 bits, in decimal, without leading zeros.
pub(super) fn is_plain_integer(scalar: &Scalar) -> bool {
    /// Digits that always fit 64 bits.
    const DIGITS: usize = 18;
    let is_decimal = match scalar.text.as_bytes() {
        b"0" => true,
        [b'-', digits @ ..] | digits => {
            matches!(digits, [b'1'..=b'9', ..]) && digits.len() <= DIGITS && digits.iter().all(u8::is_ascii_digit)
        }
    };
    is_decimal && scalar.style == Style::Plain && matches!(scalar.tag, Tag::Implied | Tag::Int)
}

/// Prints a number.
///
/// A float becomes an integer when its JSON spelling, shortest digits without an exponent from
/// 1e-6 up to 1e21, is one of 64 bits: `1e6` is `1000000`. Other floats get an exponent below 1e-4
/// and from 1e6 on: `1234567.5` is `1.2345675e+06`.
pub(in crate::render) fn text(number: &Number) -> String {
    match number.as_f64() {
        Some(0.0) => "0".to_owned(),
        Some(float) if number.is_f64() => float_text(number, float < 0.0),
        _ => number.to_string(),
    }
}

fn float_text(number: &Number, negative: bool) -> String {
    let Decimal { digits, exponent } = Decimal::new(number);
    let sign = if negative { "-" } else { "" };
    integer(sign, &digits, exponent).unwrap_or_else(|| format!("{sign}{}", magnitude(&digits, exponent)))
}

/// A number as a float: shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(in crate::render) fn shortest(number: &Number) -> String {
    let Decimal { digits, exponent } = Decimal::new(number);
    let sign = if number.as_f64().is_some_and(f64::is_sign_negative) { "-" } else { "" };
    if digits.is_empty() { format!("{sign}0") } else { format!("{sign}{}", magnitude(&digits, exponent)) }
}

fn magnitude(digits: &str, exponent: i32) -> String {
    match exponent {
        ..-4 | 6.. => scientific(digits, exponent),
        -4..0 => format!("0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
        0..6 => {
            let whole = exponent.unsigned_abs() as usize + 1;
            let padded = format!("{digits:0<whole$}");
            let (whole, fraction) = padded.split_at(whole);
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        }
    }
}

/// The shortest digits that read back as a float, as `d.ddd` times ten to the exponent.
struct Decimal {
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// Takes the digits from the JSON spelling: where two spellings are as short and as near, it
    /// takes the even one, as Go does and the formatting of the standard library does not.
    fn new(number: &Number) -> Self {
        let text = number.to_string();
        let text = text.trim_start_matches('-');
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let point = i32::try_from(whole.len()).unwrap_or(0) - i32::try_from(all.len() - significant.len()).unwrap_or(0);
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Self { digits: significant.trim_end_matches('0').to_owned(), exponent: exponent + point - 1 }
    }
}

/// The digits as an integer, when they are one below 1e21 that fits 64 bits.
fn integer(sign: &str, digits: &str, exponent: i32) -> Option<String> {
    let whole = usize::try_from(exponent).ok().filter(|exponent| *exponent < 21)? + 1;
    if digits.len() > whole {
        return None;
    }
    let text = format!("{sign}{digits:0<whole$}");
    (text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()).then_some(text)
}

fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_kustomize_does() {
        for (float, wanted) in [
            (1.5, "1.5"),
            (1e6, "1000000"),
            (100.0, "100"),
            (-3.0, "-3"),
            (-0.0, "0"),
            (1e19, "10000000000000000000"),
            (-1e19, "-1e+19"),
            (1e20, "1e+20"),
            (1e22, "1e+22"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
            (123_456.5, "123456.5"),
            (1_234_567.5, "1.2345675e+06"),
            (123_456_789.123, "1.23456789123e+08"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (-0.5, "-0.5"),
            (10.25, "10.25"),
            (972_171_761_304_887.2, "9.721717613048872e+14"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(text(&Number::from_f64(float).expect("finite")), wanted);
        }
    }

    #[test]
    fn integers_keep_all_their_digits() {
        assert_eq!(text(&Number::from(u64::MAX)), "18446744073709551615");
        assert_eq!(text(&Number::from(i64::MIN)), "-9223372036854775808");
    }
}
