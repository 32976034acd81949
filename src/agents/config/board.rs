//! The status of every configuration, and the file that others read it from.
use super::{
    changes::{Changes, News},
    departures::Departures,
    status::ConfigurationStatus,
};
use crate::{model::configuration::ConfigurationId, runtime::file::replace};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};
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
    /// Held while the file is written, so that an older state is never written over a newer one.
    writing: tokio::sync::Mutex<()>,
    visits: watch::Sender<BTreeMap<ConfigurationId, Visits>>,
    /// The configurations that there is news of.
    changes: Arc<Changes>,
    /// The configurations that are given up.
    pub(super) departures: Departures,
}

/// How many visits to a configuration have begun, and which of them was the last to end.
#[derive(Clone, Copy, Debug, Default)]
struct Visits {
    begun: u64,
    ended: u64,
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
        let changes = Arc::new(Changes::default());
        Self {
            path,
            known: Mutex::new(known),
            changed: Notify::new(),
            writing: tokio::sync::Mutex::default(),
            visits: watch::Sender::default(),
            departures: Departures::new(Arc::clone(&changes)),
            changes,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<ConfigurationId, ConfigurationStatus>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status of one configuration.
    pub fn get(&self, id: &ConfigurationId) -> Option<ConfigurationStatus> {
        self.known().get(id).cloned()
    }

    /// Listens for news of configurations from here on.
    pub(crate) fn listen(&self) -> Arc<News> {
        self.changes.listen()
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

    /// Takes note that a visit begins. There is one visit to a configuration at a time.
    pub fn begin(&self, id: &ConfigurationId) {
        self.visits.send_modify(|visits| visits.entry(id.clone()).or_default().begun += 1);
    }

    /// How many visits to a configuration have begun in this process.
    pub fn begun(&self, id: &ConfigurationId) -> u64 {
        self.visits.borrow().get(id).map_or(0, |visits| visits.begun)
    }

    /// Waits until a visit has ended that began after the first `begun` of them.
    pub async fn visited(&self, id: &ConfigurationId, begun: u64) {
        let mut visits = self.visits.subscribe();
        let has_ended = |all: &BTreeMap<ConfigurationId, Visits>| all.get(id).is_some_and(|one| one.ended > begun);
        // The sender lives as long as this board does.
        visits.wait_for(has_ended).await.ok();
    }

    /// Calls `tell` with how many configurations this process has settled, now and whenever a visit begins or ends.
    ///
    /// Goes on until dropped.
    pub async fn follow_settled(&self, mut tell: impl FnMut(usize)) {
        let mut visits = self.visits.subscribe();
        loop {
            let visited: Vec<ConfigurationId> = {
                let visits = visits.borrow_and_update();
                visits.iter().filter(|(_, one)| one.ended > 0).map(|(id, _)| id.clone()).collect()
            };
            let is_settled = |id: &&ConfigurationId| self.get(id).is_some_and(|status| !status.is_progressing());
            tell(visited.iter().filter(is_settled).count());
            if visits.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sets the status that a visit ends with; writes nothing when it says what the one before said.
    pub fn set(&self, id: &ConfigurationId, status: ConfigurationStatus) {
        {
            let mut known = self.known();
            if known.get(id) != Some(&status) {
                self.changed.notify_one();
            }
            known.insert(id.clone(), status);
        }
        self.visits.send_modify(|visits| {
            let visits = visits.entry(id.clone()).or_default();
            visits.ended = visits.begun;
        });
        self.changes.note(id);
    }

    /// Whether a visit has ended that began after the first `begun` of them.
    pub(super) fn has_visited(&self, id: &ConfigurationId, begun: u64) -> bool {
        self.visits.borrow().get(id).is_some_and(|visits| visits.ended > begun)
    }

    /// Drops the status of a configuration that is gone.
    pub fn forget(&self, id: &ConfigurationId) {
        self.known().remove(id);
        self.changed.notify_one();
    }

    /// Whether every configuration is compliant, or its operator installed.
    pub fn all_ready(&self) -> bool {
        self.known()
            .values()
            .all(|status| ["Compliant", "Installed", "Suspended"].contains(&status.compliance_state.as_str()))
    }

    /// Writes the file after changes, until cancelled.
    pub async fn keep_file(self: Arc<Self>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                // Cancel-safe: a change that was not seen is kept for the next wait.
                () = self.changed.notified() => {}
                () = cancel.cancelled() => return,
            }
            let start = tokio::time::Instant::now();
            self.flush().await;
            // A file that takes long to write is written less often.
            tokio::time::sleep(GATHER.max(start.elapsed() * 8)).await;
        }
    }

    /// Writes the file now: whole or not at all.
    pub async fn flush(&self) {
        let _turn = self.writing.lock().await;
        let file = StatusFile { configurations: self.all() };
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &file)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(path = %self.path.display(), error = %error, "status file not written");
        }
    }
}

fn write(path: &Path, file: &StatusFile) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    replace(path, 0o600, |out| {
        serde_json::to_writer_pretty(&mut *out, file)?;
        out.write_all(b"\n")
    })
}

/// Reads a status file.
///
/// # Errors
/// When it is not there, or not a status file.
pub fn read(path: &Path) -> std::io::Result<StatusFile> {
    serde_json::from_slice(&std::fs::read(path)?).map_err(std::io::Error::other)
}
