//! A mirror on disk: a bare repository of which only the object database is used.
//!
//! What is in it can be fetched again, so whatever is wrong with it is mended by beginning anew. No
//! reference is written: names that a remote chose never become names of files.
use super::{FetchError, RepoUrl, upload_pack::Tip};
use git2::{ObjectType, Oid, Repository};
use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Packs in a mirror after which it is made anew: each fetch adds one, and none is ever removed.
const MAX_PACKS: usize = 64;
/// Most commits that are offered to a server as being here.
const MAX_TIPS: usize = 32;
/// File in which the commits are listed that were fetched without their history.
const TIPS: &str = "arcwright-tips";
/// Time between tries to get a lock that another process has.
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Time after the last look at a remote after which its mirror is removed: its address or a credential has changed.
const UNUSED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The right to change one mirror. No other process, and no other task of this one, has it meanwhile.
#[derive(Debug)]
pub(super) struct Lock {
    directory: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits for the right to change the mirror called `key`. Cancel-safe: nothing is held while it waits.
    pub(super) async fn wait(root: &Path, key: &str) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let file = File::options().create(true).truncate(false).write(true).open(lock_file(root, key))?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    touch(root, key);
                    remove_unused(root, &file);
                    return Ok(Self { directory: root.join(key), _file: file });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_RETRY).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

fn lock_file(root: &Path, key: &str) -> PathBuf {
    root.join(format!("{key}.lock"))
}

/// Notes that a mirror, if there is one, is in use.
pub(super) fn touch(root: &Path, key: &str) {
    if let Ok(mut file) = File::options().write(true).open(lock_file(root, key)) {
        file.write_all(b"\n").ok();
    }
}

/// Removes the mirrors that nobody has used for long. `now` is a file that was written a moment ago.
fn remove_unused(root: &Path, now: &File) {
    let Some(now) = now.metadata().and_then(|data| data.modified()).ok() else { return };
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let age = || now.duration_since(entry.metadata().ok()?.modified().ok()?).ok();
        if path.extension().is_some_and(|kind| kind == "lock") && age().is_some_and(|age| age > UNUSED) {
            // Whoever has the lock uses the mirror after all.
            if File::options().write(true).open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                discard(&path.with_extension(""));
                fs::remove_file(&path).ok();
            }
        }
    }
}

/// An open mirror, and the right to change it.
pub(super) struct Store {
    lock: Lock,
    repository: Repository,
}

impl Store {
    /// Opens a mirror; makes it when it is not there, or cannot be used.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn open(url: &RepoUrl, lock: Lock) -> Result<Self, FetchError> {
        let unusable = |source| FetchError::Mirror { url: url.to_string(), source };
        if let Ok(repository) = Repository::open_bare(&lock.directory) {
            sweep(&lock.directory);
            return Ok(Self { lock, repository });
        }
        discard(&lock.directory);
        fs::create_dir_all(&lock.directory).map_err(|error| unusable(error.into()))?;
        fs::set_permissions(&lock.directory, fs::Permissions::from_mode(0o700))
            .map_err(|error| unusable(error.into()))?;
        let repository = Repository::init_bare(&lock.directory).map_err(|error| unusable(error.into()))?;
        Ok(Self { lock, repository })
    }

    /// Begins anew.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub(super) fn begin_anew(self, url: &RepoUrl) -> Result<Self, FetchError> {
        let Self { lock, repository } = self;
        drop(repository);
        discard(&lock.directory);
        Self::open(url, lock)
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The repository, for reading only, without the right to change it.
    pub(super) fn into_repository(self) -> Repository {
        self.repository
    }

    /// Whether so many fetches have left their packs that it is better to begin anew.
    pub(super) fn is_littered(&self) -> bool {
        let packs = fs::read_dir(self.lock.directory.join("objects/pack"));
        let is_pack = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|extension| extension == "pack");
        packs.map_or(0, |entries| entries.flatten().filter(is_pack).count()) > MAX_PACKS
    }

    /// Whether a commit is here with every tree and file that it leads to.
    pub(super) fn is_whole(&self, commit: Oid) -> bool {
        self.find_gap(commit).is_ok_and(|gap| gap.is_none())
    }

    /// An object that a commit leads to and that is not here.
    fn find_gap(&self, commit: Oid) -> Result<Option<Oid>, git2::Error> {
        let odb = self.repository.odb()?;
        let mut todo = vec![self.repository.find_commit(commit)?.tree_id()];
        let mut seen: BTreeSet<Oid> = todo.iter().copied().collect();
        while let Some(id) = todo.pop() {
            let Ok(tree) = self.repository.find_tree(id) else { return Ok(Some(id)) };
            for entry in tree.iter() {
                match entry.kind() {
                    Some(ObjectType::Tree) if seen.insert(entry.id()) => todo.push(entry.id()),
                    Some(ObjectType::Blob) if !odb.exists(entry.id()) => return Ok(Some(entry.id())),
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    /// The newest commits that are here without their history.
    pub(super) fn tips(&self) -> Vec<Tip> {
        let text = fs::read_to_string(self.lock.directory.join(TIPS)).unwrap_or_default();
        let ids = text.lines().rev().filter_map(|line| Oid::from_str(line).ok());
        let here = ids.filter(|id| self.repository.find_commit(*id).is_ok());
        here.take(MAX_TIPS).map(|commit| Tip { commit, is_shallow: true }).collect()
    }

    /// Notes that a whole commit is here, so that the next fetch need not bring the same again.
    pub(super) fn note(&self, commit: Oid) -> io::Result<()> {
        let mut tips: Vec<Oid> = self.tips().iter().rev().map(|tip| tip.commit).filter(|tip| *tip != commit).collect();
        tips.push(commit);
        let mut file = tempfile::NamedTempFile::new_in(&self.lock.directory)?;
        for tip in tips {
            writeln!(file, "{tip}")?;
        }
        file.persist(self.lock.directory.join(TIPS)).map(drop).map_err(|error| error.error)
    }
}

/// Removes what a process left half written that was killed in the middle of a fetch.
fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory.join("objects/pack")) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with("pack-") {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Takes a directory out of the way at once, and then apart. Who still reads from it keeps the files that are open.
fn discard(directory: &Path) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let aside = directory.with_extension(format!("gone-{}-{number}", std::process::id()));
    if fs::rename(directory, &aside).is_ok() {
        fs::remove_dir_all(&aside).or_else(|_| fs::remove_file(&aside)).ok();
    }
}
