//! What a remote says that it has: references, and what its server can do.
//!
//! Source: gitprotocol-pack, "Reference Discovery" (version 0, which every server speaks).
use super::{
    FetchError,
    packets::{Packets, bad},
    text::tame,
};
use git2::Oid;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
};

/// Most bytes of an advertisement.
const MAX_BYTES: usize = 256 << 20;
/// Longest name of a reference that is kept, in bytes.
const LONGEST_NAME: usize = 1024;

/// Where a reference points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The object to ask for: a commit, or the tag object of an annotated tag.
    pub(super) target: Oid,
    /// The commit, as far as the remote says: what an annotated tag leads to.
    pub(super) commit: Oid,
}

/// Each branch, tag and `HEAD` of a remote, by full name.
pub(super) type Heads = BTreeMap<String, Head>;

/// What a remote has and can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advertised {
    /// Branches, tags and `HEAD`. Other references are counted, and not kept.
    pub(super) heads: Heads,
    /// Full name of the branch that `HEAD` stands for, where the server says so.
    pub(super) default_branch: Option<String>,
    /// Words such as `shallow`, `side-band-64k`.
    pub(super) capabilities: BTreeSet<String>,
}

impl Advertised {
    /// Whether the server can do something.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Reads an advertisement up to its end.
    ///
    /// # Errors
    /// When it is none, names more than `max_references`, or is of a repository that cannot be read here.
    pub(super) fn read(from: impl Read, url: &str, max_references: usize) -> io::Result<Self> {
        let mut packets = Packets::new(from);
        let mut found = Self::default();
        let (mut count, mut bytes, mut is_first) = (0_usize, 0_usize, true);
        loop {
            let packet = packets.next()?;
            let Some(line) = packet.line() else {
                // By HTTP the name of the service comes first, in a section of its own.
                if is_first && count == 0 && bytes > 0 {
                    bytes = 0;
                    continue;
                }
                return Ok(found);
            };
            bytes += line.len();
            if is_first && count == 0 && line.starts_with(b"# service=") {
                continue;
            }
            if let Some(message) = line.strip_prefix(b"ERR ") {
                return Err(FetchError::Refused { url: url.to_owned(), message: tame(message) }.into());
            }
            if line.starts_with(b"version ") || line.starts_with(b"shallow ") {
                continue;
            }
            count += 1;
            if count > max_references || bytes > MAX_BYTES {
                return Err(FetchError::TooManyReferences { url: url.to_owned(), limit: max_references }.into());
            }
            let line = if is_first { found.capabilities_of(line, url)? } else { line };
            is_first = false;
            found.reference(line)?;
        }
    }

    /// Takes the capabilities off the first line.
    fn capabilities_of<'a>(&mut self, line: &'a [u8], url: &str) -> io::Result<&'a [u8]> {
        let at = line.iter().position(|byte| *byte == 0);
        let (line, words) = at.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        for word in String::from_utf8_lossy(words).split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("symref", pair)) => {
                    if let Some(target) = pair.strip_prefix("HEAD:") {
                        self.default_branch = Some(target.to_owned());
                    }
                }
                Some(("object-format", format)) if format != "sha1" => {
                    let what = format!(
                        "names its objects by {}; only SHA-1 repositories can be read",
                        tame(format.as_bytes())
                    );
                    return Err(FetchError::Unsupported { url: url.to_owned(), what }.into());
                }
                _ => drop(self.capabilities.insert(word.to_owned())),
            }
        }
        Ok(line)
    }

    fn reference(&mut self, line: &[u8]) -> io::Result<()> {
        let (id, name) = line.split_at_checked(40).ok_or_else(|| bad("a reference is too short"))?;
        let id = std::str::from_utf8(id).ok().and_then(|id| Oid::from_str(id).ok());
        let (id, name) = id.zip(name.strip_prefix(b" ")).ok_or_else(|| bad("a reference has no object"))?;
        let Ok(name) = std::str::from_utf8(name) else { return Ok(()) };
        if let Some(name) = name.strip_suffix("^{}") {
            // What an annotated tag leads to comes after the tag itself.
            if let Some(head) = self.heads.get_mut(name) {
                head.commit = id;
            }
        } else if name == "HEAD"
            || ((name.starts_with("refs/heads/") || name.starts_with("refs/tags/")) && is_name(name))
        {
            self.heads.insert(name.to_owned(), Head { target: id, commit: id });
        }
        Ok(())
    }
}

/// Whether a reference may be called so.
///
/// Source: git-check-ref-format.
pub(super) fn is_name(name: &str) -> bool {
    let is_odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    name.len() <= LONGEST_NAME
        && !name.contains(is_odd)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && !name.starts_with("refs/heads/-")
        && !name.starts_with("refs/tags/-")
        && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::super::packets::{put, put_flush};
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn read(lines: &[&str]) -> Result<Advertised, String> {
        let mut bytes = Vec::new();
        for line in lines {
            if line.is_empty() { put_flush(&mut bytes) } else { put(&mut bytes, line) }
        }
        put_flush(&mut bytes);
        Advertised::read(bytes.as_slice(), "https://example.org/a", 10).map_err(|error| error.to_string())
    }

    #[test]
    fn branches_tags_and_the_default_branch_are_kept() {
        let found = read(&[
            "# service=git-upload-pack\n",
            "",
            &format!("{A} HEAD\0multi_ack shallow symref=HEAD:refs/heads/main agent=git/2\n"),
            &format!("{A} refs/heads/main\n"),
            &format!("{A} refs/pull/1/head\n"),
            &format!("{A} refs/tags/v1\n"),
            &format!("{B} refs/tags/v1^{{}}\n"),
        ])
        .expect("an advertisement");
        assert_eq!(found.heads.keys().collect::<Vec<_>>(), ["HEAD", "refs/heads/main", "refs/tags/v1"]);
        assert_eq!(found.default_branch.as_deref(), Some("refs/heads/main"));
        assert!(found.can("shallow") && !found.can("thin-pack"));
        let tag = found.heads["refs/tags/v1"];
        assert_eq!((tag.target.to_string().as_str(), tag.commit.to_string().as_str()), (A, B));
    }

    #[test]
    fn an_empty_repository_has_capabilities_and_nothing_else() {
        let none = "0".repeat(40);
        let found = read(&[&format!("{none} capabilities^{{}}\0shallow\n")]).expect("an advertisement");
        assert!(found.heads.is_empty() && found.can("shallow"));
        assert!(read(&[]).is_ok_and(|found| found.heads.is_empty()));
    }

    #[test]
    fn names_that_lead_elsewhere_are_left_out() {
        let long = "x".repeat(4096);
        for name in [
            "refs/heads/../../x",
            "refs/heads/a@{1}",
            "refs/heads/-x",
            "refs/heads/a b",
            "refs/heads/.git",
            "refs/heads/a.lock",
            "refs/heads//a",
            &format!("refs/heads/{long}"),
            "refs/heads/a\x1b[2J",
        ] {
            let found = read(&[&format!("{A} {name}\0\n")]).expect("an advertisement");
            assert!(found.heads.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(
            read(&["ERR no such\x1b[1m repository\n"]),
            Err("https://example.org/a refused: no such [1m repository".to_owned())
        );
        let sha256 = format!("{A}{} HEAD\0object-format=sha256\n", "a".repeat(24));
        assert!(read(&[&sha256]).is_err_and(|error| error.contains("sha256")));
        let many: Vec<String> = (0..11).map(|number| format!("{A} refs/pull/{number}\n")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(read(&many).is_err_and(|error| error.contains("more than 10 references")));
        assert!(read(&["short\n"]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(lines in proptest::collection::vec("\\PC{0,60}", 0..8)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            drop(read(&lines));
        }
    }
}
