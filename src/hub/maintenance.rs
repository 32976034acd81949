//! Backup and check of a store, for whoever has it; the control plane may run meanwhile.
use super::{
    seal::{Seal, SealError},
    store::{Place, Store, StoreError},
};
use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Why a store is not backed up, or found in order.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// There is no such store.
    #[error("{0} is not there; is it the --data that the control plane runs with?")]
    Missing(PathBuf),
    /// Backup of a store that has a way of its own.
    #[error("a database of PostgreSQL is backed up by its own means")]
    NotAFile,
    /// A backup is never written over anything.
    #[error("{0} is there already")]
    Exists(PathBuf),
    /// The backup cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store failed, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something sealed does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Nothing is sealed: it is no store of a control plane, or one that was never started.
    #[error("it holds nothing that was sealed; was the control plane ever started with it?")]
    Empty,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Steps of the form that the store has.
    pub migrations: usize,
    /// Steps that the next start makes.
    pub pending: usize,
    /// Sealed values, each of which opens.
    pub sealed: usize,
}

fn present(place: &Place) -> Result<(), MaintenanceError> {
    match place {
        Place::File(path) if !path.exists() => Err(MaintenanceError::Missing(path.clone())),
        Place::File(_) | Place::Postgres(_) => Ok(()),
    }
}

/// Copies a store of SQLite as it is at one moment, checks the copy, and puts it where nothing is; its bytes.
///
/// # Errors
/// When the store is not a file or not there, something is at `to`, or the copy is not sound: then nothing is left behind.
pub async fn backup(place: &Place, to: &Path) -> Result<u64, MaintenanceError> {
    let Place::File(_) = place else { return Err(MaintenanceError::NotAFile) };
    present(place)?;
    if to.exists() {
        return Err(MaintenanceError::Exists(to.to_owned()));
    }
    let failed = |source| MaintenanceError::Write { path: to.to_owned(), source };
    let directory = to.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    let temporary = builder.permissions(std::fs::Permissions::from_mode(0o600)).tempfile_in(directory);
    let temporary = temporary.map_err(failed)?;
    let store = Store::connect(place).await?;
    let copied = store.copy_to(temporary.path()).await;
    store.close().await;
    copied?;
    Store::check_file(temporary.path()).await?;
    temporary.as_file().sync_all().map_err(failed)?;
    let file = temporary.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => MaintenanceError::Exists(to.to_owned()),
        _ => failed(error.error),
    })?;
    Ok(file.metadata().map_err(failed)?.len())
}

/// Looks whether a store is sound, of a form that this program knows, and sealed with the key.
///
/// # Errors
/// When one of these is not so, or it is not there.
pub async fn check(place: &Place, seal: &Seal) -> Result<Checked, MaintenanceError> {
    present(place)?;
    let store = Store::connect(place).await?;
    let checked = checked(&store, seal).await;
    store.close().await;
    checked
}

async fn checked(store: &Store, seal: &Seal) -> Result<Checked, MaintenanceError> {
    store.check_whole().await?;
    let (migrations, pending) = store.migrations().await?;
    if migrations == 0 {
        return Err(MaintenanceError::Empty);
    }
    let mut sealed = 0;
    for name in super::SEALED_SETTINGS {
        if let Some(value) = store.setting(name).await? {
            seal.open(name, &value)?;
            sealed += 1;
        }
    }
    for (name, value) in store.sealed().await? {
        seal.open(&name, &value)?;
        sealed += 1;
    }
    if sealed == 0 { Err(MaintenanceError::Empty) } else { Ok(Checked { migrations, pending, sealed }) }
}
