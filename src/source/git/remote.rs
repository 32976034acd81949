//! Talking to a remote: what it has, and bringing it here.
use super::{FetchError, Range, RepoUrl, host};
use crate::model::configuration::{Credentials, GitSource, Reference};
use git2::{
    AutotagOption, Cred, CredentialType, Direction, FetchOptions, Oid, ProxyOptions, RemoteCallbacks, RemoteRedirect,
    Repository,
};
use secrecy::ExposeSecret as _;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Most bytes that one fetch may bring.
pub(super) const MAX_FETCH_BYTES: usize = 512 << 20;
/// Most objects that one fetch may bring.
const MAX_FETCH_OBJECTS: usize = 2_000_000;

/// Each reference of a remote, and the commit behind it.
pub(super) type Heads = BTreeMap<String, Oid>;

/// One conversation with a remote, and what ended it early.
pub(super) struct Conversation<'a> {
    url: &'a RepoUrl,
    source: &'a GitSource,
    cancel: &'a CancellationToken,
    end: Instant,
    verdict: RefCell<Option<FetchError>>,
    received: Cell<usize>,
    asked: Cell<u32>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(url: &'a RepoUrl, source: &'a GitSource, cancel: &'a CancellationToken) -> Self {
        let end = Instant::now() + source.timeout;
        Self { url, source, cancel, end, verdict: RefCell::new(None), received: Cell::new(0), asked: Cell::new(0) }
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> usize {
        self.received.get()
    }

    fn decide(&self, error: FetchError) -> git2::Error {
        let text = error.to_string();
        *self.verdict.borrow_mut() = Some(error);
        git2::Error::new(git2::ErrorCode::User, git2::ErrorClass::Callback, text)
    }

    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let Credentials { user, password, ssh_private_key, known_hosts, ca_bundle } = &self.source.credentials;
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |_, _, allowed| {
            let refused = |credentials: &str| {
                Err(self.decide(FetchError::Authentication {
                    url: self.url.to_string(),
                    credentials: credentials.to_owned(),
                }))
            };
            // libgit2 asks again for as long as the remote refuses.
            if self.asked.replace(self.asked.get() + 1) > 2 {
                return refused(if self.url.is_ssh() {
                    "the ssh key; add its public half to the repository"
                } else {
                    "the user and token; check httpsUser and httpsKey"
                });
            }
            if allowed.contains(CredentialType::USERNAME) {
                return Cred::username(self.url.user());
            }
            match (ssh_private_key, password) {
                (Some(key), _) if allowed.contains(CredentialType::SSH_MEMORY) => {
                    Cred::ssh_key_from_memory(self.url.user(), None, key.expose_secret(), None)
                }
                (_, Some(password)) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                    Cred::userpass_plaintext(user.as_deref().unwrap_or("git"), password.expose_secret())
                }
                _ => refused("to be read without credentials; give them in configurationProtectedSettings"),
            }
        });
        callbacks.certificate_check(move |shown, _| {
            host::check(self.url, known_hosts.as_deref(), ca_bundle.as_deref(), shown)
                .map_err(|error| self.decide(error))
        });
        callbacks.transfer_progress(move |progress| {
            self.received.set(progress.received_bytes());
            if progress.received_bytes() > MAX_FETCH_BYTES || progress.total_objects() > MAX_FETCH_OBJECTS {
                self.decide(FetchError::TooLarge { what: self.url.to_string(), limit: MAX_FETCH_BYTES });
                return false;
            }
            self.may_go_on()
        });
        callbacks.sideband_progress(move |_| self.may_go_on());
        callbacks
    }

    fn may_go_on(&self) -> bool {
        if self.cancel.is_cancelled() {
            self.decide(FetchError::Cancelled);
            return false;
        }
        if Instant::now() >= self.end {
            self.decide(FetchError::Timeout { url: self.url.to_string(), seconds: self.source.timeout.as_secs() });
            return false;
        }
        true
    }

    fn failed(&self, source: git2::Error) -> FetchError {
        if let Some(verdict) = self.verdict.borrow_mut().take() {
            return verdict;
        }
        let url = self.url.to_string();
        match source.code() {
            git2::ErrorCode::Auth => FetchError::Authentication { url, credentials: "the credentials".to_owned() },
            git2::ErrorCode::Certificate => FetchError::Certificate { url, source },
            _ if source.class() == git2::ErrorClass::Ssl && source.message().contains("certificate") => {
                FetchError::Certificate { url, source }
            }
            _ => FetchError::Transport { url, source },
        }
    }

    /// What the remote has. One round trip, no objects.
    pub(super) fn list(&self) -> Result<Heads, FetchError> {
        let failed = |error| self.failed(error);
        let mut remote = git2::Remote::create_detached(self.url.as_given()).map_err(failed)?;
        let connection =
            remote.connect_auth(Direction::Fetch, Some(self.callbacks()), Some(proxy())).map_err(failed)?;
        let mut heads = Heads::new();
        for head in connection.list().map_err(failed)? {
            // The `^{}` of a tag names the commit behind it, and comes after the tag itself.
            heads.insert(head.name().trim_end_matches("^{}").to_owned(), head.oid());
        }
        Ok(heads)
    }

    /// Brings what a choice names into a repository.
    pub(super) fn fetch(&self, repository: &Repository, choice: &Choice) -> Result<(), FetchError> {
        let failed = |error| self.failed(error);
        let mut remote = repository.remote_anonymous(self.url.as_given()).map_err(failed)?;
        let name = &choice.name;
        let mut attempts = Vec::new();
        if self.url.can_be_shallow() {
            // A commit that is not the tip can be asked for by itself where the server allows that.
            let what = if choice.is_tip { format!("+{name}:{name}") } else { choice.commit.to_string() };
            attempts.push((what, 1));
        }
        if !self.url.can_be_shallow() || !choice.is_tip {
            attempts.push((format!("+{name}:{name}"), 0));
        }
        let last = attempts.len() - 1;
        for (number, (refspec, depth)) in attempts.into_iter().enumerate() {
            let mut options = FetchOptions::new();
            options
                .remote_callbacks(self.callbacks())
                .proxy_options(proxy())
                .download_tags(AutotagOption::None)
                .follow_redirects(RemoteRedirect::None);
            if depth > 0 {
                options.depth(depth);
            } else if repository.is_shallow() {
                // 2^31-1 stands for the whole history.
                options.depth(i32::MAX);
            }
            let outcome = remote.fetch(&[refspec.as_str()], Some(&mut options), None);
            drop(options);
            match outcome {
                Ok(()) if repository.find_commit(choice.commit).is_ok() => return Ok(()),
                Ok(()) if number == last => {
                    let hint = "; it is not on the branch".to_owned();
                    return Err(FetchError::NoSuchRevision {
                        url: self.url.to_string(),
                        what: format!("commit {}", choice.commit),
                        hint,
                    });
                }
                Err(error) if number == last || self.verdict.borrow().is_some() => return Err(failed(error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

fn proxy() -> ProxyOptions<'static> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}

/// Which commit of a remote is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Branch or tag to report; empty for a commit.
    pub(super) reference: String,
    /// Full name of the reference that leads to it.
    pub(super) name: String,
    /// The commit.
    pub(super) commit: Oid,
    /// Whether the reference points at the commit now.
    pub(super) is_tip: bool,
}

/// Chooses a commit: commit before semver before tag before branch before the remote's default.
pub(super) fn choose(url: &RepoUrl, wanted: &Reference, heads: &Heads) -> Result<Choice, FetchError> {
    let Reference { branch, tag, semver, commit } = wanted;
    let missing = |what: String, prefix: &str| {
        let have: Vec<&str> = heads.keys().filter_map(|name| name.strip_prefix(prefix)).take(5).collect();
        let hint = if have.is_empty() { String::new() } else { format!("; it has {}", have.join(", ")) };
        FetchError::NoSuchRevision { url: url.to_string(), what, hint }
    };
    let tip = |reference: &str, name: String, what: String, prefix: &str| match heads.get(&name) {
        Some(commit) => Ok(Choice { reference: reference.to_owned(), name, commit: *commit, is_tip: true }),
        None => Err(missing(what, prefix)),
    };
    let on_branch =
        |branch: &str| tip(branch, format!("refs/heads/{branch}"), format!("branch {branch}"), "refs/heads/");
    let default = || match heads.get("HEAD") {
        Some(head) => heads
            .iter()
            .find(|(name, commit)| name.starts_with("refs/heads/") && *commit == head)
            .map(|(name, commit)| Choice {
                reference: name.trim_start_matches("refs/heads/").to_owned(),
                name: name.clone(),
                commit: *commit,
                is_tip: true,
            })
            .ok_or_else(|| missing("default branch".to_owned(), "refs/heads/")),
        None => Err(missing("default branch".to_owned(), "refs/heads/")),
    };
    if let Some(commit) = commit {
        let oid = Oid::from_str(commit).ok().ok_or_else(|| missing(format!("commit {commit}"), "\0"))?;
        let branch = branch.as_deref().map_or_else(default, on_branch)?;
        let is_tip = branch.commit == oid;
        return Ok(Choice { reference: String::new(), commit: oid, is_tip, ..branch });
    }
    if let Some(text) = semver {
        let range =
            Range::parse(text).ok().ok_or_else(|| missing(format!("tag in {text}, which is no range"), "\0"))?;
        let best = heads
            .iter()
            .filter_map(|(name, commit)| {
                let tag = name.strip_prefix("refs/tags/")?;
                Some((Range::version_of(tag)?, tag, name, *commit))
            })
            .filter(|(version, ..)| range.matches(version))
            .max_by(|a, b| a.0.cmp(&b.0));
        return best
            .map(|(_, tag, name, commit)| Choice {
                reference: tag.to_owned(),
                name: name.clone(),
                commit,
                is_tip: true,
            })
            .ok_or_else(|| missing(format!("tag in the range {text}"), "refs/tags/"));
    }
    if let Some(tag) = tag {
        return tip(tag, format!("refs/tags/{tag}"), format!("tag {tag}"), "refs/tags/");
    }
    branch.as_deref().map_or_else(default, on_branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Heads {
        let oid = |digit: u8| Oid::from_bytes(&[digit; 20]).expect("an oid");
        [
            ("HEAD", 1),
            ("refs/heads/main", 1),
            ("refs/heads/next", 2),
            ("refs/tags/v1.0.0", 3),
            ("refs/tags/v1.9.0", 4),
            ("refs/tags/v2.0.0-rc.1", 5),
            ("refs/tags/latest", 6),
        ]
        .into_iter()
        .map(|(name, digit)| (name.to_owned(), oid(digit)))
        .collect()
    }

    #[test]
    fn commit_comes_before_semver_before_tag_before_branch() {
        let url = RepoUrl::parse("https://example.org/a", false).expect("a url");
        let mut wanted = Reference::default();
        let mut chosen = |change: &dyn Fn(&mut Reference)| {
            change(&mut wanted);
            choose(&url, &wanted, &heads())
                .map(|choice| (choice.reference, choice.name))
                .map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&|_| {}), Ok(("main".into(), "refs/heads/main".into())));
        assert_eq!(chosen(&|w| w.branch = Some("next".into())), Ok(("next".into(), "refs/heads/next".into())));
        assert_eq!(chosen(&|w| w.tag = Some("latest".into())), Ok(("latest".into(), "refs/tags/latest".into())));
        assert_eq!(chosen(&|w| w.semver = Some(">=1.0".into())), Ok(("v1.9.0".into(), "refs/tags/v1.9.0".into())));
        assert_eq!(chosen(&|w| w.commit = Some("ab".repeat(20))), Ok((String::new(), "refs/heads/next".into())));
        assert_eq!(
            chosen(&|w| w.branch = Some("gone".into())),
            Err("https://example.org/a has no branch gone; it has main, next".into())
        );
    }
}
