//! Reading, within bounds: how much, how deep, and from where.
mod brought;
pub mod cache;
mod files;

use crate::render::{
    error::RenderError,
    kustomization::NAMES,
    load::cache::{Cache, Memo, Seen},
    node::{self, Node, ParseError},
    object::{manifests, resource::Resource},
    remote::Remote,
    tree::{ContentId, EntryKind, FileTree, TreeError},
};
pub(in crate::render) use brought::{Brought, Something};
pub(in crate::render) use files::{Files, target};

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

/// Deepest chain of directories that name each other.
pub(in crate::render) const MAX_DEPTH: usize = 64;
/// Most files that one render reads.
const MAX_FILES: usize = 100_000;
/// Most bytes that one render reads.
const MAX_BYTES: usize = 256 << 20;
/// Texts that are worth a second thread, in bytes.
const MIN_PARALLEL: usize = 64 << 10;

/// What one render read so far, from all trees.
#[derive(Default)]
struct Counted {
    files: Cell<usize>,
    bytes: Cell<usize>,
}

/// Reads files of a tree, counts them, and takes note of all that it looks at.
pub(in crate::render) struct Loader<'a> {
    tree: &'a dyn FileTree,
    /// Tells trees apart; 0 for that of the render itself.
    pub(in crate::render) number: usize,
    /// The repository elsewhere that the tree is of.
    remote: Option<&'a Remote>,
    is_restricted: bool,
    cache: Option<&'a Cache>,
    counted: Rc<Counted>,
    /// What files hold that were read ahead, by path, until it is asked for.
    ahead: RefCell<HashMap<String, Ahead>>,
    /// What was looked at for each of the bases that are being accumulated, the innermost last.
    seen: RefCell<Vec<Vec<Seen>>>,
}

/// What a file holds that was read ahead.
struct Ahead {
    documents: Result<Vec<Node>, ParseError>,
    /// Where it is to be kept.
    id: Option<ContentId>,
    /// In bytes.
    size: usize,
}

impl<'a> Loader<'a> {
    pub(in crate::render) fn new(tree: &'a dyn FileTree, is_restricted: bool, cache: Option<&'a Cache>) -> Self {
        let (counted, ahead, seen) = (Rc::default(), RefCell::default(), RefCell::default());
        Self { tree, number: 0, remote: None, is_restricted, cache, counted, ahead, seen }
    }

    /// Reads the tree of a repository elsewhere, which is always restricted, and counts on.
    pub(in crate::render) fn elsewhere<'b>(
        &self,
        tree: &'b dyn FileTree,
        number: usize,
        remote: &'b Remote,
    ) -> Loader<'b> {
        let (counted, ahead, seen) = (Rc::clone(&self.counted), RefCell::default(), RefCell::default());
        Loader { tree, number, remote: Some(remote), is_restricted: true, cache: None, counted, ahead, seen }
    }

    /// Whether what is in the tree came from this machine, and may name what else is there.
    pub(in crate::render) fn is_of_this_machine(&self) -> bool {
        self.remote.is_none_or(Remote::is_local)
    }

    /// A path as it is told: with the address of the repository, where that is elsewhere.
    pub(in crate::render) fn shown(&self, path: &str) -> String {
        self.remote.map_or_else(|| path.to_owned(), |remote| remote.shown(path))
    }

    /// Counts what was read.
    pub(in crate::render) fn count(&self, path: &str, bytes: usize) -> Result<(), RenderError> {
        let Counted { files, bytes: sum } = &*self.counted;
        files.set(files.get() + 1);
        sum.set(sum.get() + bytes);
        for (have, limit, what) in [(files.get(), MAX_FILES, "files"), (sum.get(), MAX_BYTES, "bytes")] {
            if have > limit {
                return Err(RenderError::TooMuch { path: path.to_owned(), what, limit });
            }
        }
        Ok(())
    }

    pub(in crate::render) fn kind(&self, path: &str) -> Result<Option<EntryKind>, RenderError> {
        let kind = self.tree.kind(path).map_err(|source| failed(path, source))?;
        self.note(|| Seen::Kind(path.to_owned(), kind));
        Ok(kind)
    }

    /// The name of the kustomization file of a directory; none when there is no such file.
    pub(in crate::render) fn kustomization(&self, directory: &str) -> Result<Option<String>, RenderError> {
        let mut found: Vec<String> = Vec::new();
        for name in NAMES {
            let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            if self.kind(&path)?.is_some() {
                found.push(path);
            }
        }
        match found.len() {
            0 => Ok(None),
            1 => Ok(found.pop()),
            more => Err(RenderError::NoKustomization { path: directory.to_owned(), found: more }),
        }
    }

    pub(in crate::render) fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, RenderError> {
        let list = self.tree.list(path).map_err(|source| failed(path, source))?;
        self.note(|| Seen::List(path.to_owned(), list.clone()));
        Ok(list)
    }

    /// The path of a directory, with every link followed.
    pub(in crate::render) fn real(&self, path: &str) -> Result<String, RenderError> {
        let real = self.tree.real(path).map_err(|source| failed(path, source))?;
        self.note(|| Seen::Real(path.to_owned(), real.clone()));
        Ok(real.unwrap_or_else(|| path.to_owned()))
    }

    /// The bytes of a file that a kustomization in `root` names.
    pub(in crate::render) fn bytes(&self, root: &str, path: &str, named_by: &str) -> Result<Vec<u8>, RenderError> {
        self.check_restriction(root, path, named_by)?;
        let bytes = self.tree.read(path).map_err(|source| failed(path, source))?;
        self.count(path, bytes.len())?;
        if self.cache.is_some() {
            self.note_file(path, self.id_of(path, &bytes)?, bytes.len());
        }
        Ok(bytes)
    }

    fn check_restriction(&self, root: &str, path: &str, named_by: &str) -> Result<(), RenderError> {
        if !self.is_restricted {
            return Ok(());
        }
        let (real, root) = (self.real(path)?, self.real(root)?);
        if root.is_empty() || real.strip_prefix(&root).is_some_and(|rest| rest.starts_with('/')) {
            return Ok(());
        }
        Err(RenderError::Restricted { file: named_by.to_owned(), path: path.to_owned(), root })
    }

    pub(in crate::render) fn text(&self, root: &str, path: &str, named_by: &str) -> Result<String, RenderError> {
        let bytes = self.bytes(root, path, named_by)?;
        String::from_utf8(bytes)
            .ok()
            .ok_or_else(|| RenderError::Manifest { file: path.to_owned(), message: "is not UTF-8 text".to_owned() })
    }

    /// Reads files that are about to be asked for, all at once. What goes wrong is said when they are asked for.
    pub(in crate::render) fn read_ahead(&self, root: &str, paths: &[String], named_by: &str) {
        let mut texts: Vec<(&String, String)> = Vec::with_capacity(paths.len());
        for path in paths.iter().filter(|path| !self.is_cached(path)) {
            if let Ok(Some(EntryKind::File)) = self.kind(path)
                && let Ok(text) = self.text(root, path, named_by)
            {
                texts.push((path, text));
            }
        }
        let all: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let documents = if all.iter().map(|text| text.len()).sum::<usize>() < MIN_PARALLEL {
            all.into_iter().map(node::documents).collect()
        } else {
            node::all_documents(&all)
        };
        for ((path, text), documents) in texts.iter().zip(documents) {
            let id = self.cache.and_then(|_| self.id_of(path, text.as_bytes()).ok());
            self.ahead.borrow_mut().insert((*path).clone(), Ahead { documents, id, size: text.len() });
        }
    }

    fn is_cached(&self, path: &str) -> bool {
        self.cache.is_some_and(|cache| self.tree.id(path).is_ok_and(|id| id.is_some_and(|id| cache.has_file(id, path))))
    }

    /// The objects of a file, lists opened.
    pub(in crate::render) fn resources(
        &self,
        root: &str,
        path: &str,
        named_by: &str,
    ) -> Result<Vec<Resource>, RenderError> {
        let ahead = self.ahead.borrow_mut().remove(path);
        let Some(Ahead { documents, id, size }) = ahead else {
            return match self.cache {
                None => manifests::open(node::documents(&self.text(root, path, named_by)?), path, &self.shown(path)),
                Some(cache) => self.cached(cache, root, path, named_by),
            };
        };
        let found = manifests::open(documents, path, &self.shown(path))?;
        if let (Some(cache), Some(id)) = (self.cache, id) {
            cache.keep_file(id, path, size, &found);
        }
        Ok(found)
    }

    /// The objects of a file, from the cache where it has them.
    fn cached(&self, cache: &Cache, root: &str, path: &str, named_by: &str) -> Result<Vec<Resource>, RenderError> {
        self.check_restriction(root, path, named_by)?;
        if let Some(id) = self.tree.id(path).map_err(|source| failed(path, source))?
            && let Some((found, size)) = cache.file(id, path)
        {
            self.note_file(path, id, size);
            return Ok(found);
        }
        let text = self.text(root, path, named_by)?;
        let id = self.id_of(path, text.as_bytes())?;
        if let Some((found, _)) = cache.file(id, path) {
            return Ok(found);
        }
        let found = manifests::open(node::documents(&text), path, &self.shown(path))?;
        cache.keep_file(id, path, text.len(), &found);
        Ok(found)
    }

    fn id_of(&self, path: &str, bytes: &[u8]) -> Result<ContentId, RenderError> {
        let known = self.tree.id(path).map_err(|source| failed(path, source))?;
        Ok(known.unwrap_or_else(|| ContentId::of(bytes)))
    }

    pub(in crate::render) fn has_cache(&self) -> bool {
        self.cache.is_some()
    }

    /// What a base came to the last time, if all is as it was.
    pub(in crate::render) fn recalled(&self, directory: &str) -> Option<Arc<Memo>> {
        let memo = self.cache?.base(directory, self.is_restricted, |seen| self.holds(seen))?;
        if let Some(outer) = self.seen.borrow_mut().last_mut() {
            outer.extend(memo.seen.iter().cloned());
        }
        Some(memo)
    }

    /// Begins to take note of what is looked at for a base.
    pub(in crate::render) fn begin(&self) {
        if self.cache.is_some() {
            self.seen.borrow_mut().push(Vec::new());
        }
    }

    /// Ends that; gives what was looked at.
    pub(in crate::render) fn end(&self) -> Vec<Seen> {
        let mut all = self.seen.borrow_mut();
        let seen = all.pop().unwrap_or_default();
        if let Some(outer) = all.last_mut() {
            outer.extend(seen.iter().cloned());
        }
        seen
    }

    /// Keeps what a base came to.
    pub(in crate::render) fn keep(&self, directory: &str, memo: Memo) {
        if let Some(cache) = self.cache {
            cache.keep_base(directory, self.is_restricted, memo);
        }
    }

    fn note(&self, seen: impl FnOnce() -> Seen) {
        if let Some(innermost) = self.seen.borrow_mut().last_mut() {
            innermost.push(seen());
        }
    }

    fn note_file(&self, path: &str, id: ContentId, size: usize) {
        self.note(|| Seen::File { path: path.to_owned(), id, size });
    }

    /// Whether something is as it was.
    fn holds(&self, seen: &Seen) -> bool {
        match seen {
            Seen::Kind(path, kind) => self.tree.kind(path).is_ok_and(|now| now == *kind),
            Seen::Real(path, real) => self.tree.real(path).is_ok_and(|now| now == *real),
            Seen::List(path, list) => self.tree.list(path).is_ok_and(|now| now == *list),
            Seen::File { path, id, .. } => match self.tree.id(path) {
                Ok(Some(now)) => now == *id,
                Ok(None) => self.tree.read(path).is_ok_and(|bytes| ContentId::of(&bytes) == *id),
                Err(_) => false,
            },
        }
    }
}

fn failed(path: &str, source: TreeError) -> RenderError {
    RenderError::Tree { file: path.to_owned(), source }
}
