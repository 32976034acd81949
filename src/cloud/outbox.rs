//! What waits for delivery to the control plane, on disk: the latest status of each configuration, in order.
//!
//! One file a configuration, each replaced as a whole, so that a process that is killed at any time leaves either the status
//! before or the one after. Of what was delivered the last status stays, as what the next one is compared with.
//!
//! ```text
//! push --sequence--> statuses/<digest of id>.json      next(100) --in order--> delivered(sequence) --> delivered.json
//! ```
use crate::{api::plane::ReportedStatus, hex::hex, runtime::file::replace};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// Most configurations of which statuses are kept.
const MAX_CONFIGURATIONS: usize = 10_000;
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 8 << 20;
/// Sequences that are set aside at once, so that not each one is written down.
const RESERVE: u64 = 10_000;

/// Why the outbox does not keep something.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The disk.
    #[error("{} cannot be written", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The bound.
    #[error("statuses of {MAX_CONFIGURATIONS} configurations are kept already")]
    Full,
}

/// Who numbers the statuses, and up to which number they may have been given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Numbering {
    instance: String,
    reserved: u64,
}

/// Up to where statuses were delivered.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Delivered {
    sequence: u64,
}

/// The outbox. Its calls wait for the disk.
#[derive(Debug)]
pub struct Outbox {
    directory: PathBuf,
    numbering: Numbering,
    next: u64,
    delivered: Delivered,
    /// The latest status of each configuration, by its ARM id in lower case.
    latest: BTreeMap<String, ReportedStatus>,
}

impl Outbox {
    /// Opens the outbox of a directory, or makes it. What cannot be read is set aside, and told.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn open(directory: PathBuf) -> Result<Self, OutboxError> {
        let statuses = directory.join("statuses");
        let failed = |source| OutboxError::Write { path: statuses.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&statuses).map_err(failed)?;
        let mut latest = BTreeMap::new();
        for entry in fs::read_dir(&statuses).map_err(failed)?.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                // What a process left that was killed while it wrote.
                if entry.file_name().to_string_lossy().starts_with(".tmp") {
                    fs::remove_file(&path).ok();
                }
                continue;
            }
            if let Some(status) = read::<ReportedStatus>(&path) {
                latest.insert(status.id.to_ascii_lowercase(), status);
            }
        }
        let stored: Option<Numbering> = read(&directory.join("instance.json"));
        let is_new = stored.is_none();
        let numbering = stored.unwrap_or_else(|| Numbering { instance: uuid::Uuid::new_v4().to_string(), reserved: 0 });
        let delivered = if is_new { None } else { read(&directory.join("delivered.json")) };
        let last = latest.values().map(|status| status.sequence).max().unwrap_or_default();
        // Another instance begins anew, but what waits keeps its order and comes before what follows.
        let next = numbering.reserved.max(last) + 1;
        let mut outbox = Self { directory, numbering, next, delivered: delivered.unwrap_or_default(), latest };
        outbox.reserve()?;
        Ok(outbox)
    }

    /// What numbers the sequences.
    pub fn instance(&self) -> &str {
        &self.numbering.instance
    }

    /// The latest status of a configuration, delivered or not.
    pub fn latest(&self, id: &str) -> Option<&ReportedStatus> {
        self.latest.get(&id.to_ascii_lowercase())
    }

    /// How many statuses wait.
    pub fn waiting(&self) -> usize {
        self.latest.values().filter(|status| status.sequence > self.delivered.sequence).count()
    }

    /// Keeps a status for delivery, in place of the one before it of that configuration. Its sequence is set here.
    ///
    /// # Errors
    /// When the disk refuses: the status before stays.
    pub fn push(&mut self, mut status: ReportedStatus) -> Result<(), OutboxError> {
        let key = status.id.to_ascii_lowercase();
        if self.latest.len() >= MAX_CONFIGURATIONS && !self.latest.contains_key(&key) {
            return Err(OutboxError::Full);
        }
        if self.next > self.numbering.reserved {
            self.reserve()?;
        }
        status.sequence = self.next;
        write(&self.file_of(&key), &status)?;
        self.next += 1;
        self.latest.insert(key, status);
        Ok(())
    }

    /// The statuses that wait, at most so many, in their order.
    pub fn next(&self, most: usize) -> Vec<ReportedStatus> {
        let mut waiting: Vec<&ReportedStatus> =
            self.latest.values().filter(|status| status.sequence > self.delivered.sequence).collect();
        waiting.sort_by_key(|status| status.sequence);
        waiting.into_iter().take(most).cloned().collect()
    }

    /// Takes note that everything up to a sequence was delivered.
    ///
    /// # Errors
    /// When the disk refuses: it is delivered again, which does no harm.
    pub fn delivered(&mut self, sequence: u64) -> Result<(), OutboxError> {
        self.delivered.sequence = self.delivered.sequence.max(sequence);
        write(&self.directory.join("delivered.json"), &self.delivered)
    }

    /// Forgets the configurations that are not among some.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.latest.keys().filter(|key| !is_known(key)).cloned().collect();
        for key in gone {
            fs::remove_file(self.file_of(&key)).ok();
            self.latest.remove(&key);
        }
    }

    fn reserve(&mut self) -> Result<(), OutboxError> {
        self.numbering.reserved = self.next + RESERVE;
        write(&self.directory.join("instance.json"), &self.numbering)
    }

    fn file_of(&self, key: &str) -> PathBuf {
        self.directory.join("statuses").join(format!("{}.json", hex(&Sha256::digest(key))))
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), OutboxError> {
    replace(path, 0o600, |out| serde_json::to_writer(out, value).map_err(io::Error::other))
        .map_err(|source| OutboxError::Write { path: path.to_owned(), source })
}

/// Reads a file; one that holds something else is set aside.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "file of the outbox not read");
            return None;
        }
    }
    if let Ok(value) = serde_json::from_slice(&bytes) {
        return Some(value);
    }
    let aside = path.with_extension("damaged");
    let is_moved = fs::rename(path, &aside).is_ok();
    tracing::warn!(path = %path.display(), aside = %aside.display(), is_moved, "a damaged file of the outbox is set aside; what it held is told again when it changes");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn status(id: &str, revision: i64) -> ReportedStatus {
        let status = json!({"complianceState": "Compliant"}).as_object().cloned().expect("an object");
        ReportedStatus { id: id.into(), sequence: 0, revision, observed_at: jiff::Timestamp::UNIX_EPOCH, status }
    }

    fn ids(outbox: &Outbox) -> Vec<(String, i64)> {
        outbox.next(100).into_iter().map(|status| (status.id, status.revision)).collect()
    }

    fn open(directory: &tempfile::TempDir) -> Outbox {
        Outbox::open(directory.path().join("outbox")).expect("an outbox")
    }

    #[test]
    fn the_latest_of_each_waits_in_order_also_in_the_next_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut outbox = open(&directory);
        for (id, revision) in [("/a", 1), ("/b", 1), ("/a", 2), ("/c", 1)] {
            outbox.push(status(id, revision)).expect("kept");
        }
        let wanted = [("/b".to_owned(), 1), ("/a".to_owned(), 2), ("/c".to_owned(), 1)];
        assert_eq!(ids(&outbox), wanted);
        let first = outbox.next(1)[0].sequence;
        outbox.delivered(first).expect("kept");
        let instance = outbox.instance().to_owned();
        drop(outbox);
        let mut again = open(&directory);
        assert_eq!((again.instance(), ids(&again)), (instance.as_str(), wanted[1..].to_vec()));
        assert_eq!(again.latest("/B").map(|status| status.revision), Some(1), "what was delivered is still known");
        let last = again.next(100).last().expect("one").sequence;
        again.push(status("/b", 2)).expect("kept");
        assert!(again.next(100).last().expect("one").sequence > last);
        again.retain(|id| id == "/b");
        assert_eq!(ids(&open(&directory)), [("/b".to_owned(), 2)]);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_others_are_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut outbox = open(&directory);
        outbox.push(status("/a", 1)).expect("kept");
        outbox.push(status("/b", 1)).expect("kept");
        let damaged = outbox.file_of("/a");
        fs::write(&damaged, b"{\"id\":").expect("written");
        fs::write(directory.path().join("outbox/statuses/.tmpX"), b"half").expect("written");
        let again = open(&directory);
        assert_eq!(ids(&again), [("/b".to_owned(), 1)]);
        assert!(damaged.with_extension("damaged").exists() && !damaged.exists());
        fs::write(directory.path().join("outbox/instance.json"), b"").expect("written");
        let mut third = open(&directory);
        assert_ne!(third.instance(), again.instance(), "another instance begins anew");
        third.push(status("/a", 2)).expect("kept");
        assert_eq!(ids(&third), [("/b".to_owned(), 1), ("/a".to_owned(), 2)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn whatever_happens_sequences_grow_and_nothing_that_waits_is_lost(
            steps in proptest::collection::vec((0..4_u8, 0..5_u8), 1..40)
        ) {
            let directory = tempfile::tempdir().expect("a directory");
            let mut outbox = open(&directory);
            let mut wanted: Vec<(String, i64)> = Vec::new();
            let mut last = 0;
            for (revision, (step, id)) in (1..).zip(steps) {
                match step {
                    0 | 1 => {
                        let id = format!("/{id}");
                        outbox.push(status(&id, revision)).expect("kept");
                        wanted.retain(|(other, _)| *other != id);
                        wanted.push((id, revision));
                        let sequence = outbox.next(100).last().expect("one").sequence;
                        prop_assert!(sequence > last);
                        last = sequence;
                    }
                    2 => {
                        let batch = outbox.next(2);
                        if let Some(end) = batch.last() {
                            outbox.delivered(end.sequence).expect("kept");
                            wanted.drain(..batch.len());
                        }
                    }
                    _ => outbox = open(&directory),
                }
                prop_assert_eq!(ids(&outbox), wanted.clone());
            }
        }
    }
}
