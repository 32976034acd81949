//! What one render was brought from elsewhere so far.
use crate::render::{
    object::manifests,
    remote::{Remote, RemoteError, Remotes, is_file_address},
    tree::FileTree,
};
use std::{cell::RefCell, collections::HashMap, sync::Arc};

/// Most repositories, and most files, that one render is brought.
const MAX_BROUGHT: usize = 256;

/// Something that was brought.
pub(in crate::render) enum Something {
    File(Arc<[u8]>),
    Directory {
        remote: Remote,
        /// Tells the trees of a render apart; from 1.
        number: usize,
        tree: Arc<dyn FileTree>,
    },
}

/// A file that was brought, or why it was not.
type File = Result<Arc<[u8]>, String>;

/// What tells repositories apart.
type Key = (String, Option<String>);

/// What one render was brought so far.
pub(in crate::render) struct Brought<'a> {
    by: Option<&'a dyn Remotes>,
    trees: RefCell<Vec<(Key, Arc<dyn FileTree>)>>,
    files: RefCell<HashMap<String, File>>,
}

impl<'a> Brought<'a> {
    pub(in crate::render) fn new(by: Option<&'a dyn Remotes>) -> Self {
        Self { by, trees: RefCell::default(), files: RefCell::default() }
    }

    /// What is at an address. Where that may be of a file and of a repository, what is likelier is tried first.
    ///
    /// # Errors
    /// When nothing is, or nothing is brought at all, or the address is not for whoever names it.
    pub(in crate::render) fn any(
        &self,
        name: &str,
        may_be_local: bool,
        may_be_file: bool,
    ) -> Result<Something, RemoteError> {
        let by =
            self.by.ok_or("it is elsewhere; only `arcwright render --enable-remote` fetches that: commit a copy")?;
        let file = || self.file(by, name).map(Something::File);
        let is_file = may_be_file && is_file_address(name);
        let Some(remote) = Remote::parse(name) else {
            return if is_file { file() } else { Err("it is the address of a file".into()) };
        };
        if remote.is_local() && !may_be_local {
            return Err("it is on this machine, which a repository elsewhere may not read".into());
        }
        let is_certain = remote.is_certain();
        let directory = || {
            let (number, tree) = self.tree(by, &remote)?;
            Ok(Something::Directory { remote: remote.clone(), number, tree })
        };
        match (is_file, is_certain) {
            (false, _) => directory(),
            (true, true) => directory().or_else(|error| file().map_err(|other| both(&*other, &*error))),
            (true, false) => file().or_else(|error| directory().map_err(|other| both(&*error, &*other))),
        }
    }

    fn tree(&self, by: &dyn Remotes, remote: &Remote) -> Result<(usize, Arc<dyn FileTree>), RemoteError> {
        let key = (remote.repository.clone(), remote.reference.clone());
        let mut trees = self.trees.borrow_mut();
        if let Some(at) = trees.iter().position(|(known, _)| *known == key) {
            return Ok((at + 1, Arc::clone(&trees[at].1)));
        }
        if trees.len() >= MAX_BROUGHT {
            return Err(format!("more than {MAX_BROUGHT} repositories").into());
        }
        let tree = by.directory(remote)?;
        trees.push((key, Arc::clone(&tree)));
        Ok((trees.len(), tree))
    }

    /// A file that is not made of manifests, such as a page about a repository, is none.
    fn file(&self, by: &dyn Remotes, url: &str) -> Result<Arc<[u8]>, RemoteError> {
        let mut files = self.files.borrow_mut();
        if let Some(known) = files.get(url) {
            return known.clone().map_err(Into::into);
        }
        if files.len() >= MAX_BROUGHT {
            return Err(format!("more than {MAX_BROUGHT} files").into());
        }
        let bytes = by.file(url).map_err(|error| crate::error::Chain(&*error).to_string());
        let bytes = bytes.and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
            manifests::read(text, "it").map_err(|error| error.to_string())?;
            Ok(Arc::from(bytes))
        });
        files.insert(url.to_owned(), bytes.clone());
        bytes.map_err(Into::into)
    }
}

fn both(
    file: &(dyn std::error::Error + Send + Sync + 'static),
    repository: &(dyn std::error::Error + Send + Sync + 'static),
) -> RemoteError {
    let chain = |error: &(dyn std::error::Error + 'static)| crate::error::Chain(error).to_string();
    format!("as a file: {}; as a repository: {}", chain(file), chain(repository)).into()
}
