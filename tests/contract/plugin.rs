//! The program as a plugin of the real kubectl.
use std::{os::unix::fs::symlink, path::Path, process::Command};

/// A directory that has the program under the names by which kubectl calls it.
fn installed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["kubectl-arcwright", "kubectl_complete-arcwright"] {
        symlink(env!("CARGO_BIN_EXE_arcwright"), directory.path().join(name)).expect("a link");
    }
    directory
}

fn kubectl(plugins: &Path, args: &[&str]) -> String {
    let mut path = plugins.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = Command::new("kubectl").args(args).env("PATH", path).output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a text")
}

#[test]
fn kubectl_runs_the_program_as_its_plugin() {
    let plugins = installed();
    let version = kubectl(plugins.path(), &["arcwright", "version"]);
    assert_eq!(version, format!("arcwright {}\n", env!("CARGO_PKG_VERSION")));
    let help = kubectl(plugins.path(), &["arcwright", "tree", "--help"]);
    assert!(help.contains("Usage: kubectl arcwright tree "), "{help}");
    assert!(kubectl(plugins.path(), &["plugin", "list"]).contains("kubectl-arcwright"));
}

#[test]
fn kubectl_completes_the_plugins_words() {
    let proposals = kubectl(installed().path(), &["__complete", "arcwright", "rec"]);
    assert!(proposals.starts_with("reconcile\t"), "{proposals}");
    assert!(!proposals.contains("resume"), "{proposals}");
}
