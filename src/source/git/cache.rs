//! Mirrors: one for each address and credential, shared by all configurations.
use super::{Artifact, FetchError, redacted};
use crate::model::configuration::{Credentials, GitSource, Reference};
use git2::{AutotagOption, Cred, CredentialType, Direction, FetchOptions, Oid, ProxyOptions, RemoteCallbacks, RemoteRedirect, Repository};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Most bytes that one fetch may bring.
const MAX_FETCH_BYTES: usize = 512 << 20;

/// What the remote has: each reference and the commit behind it.
type Heads = Arc<BTreeMap<String, Oid>>;

#[derive(Default)]
struct Mirror {
    heads: Option<(Instant, Heads)>,
    artifacts: HashMap<Reference, Artifact>,
}

/// A directory of bare mirrors.
pub struct GitCache {
    root: PathBuf,
    mirrors: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Mirror>>>>,
}

impl GitCache {
    /// Mirrors in `root`, which is made when it is needed.
    pub fn new(root: PathBuf) -> Self {
        Self { root, mirrors: Mutex::default() }
    }

    /// The wanted commit of a repository.
    ///
    /// Looks at the remote unless that was done within `freshness`, and fetches only what is not in the mirror.
    ///
    /// # Errors
    /// When the address is not accepted, or the remote cannot be reached, refuses, or lacks the revision.
    pub async fn fetch(&self, source: &GitSource, freshness: Duration, cancel: &CancellationToken) -> Result<Artifact, FetchError> {
        check(&source.url)?;
        let key = fingerprint(source);
        let mirror = Arc::clone(self.mirrors.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let mut mirror = mirror.lock().await;
        let heads = match &mirror.heads {
            Some((at, heads)) if at.elapsed() < freshness => Arc::clone(heads),
            _ => {
                let (owned, cancelled) = (source.clone(), cancel.clone());
                let heads = bounded(source, cancel, move || list(&owned, &cancelled)).await?;
                let heads = Arc::new(heads);
                mirror.heads = Some((Instant::now(), Arc::clone(&heads)));
                heads
            }
        };
        let (reference, name, commit) = choose(source, &heads)?;
        if let Some(artifact) = mirror.artifacts.get(&source.reference).filter(|artifact| artifact.revision.commit == commit.to_string()) {
            return Ok(artifact.clone());
        }
        let directory = self.root.join(&key);
        let (owned, cancelled) = (source.clone(), cancel.clone());
        let artifact = bounded(source, cancel, move || fetch(&owned, &directory, &name, commit, reference, &cancelled)).await?;
        mirror.artifacts.insert(source.reference.clone(), artifact.clone());
        Ok(artifact)
    }
}

async fn bounded<T: Send + 'static>(source: &GitSource, cancel: &CancellationToken, work: impl FnOnce() -> Result<T, FetchError> + Send + 'static) -> Result<T, FetchError> {
    let task = tokio::task::spawn_blocking(work);
    tokio::select! {
        // Cancel-safe: the blocking task sees the deadline or the cancellation by itself and ends.
        done = tokio::time::timeout(source.timeout, task) => match done {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(FetchError::Cancelled),
            Err(_) => Err(FetchError::Timeout { url: redacted(&source.url), seconds: source.timeout.as_secs() }),
        },
        () = cancel.cancelled() => Err(FetchError::Cancelled),
    }
}

fn check(url: &str) -> Result<(), FetchError> {
    let reject = |why: &str| Err(FetchError::UrlRejected { url: redacted(url), why: why.to_owned() });
    if url.starts_with('-') || url.contains("://-") || url.contains(char::is_control) {
        return reject("it must not start with a dash nor hold control characters");
    }
    match url.split_once("://") {
        Some(("https" | "http" | "file", rest)) if !rest.is_empty() => Ok(()),
        Some(_) => reject("use https:// (ssh is not part of this build), file:// or a path"),
        None if url.contains("::") => reject("remote helpers are never run"),
        None if url.starts_with('/') || url.starts_with('.') => Ok(()),
        None => reject("use https:// (ssh is not part of this build), file:// or a path that starts with / or ."),
    }
}

fn fingerprint(source: &GitSource) -> String {
    let Credentials { user, password, ssh_private_key, known_hosts, ca_bundle } = &source.credentials;
    let mut hash = Sha256::new();
    for part in [Some(source.url.as_str()), user.as_deref(), password.as_ref().map(secrecy::ExposeSecret::expose_secret), ssh_private_key.as_ref().map(secrecy::ExposeSecret::expose_secret), known_hosts.as_deref(), ca_bundle.as_deref()] {
        hash.update(part.map_or(0, str::len).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn callbacks<'a>(source: &'a GitSource, cancel: &'a CancellationToken) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    let mut is_asked = false;
    callbacks.credentials(move |_, _, allowed| {
        let refused = || Err(git2::Error::new(git2::ErrorCode::Auth, git2::ErrorClass::Http, "credentials refused"));
        match (&source.credentials.password, is_asked) {
            (Some(password), false) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                is_asked = true;
                Cred::userpass_plaintext(source.credentials.user.as_deref().unwrap_or("git"), password.expose_secret())
            }
            _ => refused(),
        }
    });
    let end = Instant::now() + source.timeout;
    callbacks.transfer_progress(move |progress| !cancel.is_cancelled() && Instant::now() < end && progress.received_bytes() <= MAX_FETCH_BYTES);
    callbacks
}

fn proxy() -> ProxyOptions<'static> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}

fn transport(source: &GitSource, error: git2::Error) -> FetchError {
    let url = redacted(&source.url);
    if error.code() == git2::ErrorCode::Auth { FetchError::Authentication { url } } else { FetchError::Transport { url, source: error } }
}

fn list(source: &GitSource, cancel: &CancellationToken) -> Result<BTreeMap<String, Oid>, FetchError> {
    let failed = |error| transport(source, error);
    let mut remote = git2::Remote::create_detached(source.url.as_str()).map_err(failed)?;
    let connection = remote.connect_auth(Direction::Fetch, Some(callbacks(source, cancel)), Some(proxy())).map_err(failed)?;
    let mut heads = BTreeMap::new();
    for head in connection.list().map_err(failed)? {
        // A tag's `^{}` names the commit behind it, and comes after the tag.
        heads.insert(head.name().trim_end_matches("^{}").to_owned(), head.oid());
    }
    Ok(heads)
}

/// The name to report, the reference to fetch, and the commit.
fn choose(source: &GitSource, heads: &Heads) -> Result<(String, String, Oid), FetchError> {
    let Reference { branch, tag, semver, commit } = &source.reference;
    let missing = |what: String| FetchError::NoSuchRevision { url: redacted(&source.url), what };
    let named = |name: &str, full: String, what: String| heads.get(&full).map(|oid| (name.to_owned(), full, *oid)).ok_or_else(|| missing(what));
    if let Some(commit) = commit {
        let branch = branch.as_deref().unwrap_or("master");
        let oid = Oid::from_str(commit).ok().ok_or_else(|| missing(format!("commit {commit:?}")))?;
        let (_, full, _) = named(branch, format!("refs/heads/{branch}"), format!("branch {branch:?}"))?;
        return Ok((String::new(), full, oid));
    }
    if let Some(range) = semver {
        let wanted = semver::VersionReq::parse(range).ok().ok_or_else(|| missing(format!("tag in the range {range:?}, which is not one")))?;
        let best = heads.iter().filter_map(|(name, oid)| {
            let tag = name.strip_prefix("refs/tags/")?;
            Some((semver::Version::parse(tag.trim_start_matches('v')).ok()?, tag, name, *oid))
        }).filter(|(version, ..)| wanted.matches(version)).max_by(|a, b| a.0.cmp(&b.0));
        return best.map(|(_, tag, name, oid)| (tag.to_owned(), name.clone(), oid)).ok_or_else(|| missing(format!("tag in the range {range:?}")));
    }
    if let Some(tag) = tag {
        return named(tag, format!("refs/tags/{tag}"), format!("tag {tag:?}"));
    }
    let branch = branch.as_deref().unwrap_or("master");
    named(branch, format!("refs/heads/{branch}"), format!("branch {branch:?}"))
}

fn fetch(source: &GitSource, directory: &std::path::Path, name: &str, commit: Oid, reference: String, cancel: &CancellationToken) -> Result<Artifact, FetchError> {
    let unusable = |error| FetchError::Mirror { url: redacted(&source.url), source: error };
    let repository = match Repository::open_bare(directory) {
        Ok(repository) => repository,
        Err(_) => {
            // What a killed process left half made is of no use.
            std::fs::remove_dir_all(directory).ok();
            Repository::init_bare(directory).map_err(unusable)?
        }
    };
    if repository.find_commit(commit).is_err() {
        let mut remote = repository.remote_anonymous(&source.url).map_err(|error| transport(source, error))?;
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks(source, cancel)).proxy_options(proxy()).download_tags(AutotagOption::None).follow_redirects(RemoteRedirect::None);
        if source.url.starts_with("http") && source.reference.commit.is_none() {
            options.depth(1);
        }
        remote.fetch(&[format!("+{name}:{name}")], Some(&mut options), None).map_err(|error| transport(source, error))?;
        drop(options);
    }
    if repository.find_commit(commit).is_err() {
        return Err(FetchError::NoSuchRevision { url: redacted(&source.url), what: format!("commit {commit} on the branch") });
    }
    Artifact::new(repository, commit, reference).map_err(unusable)
}
