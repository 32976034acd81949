//! `keygen`.
use crate::support::Home;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_key_pair_is_made_and_never_overwritten() {
    let home = Home::new();
    let ran = home.run(&["keygen", "deploy", "-C", "shop"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("ecdsa-sha2-nistp384 ") && ran.stdout.ends_with(" shop\n"), "{}", ran.stdout);
    let private = std::fs::read_to_string(home.path("deploy")).expect("a private key");
    assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    assert_eq!(std::fs::read_to_string(home.path("deploy.pub")).expect("a public key"), ran.stdout);
    let mode = std::fs::metadata(home.path("deploy")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&["keygen", "deploy"]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("Hint: a key is never overwritten"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(home.path("deploy")).expect("a private key"), private);
}

#[test]
fn half_a_pair_is_not_left_behind() {
    let home = Home::new();
    home.write("deploy.pub", "in the way");
    assert_eq!(home.run(&["keygen", "deploy"]).code, 1);
    assert!(!home.path("deploy").exists());
    assert_eq!(std::fs::read_to_string(home.path("deploy.pub")).expect("a file"), "in the way");
}

#[test]
fn programs_are_told_where_the_key_is_and_not_what_it_is() {
    let ran = Home::new().run(&["keygen", "deploy", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        (value["privateKeyFile"].as_str(), value["publicKeyFile"].as_str()),
        (Some("deploy"), Some("deploy.pub"))
    );
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("PRIVATE KEY"));
}
