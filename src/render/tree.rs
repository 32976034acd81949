//! Where rendering reads from: a read-only tree that nothing leads out of.
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// What is at a path, after following links inside the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// Why a path was not read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Nothing is there.
    #[error("{path} is not there")]
    NotFound {
        /// The path.
        path: String,
    },
    /// It leads out of the root.
    #[error("{path} leads out of the root, which is never followed")]
    Escapes {
        /// The path.
        path: String,
    },
    /// Its links go in a circle.
    #[error("{path} goes through too many symbolic links")]
    LinkLoop {
        /// The path.
        path: String,
    },
    /// It is too large.
    #[error("{path} is larger than the {MAX_FILE_BYTES} bytes that are read")]
    TooLarge {
        /// The path.
        path: String,
    },
    /// Reading failed.
    #[error("{path}: {message}")]
    Other {
        /// The path.
        path: String,
        /// What was said.
        message: String,
    },
}

/// What tells the content of a file from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentId {
    /// The SHA-256 of the bytes.
    Sha256([u8; 32]),
    /// The name of a Git object.
    Git([u8; 20]),
}

impl ContentId {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::Sha256(Sha256::digest(bytes).into())
    }
}

/// A read-only tree. Paths are relative, with `/`, without `..`; "" is the root.
pub trait FileTree: Send + Sync {
    /// The bytes of a file.
    ///
    /// # Errors
    /// When it is no file, is too large, or leads out of the root.
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError>;
    /// What is at a path.
    ///
    /// # Errors
    /// When it leads out of the root.
    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError>;
    /// The entries of a directory, sorted by name.
    ///
    /// # Errors
    /// When it is no directory.
    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError>;
    /// The path of what is there, with every link followed; none when nothing is.
    ///
    /// # Errors
    /// When it leads out of the root.
    fn real(&self, path: &str) -> Result<Option<String>, TreeError>;
    /// What tells the content of a file from others, where that is known without reading it.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn id(&self, _path: &str) -> Result<Option<ContentId>, TreeError> {
        Ok(None)
    }
}

/// The path that `path` means in a directory; none when it leaves the tree.
pub(super) fn join(directory: &str, path: &str) -> Option<String> {
    let base = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Files in memory as a tree, for tests and for whoever has the bytes already.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryTree {
    /// A tree of files by path.
    pub fn new<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        Self { files: files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect() }
    }
}

impl FileTree for MemoryTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.files.get(path).cloned().ok_or_else(|| TreeError::NotFound { path: path.to_owned() })
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let below = format!("{path}/");
        Ok(if self.files.contains_key(path) {
            Some(EntryKind::File)
        } else {
            (path.is_empty() || self.files.keys().any(|file| file.starts_with(&below))).then_some(EntryKind::Directory)
        })
    }

    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let names: BTreeMap<String, EntryKind> = self
            .files
            .keys()
            .filter_map(|file| file.strip_prefix(&below))
            .map(|rest| match rest.split_once('/') {
                Some((name, _)) => (name.to_owned(), EntryKind::Directory),
                None => (rest.to_owned(), EntryKind::File),
            })
            .collect();
        Ok(names.into_iter().collect())
    }

    fn real(&self, path: &str) -> Result<Option<String>, TreeError> {
        Ok(self.kind(path)?.map(|_| path.to_owned()))
    }
}

/// A directory of the file system as a tree. What is at a path is looked up once: a tree is for one render.
#[derive(Debug)]
pub struct DirectoryTree {
    root: PathBuf,
    found: Mutex<HashMap<String, Option<Found>>>,
}

/// Where a path leads, and to what.
#[derive(Clone, Debug)]
struct Found {
    real: PathBuf,
    kind: EntryKind,
}

impl DirectoryTree {
    /// A directory as a root that nothing leads out of.
    ///
    /// # Errors
    /// When the directory is not there.
    pub fn rooted(directory: &Path) -> Result<Self, TreeError> {
        let shown = directory.display().to_string();
        let root =
            directory.canonicalize().map_err(|error| TreeError::Other { path: shown, message: error.to_string() })?;
        Ok(Self { root, found: Mutex::default() })
    }

    /// The tree in which a directory can be built, and the directory's path in it.
    ///
    /// # Errors
    /// When the directory is not there.
    pub fn for_build(directory: &Path) -> Result<(Self, String), TreeError> {
        let shown = directory.display().to_string();
        let real =
            directory.canonicalize().map_err(|error| TreeError::Other { path: shown, message: error.to_string() })?;
        let path = real.to_string_lossy().trim_start_matches('/').to_owned();
        Ok((Self { root: PathBuf::from("/"), found: Mutex::default() }, path))
    }

    fn resolve(&self, path: &str) -> Result<Option<Found>, TreeError> {
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(found.clone());
        }
        let found = self.look_up(path)?;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), found.clone());
        Ok(found)
    }

    fn look_up(&self, path: &str) -> Result<Option<Found>, TreeError> {
        match self.root.join(path).canonicalize() {
            Ok(real) if real.starts_with(&self.root) => {
                let kind = if real.is_dir() { EntryKind::Directory } else { EntryKind::File };
                Ok(Some(Found { real, kind }))
            }
            Ok(_) => Err(TreeError::Escapes { path: path.to_owned() }),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            // ELOOP, which has no stable name.
            Err(error) if error.raw_os_error() == Some(40) => Err(TreeError::LinkLoop { path: path.to_owned() }),
            Err(error) => Err(TreeError::Other { path: path.to_owned(), message: error.to_string() }),
        }
    }
}

impl FileTree for DirectoryTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let Found { real, .. } = self.resolve(path)?.ok_or_else(|| TreeError::NotFound { path: path.to_owned() })?;
        let failed = |error: std::io::Error| TreeError::Other { path: path.to_owned(), message: error.to_string() };
        let file = std::fs::File::open(&real).map_err(failed)?;
        let mut bytes = Vec::new();
        // Read within the bound rather than believe a size that may change.
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > MAX_FILE_BYTES { Err(TreeError::TooLarge { path: path.to_owned() }) } else { Ok(bytes) }
    }

    fn real(&self, path: &str) -> Result<Option<String>, TreeError> {
        let found = self.resolve(path)?;
        Ok(found
            .map(|Found { real, .. }| real.strip_prefix(&self.root).unwrap_or(&real).to_string_lossy().into_owned()))
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(self.resolve(path)?.map(|found| found.kind))
    }

    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
        let Found { real, .. } = self.resolve(path)?.ok_or_else(|| TreeError::NotFound { path: path.to_owned() })?;
        let entries = std::fs::read_dir(real)
            .map_err(|error| TreeError::Other { path: path.to_owned(), message: error.to_string() })?;
        let mut found = Vec::new();
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            let at = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            found.extend(self.kind(&at)?.map(|kind| (name, kind)));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }
}
