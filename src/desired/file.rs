//! The state file door: YAML streams of configurations, in files and directories, watched.
use super::{
    DesiredState, Issue, ProcessSecrets, SecretSource, Severity,
    last_good::{Loaded, keep_last_good},
    parse,
};
use crate::yaml;
use notify::Watcher as _;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Time after a change in which more of them are gathered.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Time between looks without any notice: some file systems give none.
const POLL: Duration = Duration::from_secs(30);
/// Most files that are read from one directory.
const MAX_FILES: usize = 10_000;

/// Secrets from the process's own files and environment.
pub const SECRETS: ProcessSecrets = ProcessSecrets;

/// Reads every configuration in files and directories (`*.yaml`, `*.yml`, `*.json`, not those below).
///
/// What is wrong becomes an issue; everything else is used. Of two documents of one name, the first is used.
pub fn load(paths: &[PathBuf], secrets: &dyn SecretSource) -> DesiredState {
    read(paths, secrets).state
}

fn read(paths: &[PathBuf], secrets: &dyn SecretSource) -> Loaded {
    let mut loaded = Loaded::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        match files(path) {
            Ok(files) => {
                for file in files {
                    if seen.insert(file.clone()) {
                        read_file(&file, secrets, &mut loaded);
                    }
                }
            }
            Err(error) => {
                loaded.is_partial = true;
                loaded.state.issues.push(Issue {
                    hint: Some("check --state".to_owned()),
                    ..whole(path, format!("cannot be read: {error}"))
                });
            }
        }
    }
    loaded.state.configurations.sort_by(|a, b| a.id.cmp(&b.id));
    loaded.state.issues.sort();
    loaded
}

fn whole(file: &Path, message: String) -> Issue {
    Issue {
        file: file.to_owned(),
        line: 0,
        column: 0,
        document: None,
        field: String::new(),
        object: None,
        message,
        hint: None,
        severity: Severity::Error,
    }
}

/// The state files that a path stands for, sorted; hidden ones are left out, as `..data` of a mounted ConfigMap.
fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let is_hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let is_state =
            file.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
        if !is_hidden && is_state && file.is_file() {
            found.push(file);
        }
        if found.len() > MAX_FILES {
            return Err(std::io::Error::other(format!("more than {MAX_FILES} state files")));
        }
    }
    found.sort();
    Ok(found)
}

fn read_file(file: &Path, secrets: &dyn SecretSource, loaded: &mut Loaded) {
    let mut broken = |issue: Issue| {
        loaded.broken_files.insert(file.to_owned());
        loaded.state.issues.push(issue);
    };
    let too_large = std::fs::metadata(file).is_ok_and(|meta| meta.len() > yaml::MAX_TEXT_BYTES as u64);
    if too_large {
        return broken(whole(file, format!("is larger than the {} bytes that are read", yaml::MAX_TEXT_BYTES)));
    }
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return broken(whole(file, format!("cannot be read: {error}"))),
    };
    let (documents, positions) = match yaml::read(&text).and_then(|documents| Ok((documents, yaml::positions(&text)?)))
    {
        Ok(both) => both,
        Err(error) => {
            let (line, column) = if let yaml::Error::Syntax { location: Some(at), .. } = &error { *at } else { (0, 0) };
            return broken(Issue {
                line,
                column,
                hint: Some("the last good state is kept until the file is mended".to_owned()),
                ..whole(file, error.to_string())
            });
        }
    };
    for (number, document) in documents.iter().enumerate() {
        let parsed = parse::document(document, secrets);
        let at = |field: &str| positions.get(number).map_or((0, 0), |known| nearest(known, field));
        let issue = |field: &str, message: String, hint, severity| {
            let (line, column) = at(field);
            Issue {
                file: file.to_owned(),
                line,
                column,
                document: Some(number),
                field: field.to_owned(),
                object: parsed.id.clone(),
                message,
                hint,
                severity,
            }
        };
        loaded
            .state
            .issues
            .extend(parsed.problems.iter().map(|p| issue(&p.field, p.message.clone(), p.hint.clone(), p.severity)));
        match (parsed.configuration, &parsed.id) {
            (Some(configuration), _) => {
                if let Some(first) = loaded.origins.get(&configuration.id) {
                    let message =
                        format!("configuration {} is stated in {} already", configuration.id, first.display());
                    loaded.state.issues.push(issue(
                        "metadata.name",
                        message,
                        Some("remove one of them; the first is used".to_owned()),
                        Severity::Error,
                    ));
                } else {
                    loaded.origins.insert(configuration.id.clone(), file.to_owned());
                    loaded.state.configurations.push(Arc::new(configuration));
                }
            }
            (None, Some(id)) => drop(loaded.broken_ids.insert(id.clone())),
            (None, None) => drop(loaded.broken_files.insert(file.to_owned())),
        }
    }
}

/// The place of a field, or of the nearest one above it that is there.
fn nearest(known: &yaml::Positions, field: &str) -> (u64, u64) {
    let mut at = field;
    loop {
        if let Some(place) = known.get(at) {
            return *place;
        }
        match at.rfind(['.', '[']) {
            Some(cut) => at = &at[..cut],
            None => return known.get("").copied().unwrap_or((0, 0)),
        }
    }
}

/// Follows the files until cancelled. What breaks keeps its last good form; what is removed goes.
///
/// Directories are watched rather than files, so that a file which is replaced by a rename, or a
/// mounted ConfigMap whose `..data` link is swapped, is seen; and looked at every 30 s besides.
pub async fn watch(
    paths: Vec<PathBuf>,
    secrets: Arc<dyn SecretSource>,
    cancel: CancellationToken,
) -> watch::Receiver<Arc<DesiredState>> {
    let (notice_tx, mut notice_rx) = mpsc::channel::<()>(1);
    let watcher = notices(&paths, notice_tx);
    let mut last = load_over(Loaded::default(), &paths, &secrets).await;
    let (state_tx, state_rx) = watch::channel(Arc::new(last.state.clone()));
    tokio::spawn(async move {
        // Held for as long as notices are wanted.
        let _watcher = watcher;
        loop {
            tokio::select! {
                // Cancel-safe: a notice that was not taken stays in the channel.
                notice = notice_rx.recv() => if notice.is_some() {
                    tokio::time::sleep(DEBOUNCE).await;
                    while notice_rx.try_recv().is_ok() {}
                } else {
                    tokio::time::sleep(POLL).await;
                },
                () = tokio::time::sleep(POLL) => {}
                () = cancel.cancelled() => return,
            }
            let now = load_over(last.clone(), &paths, &secrets).await;
            let digests = |loaded: &Loaded| {
                loaded.state.configurations.iter().map(|one| (one.id.clone(), one.digest.clone())).collect::<Vec<_>>()
            };
            let has_changed = digests(&now) != digests(&last) || now.state.issues != last.state.issues;
            last = now;
            if has_changed {
                state_tx.send_replace(Arc::new(last.state.clone()));
            }
        }
    });
    state_rx
}

async fn load_over(before: Loaded, paths: &[PathBuf], secrets: &Arc<dyn SecretSource>) -> Loaded {
    let (paths, secrets, last) = (paths.to_vec(), Arc::clone(secrets), before.clone());
    let work = tokio::task::spawn_blocking(move || {
        let now = read(&paths, secrets.as_ref());
        keep_last_good(&last, now)
    });
    // A load that did not end says nothing about the files.
    work.await.unwrap_or(before)
}

/// Notices of changes in the directories of `paths`; none where the system gives none.
fn notices(paths: &[PathBuf], notice_tx: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel holds a notice already.
            notice_tx.try_send(()).ok();
        }
    };
    let mut watcher = notify::recommended_watcher(tell)
        .inspect_err(|error| tracing::warn!(%error, "no notices of file changes; looking every 30 s"))
        .ok()?;
    for path in paths {
        let directory = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
        };
        if let Err(error) = watcher.watch(directory, notify::RecursiveMode::NonRecursive) {
            tracing::warn!(directory = %directory.display(), %error, "no notices of file changes here; looking every 30 s");
        }
    }
    Some(watcher)
}

#[cfg(test)]
mod tests;
