//! Mirrors: one for each address and credential, shared by all configurations.
use super::{
    Artifact, FetchError, RepoUrl,
    remote::{Choice, Conversation, Heads, choose},
};
use crate::model::configuration::{Credentials, GitSource, Reference};
use git2::Repository;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Packs in a mirror after which it is made anew: each fetch adds one, and none is ever removed.
const MAX_PACKS: usize = 64;

#[derive(Default)]
struct Mirror {
    heads: Option<(Instant, Arc<Heads>)>,
    artifacts: HashMap<Reference, Artifact>,
}

/// What was asked of remotes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Looks at what a remote has.
    pub looks: u64,
    /// Fetches of objects.
    pub fetches: u64,
    /// Bytes of packs received.
    pub bytes: u64,
}

/// A directory of bare mirrors.
pub struct GitCache {
    root: PathBuf,
    allow_local: bool,
    mirrors: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Mirror>>>>,
    looks: AtomicU64,
    fetches: AtomicU64,
    bytes: Arc<AtomicU64>,
}

impl GitCache {
    /// Mirrors in `root`, which is made when it is needed.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            allow_local: true,
            mirrors: Mutex::default(),
            looks: AtomicU64::new(0),
            fetches: AtomicU64::new(0),
            bytes: Arc::default(),
        }
    }

    /// What was asked of remotes since the start.
    pub fn traffic(&self) -> Traffic {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { looks: count(&self.looks), fetches: count(&self.fetches), bytes: count(&self.bytes) }
    }

    /// The wanted commit of a repository.
    ///
    /// Looks at the remote unless that was done within `freshness`, and fetches only what is not in
    /// the mirror. Calls for one mirror wait for each other, so that many configurations of one
    /// repository cost one look.
    ///
    /// # Errors
    /// When the address is not accepted, or the remote cannot be reached, refuses, or lacks the revision.
    ///
    /// # Cancellation
    /// May be dropped: the thread that talks to the remote ends at its deadline, or when `cancel` is.
    pub async fn fetch(
        &self,
        source: &GitSource,
        freshness: Duration,
        cancel: &CancellationToken,
    ) -> Result<Artifact, FetchError> {
        let url = RepoUrl::parse(&source.url, self.allow_local)
            .map_err(|error| FetchError::UrlRejected { url: super::redacted(&source.url), source: error })?;
        let key = fingerprint(source);
        let mirror =
            Arc::clone(self.mirrors.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let mut mirror = mirror.lock().await;
        let heads = match &mirror.heads {
            Some((at, heads)) if at.elapsed() < freshness => Arc::clone(heads),
            _ => {
                self.looks.fetch_add(1, Ordering::Relaxed);
                let (url, owned, cancelled) = (url.clone(), source.clone(), cancel.clone());
                let heads = Arc::new(
                    bounded(source, cancel, move || Conversation::new(&url, &owned, &cancelled).list()).await?,
                );
                mirror.heads = Some((Instant::now(), Arc::clone(&heads)));
                heads
            }
        };
        let choice = choose(&url, &source.reference, &heads)?;
        if let Some(artifact) = mirror
            .artifacts
            .get(&source.reference)
            .filter(|artifact| artifact.revision.commit == choice.commit.to_string())
        {
            return Ok(artifact.clone());
        }
        let directory = self.root.join(&key);
        let (owned, cancelled, bytes) = (source.clone(), cancel.clone(), Arc::clone(&self.bytes));
        let (artifact, has_fetched) =
            bounded(source, cancel, move || bring(&url, &owned, &directory, choice, &cancelled, &bytes)).await?;
        self.fetches.fetch_add(u64::from(has_fetched), Ordering::Relaxed);
        mirror.artifacts.insert(source.reference.clone(), artifact.clone());
        Ok(artifact)
    }
}

async fn bounded<T: Send + 'static>(
    source: &GitSource,
    cancel: &CancellationToken,
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    let task = tokio::task::spawn_blocking(work);
    tokio::select! {
        // Cancel-safe: the blocking thread sees its deadline or the cancellation by itself, and ends.
        done = tokio::time::timeout(source.timeout, task) => match done {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(FetchError::Cancelled),
            Err(_) => Err(FetchError::Timeout { url: super::redacted(&source.url), seconds: source.timeout.as_secs() }),
        },
        () = cancel.cancelled() => Err(FetchError::Cancelled),
    }
}

/// Names a mirror by its address and everything that decides what may be read through it.
fn fingerprint(source: &GitSource) -> String {
    let Credentials { user, password, ssh_private_key, known_hosts, ca_bundle } = &source.credentials;
    let secret =
        |secret: &Option<secrecy::SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    let mut hash = Sha256::new();
    for part in [
        Some(source.url.clone()),
        user.clone(),
        secret(password),
        secret(ssh_private_key),
        known_hosts.clone(),
        ca_bundle.clone(),
    ] {
        hash.update(part.as_ref().map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Opens the mirror, brings the commit when it is not there, and says whether it had to.
fn bring(
    url: &RepoUrl,
    source: &GitSource,
    directory: &Path,
    choice: Choice,
    cancel: &CancellationToken,
    bytes: &AtomicU64,
) -> Result<(Artifact, bool), FetchError> {
    let unusable = |error| FetchError::Mirror { url: url.to_string(), source: error };
    let mut repository = open(directory).map_err(unusable)?;
    let mut has_fetched = false;
    if !is_whole(&repository, &choice) {
        if packs(directory) > MAX_PACKS {
            drop(repository);
            retire(directory);
            repository = open(directory).map_err(unusable)?;
        }
        let conversation = Conversation::new(url, source, cancel);
        let outcome = conversation.fetch(&repository, &choice);
        bytes.fetch_add(conversation.received() as u64, Ordering::Relaxed);
        has_fetched = true;
        if let Err(FetchError::Transport { source: error, .. }) = &outcome
            && matches!(
                error.class(),
                git2::ErrorClass::Odb
                    | git2::ErrorClass::Reference
                    | git2::ErrorClass::Repository
                    | git2::ErrorClass::Indexer
                    | git2::ErrorClass::Object
            )
        {
            // What a killed process left half made is of no use; the next try begins with nothing.
            retire(directory);
        }
        outcome?;
    }
    Artifact::new(repository, choice.commit, choice.reference).map(|artifact| (artifact, has_fetched)).map_err(
        |error| {
            retire(directory);
            unusable(error)
        },
    )
}

/// Whether the commit and its tree are there.
fn is_whole(repository: &Repository, choice: &Choice) -> bool {
    repository.find_commit(choice.commit).and_then(|commit| commit.tree()).is_ok()
}

fn open(directory: &Path) -> Result<Repository, git2::Error> {
    if let Ok(repository) = Repository::open_bare(directory) {
        return Ok(repository);
    }
    retire(directory);
    let io = |error: std::io::Error| git2::Error::from_str(&format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(io)?;
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(io)?;
    Repository::init_bare(directory)
}

fn packs(directory: &Path) -> usize {
    std::fs::read_dir(directory.join("objects/pack")).map_or(0, |entries| {
        entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack")).count()
    })
}

/// Takes a mirror out of the way. Artifacts of it that are still read keep their open files.
fn retire(directory: &Path) {
    std::fs::remove_dir_all(directory).ok();
}
