//! Unmodified clients of Azure, from their package registry.
use crate::bed::{Bed, tell};
use std::{path::PathBuf, process::Command};

/// A Python that has the packages; `ARCWRIGHT_AZURE_PYTHON` names another.
fn python() -> Option<PathBuf> {
    let cache = || {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
        Some(cache.join("arcwright/azure/bin/python"))
    };
    std::env::var_os("ARCWRIGHT_AZURE_PYTHON").map(PathBuf::from).or_else(cache).filter(|path| path.exists())
}

#[test]
fn the_management_packages_work_unmodified() {
    let Some(python) = python() else {
        tell("NOT RUN: there is no Python with the packages of Azure; tests/support/azure-python.sh makes one");
        return;
    };
    let bed = Bed::new();
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hub/management_clients.py"));
    let authority = bed.directory.path().join(bed.hub.bootstrap["caFile"].as_str().expect("a path"));
    let (both, public) = crate::azure_cli::certified(bed.directory.path());
    let robot = bed.directory.path().join("robot.json").display().to_string();
    let add = ["user", "add", "--data", &bed.data, "--role", "owner", "--name", "robot", "--certificate", &public];
    let (is_done, said, _) = bed.arcwright(&[&add[..], &["--to", &robot]].concat());
    assert!(is_done, "{said}");
    command.arg(bed.directory.path().join("bootstrap.json")).args([robot, both]);
    let done = command.env("REQUESTS_CA_BUNDLE", authority).output();
    let done = done.expect("python runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("all done"), "{said}");
}
