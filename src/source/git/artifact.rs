//! A fetched commit, read object by object.
use super::FetchError;
use crate::model::Revision;
use git2::{ObjectType, Oid, Repository};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its Git object.
    pub id: Oid,
}

/// A commit of a mirror. Cheap to clone; reads come straight from the object database.
#[derive(Clone)]
pub struct Artifact {
    /// What was fetched, by name.
    pub revision: Revision,
    repository: Arc<Mutex<Repository>>,
    root: Oid,
}

impl Artifact {
    pub(super) fn new(repository: Repository, commit: Oid, reference: String) -> Result<Self, git2::Error> {
        let root = repository.find_commit(commit)?.tree_id();
        Ok(Self {
            revision: Revision { reference, commit: commit.to_string() },
            repository: Arc::new(Mutex::new(repository)),
            root,
        })
    }

    fn repository(&self) -> MutexGuard<'_, Repository> {
        self.repository.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is at a path, "" for the root; links are not followed.
    ///
    /// # Errors
    /// When the mirror is damaged.
    pub fn entry(&self, path: &str) -> Result<Option<Entry>, FetchError> {
        if path.is_empty() {
            return Ok(Some(Entry { kind: EntryKind::Tree, id: self.root }));
        }
        let repository = self.repository();
        let root = repository.find_tree(self.root).map_err(damaged)?;
        match root.get_path(Path::new(path)) {
            Ok(entry) => Ok(kind(entry.kind(), entry.filemode()).map(|kind| Entry { kind, id: entry.id() })),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(damaged(error)),
        }
    }

    /// The bytes of a file or the target of a link.
    ///
    /// # Errors
    /// When there is none at the path, or it is larger than `max_bytes` (checked before it is read).
    pub fn read(&self, path: &str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let Some(Entry { kind: EntryKind::Blob { .. } | EntryKind::Symlink, id }) = self.entry(path)? else {
            return Err(FetchError::NoSuchPath { path: path.to_owned() });
        };
        let repository = self.repository();
        let (size, _) = repository.odb().and_then(|odb| odb.read_header(id)).map_err(damaged)?;
        if size > max_bytes {
            return Err(FetchError::TooLarge { what: path.to_owned(), limit: max_bytes });
        }
        repository.find_blob(id).map(|blob| blob.content().to_vec()).map_err(damaged)
    }

    /// The entries of a directory, sorted by name. Names that no file system should see are left out.
    ///
    /// # Errors
    /// When there is no directory at the path.
    pub fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, FetchError> {
        let Some(Entry { kind: EntryKind::Tree, id }) = self.entry(path)? else {
            return Err(FetchError::NoSuchPath { path: path.to_owned() });
        };
        let repository = self.repository();
        let tree = repository.find_tree(id).map_err(damaged)?;
        let mut found: Vec<(String, EntryKind)> = tree
            .iter()
            .filter_map(|entry| Some((entry.name().ok()?.to_owned(), kind(entry.kind(), entry.filemode())?)))
            .filter(|(name, _)| !matches!(name.as_str(), "" | "." | ".." | ".git") && !name.contains(['/', '\0', '\\']))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }
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

fn damaged(source: git2::Error) -> FetchError {
    FetchError::Mirror { url: "the repository".to_owned(), source }
}
