//! What users and other programs hold on to: the schemas, the CustomResourceDefinitions, the examples.
mod chart;
mod crds;
mod examples;
mod manifests;
mod plugin;
mod schemas;

use std::path::{Path, PathBuf};

/// A path of the repository.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What `arcwright` prints.
fn printed(args: &[&str]) -> String {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_arcwright")).args(args).output().expect("arcwright runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a text")
}

/// Every state file of the examples, with its text.
fn state_files() -> Vec<(PathBuf, String)> {
    let mut found: Vec<(PathBuf, String)> = ["examples/state", "examples/state.d", "examples/resources"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(root(directory)).expect("a directory"))
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), std::fs::read_to_string(path).expect("a text")))
        .collect();
    found.sort();
    assert!(found.len() >= 6, "the examples are there");
    found
}
