//! One conversation with a remote: what it has, and bringing a part of that here.
use super::{
    FetchError, RepoUrl,
    advertisement::Advertised,
    bounds::Bounds,
    choice::Choice,
    local,
    pack_guard::PackGuard,
    packets::bad,
    store::Store,
    text::tame,
    upload_pack::{Request, answer},
    wire::{self, ProxySettings},
};
use crate::model::configuration::GitSource;
use git2::Repository;
use std::io::{self, Read as _, Write as _};
use tokio_util::sync::CancellationToken;

/// Size of the parts in which a pack is handed on, in bytes.
const PART: usize = 64 << 10;

/// How much may be taken from a remote, and by which way it is reached.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// Most bytes that one look or one fetch may bring.
    pub max_bytes: u64,
    /// Most references that a remote may advertise.
    pub max_references: usize,
    /// Proxies for `https://` and `http://`.
    pub proxy: ProxySettings,
}

impl Default for GitOptions {
    /// 512 MiB, a million references, and no proxy.
    fn default() -> Self {
        Self { max_bytes: 512 << 20, max_references: 1_000_000, proxy: ProxySettings::default() }
    }
}

/// What a remote has, and where it turned out to be.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) remote: Advertised,
    moved_to: Option<String>,
}

/// One conversation with a remote. Blocks; must run on a thread that may, inside a Tokio runtime.
pub(super) struct Conversation<'a> {
    url: &'a RepoUrl,
    source: &'a GitSource,
    options: &'a GitOptions,
    bounds: Bounds,
}

impl<'a> Conversation<'a> {
    /// A conversation whose time begins to run.
    pub(super) fn new(
        url: &'a RepoUrl,
        source: &'a GitSource,
        options: &'a GitOptions,
        cancel: &CancellationToken,
    ) -> Self {
        let bounds = Bounds::new(url.to_string(), source.timeout, cancel.clone(), options.max_bytes);
        Self { url, source, options, bounds }
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.bounds.received()
    }

    /// What the remote has. One round trip, no objects.
    pub(super) fn look(&self) -> Result<Look, FetchError> {
        if self.url.is_local() {
            return Ok(Look { remote: local::look(self.url)?, moved_to: None });
        }
        let look = || {
            let mut wire = self.connect(None)?;
            let remote = self.advertised(&mut *wire)?;
            Ok(Look { remote, moved_to: wire.moved_to() })
        };
        look().map_err(|error| self.told(error))
    }

    /// Brings what a choice names into a store.
    pub(super) fn fetch(&self, store: &Store, choice: &Choice, look: &Look) -> Result<(), FetchError> {
        if self.url.is_local() {
            return local::fetch(self.url, store.repository(), choice, &self.bounds);
        }
        let is_here = || store.repository().find_commit(choice.commit).is_ok();
        let mut requests = Vec::new();
        if choice.is_tip() || may_be_asked_for(&look.remote) {
            let want = if choice.is_tip() { choice.head.target } else { choice.commit };
            requests.push(Request { want, is_shallow: true, tips: store.tips() });
        }
        if !choice.is_tip() {
            requests.push(Request { want: choice.head.target, is_shallow: false, tips: Vec::new() });
        }
        let last = requests.len() - 1;
        for (number, request) in requests.iter().enumerate() {
            match self.bring(store.repository(), request, look).map_err(|error| self.told(error)) {
                Ok(()) if is_here() => return Ok(()),
                // A server that gives no single commits refuses the first of two requests.
                Err(FetchError::Refused { .. } | FetchError::Transport { .. }) if number < last => {}
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
        let (what, hint) = if choice.is_tip() {
            (format!("commit behind {}", choice.name), "; it points at something else".to_owned())
        } else {
            (format!("commit {}", choice.commit), format!(" on {}", choice.name.trim_start_matches("refs/heads/")))
        };
        Err(FetchError::NoSuchRevision { url: self.url.to_string(), what, hint })
    }

    fn connect(&self, moved_to: Option<&str>) -> io::Result<Box<dyn wire::Wire + '_>> {
        wire::connect(self.url, &self.source.credentials, &self.options.proxy, moved_to, &self.bounds)
    }

    fn advertised(&self, wire: &mut (dyn wire::Wire + '_)) -> io::Result<Advertised> {
        Advertised::read(wire.advertisement()?, self.bounds.url(), self.options.max_references)
    }

    fn bring(&self, repository: &Repository, request: &Request, look: &Look) -> io::Result<()> {
        let mut wire = self.connect(look.moved_to.as_deref())?;
        let fresh = if wire.speaks_first() { Some(self.advertised(&mut *wire)?) } else { None };
        let request = request.encode(fresh.as_ref().unwrap_or(&look.remote), self.bounds.url())?;
        let mut pack = answer(wire.ask(request)?, self.bounds.url())?;
        let odb = repository.odb().map_err(|error| self.unusable(error))?;
        let mut writer = odb.packwriter().map_err(|error| self.unusable(error))?;
        writer.progress(|_| self.bounds.check().is_ok());
        let mut guard = PackGuard::new(writer);
        let mut part = vec![0; PART];
        loop {
            match pack.read(&mut part)? {
                0 => break,
                bytes => guard.write_all(&part[..bytes]).map_err(|error| self.indexed(error))?,
            }
        }
        let mut writer = guard.finish()?;
        writer.commit().map_err(|error| self.bounds.check().map_or_else(Into::into, |()| damaged(&error)))?;
        odb.refresh().map_err(|error| self.unusable(error).into())
    }

    fn unusable(&self, error: git2::Error) -> FetchError {
        FetchError::Mirror { url: self.url.to_string(), source: error.into() }
    }

    /// What became of a pack on its way to the index.
    fn indexed(&self, error: io::Error) -> io::Error {
        match (self.bounds.check(), error.kind()) {
            (Err(over), _) => over.into(),
            (Ok(()), io::ErrorKind::InvalidData) => error,
            // git2's writer keeps the reason to itself.
            (Ok(()), _) => damaged(&git2::Error::last_error(-1)),
        }
    }

    /// The error that a reader meant.
    fn told(&self, error: io::Error) -> FetchError {
        let url = self.url.to_string();
        match error.downcast::<FetchError>() {
            Ok(error) => error,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                FetchError::Protocol { url, what: tame(error.to_string().as_bytes()) }
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                FetchError::Transport { url, source: "the connection was closed in the middle of the answer".into() }
            }
            Err(error) => FetchError::Transport { url, source: tame(error.to_string().as_bytes()).into() },
        }
    }
}

fn damaged(why: &git2::Error) -> io::Error {
    bad(format!("its pack is damaged ({})", tame(why.message().as_bytes())))
}

/// Whether a server gives commits that no reference points at.
fn may_be_asked_for(remote: &Advertised) -> bool {
    remote.can("allow-reachable-sha1-in-want") || remote.can("allow-any-sha1-in-want")
}
