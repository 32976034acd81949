//! Mirrors: one for each address and credential, shared by all configurations.
use super::{
    Artifact, FetchError, RepoUrl,
    choice::{Choice, choose, parse_commit},
    remote::{Conversation, GitOptions, Look},
    store::{self, Lock, Store},
    wire::ProxySettings,
};
use crate::model::configuration::{Credentials, GitSource, Reference};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Most artifacts that are remembered of one mirror; more come only of references that change all the time.
const MAX_ARTIFACTS: usize = 256;

/// A mirror that several wait for.
type Shared = Arc<tokio::sync::Mutex<Mirror>>;

/// What is remembered of one mirror.
#[derive(Default)]
struct Mirror {
    look: Option<(Instant, Arc<Look>)>,
    artifacts: HashMap<Reference, Artifact>,
    /// Set by an artifact that could not be read.
    is_damaged: Arc<AtomicBool>,
}

/// What was asked of remotes since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Looks at what a remote has.
    pub looks: u64,
    /// Fetches of objects.
    pub fetches: u64,
    /// Bytes received by fetches.
    pub bytes: u64,
}

/// A directory of bare mirrors.
pub struct GitCache {
    root: PathBuf,
    options: Arc<GitOptions>,
    mirrors: Mutex<HashMap<String, Shared>>,
    looks: AtomicU64,
    fetches: AtomicU64,
    bytes: Arc<AtomicU64>,
}

impl GitCache {
    /// Mirrors in `root`, which is made when it is needed. Proxies are those of the environment.
    pub fn new(root: PathBuf) -> Self {
        Self::with(root, GitOptions { proxy: ProxySettings::from_environment(), ..GitOptions::default() })
    }

    /// Mirrors in `root`, with bounds and proxies.
    pub fn with(root: PathBuf, options: GitOptions) -> Self {
        // libgit2 would keep up to 256 MiB of objects; the directories in use are remembered by each artifact.
        git2::opts::enable_caching(false);
        Self {
            root,
            options: Arc::new(options),
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
    /// Looks at the remote unless that was done within `freshness`, or a commit is wanted that is here, and
    /// fetches only what is not in the mirror. Calls for one mirror wait for each other, so that many
    /// configurations of one repository cost one look. A mirror that turns out to be damaged is made anew.
    ///
    /// # Errors
    /// When the address is not accepted, or the remote cannot be reached, refuses, or lacks the revision.
    ///
    /// # Cancellation
    /// May be dropped: the thread that talks to the remote ends then, as it does when `cancel` is.
    pub async fn fetch(
        &self,
        source: &GitSource,
        freshness: Duration,
        cancel: &CancellationToken,
    ) -> Result<Artifact, FetchError> {
        let cancel = cancel.child_token();
        let _hang_up = cancel.clone().drop_guard();
        let url = RepoUrl::parse(&source.url, source.allow_local)
            .map_err(|error| FetchError::UrlRejected { url: super::redacted(&source.url), source: error })?;
        let key = fingerprint(source);
        let shared = self.mirror(&key);
        let mut mirror = shared.lock().await;
        if mirror.is_damaged.load(Ordering::Relaxed) {
            mirror.artifacts.clear();
        }
        if let Some(artifact) = pinned(&url, source, &mirror)? {
            return Ok(artifact);
        }
        let work = Work { url, source: source.clone(), options: Arc::clone(&self.options), cancel };
        let (look, is_new) = self.look(&mirror, &work, freshness).await?;
        if is_new {
            store::touch(&self.root, &key);
            remember(&shared, &mut mirror, &look, freshness);
        }
        let choice = choose(&work.url, &source.reference, &look.remote)?;
        let known = mirror.artifacts.get(&source.reference);
        if let Some(artifact) = known.filter(|known| known.revision.commit == choice.commit.to_string()) {
            return Ok(artifact.clone());
        }
        let artifact = self.bring(&mirror, work, &key, choice, look).await?;
        if mirror.artifacts.len() >= MAX_ARTIFACTS {
            mirror.artifacts.clear();
        }
        mirror.artifacts.insert(source.reference.clone(), artifact.clone());
        Ok(artifact)
    }

    fn mirror(&self, key: &str) -> Shared {
        let mut mirrors = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(mirrors.entry(key.to_owned()).or_default())
    }

    /// What the remote has, and whether it was asked.
    async fn look(&self, mirror: &Mirror, work: &Work, freshness: Duration) -> Result<(Arc<Look>, bool), FetchError> {
        if let Some((at, look)) = &mirror.look
            && at.elapsed() < freshness
        {
            return Ok((Arc::clone(look), false));
        }
        self.looks.fetch_add(1, Ordering::Relaxed);
        let owned = work.clone();
        let look = work.bounded(move || owned.conversation().look()).await?;
        Ok((Arc::new(look), true))
    }

    async fn bring(
        &self,
        mirror: &Mirror,
        work: Work,
        key: &str,
        choice: Choice,
        look: Arc<Look>,
    ) -> Result<Artifact, FetchError> {
        let lock = tokio::select! {
            // Cancel-safe: nothing is held while a lock is waited for.
            lock = tokio::time::timeout(work.source.timeout, Lock::wait(&self.root, key)) => lock,
            () = work.cancel.cancelled() => return Err(FetchError::Cancelled),
        };
        let unusable = |source| FetchError::Mirror { url: work.url.to_string(), source };
        let lock = match lock {
            Ok(lock) => lock.map_err(|error| unusable(error.into()))?,
            Err(_) => return Err(unusable("another process is busy with it".into())),
        };
        let (owned, bytes, is_damaged) = (work.clone(), Arc::clone(&self.bytes), Arc::clone(&mirror.is_damaged));
        let (artifact, has_fetched) =
            work.bounded(move || owned.bring(lock, choice, &look, is_damaged, &bytes)).await?;
        self.fetches.fetch_add(u64::from(has_fetched), Ordering::Relaxed);
        Ok(artifact)
    }
}

/// Keeps a look for as long as it serves others, and no longer: it can be large.
fn remember(shared: &Shared, mirror: &mut Mirror, look: &Arc<Look>, freshness: Duration) {
    let at = Instant::now();
    mirror.look = Some((at, Arc::clone(look))).filter(|_| !freshness.is_zero());
    let shared = Arc::downgrade(shared);
    if mirror.look.is_some() {
        drop(tokio::spawn(async move {
            tokio::time::sleep(freshness).await;
            let Some(shared) = shared.upgrade() else { return };
            let mut mirror = shared.lock().await;
            mirror.look.take_if(|(other, _)| *other == at);
        }));
    }
}

/// A commit that was asked for by name and is here: it cannot have changed, so nobody needs to be asked.
fn pinned(url: &RepoUrl, source: &GitSource, mirror: &Mirror) -> Result<Option<Artifact>, FetchError> {
    let Some(commit) = &source.reference.commit else { return Ok(None) };
    let commit = parse_commit(url, commit)?.to_string();
    Ok(mirror.artifacts.get(&source.reference).filter(|known| known.revision.commit == commit).cloned())
}

/// What a thread needs that talks to a remote.
#[derive(Clone)]
struct Work {
    url: RepoUrl,
    source: GitSource,
    options: Arc<GitOptions>,
    cancel: CancellationToken,
}

impl Work {
    fn conversation(&self) -> Conversation<'_> {
        Conversation::new(&self.url, &self.source, &self.options, &self.cancel)
    }

    /// Runs work on a thread of its own, no longer than the source's timeout.
    async fn bounded<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
    ) -> Result<T, FetchError> {
        let task = tokio::task::spawn_blocking(work);
        tokio::select! {
            // Cancel-safe: the blocking thread sees its deadline or the cancellation by itself, and ends.
            done = tokio::time::timeout(self.source.timeout, task) => match done {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(FetchError::Cancelled),
                Err(_) => Err(FetchError::Timeout { url: self.url.to_string(), seconds: self.source.timeout.as_secs() }),
            },
            () = self.cancel.cancelled() => Err(FetchError::Cancelled),
        }
    }

    /// Opens the mirror, brings the commit when it is not there, and says whether it had to.
    fn bring(
        &self,
        lock: Lock,
        choice: Choice,
        look: &Look,
        is_damaged: Arc<AtomicBool>,
        bytes: &AtomicU64,
    ) -> Result<(Artifact, bool), FetchError> {
        let mut store = Store::open(&self.url, lock)?;
        if is_damaged.swap(false, Ordering::Relaxed) {
            store = store.begin_anew(&self.url)?;
        }
        let must_fetch = !store.is_whole(choice.commit);
        if must_fetch {
            if store.is_littered() || store.repository().find_commit(choice.commit).is_ok() {
                // A commit that is here without all that it leads to was left so by a damage or a killed process.
                store = store.begin_anew(&self.url)?;
            }
            self.fetch_into(&store, &choice, look, bytes)?;
        }
        let commit = choice.commit;
        let artifact =
            Artifact::new(self.url.to_string(), store.into_repository(), commit, choice.reference, is_damaged)?;
        Ok((artifact, must_fetch))
    }

    fn fetch_into(&self, store: &Store, choice: &Choice, look: &Look, bytes: &AtomicU64) -> Result<(), FetchError> {
        let conversation = self.conversation();
        let outcome = conversation.fetch(store, choice, look);
        bytes.fetch_add(conversation.received(), Ordering::Relaxed);
        outcome?;
        if !store.is_whole(choice.commit) {
            let what = format!("it left out objects that commit {} leads to", choice.commit);
            return Err(FetchError::Protocol { url: self.url.to_string(), what });
        }
        if choice.is_tip()
            && let Err(error) = store.note(choice.commit)
        {
            // Only the next fetch is larger for it.
            tracing::debug!(repository = %self.url, %error, "fetched commit not noted");
        }
        Ok(())
    }
}

/// Names a mirror by its address and everything that decides what may be read through it.
fn fingerprint(source: &GitSource) -> String {
    let Credentials { user, password, bearer_token, ssh_private_key, known_hosts, ca_bundle } = &source.credentials;
    let secret =
        |secret: &Option<secrecy::SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    let mut hash = Sha256::new();
    for part in [
        Some(source.url.clone()),
        user.clone(),
        secret(password),
        secret(bearer_token),
        secret(ssh_private_key),
        known_hosts.clone(),
        ca_bundle.clone(),
    ] {
        hash.update(part.as_ref().map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    crate::hex::hex(&hash.finalize()[..16])
}
