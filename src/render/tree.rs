//! Where rendering reads from: a read-only tree that nothing leads out of.
use std::path::{Path, PathBuf};

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
}

/// A directory of the file system as a tree.
#[derive(Debug)]
pub struct DirectoryTree {
    root: PathBuf,
}

impl DirectoryTree {
    /// The tree in which a directory can be built, and the directory's path in it.
    ///
    /// # Errors
    /// When the directory is not there.
    pub fn for_build(directory: &Path) -> Result<(Self, String), TreeError> {
        let shown = directory.display().to_string();
        let real =
            directory.canonicalize().map_err(|error| TreeError::Other { path: shown, message: error.to_string() })?;
        let path = real.to_string_lossy().trim_start_matches('/').to_owned();
        Ok((Self { root: PathBuf::from("/") }, path))
    }

    fn resolve(&self, path: &str) -> Result<Option<PathBuf>, TreeError> {
        match self.root.join(path).canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(TreeError::Escapes { path: path.to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TreeError::Other { path: path.to_owned(), message: error.to_string() }),
        }
    }
}

impl FileTree for DirectoryTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let real = self.resolve(path)?.ok_or_else(|| TreeError::NotFound { path: path.to_owned() })?;
        let failed = |error: std::io::Error| TreeError::Other { path: path.to_owned(), message: error.to_string() };
        if std::fs::metadata(&real).map_err(failed)?.len() > MAX_FILE_BYTES as u64 {
            return Err(TreeError::TooLarge { path: path.to_owned() });
        }
        std::fs::read(real).map_err(failed)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(self.resolve(path)?.map(|real| if real.is_dir() { EntryKind::Directory } else { EntryKind::File }))
    }

    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
        let real = self.resolve(path)?.ok_or_else(|| TreeError::NotFound { path: path.to_owned() })?;
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
