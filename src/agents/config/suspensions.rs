//! Configurations that a person has suspended by command, over restarts of the agent.
//!
//! The state files are the user's and are never written; what is suspended by command is kept in a
//! file of its own and laid over what the state files say.
use crate::{
    desired::DesiredState,
    model::configuration::{Configuration, ConfigurationId},
    runtime::file::replace,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// One configuration that rests, and who wanted that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Namespace of the configuration.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who suspended it: `user@host`.
    pub by: String,
    /// Since when.
    pub since: jiff::Timestamp,
}

impl Suspension {
    fn id(&self) -> ConfigurationId {
        ConfigurationId { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

/// What is suspended, by configuration.
pub type Suspended = BTreeMap<ConfigurationId, Suspension>;

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    suspensions: Vec<Suspension>,
}

/// Reads the file of suspensions; one that is not there holds none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(path: &Path) -> io::Result<Suspended> {
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Suspended::new()),
        Err(error) => return Err(error),
    };
    if size > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let file: File = serde_json::from_slice(&std::fs::read(path)?)?;
    Ok(file.suspensions.into_iter().map(|one| (one.id(), one)).collect())
}

/// The suspensions of a running agent and their file.
pub struct Suspensions {
    path: PathBuf,
    known: watch::Sender<Suspended>,
}

impl Suspensions {
    /// Opens the file of suspensions.
    ///
    /// # Errors
    /// When it is there and cannot be read: to go on without would resume what somebody suspended.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let known = watch::Sender::new(read(&path)?);
        Ok(Self { path, known })
    }

    /// Who suspended a configuration, if anybody.
    pub fn get(&self, id: &ConfigurationId) -> Option<Suspension> {
        self.known.borrow().get(id).cloned()
    }

    /// Everything that is suspended.
    pub fn all(&self) -> Suspended {
        self.known.borrow().clone()
    }

    /// Suspends a configuration; the first to do so stays named.
    ///
    /// # Errors
    /// When the file cannot be written: then nothing has changed.
    pub fn suspend(&self, id: &ConfigurationId, by: &str, now: jiff::Timestamp) -> io::Result<Suspension> {
        let suspension =
            Suspension { namespace: id.namespace.clone(), name: id.name.clone(), by: by.to_owned(), since: now };
        let mut kept = suspension.clone();
        self.change(|all| kept.clone_from(all.entry(id.clone()).or_insert(suspension)))?;
        Ok(kept)
    }

    /// Resumes a configuration, and says who had suspended it.
    ///
    /// # Errors
    /// When the file cannot be written: then nothing has changed.
    pub fn resume(&self, id: &ConfigurationId) -> io::Result<Option<Suspension>> {
        let mut removed = None;
        self.change(|all| removed = all.remove(id))?;
        Ok(removed)
    }

    /// Changes the file, whole or not at all, and then what is known.
    fn change(&self, change: impl FnOnce(&mut Suspended)) -> io::Result<()> {
        let mut written = Ok(());
        self.known.send_if_modified(|known| {
            let mut next = known.clone();
            change(&mut next);
            if next == *known {
                return false;
            }
            written = write(&self.path, &next);
            if written.is_ok() {
                *known = next;
            }
            written.is_ok()
        });
        written
    }

    /// Suspends, in a desired state, what is suspended by command.
    pub fn lay_over(&self, mut state: DesiredState) -> DesiredState {
        let known = self.known.borrow();
        let is_named = |one: &&mut Arc<Configuration>| known.contains_key(&one.id) && !one.suspend;
        for one in state.configurations.iter_mut().filter(is_named) {
            let one = Arc::make_mut(one);
            one.suspend = true;
            // It is another configuration now, for whoever compares digests.
            one.digest.push_str(" suspended");
        }
        state
    }

    /// Follows a desired state, with what is suspended by command laid over it, until cancelled.
    pub fn follow(
        self: Arc<Self>,
        mut desired: watch::Receiver<Arc<DesiredState>>,
        cancel: CancellationToken,
    ) -> watch::Receiver<Arc<DesiredState>> {
        let mut known = self.known.subscribe();
        let first = self.lay_over(DesiredState::clone(&desired.borrow_and_update()));
        let (laid_over, followed) = watch::channel(Arc::new(first));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    // Cancel-safe: a change that was not seen stays marked as changed.
                    changed = desired.changed() => if changed.is_err() { return },
                    changed = known.changed() => if changed.is_err() { return },
                    () = cancel.cancelled() => return,
                }
                known.mark_unchanged();
                let state = self.lay_over(DesiredState::clone(&desired.borrow_and_update()));
                if laid_over.send(Arc::new(state)).is_err() {
                    return;
                }
            }
        });
        followed
    }
}

fn write(path: &Path, all: &Suspended) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    replace(path, 0o600, |out| {
        serde_json::to_writer_pretty(&mut *out, &File { suspensions: all.values().cloned().collect() })?;
        out.write_all(b"\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ConfigurationId {
        ConfigurationId { namespace: "default".to_owned(), name: name.to_owned() }
    }

    fn moment(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).expect("a moment")
    }

    #[test]
    fn what_is_suspended_stays_so_over_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("suspended.json");
        let first = Suspensions::open(path.clone()).expect("no file is no suspension");
        first.suspend(&id("shop"), "ann@desk", moment(1)).expect("written");
        let again = first.suspend(&id("shop"), "bob@desk", moment(2)).expect("written");
        assert_eq!((again.by.as_str(), again.since), ("ann@desk", moment(1)), "the first stays named");
        let second = Suspensions::open(path.clone()).expect("the file");
        assert_eq!(second.get(&id("shop")).expect("suspended").by, "ann@desk");
        assert_eq!(second.resume(&id("shop")).expect("written").expect("was suspended").by, "ann@desk");
        assert_eq!(second.resume(&id("shop")).expect("written"), None);
        assert!(read(&path).expect("the file").is_empty());
    }

    #[test]
    fn a_broken_file_is_refused_rather_than_taken_for_empty() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("suspended.json");
        std::fs::write(&path, "{\"suspensions\": [").expect("written");
        assert!(Suspensions::open(path).is_err());
    }

    #[test]
    fn nothing_changes_when_the_file_cannot_be_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file").join("suspended.json");
        let suspensions = Suspensions::open(path).expect("no file");
        std::fs::write(directory.path().join("file"), "in the way").expect("written");
        assert!(suspensions.suspend(&id("shop"), "ann@desk", moment(1)).is_err());
        assert_eq!(suspensions.get(&id("shop")), None);
    }

    #[tokio::test]
    async fn the_desired_state_is_followed_with_the_suspensions_laid_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let suspensions = Arc::new(Suspensions::open(directory.path().join("suspended.json")).expect("no file"));
        let cancel = CancellationToken::new();
        let (state, desired) = watch::channel(Arc::new(DesiredState::default()));
        let mut followed = Arc::clone(&suspensions).follow(desired, cancel.clone());
        suspensions.suspend(&id("shop"), "ann@desk", moment(1)).expect("written");
        followed.changed().await.expect("a change of suspensions is passed on");
        state.send(Arc::new(DesiredState::default())).expect("followed");
        followed.changed().await.expect("a change of the state is passed on");
        cancel.cancel();
        assert!(followed.changed().await.is_err(), "it ends");
    }
}
