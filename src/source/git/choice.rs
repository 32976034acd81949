//! Which commit of a remote a configuration wants.
use super::{
    FetchError, Range, RepoUrl,
    advertisement::{Advertised, Head, is_name},
    text::tame,
};
use crate::model::configuration::Reference;
use git2::Oid;

/// How many names a hint lists.
const HINTS: usize = 5;

/// Which commit of a remote is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Branch or tag to report; empty for a commit.
    pub(super) reference: String,
    /// Full name of the reference that leads to it.
    pub(super) name: String,
    /// What the reference points at.
    pub(super) head: Head,
    /// The commit.
    pub(super) commit: Oid,
}

impl Choice {
    /// Whether the reference points at the commit now.
    pub(super) fn is_tip(&self) -> bool {
        self.head.commit == self.commit
    }
}

/// Chooses a commit: commit before semver before tag before branch before the remote's default branch.
///
/// A commit is looked for by itself where the server gives single commits, else in the history of the
/// branch, so a branch named beside it must exist.
///
/// # Errors
/// When the remote has no such branch or tag, or the configuration names what cannot be one.
pub(super) fn choose(url: &RepoUrl, wanted: &Reference, remote: &Advertised) -> Result<Choice, FetchError> {
    let remote = Remote { url, remote };
    let Reference { branch, tag, semver, commit } = wanted;
    if let Some(commit) = commit {
        let commit = parse_commit(url, commit)?;
        let branch = branch.as_deref().map_or_else(|| remote.default(), |branch| remote.branch(branch))?;
        return Ok(Choice { reference: String::new(), commit, ..branch });
    }
    if let Some(range) = semver {
        return remote.newest_in(range);
    }
    if let Some(tag) = tag {
        return remote.named(tag, "tag", "refs/tags/");
    }
    branch.as_deref().map_or_else(|| remote.default(), |branch| remote.branch(branch))
}

/// Reads the name of a commit.
///
/// # Errors
/// When it is none.
pub(super) fn parse_commit(url: &RepoUrl, text: &str) -> Result<Oid, FetchError> {
    let is_name = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then(|| Oid::from_str(text).ok()).flatten().ok_or_else(|| FetchError::NoSuchRevision {
        url: url.to_string(),
        what: format!("commit {}", tame(text.as_bytes())),
        hint: "; give all 40 hexadecimal digits".to_owned(),
    })
}

struct Remote<'a> {
    url: &'a RepoUrl,
    remote: &'a Advertised,
}

impl Remote<'_> {
    fn missing(&self, what: &str, prefix: &str) -> FetchError {
        let names = || self.remote.heads.keys().filter_map(|name| name.strip_prefix(prefix));
        let have: Vec<&str> = names().take(HINTS).collect();
        let hint = if self.remote.heads.is_empty() {
            "; the repository is empty: push a commit first".to_owned()
        } else if have.is_empty() {
            String::new()
        } else {
            let more = if names().nth(HINTS).is_some() { " and more" } else { "" };
            format!("; it has {}{more}", have.join(", "))
        };
        FetchError::NoSuchRevision { url: self.url.to_string(), what: tame(what.as_bytes()), hint }
    }

    fn named(&self, short: &str, kind: &str, prefix: &str) -> Result<Choice, FetchError> {
        let name = format!("{prefix}{short}");
        if !is_name(&name) {
            return Err(FetchError::NoSuchRevision {
                url: self.url.to_string(),
                what: format!("{kind} {}", tame(short.as_bytes())),
                hint: "; a reference cannot be called so".to_owned(),
            });
        }
        let head = self.remote.heads.get(&name).copied();
        let head = head.ok_or_else(|| self.missing(&format!("{kind} {short}"), prefix))?;
        Ok(Choice { reference: short.to_owned(), name, head, commit: head.commit })
    }

    fn branch(&self, branch: &str) -> Result<Choice, FetchError> {
        self.named(branch, "branch", "refs/heads/")
    }

    /// The branch that `HEAD` stands for. A server that does not say which has a branch at the same commit.
    fn default(&self) -> Result<Choice, FetchError> {
        let short = |name: &str| name.strip_prefix("refs/heads/").map(str::to_owned);
        let said = self.remote.default_branch.as_deref().and_then(short);
        let found = || {
            let head = self.remote.heads.get("HEAD")?;
            self.remote.heads.iter().find_map(|(name, other)| short(name).filter(|_| other == head))
        };
        let branch =
            said.filter(|branch| self.remote.heads.contains_key(&format!("refs/heads/{branch}"))).or_else(found);
        branch.map_or_else(|| Err(self.missing("default branch", "refs/heads/")), |branch| self.branch(&branch))
    }

    fn newest_in(&self, text: &str) -> Result<Choice, FetchError> {
        let range = Range::parse(text).map_err(|why| FetchError::NoSuchRevision {
            url: self.url.to_string(),
            what: "tag to choose from".to_owned(),
            hint: format!(": {}", tame(why.as_bytes())),
        })?;
        let tags = self.remote.heads.keys().filter_map(|name| name.strip_prefix("refs/tags/"));
        let versions = tags.filter_map(|tag| Some((Range::version_of(tag)?, tag)));
        let best = versions.filter(|(version, _)| range.matches(version)).max();
        let (_, tag) = best.ok_or_else(|| self.missing(&format!("tag in the range {text}"), "refs/tags/"))?;
        self.named(tag, "tag", "refs/tags/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Advertised {
        let oid = |digit: u8| Oid::from_bytes(&[digit; 20]).expect("an oid");
        let head = |digit| Head { target: oid(digit), commit: oid(digit) };
        let heads = [
            ("HEAD", 1),
            ("refs/heads/main", 1),
            ("refs/heads/next", 2),
            ("refs/tags/v1.0.0", 3),
            ("refs/tags/v1.9.0", 4),
            ("refs/tags/v2.0.0-rc.1", 5),
            ("refs/tags/latest", 6),
        ];
        let heads = heads.into_iter().map(|(name, digit)| (name.to_owned(), head(digit))).collect();
        Advertised { heads, ..Advertised::default() }
    }

    fn chosen(wanted: &Reference, remote: &Advertised) -> Result<(String, String), String> {
        let url = RepoUrl::parse("https://example.org/a", false).expect("a url");
        let choice = choose(&url, wanted, remote).map_err(|error| error.to_string())?;
        Ok((choice.reference, choice.name))
    }

    #[test]
    fn commit_comes_before_semver_before_tag_before_branch() {
        let mut wanted = Reference::default();
        let mut next = |change: &dyn Fn(&mut Reference)| {
            change(&mut wanted);
            chosen(&wanted, &remote())
        };
        assert_eq!(next(&|_| {}), Ok(("main".into(), "refs/heads/main".into())));
        assert_eq!(next(&|w| w.branch = Some("next".into())), Ok(("next".into(), "refs/heads/next".into())));
        assert_eq!(next(&|w| w.tag = Some("latest".into())), Ok(("latest".into(), "refs/tags/latest".into())));
        assert_eq!(next(&|w| w.semver = Some(">=1.0".into())), Ok(("v1.9.0".into(), "refs/tags/v1.9.0".into())));
        assert_eq!(next(&|w| w.commit = Some("ab".repeat(20))), Ok((String::new(), "refs/heads/next".into())));
        assert_eq!(
            next(&|w| w.branch = Some("gone".into())),
            Err("https://example.org/a has no branch gone; it has main, next".into())
        );
    }

    #[test]
    fn the_default_branch_is_what_the_server_says() {
        let mut remote = remote();
        remote.default_branch = Some("refs/heads/next".to_owned());
        assert_eq!(chosen(&Reference::default(), &remote), Ok(("next".into(), "refs/heads/next".into())));
        let empty = chosen(&Reference::default(), &Advertised::default());
        assert!(empty.is_err_and(|error| error.contains("the repository is empty")));
    }

    #[test]
    fn names_that_no_reference_has_are_never_looked_for() {
        for branch in ["-upload-pack=x", "../x", "a..b", "a@{1}", "a\nb", "", "/", &"x".repeat(4096)] {
            let error = chosen(&Reference { branch: Some(branch.to_owned()), ..Reference::default() }, &remote());
            assert!(
                error.is_err_and(|error| error.contains("cannot be called so") && !error.contains('\n')),
                "{branch}"
            );
        }
        for commit in ["HEAD", "abc", "", "--exec", &"g".repeat(40)] {
            let error = chosen(&Reference { commit: Some(commit.to_owned()), ..Reference::default() }, &remote());
            assert!(error.is_err_and(|error| error.contains("40 hexadecimal digits")), "{commit}");
        }
    }
}
