//! Who gets in.
use crate::bed::{Bed, Hub};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn nobody_gets_in_without_a_token_or_with_another_control_planes() {
    let (bed, other) = (Bed::new(), Bed::new());
    let path = bed.clusters();
    for token in ["", "nonsense", "e30.e30.e30", &other.token] {
        let answer = bed.hub.ask(token, "GET", &path, None, &[]);
        assert_eq!(answer.status, 401, "{token}: {}", answer.body);
    }
    assert_eq!(bed.ask("GET", &path, None).status, 200);
    let mut parts: Vec<&str> = bed.token.split('.').collect();
    let forged = parts[1].chars().rev().collect::<String>();
    parts[1] = &forged;
    assert_eq!(bed.hub.ask(&parts.join("."), "GET", &path, None, &[]).status, 401);
}

#[test]
fn an_address_that_asks_for_tokens_all_the_time_is_told_to_wait() {
    let bed = Bed::new();
    let Bed { directory, data, hub, .. } = bed;
    hub.stop();
    let hub = Hub::start_at("127.0.0.1:0", &data, directory.path(), &["--sign-ins-per-second", "1"]);
    let statuses: Vec<u16> = (0..12).map(|number| hub.sign_in(&format!("nobody-{number}"), "x").status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(hub.ask("", "GET", "/healthz", None, &[]).status, 200, "the others are answered");
}

#[test]
fn a_balancer_learns_without_a_token_whether_to_send_requests() {
    let bed = Bed::new();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(bed.hub.ask("", "GET", path, None, &[]).status, 200, "{path}");
    }
}

#[test]
fn whoever_guesses_waits() {
    let bed = Bed::new();
    let client = bed.hub.bootstrap["clientId"].as_str().expect("a text");
    for _ in 0..10 {
        let answer = bed.hub.sign_in(client, "wrong");
        assert_eq!((answer.status, answer.body["error"].as_str()), (401, Some("invalid_client")));
    }
    let secret = bed.hub.bootstrap["clientSecret"].as_str().expect("a text");
    let answer = bed.hub.sign_in(client, secret);
    assert_eq!(answer.status, 429, "even with the right one");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds <= 60));
    assert_eq!(bed.hub.sign_in("somebody-else", "wrong").status, 401, "others do not wait for it");
}

#[test]
fn the_owner_of_the_first_start_stays_the_owner_and_the_files_are_private() {
    let bed = Bed::new();
    let mode = |name: &str| bed.directory.path().join(name).metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("bootstrap.json"), mode("seal")), (0o600, 0o600));
    if !bed.data.starts_with("postgres://") {
        assert_eq!(mode("hub.db"), 0o600);
    }
    let Bed { directory, data, hub, .. } = bed;
    let before = hub.bootstrap.clone();
    hub.stop();
    let again = Hub::start(&data, directory.path());
    assert_eq!(again.bootstrap["clientSecret"], before["clientSecret"], "no other owner is made");
    let answer =
        again.sign_in(before["clientId"].as_str().expect("a text"), before["clientSecret"].as_str().expect("a text"));
    assert_eq!(answer.status, 200, "{}", answer.body);
}
