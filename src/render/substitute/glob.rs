//! Patterns of shells: `*` any characters, `?` one, `[a-z]` and `[^a-z]` one of a class, `\x` the character x.

use std::{iter::Peekable, str::Chars};

/// A pattern that is not one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadPattern;

/// A pattern, as the steps that match one character each or, for `*`, any number.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Many,
    One,
    Literal(char),
    Class { ranges: Vec<(char, char)>, negated: bool },
}

impl Step {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Literal(literal) => *literal == c,
            Self::Class { ranges, negated } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, BadPattern> {
        let mut chars = text.chars().peekable();
        let mut steps = Vec::new();
        while let Some(c) = chars.next() {
            steps.push(match c {
                '*' => Step::Many,
                '?' => Step::One,
                '\\' => Step::Literal(chars.next().ok_or(BadPattern)?),
                '[' => class(&mut chars)?,
                c => Step::Literal(c),
            });
        }
        Ok(Self(steps))
    }

    /// The number of steps.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The pattern of the texts that this one matches, read backwards.
    pub(super) fn reversed(&self) -> Self {
        Self(self.0.iter().rev().cloned().collect())
    }

    /// How many leading characters match the whole pattern: the fewest but none, or the most; 0 when none do.
    ///
    /// Takes time in proportion to the text times the pattern, whatever they hold.
    pub(super) fn matched(&self, text: impl Iterator<Item = char>, longest: bool) -> usize {
        // `reached[n]`: the first n steps match the text so far.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.pass_many(&mut reached);
        let mut found = 0;
        for (index, c) in text.enumerate() {
            let mut next = vec![false; reached.len()];
            for (at, step) in self.0.iter().enumerate().filter(|(at, step)| reached[*at] && step.takes(c)) {
                let goes_to = if matches!(step, Step::Many) { at } else { at + 1 };
                next[goes_to] = true;
            }
            self.pass_many(&mut next);
            reached = next;
            if reached[self.0.len()] {
                found = index + 1;
                if !longest {
                    break;
                }
            }
        }
        found
    }

    /// `*` matches nothing as well: what reaches it reaches the step after it.
    fn pass_many(&self, reached: &mut [bool]) {
        for (at, step) in self.0.iter().enumerate() {
            if matches!(step, Step::Many) && reached[at] {
                reached[at + 1] = true;
            }
        }
    }
}

/// A class, from after its `[` to after its `]`.
fn class(chars: &mut Peekable<Chars<'_>>) -> Result<Step, BadPattern> {
    let negated = chars.next_if(|c| matches!(c, '^' | '!')).is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
        let low = member(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { member(chars)? } else { low };
        ranges.push((low, high));
    }
    Ok(Step::Class { ranges, negated })
}

/// A character of a class; `-`, `]` and `\` only after a backslash.
fn member(chars: &mut Peekable<Chars<'_>>) -> Result<char, BadPattern> {
    match chars.next().ok_or(BadPattern)? {
        '\\' => chars.next().ok_or(BadPattern),
        '-' | ']' => Err(BadPattern),
        c => Ok(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matched(pattern: &str, text: &str, longest: bool) -> usize {
        Pattern::new(pattern).expect("a pattern").matched(text.chars(), longest)
    }

    #[test]
    fn the_shortest_and_the_longest_match_are_found() {
        for (pattern, text, shortest, longest) in [
            ("a", "aab", 1, 1),
            ("a*", "aab", 1, 3),
            ("*a", "baab", 2, 3),
            ("*", "abc", 1, 3),
            ("*/", "a/b/c", 2, 4),
            ("?b", "abc", 2, 2),
            ("[a-c]*[^x]", "abx", 2, 2),
            ("[!a]", "ab", 0, 0),
            ("\\*", "*a", 1, 1),
            ("[\\]\\-]*", "]a-", 1, 3),
            ("x", "abc", 0, 0),
            ("", "abc", 0, 0),
            ("**b", "abb", 2, 3),
        ] {
            assert_eq!(matched(pattern, text, false), shortest, "shortest {pattern} {text}");
            assert_eq!(matched(pattern, text, true), longest, "longest {pattern} {text}");
        }
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in ["[", "[a", "[]", "[^]", "[a-]", "[-a]", "a\\", "[a\\"] {
            assert_eq!(Pattern::new(pattern).err(), Some(BadPattern), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_with_every_character_escaped(text in "\\PC{1,12}", rest in "\\PC{0,4}") {
            let pattern: String = text.chars().flat_map(|c| ['\\', c]).collect();
            let all = format!("{text}{rest}");
            prop_assert_eq!(matched(&pattern, &all, true), text.chars().count());
        }

        #[test]
        fn no_pattern_panics(pattern in "[\\[\\]^!*?ab\\\\-]{0,10}", text in "[ab]{0,10}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                prop_assert!(pattern.matched(text.chars(), false) <= pattern.matched(text.chars(), true));
                prop_assert!(pattern.reversed().matched(text.chars().rev(), true) <= text.len());
            }
        }
    }
}
