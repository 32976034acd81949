//! The order of keys: natural, so that `port2` comes before `port10`.
//!
//! Source: the key order of the YAML emitter of Go (`go.yaml.in/yaml/v2`).
use crate::render::node::Entry;
use regex::Regex;
use std::{cmp::Ordering, sync::LazyLock};

/// Sorts the entries of a map into the order they are printed in. Gives a key that is there twice.
///
/// The natural order is not transitive (`2 < 12 < 1b < 2`), so the sort starts from the order of
/// bytes and is one that copes: the result depends on the keys alone, and nothing panics, which
/// the sorts of the standard library do not promise.
pub(super) fn sort<'n>(entries: &mut [&'n Entry]) -> Option<&'n str> {
    if all_pairs(entries, |a, b| plainly_before(a.as_bytes(), b.as_bytes())) {
        return None;
    }
    entries.sort_by(|a, b| key(a).cmp(key(b)));
    let twice = entries.windows(2).find(|pair| key(pair[0]) == key(pair[1])).map(|pair| key(pair[0]));
    if !all_pairs(entries, in_order) {
        let sorted = merge_sort(entries.to_vec());
        entries.copy_from_slice(&sorted);
    }
    twice
}

fn key(entry: &Entry) -> &str {
    &entry.key.text
}

fn all_pairs(entries: &[&Entry], test: impl Fn(&str, &str) -> bool) -> bool {
    entries.windows(2).all(|pair| test(key(pair[0]), key(pair[1])))
}

fn in_order(a: &str, b: &str) -> bool {
    natural(a, b) != Ordering::Greater
}

/// Whether a key comes before another by the letter or the end that they first differ in.
///
/// Keys of which each comes so before the next are sorted, and in no other way: what is not transitive is the order
/// of keys that first differ in two characters that are no letters, and such two would have others between them.
fn plainly_before(a: &[u8], b: &[u8]) -> bool {
    match a.iter().zip(b).find(|(x, y)| x != y) {
        None => a.len() < b.len(),
        Some((x, y)) if x.is_ascii() && y.is_ascii_alphabetic() => !x.is_ascii_alphabetic() || x < y,
        Some(_) => false,
    }
}

/// A stable merge sort that ends for any comparison, even an inconsistent one.
fn merge_sort(mut entries: Vec<&Entry>) -> Vec<&Entry> {
    if entries.len() < 2 || all_pairs(&entries, in_order) {
        return entries;
    }
    let right = entries.split_off(entries.len() / 2);
    let mut left = merge_sort(entries).into_iter().peekable();
    let mut right = merge_sort(right).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if in_order(key(a), key(b)) { left.next() } else { right.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Compares at the first character that differs: letters by code point and after all else, runs of
/// digits by their number, a prefix before what it begins.
fn natural(a: &str, b: &str) -> Ordering {
    let Some(differ) = a.bytes().zip(b.bytes()).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let at = a.floor_char_boundary(differ);
    let (Some(x), Some(y)) = (a[at..].chars().next(), b[at..].chars().next()) else { return a.cmp(b) };
    match (is_letter(x), is_letter(y)) {
        (true, true) => x.cmp(&y),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            // A zero after a significant digit is a digit of value (100 > 11); one that leads is not.
            let zero = x == '0' || y == '0';
            let significant = a[..at].chars().rev().take_while(|c| is_digit(*c)).any(|c| c != '0');
            let start = i64::from(zero && significant);
            let (a_number, a_digits) = number(&a[at..], start);
            let (b_number, b_digits) = number(&b[at..], start);
            (a_number, a_digits, x).cmp(&(b_number, b_digits, y))
        }
    }
}

/// The number that the leading digits continue from `start`, modulo 2^64, and how many they are.
fn number(text: &str, start: i64) -> (i64, usize) {
    let digits = text.chars().take_while(|c| is_digit(*c));
    digits.fold((start, 0), |(number, count), c| {
        let value = i64::from(u32::from(c)) - i64::from(u32::from('0'));
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
    use crate::render::node::{Node, Scalar};
    use proptest::prelude::*;

    fn order(keys: &[&str]) -> Vec<String> {
        let entries: Vec<Entry> =
            keys.iter().map(|key| Entry { key: Scalar::string(key), value: Node::null() }).collect();
        let mut sorted: Vec<&Entry> = entries.iter().collect();
        sort(&mut sorted);
        sorted.into_iter().map(|entry| key(entry).to_owned()).collect()
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

    proptest! {
        #[test]
        fn the_order_depends_on_the_keys_alone(
            keys in proptest::collection::btree_set("[aB01_é-]{0,4}", 0..12).prop_map(Vec::from_iter).prop_shuffle()
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            prop_assert_eq!(order(&keys), order(&sorted));
        }
    }

    #[test]
    fn digits_beyond_64_bits_do_not_panic() {
        assert_eq!(order(&["9223372036854775808", "1"]), ["9223372036854775808", "1"], "the number wraps round");
    }
}
