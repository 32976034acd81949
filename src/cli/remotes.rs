//! What kustomizations name elsewhere, fetched through mirrors as the agent's repositories are.
use crate::{
    agents::config::ArtifactTree,
    model::configuration::{Credentials, GitSource, Reference},
    render::{
        remote::{Remote, RemoteError, Remotes},
        tree::{FileTree, MAX_FILE_BYTES},
    },
    source::{
        Artifact, FetchError, GitCache,
        git::{GitOptions, ProxySettings, read_file},
    },
};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// Longest time for everything that one render fetches.
const MAX_TIME: Duration = Duration::from_secs(600);
/// Longest time for one file.
const FILE_TIME: Duration = Duration::from_secs(27);
/// Most bytes of one fetch; a render that fetched as many fetches nothing more.
const MAX_BYTES: u64 = 256 << 20;
/// Private keys that ssh looks for by itself, in the directory `.ssh`.
const KEYS: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// Fetches for one render.
pub(super) struct Fetcher {
    runtime: Runtime,
    cache: GitCache,
    proxy: ProxySettings,
    credentials: Credentials,
    /// Bytes of single files.
    files: AtomicU64,
    end: Instant,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Fetches into mirrors below a directory, with the keys and known hosts of a user's home.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn new(mirrors: PathBuf, home: Option<&Path>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let proxy = ProxySettings::from_environment();
        let options = GitOptions { max_bytes: MAX_BYTES, proxy: proxy.clone(), ..GitOptions::default() };
        let (cache, credentials) = (GitCache::with(mirrors, options), credentials(home));
        Ok(Self { runtime, cache, proxy, credentials, files: AtomicU64::new(0), end: Instant::now() + MAX_TIME })
    }

    /// Fails when enough was fetched.
    fn check(&self) -> Result<(), FetchError> {
        if self.cache.traffic().bytes + self.files.load(Ordering::Relaxed) < MAX_BYTES {
            return Ok(());
        }
        Err(FetchError::TooLarge { what: "what is fetched for one render".to_owned(), limit: MAX_BYTES })
    }

    /// What is left of a time, and of all time.
    fn time(&self, wanted: Duration) -> Duration {
        wanted.min(self.end.saturating_duration_since(Instant::now()))
    }

    fn fetch(&self, remote: &Remote, reference: Reference) -> Result<Artifact, FetchError> {
        self.check()?;
        let source = GitSource {
            url: remote.repository.clone(),
            // The renderer lets none but the tree that it was called for name this machine.
            allow_local: remote.is_local(),
            reference,
            credentials: self.credentials.clone(),
            secret_refs: Vec::new(),
            timeout: self.time(remote.timeout),
            interval: MAX_TIME,
        };
        self.runtime.block_on(self.cache.fetch(&source, MAX_TIME, &CancellationToken::new()))
    }
}

impl Remotes for Fetcher {
    fn directory(&self, remote: &Remote) -> Result<Arc<dyn FileTree>, RemoteError> {
        let mut missing = None;
        for reference in references(remote.reference.as_deref()) {
            match self.fetch(remote, reference) {
                Ok(artifact) => return Ok(Arc::new(ArtifactTree::new(&artifact))),
                Err(error @ FetchError::NoSuchRevision { .. }) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(missing.map_or_else(|| "it has no such revision".into(), Into::into))
    }

    fn file(&self, url: &str) -> Result<Vec<u8>, RemoteError> {
        self.check()?;
        let max_bytes = MAX_FILE_BYTES as u64;
        let options = GitOptions { max_bytes, proxy: self.proxy.clone(), ..GitOptions::default() };
        let cancel = CancellationToken::new();
        let bytes = self.runtime.block_on(read_file(url, &options, self.time(FILE_TIME), &cancel))?;
        self.files.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// What a reference may be, likeliest first: git takes a tag before a branch of the same name.
fn references(text: Option<&str>) -> Vec<Reference> {
    let Some(text) = text else { return vec![Reference::default()] };
    let tag = |text: &str| Reference { tag: Some(text.to_owned()), ..Reference::default() };
    let branch = |text: &str| Reference { branch: Some(text.to_owned()), ..Reference::default() };
    let short = text.strip_prefix("refs/").unwrap_or(text);
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        vec![Reference { commit: Some(text.to_ascii_lowercase()), ..Reference::default() }]
    } else if text == "HEAD" {
        vec![Reference::default()]
    } else if let Some(name) = short.strip_prefix("tags/") {
        vec![tag(name)]
    } else if let Some(name) = short.strip_prefix("heads/") {
        vec![branch(name)]
    } else {
        vec![tag(text), branch(text)]
    }
}

/// What ssh would use of a home: the first private key, and the known hosts, also those of the machine.
fn credentials(home: Option<&Path>) -> Credentials {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let own = |name: &str| read(home?.join(".ssh").join(name));
    let known_hosts = [own("known_hosts"), read("/etc/ssh/ssh_known_hosts".into())];
    let known_hosts: Vec<String> = known_hosts.into_iter().flatten().collect();
    Credentials {
        ssh_private_key: KEYS.iter().find_map(|name| own(name)).map(Into::into),
        known_hosts: (!known_hosts.is_empty()).then(|| known_hosts.join("\n")),
        ..Credentials::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_tag_before_it_is_a_branch() {
        let named = |text: &str| -> Vec<String> {
            let show = |Reference { branch, tag, commit, .. }: Reference| match (branch, tag, commit) {
                (Some(name), None, None) => format!("branch {name}"),
                (None, Some(name), None) => format!("tag {name}"),
                (None, None, Some(name)) => format!("commit {name}"),
                _ => "default".to_owned(),
            };
            references(Some(text).filter(|text| !text.is_empty())).into_iter().map(show).collect()
        };
        assert_eq!(named("v1"), ["tag v1", "branch v1"]);
        assert_eq!(named("refs/tags/v1"), ["tag v1"]);
        assert_eq!(named("refs/heads/feat/x"), ["branch feat/x"]);
        assert_eq!(named("heads/x"), ["branch x"]);
        assert_eq!(named(&"A".repeat(40)), [format!("commit {}", "a".repeat(40))]);
        assert_eq!(named(""), ["default"]);
        assert_eq!(named("HEAD"), ["default"]);
    }

    #[test]
    fn the_first_key_of_a_home_and_its_known_hosts_are_used() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join(".ssh")).expect("a directory");
        for (name, text) in [("id_rsa", "rsa"), ("id_ecdsa", "ecdsa"), ("known_hosts", "host ssh-ed25519 AAAA")] {
            std::fs::write(home.path().join(".ssh").join(name), text).expect("a file");
        }
        let found = credentials(Some(home.path()));
        let key = found.ssh_private_key.expect("a key");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&key), "ecdsa");
        assert!(found.known_hosts.expect("hosts").starts_with("host ssh-ed25519 AAAA"));
        assert!(credentials(None).ssh_private_key.is_none());
    }
}
