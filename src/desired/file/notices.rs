//! Notices of changes in directories.
use super::super::stamp::Stamp;
use notify::Watcher as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

/// Watches the directories that state files are in. Gives no notices where the system has none to give.
pub(super) struct Notices {
    watcher: Option<notify::RecommendedWatcher>,
    /// The directories that are watched, as they were then: one that was made again is another one.
    armed: BTreeMap<PathBuf, Option<(u64, u64)>>,
}

impl Notices {
    /// Tells `notice_tx` of changes, once [`Notices::arm`] has been called.
    pub(super) fn new(notice_tx: mpsc::Sender<()>) -> Self {
        let tell = move |event: notify::Result<notify::Event>| {
            // An error can mean lost notices, which is a reason to look.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // A full channel holds a notice already.
            notice_tx.try_send(()).ok();
        };
        let watcher = notify::recommended_watcher(tell)
            .inspect_err(|error| tracing::warn!(%error, "no notices of file changes; looking every 30 s"))
            .ok();
        Self { watcher, armed: BTreeMap::new() }
    }

    /// A watch that gives no notices.
    pub(super) fn none() -> Self {
        Self { watcher: None, armed: BTreeMap::new() }
    }

    /// Watches the directories of `paths`, those that were made again included.
    pub(super) fn arm(&mut self, paths: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<PathBuf> = paths.iter().flat_map(|path| directories(path)).collect();
        for directory in self.armed.keys().filter(|directory| !wanted.contains(*directory)) {
            watcher.unwatch(directory).ok();
        }
        self.armed.retain(|directory, _| wanted.contains(directory));
        for directory in wanted {
            let identity = Stamp::of(&directory).map(|stamp| stamp.identity());
            if self.armed.get(&directory) == Some(&identity) {
                continue;
            }
            // What is gone is not watched any more, which is all that an error here can say.
            watcher.unwatch(&directory).ok();
            match watcher.watch(&directory, notify::RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(directory = %directory.display(), %error, "no notices of file changes here; looking every 30 s");
                }
            }
            // A failure is remembered too, so that it is told once.
            self.armed.insert(directory, identity);
        }
    }
}

/// The directories in which a change can change what a path stands for: its own, the one that holds it, and those that
/// its links lead to; of what is not there, the nearest one above it that is.
fn directories(path: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut add = |path: &Path| {
        if path.is_dir() {
            found.insert(path.to_owned());
        }
        let above = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        found.extend(above.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_owned));
    };
    add(path);
    if let Ok(target) = std::fs::canonicalize(path) {
        add(&target);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_that_decide_what_a_path_is_are_found() {
        let top = tempfile::tempdir().expect("a directory");
        let top = top.path().canonicalize().expect("a path");
        let made = |name: &str| {
            std::fs::create_dir_all(top.join(name)).expect("a directory");
            top.join(name)
        };
        let (a, b) = (made("a"), made("b/c"));
        std::fs::write(b.join("state.yaml"), "").expect("a file");
        std::os::unix::fs::symlink("../b/c/state.yaml", a.join("state.yaml")).expect("a link");
        let of = |path: PathBuf| directories(&path).into_iter().collect::<Vec<_>>();
        assert_eq!(of(a.clone()), [top.clone(), a.clone()]);
        assert_eq!(of(b.join("state.yaml")), vec![b.clone()]);
        assert_eq!(of(a.join("state.yaml")), [a.clone(), b.clone()], "a link, and what it leads to");
        assert_eq!(of(a.join("x/y/z.yaml")), vec![a.clone()], "what is not there");
    }
}
