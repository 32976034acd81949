//! A fetched commit, read object by object.
use super::FetchError;
use crate::model::Revision;
use git2::{ObjectType, Oid, Repository};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Most directory entries that are kept in memory, over all directories of an artifact.
const MAX_CACHED: usize = 50_000;
/// How files begin that stand for content in Git LFS.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// What a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    Blob {
        /// Whether its mode is executable.
        executable: bool,
    },
    /// A directory.
    Tree,
    /// A symbolic link; its blob is the target.
    Symlink,
    /// A commit of another repository, which is never fetched.
    Submodule,
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its Git object.
    pub id: Oid,
}

/// A directory: its entries by name.
type Tree = BTreeMap<String, Entry>;

/// Directories that were read, by object. All of them are dropped when they become too many.
#[derive(Default)]
struct Trees {
    known: HashMap<Oid, Arc<Tree>>,
    entries: usize,
}

/// A commit of a mirror. Cheap to clone; reads come straight from the object database.
///
/// Names that no file system should see are not there: `..`, `.git` in all its spellings, names with
/// slashes, backslashes or control characters.
#[derive(Clone)]
pub struct Artifact {
    /// What was fetched, by name.
    pub revision: Revision,
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    repository: Mutex<Repository>,
    trees: Mutex<Trees>,
    root: Oid,
    is_damaged: Arc<AtomicBool>,
}

impl Artifact {
    /// `is_damaged` is set when something cannot be read that should be there.
    pub(super) fn new(
        url: String,
        repository: Repository,
        commit: Oid,
        reference: String,
        is_damaged: Arc<AtomicBool>,
    ) -> Result<Self, FetchError> {
        let root = match repository.find_commit(commit) {
            Ok(commit) => commit.tree_id(),
            Err(error) => return Err(FetchError::Mirror { url, source: error.into() }),
        };
        let inner = Inner { url, repository: Mutex::new(repository), trees: Mutex::default(), root, is_damaged };
        Ok(Self { revision: Revision { reference, commit: commit.to_string() }, inner: Arc::new(inner) })
    }

    /// What is at a path, "" for the root; links are not followed.
    ///
    /// # Errors
    /// When the mirror is damaged.
    pub fn entry(&self, path: &str) -> Result<Option<Entry>, FetchError> {
        let mut entry = self.root();
        for name in path.split('/').filter(|_| !path.is_empty()) {
            match self.child(entry, name)? {
                Some(found) => entry = found,
                None => return Ok(None),
            }
        }
        Ok(Some(entry))
    }

    /// The root directory.
    pub fn root(&self) -> Entry {
        Entry { kind: EntryKind::Tree, id: self.inner.root }
    }

    /// What is called so in a directory; nothing is in what is no directory.
    ///
    /// # Errors
    /// When the mirror is damaged.
    pub fn child(&self, directory: Entry, name: &str) -> Result<Option<Entry>, FetchError> {
        if directory.kind != EntryKind::Tree {
            return Ok(None);
        }
        Ok(self.inner.tree(directory.id)?.get(name).copied())
    }

    /// The bytes of a file or the target of a link.
    ///
    /// What Git LFS keeps elsewhere stays the pointer that it is in the repository.
    ///
    /// # Errors
    /// When there is none at the path, or it is larger than `max_bytes` (checked before it is read).
    pub fn read(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let Some(Entry { kind: EntryKind::Blob { .. } | EntryKind::Symlink, id }) = self.entry(path)? else {
            return Err(FetchError::NoSuchPath { path: path.to_owned() });
        };
        let content = self.inner.blob(path, id, max_bytes)?;
        if content.starts_with(LFS) {
            tracing::warn!(repository = %self.inner.url, path, "file is a pointer of Git LFS, whose content is not fetched; keep manifests out of LFS");
        }
        Ok(content)
    }

    /// The entries of a directory, sorted by name.
    ///
    /// # Errors
    /// When there is no directory at the path.
    pub fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, FetchError> {
        let Some(Entry { kind: EntryKind::Tree, id }) = self.entry(path)? else {
            return Err(FetchError::NoSuchPath { path: path.to_owned() });
        };
        let tree = self.inner.tree(id)?;
        Ok(tree.iter().map(|(name, entry)| (name.clone(), entry.kind)).collect())
    }
}

impl Inner {
    fn repository(&self) -> MutexGuard<'_, Repository> {
        self.repository.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trees(&self) -> MutexGuard<'_, Trees> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self, id: Oid) -> Result<Arc<Tree>, FetchError> {
        if let Some(tree) = self.trees().known.get(&id) {
            return Ok(Arc::clone(tree));
        }
        let tree = self.repository().find_tree(id).map(|tree| Arc::new(entries(&tree)));
        let tree = tree.map_err(|error| self.damaged(error))?;
        let mut trees = self.trees();
        if trees.entries + tree.len() > MAX_CACHED {
            *trees = Trees::default();
        }
        trees.entries += tree.len();
        trees.known.insert(id, Arc::clone(&tree));
        Ok(tree)
    }

    fn blob(&self, path: &str, id: Oid, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let repository = self.repository();
        let odb = repository.odb().map_err(|error| self.damaged(error))?;
        let (size, kind) = odb.read_header(id).map_err(|error| self.damaged(error))?;
        if size > max_bytes {
            let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX);
            return Err(FetchError::TooLarge { what: path.to_owned(), limit });
        }
        if kind != ObjectType::Blob {
            return Err(FetchError::NoSuchPath { path: path.to_owned() });
        }
        odb.read(id).map(|object| object.data().to_vec()).map_err(|error| self.damaged(error))
    }

    /// The next fetch begins anew.
    fn damaged(&self, error: git2::Error) -> FetchError {
        self.is_damaged.store(true, Ordering::Relaxed);
        FetchError::Mirror { url: self.url.clone(), source: error.into() }
    }
}

fn entries(tree: &git2::Tree<'_>) -> Tree {
    tree.iter()
        .filter_map(|entry| {
            let name = entry.name().ok().filter(|name| is_safe(name))?;
            Some((name.to_owned(), Entry { kind: kind(entry.kind(), entry.filemode())?, id: entry.id() }))
        })
        .collect()
}

fn kind(kind: Option<ObjectType>, mode: i32) -> Option<EntryKind> {
    match (kind, mode) {
        (_, 0o120_000) => Some(EntryKind::Symlink),
        (Some(ObjectType::Tree), _) => Some(EntryKind::Tree),
        (Some(ObjectType::Blob), mode) => Some(EntryKind::Blob { executable: mode & 0o111 != 0 }),
        (Some(ObjectType::Commit), _) => Some(EntryKind::Submodule),
        (Some(ObjectType::Tag | ObjectType::Any) | None, _) => None,
    }
}

/// Whether a name may be shown to whoever reads an artifact.
///
/// Source: git's `core.protectHFS` and `core.protectNTFS`, which hold wherever the tree is read here.
fn is_safe(name: &str) -> bool {
    // Apple's file system leaves these out when it compares names.
    let is_ignored =
        |c: char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let plain: String = name.chars().filter(|c| !is_ignored(*c)).flat_map(char::to_lowercase).collect();
    // Windows' leaves these out at the end.
    let plain = plain.trim_end_matches(['.', ' ']);
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    !(name.is_empty() || matches!(name, "." | "..") || matches!(plain, ".git" | "git~1") || name.contains(is_odd))
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn names_that_no_file_system_should_see_are_not_there() {
        for name in [
            "",
            ".",
            "..",
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git.",
            ".git ",
            ".g\u{200c}it",
            "a/b",
            "/etc",
            "a\\b",
            "a\0b",
            "a\nb",
            "\x1b[2J",
        ] {
            assert!(!is_safe(name), "{name:?}");
        }
        for name in [".gitignore", ".github", "git", "...", "a b", "kustomization.yaml", "grün", "-x"] {
            assert!(is_safe(name), "{name:?}");
        }
    }
}
