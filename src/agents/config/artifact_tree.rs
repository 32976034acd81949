//! An artifact as the tree that rendering reads: straight from Git's objects, links resolved inside.
use crate::{
    render::tree::{ContentId, EntryKind, FileTree, MAX_FILE_BYTES, TreeError},
    source::{Artifact, FetchError, git},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// Most symbolic links followed in one path.
const MAX_LINKS: usize = 40;
/// Longest target of a symbolic link, in bytes.
const MAX_TARGET_BYTES: usize = 4096;

/// Every path that a render looked at, with the Git object found there.
pub(super) type Closure = Box<[(Box<str>, Option<git::Oid>)]>;

/// A recording view of an artifact.
pub(crate) struct ArtifactTree {
    artifact: Artifact,
    seen: Mutex<BTreeMap<String, Option<git::Oid>>>,
}

impl ArtifactTree {
    /// Wraps an artifact.
    pub(crate) fn new(artifact: &Artifact) -> Self {
        Self { artifact: artifact.clone(), seen: Mutex::default() }
    }

    /// Everything that was looked at. A commit in which it is all the same renders the same.
    pub(super) fn into_closure(self) -> Closure {
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        seen.into_iter().map(|(path, id)| (path.into_boxed_str(), id)).collect()
    }

    /// Notes what is at a path. Directories on the way to it are not noted: what else is in them does not matter.
    fn note(&self, walk: &[(String, git::Entry)], id: Option<git::Oid>) -> String {
        let path = joined(walk);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), id);
        path
    }

    /// The path without links, and what is there.
    fn resolve(&self, path: &str) -> Result<Option<(String, git::Entry)>, TreeError> {
        let failed = |error: FetchError| other(path, &error);
        let escapes = || TreeError::Escapes { path: path.to_owned() };
        let mut todo: VecDeque<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut walk: Vec<(String, git::Entry)> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            if part == "." {
                continue;
            }
            if part == ".." {
                walk.pop().ok_or_else(escapes)?;
                continue;
            }
            let parent = walk.last().map_or_else(|| self.artifact.root(), |(_, entry)| *entry);
            let found = self.artifact.child(parent, &part).map_err(failed)?;
            let Some(entry) = found else {
                // The place holder only lends its name to the path.
                walk.push((part, parent));
                self.note(&walk, None);
                return Ok(None);
            };
            walk.push((part, entry));
            if entry.kind != git::EntryKind::Symlink {
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(TreeError::LinkLoop { path: path.to_owned() });
            }
            let here = self.note(&walk, Some(entry.id));
            let target = self.artifact.read(&here, MAX_TARGET_BYTES).map_err(failed)?;
            let target = String::from_utf8(target).ok().filter(|target| !target.starts_with('/'));
            walk.pop();
            for part in target.ok_or_else(escapes)?.split('/').rev().filter(|part| !part.is_empty()) {
                todo.push_front(part.to_owned());
            }
        }
        let entry = walk.last().map_or_else(|| self.artifact.root(), |(_, entry)| *entry);
        Ok(Some((self.note(&walk, Some(entry.id)), entry)))
    }
}

/// The path that a walk took.
fn joined(walk: &[(String, git::Entry)]) -> String {
    walk.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/")
}

/// Whether a render of `artifact` would look at the same objects as the one that left `closure`.
pub(super) fn is_unchanged(artifact: &Artifact, closure: &Closure) -> bool {
    closure.iter().all(|(path, id)| artifact.entry(path).is_ok_and(|entry| entry.map(|entry| entry.id) == *id))
}

fn other(path: &str, error: &dyn std::error::Error) -> TreeError {
    TreeError::Other { path: path.to_owned(), message: crate::error::Chain(error).to_string() }
}

fn kind_of(kind: git::EntryKind) -> Option<EntryKind> {
    match kind {
        git::EntryKind::Blob { .. } => Some(EntryKind::File),
        git::EntryKind::Tree => Some(EntryKind::Directory),
        git::EntryKind::Symlink | git::EntryKind::Submodule => None,
    }
}

impl FileTree for ArtifactTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match self.resolve(path)? {
            Some((path, entry)) if matches!(entry.kind, git::EntryKind::Blob { .. }) => {
                self.artifact.read(&path, MAX_FILE_BYTES).map_err(|error| other(&path, &error))
            }
            _ => Err(TreeError::NotFound { path: path.to_owned() }),
        }
    }

    fn real(&self, path: &str) -> Result<Option<String>, TreeError> {
        Ok(self.resolve(path)?.map(|(real, _)| real))
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(self.resolve(path)?.and_then(|(_, entry)| kind_of(entry.kind)))
    }

    fn id(&self, path: &str) -> Result<Option<ContentId>, TreeError> {
        match self.resolve(path)? {
            Some((_, entry)) if matches!(entry.kind, git::EntryKind::Blob { .. }) => {
                Ok(<[u8; 20]>::try_from(entry.id.as_bytes()).ok().map(ContentId::Git))
            }
            _ => Err(TreeError::NotFound { path: path.to_owned() }),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
        let Some((real, _)) = self.resolve(path)? else { return Err(TreeError::NotFound { path: path.to_owned() }) };
        let mut found = Vec::new();
        for (name, kind) in self.artifact.list(&real).map_err(|error| other(&real, &error))? {
            let kind = match kind_of(kind) {
                Some(kind) => Some(kind),
                None if kind == git::EntryKind::Symlink => {
                    let at = if real.is_empty() { name.clone() } else { format!("{real}/{name}") };
                    self.kind(&at)?
                }
                None => None,
            };
            found.extend(kind.map(|kind| (name, kind)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
