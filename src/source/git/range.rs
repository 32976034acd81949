//! Ranges of semantic versions, as Flux and Helm users write them.
use semver::{Comparator, Op, Prerelease, Version};

/// A range: any of several sets, in each of which every comparison must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Vec<Comparator>>);

impl Range {
    /// Reads a range: `^1.2`, `~1.2.3`, `1.x`, `*`, `>=1.0 <2.0`, `1.2 - 1.4`, `^1 || ^2`; a leading `v` is fine.
    ///
    /// Source: github.com/Masterminds/semver, which Flux reads ranges with.
    ///
    /// # Errors
    /// Says what is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |part: &str| format!("{part:?} is not a range of versions, such as ^1.2, ~1.2.3, 1.x, >=1.0 <2.0");
        let mut sets = Vec::new();
        for set in text.split("||") {
            let spaced = set.replace(',', " ");
            if let Some((low, high)) = spaced.split_once(" - ") {
                let mut set = comparators(Op::GreaterEq, low.trim()).ok_or_else(|| bad(low))?;
                set.extend(comparators(Op::LessEq, high.trim()).ok_or_else(|| bad(high))?);
                sets.push(set);
                continue;
            }
            let mut comparisons = Vec::new();
            let mut words = spaced.split_whitespace();
            while let Some(word) = words.next() {
                let digits = word.find(|c: char| !"=!<>~^".contains(c)).unwrap_or(word.len());
                let (operator, mut version) = word.split_at(digits);
                if version.is_empty() {
                    version = words.next().ok_or_else(|| bad(word))?;
                }
                let op = match operator {
                    "" | "=" | "==" => Op::Exact,
                    ">" => Op::Greater,
                    ">=" | "=>" => Op::GreaterEq,
                    "<" => Op::Less,
                    "<=" | "=<" => Op::LessEq,
                    "~" | "~>" => Op::Tilde,
                    "^" => Op::Caret,
                    _ => return Err(bad(word)),
                };
                comparisons.extend(comparators(op, version).ok_or_else(|| bad(word))?);
            }
            if comparisons.is_empty() && set.trim().is_empty() {
                return Err(bad(text));
            }
            sets.push(comparisons);
        }
        Ok(Self(sets))
    }

    /// Whether a version is in the range. A pre-release is, only where the set itself names one.
    pub fn matches(&self, version: &Version) -> bool {
        self.0.iter().any(|set| {
            let names_pre = set.iter().any(|comparator| !comparator.pre.is_empty());
            (version.pre.is_empty() || names_pre) && set.iter().all(|comparator| holds(comparator, version))
        })
    }

    /// The version of a tag: a leading `v` and missing parts are allowed.
    pub fn version_of(tag: &str) -> Option<Version> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let core = text.find(['-', '+']).unwrap_or(text.len());
        let missing = 2_usize.checked_sub(text[..core].matches('.').count())?;
        Version::parse(&format!("{}{}{}", &text[..core], ".0".repeat(missing), &text[core..])).ok()
    }
}

/// `semver` refuses pre-releases of another core version, which this range does not.
fn holds(comparator: &Comparator, version: &Version) -> bool {
    if comparator.matches(version) {
        return true;
    }
    let bare = Version { pre: Prerelease::EMPTY, ..version.clone() };
    let core = (version.major, version.minor, version.patch);
    let own = (comparator.major, comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
    !version.pre.is_empty() && core != own && comparator.matches(&bare)
}

/// The comparisons that an operator and a possibly partial version stand for; empty for "any".
fn comparators(op: Op, text: &str) -> Option<Vec<Comparator>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (numbers, pre) =
        text.split_once('-').map_or((text, ""), |(numbers, pre)| (numbers, pre.split('+').next().unwrap_or_default()));
    let mut parts = Vec::new();
    for part in numbers.split('+').next().unwrap_or_default().split('.') {
        match part {
            "x" | "X" | "*" => break,
            number => parts.push(number.parse::<u64>().ok()?),
        }
    }
    let (major, minor, patch) = (parts.first().copied(), parts.get(1).copied(), parts.get(2).copied());
    if parts.len() > 3 {
        return None;
    }
    let Some(major) = major else {
        return Some(Vec::new());
    };
    let op = if op == Op::Exact && patch.is_none() { Op::Wildcard } else { op };
    Some(vec![Comparator { op, major, minor, patch, pre: Prerelease::new(pre).ok()? }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_their_users_expect() {
        for (range, inside, outside) in [
            ("^1.2", "1.9.0", "2.0.0"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1", "1.9.9", "2.0.0"),
            ("1.x", "1.0.0", "2.0.0"),
            ("1.2", "1.2.7", "1.3.0"),
            ("*", "7.0.0", "7.0.0-rc.1"),
            (">=1.0 <2.0", "1.5.0", "2.0.0"),
            (">= 1.0, < 2.0", "1.5.0", "2.0.0"),
            ("1.2 - 1.4", "1.4.0", "1.5.0"),
            ("^1 || ^3", "3.1.0", "2.0.0"),
            ("v1.2.3", "1.2.3", "1.2.4"),
            (">=1.0.0-0", "1.1.0-rc.1", "0.9.0"),
            (">=1.0.0", "1.1.0", "1.1.0-rc.1"),
        ] {
            let parsed = Range::parse(range).unwrap_or_else(|error| panic!("{range}: {error}"));
            assert!(parsed.matches(&Version::parse(inside).expect("a version")), "{inside} is in {range}");
            assert!(!parsed.matches(&Version::parse(outside).expect("a version")), "{outside} is not in {range}");
        }
        for range in ["", "one", "1.2.3.4", ">", "^1 ||"] {
            assert!(Range::parse(range).is_err(), "{range}");
        }
    }

    #[test]
    fn tags_are_read_as_people_write_them() {
        assert_eq!(Range::version_of("v1.2"), Version::parse("1.2.0").ok());
        assert_eq!(Range::version_of("1.2.3-rc.1+b"), Version::parse("1.2.3-rc.1+b").ok());
        assert_eq!(Range::version_of("release-1"), None);
    }
}
