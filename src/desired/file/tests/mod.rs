//! The state file door, on real files.
mod bad_texts;
mod edits;
mod rules;
mod watched;

use super::*;
use crate::desired::Issue;
use secrecy::SecretString;
use std::path::Path;

/// Secrets of no process: the variable TOKEN, and real files.
struct Few;

impl SecretSource for Few {
    fn file(&self, path: &Path) -> Result<SecretString, String> {
        ProcessSecrets.file(path)
    }

    fn env(&self, name: &str) -> Result<SecretString, String> {
        if name == "TOKEN" { Ok("hush".to_owned().into()) } else { Err(format!("{name} is not set")) }
    }
}

/// A `FluxConfiguration` up to its Git repository; lines for it, or for the spec, may follow.
fn flux(name: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata:\n  name: {name}\nspec:\n  gitRepository:\n    url: https://example.org/{name}\n"
    )
}

/// A `SourceControlConfiguration` up to its repository; lines for the spec may follow.
fn source_control(name: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: SourceControlConfiguration\nmetadata:\n  name: {name}\nspec:\n  repositoryUrl: https://example.org/{name}\n"
    )
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

/// What one file of these bytes comes to.
fn loaded(bytes: &[u8]) -> DesiredState {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.yaml");
    std::fs::write(&path, bytes).expect("a file");
    // Not for everyone, so that no test depends on the umask.
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let mut state = load(&[path], &Few);
    for issue in &mut state.issues {
        issue.file = "state.yaml".into();
        issue.message = issue.message.replace(&directory.path().display().to_string(), "DIRECTORY");
    }
    state
}

/// The issues of one file, a line each.
fn issues(text: impl AsRef<[u8]>) -> String {
    loaded(text.as_ref()).issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("\n")
}

fn names(state: &DesiredState) -> Vec<&str> {
    state.configurations.iter().map(|one| one.id.name.as_str()).collect()
}
