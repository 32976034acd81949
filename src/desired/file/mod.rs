//! The state file door: YAML streams of configurations, in files and directories, watched.
//!
//! ```text
//! notices (inotify) --> follow --> read (files, documents) --> resolve (pure: whose is a name, what is kept) --> watch channel
//!                 poll --^
//! ```
mod follow;
mod notices;
mod read;
mod resolve;

use super::{DesiredState, ProcessSecrets, SecretSource};
use crate::model::Door;
use follow::{Timing, follow};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Secrets from the process's own files and environment.
pub const SECRETS: ProcessSecrets = ProcessSecrets;

/// State files as a door: the same files are the same door, however they are named.
fn door_of(paths: &[PathBuf]) -> Door {
    let canonical = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string();
    let mut paths: Vec<String> = paths.iter().map(canonical).collect();
    paths.sort();
    Door::Files(paths.join(",").into())
}

/// Reads every configuration in files and directories (`*.yaml`, `*.yml`, `*.json`, not those below).
///
/// What is wrong becomes an issue; everything else is used. Of two documents of one name, the first is used.
pub fn load(paths: &[PathBuf], secrets: &dyn SecretSource) -> DesiredState {
    resolve::resolve(&resolve::Loaded::default(), read::read(paths, &door_of(paths), secrets)).state
}

/// Follows the files until cancelled. What breaks keeps its last good form; what is removed goes.
///
/// A configuration goes only when its file was read and does not state it, or is no longer in a directory that was
/// listed. A directory that vanishes or holds no state file, a file that cannot be read or is empty, and a file named on
/// the command line that is gone, take nothing away.
///
/// Directories are watched rather than files, so that a file which is replaced by a rename, or a mounted ConfigMap whose
/// `..data` link is swapped, is seen; and looked at every 30 s besides, since some file systems give no notices and
/// secrets can be anywhere.
pub async fn watch(
    paths: Vec<PathBuf>,
    secrets: Arc<dyn SecretSource>,
    cancel: CancellationToken,
) -> watch::Receiver<Arc<DesiredState>> {
    follow(paths, secrets, cancel, Timing::default()).await
}

#[cfg(test)]
mod tests;
