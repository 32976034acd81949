//! Backups, and whether the data is sound.
use crate::bed::{Bed, Hub};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_backup_of_a_control_plane_that_runs_is_a_control_plane() {
    let bed = Bed::new();
    bed.make("north");
    let backup = bed.directory.path().join("backup.db");
    let to = backup.display().to_string();
    let (is_done, said, _) = bed.arcwright(&["backup", "--data", &bed.data, "--to", &to]);
    assert!(is_done && said.contains("key that seals"), "{said}");
    assert_eq!(backup.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let (is_done, said, _) = bed.arcwright(&["backup", "--data", &bed.data, "--to", &to]);
    assert!(!is_done && said.contains("is there already"), "{said}");
    bed.make("later");
    let paths = (bed.cluster("north"), bed.cluster("later"));
    let Bed { directory, hub, token, .. } = bed;
    let endpoint = hub.endpoint.clone();
    hub.stop();
    let hub = Hub::start_at(endpoint.trim_start_matches("https://"), &to, directory.path(), &[]);
    assert_eq!(hub.ask(&token, "GET", &paths.0, None, &[]).status, 200);
    assert_eq!(hub.ask(&token, "GET", &paths.1, None, &[]).status, 404, "it is of an earlier moment");
}

#[test]
fn a_check_finds_another_key_and_a_damaged_file() {
    let bed = Bed::new();
    let key = bed.directory.path().join("seal").display().to_string();
    let check = |key: &str| bed.arcwright(&["check", "--data", &bed.data, "--seal-key", key]);
    let (is_done, said, out) = check(&key);
    assert!(is_done && out.contains("is sound"), "{said}{out}");
    let other = bed.directory.path().join("other");
    std::fs::write(&other, "A".repeat(43) + "=").expect("written");
    let (is_done, said, _) = check(&other.display().to_string());
    assert!(!is_done && said.contains("sealed with another key"), "{said}");
    let (is_done, said, _) = check("/nowhere/seal");
    assert!(!is_done && said.contains("is not in /nowhere/seal"), "{said}");

    let Bed { directory, data, hub, .. } = bed;
    hub.stop();
    let mut bytes = std::fs::read(&data).expect("a file");
    // Everything but the header and the list of tables.
    bytes[8192..].fill(0x55);
    std::fs::write(&data, bytes).expect("written");
    let (is_done, said, _) = crate::bed::arcwright(directory.path(), &["check", "--data", &data, "--seal-key", &key]);
    assert!(!is_done && said.contains("database"), "{said}");
    let listen = ["--data", &data, "--seal-key", &key, "--listen", "127.0.0.1:0"];
    let (is_done, said, _) = crate::bed::arcwright(directory.path(), &listen);
    assert!(!is_done && said.contains("database"), "it does not start either: {said}");
}

#[test]
fn what_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    for args in [&["backup", "--to", "b.db"][..], &["user", "list"], &["check"]] {
        let args: Vec<&str> = args.iter().copied().chain(["--data", "none.db"]).collect();
        let (is_done, said, _) = crate::bed::arcwright(directory.path(), &args);
        assert!(!is_done && said.contains("none.db"), "{said}");
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0, "{args:?}");
    }
    let to_postgres = ["backup", "--data", "postgres://nobody@localhost/none", "--to", "b.db"];
    let (is_done, said, _) = crate::bed::arcwright(directory.path(), &to_postgres);
    assert!(!is_done && said.contains("pg_dump"), "{said}");
}
