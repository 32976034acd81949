//! The order of keys: natural, so that `port2` comes before `port10`.
//!
//! Source: the key order of the YAML emitter of Go (`go.yaml.in/yaml/v2`).
use regex::Regex;
use serde_json::{Map, Value};
use std::{cmp::Ordering, sync::LazyLock};

/// The entries of a map in the order they are printed in.
///
/// The natural order is not transitive (`2 < 12 < 1b < 2`), so the sort starts from the order of
/// bytes and is one that copes: the result depends on the keys alone, and nothing panics, which
/// the sorts of the standard library do not promise.
pub(super) fn sorted(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut entries: Vec<(Vec<char>, &str, &Value)> =
        map.iter().map(|(key, value)| (key.chars().collect(), key.as_str(), value)).collect();
    entries.sort_by(|a, b| a.1.cmp(b.1));
    merge_sort(entries, &|a, b| natural(&a.0, &b.0)).into_iter().map(|(_, key, value)| (key, value)).collect()
}

/// A stable merge sort that ends for any comparison, even an inconsistent one.
fn merge_sort<T>(mut items: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.len() < 2 || items.windows(2).all(|pair| compare(&pair[0], &pair[1]) != Ordering::Greater) {
        return items;
    }
    let right = items.split_off(items.len() / 2);
    let mut left = merge_sort(items, compare).into_iter().peekable();
    let mut right = merge_sort(right, compare).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(b, a) == Ordering::Less { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Compares at the first character that differs: letters by code point and after all else, runs of
/// digits by their number, a prefix before what it begins.
fn natural(a: &[char], b: &[char]) -> Ordering {
    let Some(at) = a.iter().zip(b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    match (is_letter(a[at]), is_letter(b[at])) {
        (true, true) => a[at].cmp(&b[at]),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => by_number(a, b, at),
    }
}

/// Compares the numbers that go on at `at`, then the lengths of their digits, then the characters.
fn by_number(a: &[char], b: &[char], at: usize) -> Ordering {
    // A zero after a significant digit is a digit of value (100 > 11); one that leads is not.
    let zero = a[at] == '0' || b[at] == '0';
    let significant = a[..at].iter().rev().take_while(|c| is_digit(**c)).any(|c| *c != '0');
    let start = i64::from(zero && significant);
    let (a_number, a_digits) = number(&a[at..], start);
    let (b_number, b_digits) = number(&b[at..], start);
    (a_number, a_digits, a[at]).cmp(&(b_number, b_digits, b[at]))
}

/// The number that the leading digits continue from `start`, modulo 2^64, and how many they are.
fn number(text: &[char], start: i64) -> (i64, usize) {
    let digits = text.iter().take_while(|c| is_digit(**c));
    digits.fold((start, 0), |(number, count), c| {
        let value = i64::from(u32::from(*c)) - i64::from(u32::from('0'));
        (number.wrapping_mul(10).wrapping_add(value), count + 1)
    })
}

fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { in_class(&LETTER, c) }
}

fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { in_class(&DIGIT, c) }
}

// Go knows the characters of Unicode 15.
static LETTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\p{L}&&\p{Age:15.0}]").expect("a class of Unicode"));
static DIGIT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\p{Nd}&&\p{Age:15.0}]").expect("a class of Unicode"));

fn in_class(class: &Regex, c: char) -> bool {
    class.is_match(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order(keys: &[&str]) -> Vec<String> {
        let map: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), json!(null))).collect();
        sorted(&map).into_iter().map(|(key, _)| key.to_owned()).collect()
    }

    #[test]
    fn keys_are_sorted_naturally() {
        for wanted in [
            ["a", "a0", "ab"].as_slice(),
            &["b2", "b9", "b10"],
            &["a_b", "aB", "ab"],
            &["B", "a", "é"],
            &["1", "01", "02", "10", "11", "100", "101"],
            &["-", ".", "_", "0", "00", "5", "a"],
            &["a-1", "a-2", "a-02", "a-10"],
            &["x", "x1", "x1y", "x2"],
            &["1b", "1c", "2"],
        ] {
            let mut shuffled = wanted.to_vec();
            shuffled.reverse();
            assert_eq!(order(&shuffled), wanted);
        }
    }

    #[test]
    fn keys_whose_order_goes_round_in_a_circle_are_printed_in_one_order() {
        let wanted = order(&["2", "12", "1b"]);
        for keys in [["1b", "2", "12"], ["12", "1b", "2"], ["1b", "12", "2"]] {
            assert_eq!(order(&keys), wanted);
        }
        let many: Vec<String> = (0..2_000).map(|n| format!("{}{}", n % 37, ["", "b", "-"][n % 3])).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(order(&many).len() > 100);
    }

    #[test]
    fn digits_beyond_64_bits_do_not_panic() {
        assert_eq!(order(&["9223372036854775808", "1"]), ["9223372036854775808", "1"], "the number wraps round");
    }
}
