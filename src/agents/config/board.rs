//! The status of every configuration, and the file that others read it from.
use super::status::ConfigurationStatus;
use crate::model::configuration::ConfigurationId;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Time over which changes are gathered into one write of the file.
const GATHER: Duration = Duration::from_millis(250);

/// What the status file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusFile {
    /// Sorted by namespace and name.
    pub configurations: Vec<ConfigurationStatus>,
}

/// The latest status of every configuration.
pub struct Board {
    path: PathBuf,
    known: Mutex<BTreeMap<ConfigurationId, ConfigurationStatus>>,
    changed: Notify,
}

impl Board {
    /// A board whose file is `path`; what an earlier process left there is the status before.
    pub fn open(path: PathBuf) -> Self {
        let known = read(&path)
            .unwrap_or_default()
            .configurations
            .into_iter()
            .map(|status| (ConfigurationId { namespace: status.namespace.clone(), name: status.name.clone() }, status))
            .collect();
        Self { path, known: Mutex::new(known), changed: Notify::new() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<ConfigurationId, ConfigurationStatus>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status of one configuration.
    pub fn get(&self, id: &ConfigurationId) -> Option<ConfigurationStatus> {
        self.known().get(id).cloned()
    }

    /// Every status, sorted.
    pub fn all(&self) -> Vec<ConfigurationStatus> {
        self.known().values().cloned().collect()
    }

    /// Keeps only the configurations for which `keep` is true.
    pub fn retain(&self, keep: impl Fn(&ConfigurationId) -> bool) {
        self.known().retain(|id, _| keep(id));
        self.changed.notify_one();
    }

    /// Sets a status; writes nothing when it says what the one before said.
    pub fn set(&self, id: &ConfigurationId, status: ConfigurationStatus) {
        let mut known = self.known();
        if known.get(id) != Some(&status) {
            self.changed.notify_one();
        }
        known.insert(id.clone(), status);
    }

    /// Drops the status of a configuration that is gone.
    pub fn forget(&self, id: &ConfigurationId) {
        self.known().remove(id);
        self.changed.notify_one();
    }

    /// Whether every configuration is compliant.
    pub fn all_ready(&self) -> bool {
        self.known()
            .values()
            .all(|status| status.compliance_state == "Compliant" || status.compliance_state == "Suspended")
    }

    /// Writes the file after changes, until cancelled.
    pub async fn keep_file(self: Arc<Self>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                // Cancel-safe: a change that was not seen is kept for the next wait.
                () = self.changed.notified() => {}
                () = cancel.cancelled() => return,
            }
            self.flush().await;
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Writes the file now: whole or not at all.
    pub async fn flush(&self) {
        let file = StatusFile { configurations: self.all() };
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &file)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(path = %self.path.display(), error = %error, "status file not written");
        }
    }
}

fn write(path: &Path, file: &StatusFile) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    {
        let mut out = std::io::BufWriter::new(temporary.as_file_mut());
        serde_json::to_writer_pretty(&mut out, file)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// Reads a status file.
///
/// # Errors
/// When it is not there, or not a status file.
pub fn read(path: &Path) -> std::io::Result<StatusFile> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(std::io::Error::other)
}
