//! Looks again at the files when something changed, and tells what is different.
use super::{
    super::{DesiredState, SecretSource, stamp::Stamp},
    door_of,
    notices::Notices,
    read::read,
    resolve::{Loaded, resolve},
};
use crate::model::Door;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// When to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Quiet after a change before the files are read: whoever writes them has finished.
    pub(super) quiet: Duration,
    /// Longest wait for that quiet.
    pub(super) patience: Duration,
    /// Time between looks without any notice.
    pub(super) poll: Duration,
    /// Whether notices are asked for.
    pub(super) notices: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            patience: Duration::from_millis(500),
            poll: Duration::from_secs(30),
            notices: true,
        }
    }
}

/// Follows the files until cancelled.
pub(super) async fn follow(
    paths: Vec<PathBuf>,
    secrets: Arc<dyn SecretSource>,
    cancel: CancellationToken,
    timing: Timing,
) -> watch::Receiver<Arc<DesiredState>> {
    let (notice_tx, notice_rx) = mpsc::channel::<()>(1);
    let mut notices = if timing.notices { Notices::new(notice_tx.clone()) } else { Notices::none() };
    // Before the first look, so that no change falls in between.
    notices.arm(&paths);
    // Once: what a link leads to may change, and the door stays the same.
    let door = door_of(&paths);
    let first = look(Arc::default(), &paths, &door, &secrets).await.unwrap_or_default();
    let (state_tx, state_rx) = watch::channel(Arc::new(first.state.clone()));
    let follower = Follower { paths, door, secrets, timing, notices, last: first, state_tx, _notice_tx: notice_tx };
    tokio::spawn(follower.run(notice_rx, cancel));
    state_rx
}

struct Follower {
    paths: Vec<PathBuf>,
    door: Door,
    secrets: Arc<dyn SecretSource>,
    timing: Timing,
    notices: Notices,
    last: Arc<Loaded>,
    state_tx: watch::Sender<Arc<DesiredState>>,
    /// Keeps the channel open where there are no notices.
    _notice_tx: mpsc::Sender<()>,
}

impl Follower {
    async fn run(mut self, mut notice_rx: mpsc::Receiver<()>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                // Cancel-safe: a notice that was not taken stays in the channel.
                _ = notice_rx.recv() => {}
                // Cancel-safe: a sleep holds nothing.
                () = tokio::time::sleep(self.timing.poll) => {}
                () = cancel.cancelled() => return,
            }
            tokio::select! {
                // Cancel-safe: what it takes are notices that are heeded right after.
                () = settled(&mut notice_rx, self.timing) => {}
                () = cancel.cancelled() => return,
            }
            self.notices.arm(&self.paths);
            if let Some(now) = look(Arc::clone(&self.last), &self.paths, &self.door, &self.secrets).await {
                self.tell(now);
            }
        }
    }

    fn tell(&mut self, now: Arc<Loaded>) {
        let digests = |loaded: &Loaded| {
            loaded.state.configurations.iter().map(|one| (one.id.clone(), one.digest.clone())).collect::<Vec<_>>()
        };
        let is_different = digests(&now) != digests(&self.last) || now.state.issues != self.last.state.issues;
        self.last = now;
        if is_different {
            self.state_tx.send_replace(Arc::new(self.last.state.clone()));
        }
    }
}

/// Returns when no notice came for a while, or after the longest wait.
async fn settled(notice_rx: &mut mpsc::Receiver<()>, timing: Timing) {
    let quiet = async { while let Ok(Some(())) = tokio::time::timeout(timing.quiet, notice_rx.recv()).await {} };
    tokio::time::timeout(timing.patience, quiet).await.ok();
}

/// Looks at the files; nothing when nothing of what was looked at before has changed.
async fn look(
    before: Arc<Loaded>,
    paths: &[PathBuf],
    door: &Door,
    secrets: &Arc<dyn SecretSource>,
) -> Option<Arc<Loaded>> {
    let (paths, door, secrets) = (paths.to_vec(), door.clone(), Arc::clone(secrets));
    let work = tokio::task::spawn_blocking(move || {
        let is_unchanged = |(path, stamp): (&PathBuf, &Option<Stamp>)| Stamp::of(path) == *stamp;
        let has_looked = !before.stamps.is_empty();
        if has_looked && before.stamps.iter().all(is_unchanged) {
            return None;
        }
        Some(Arc::new(resolve(&before, read(&paths, &door, secrets.as_ref()))))
    });
    // A look that did not end says nothing about the files.
    work.await.ok().flatten()
}
