//! What the store promises, on SQLite and on PostgreSQL: what was accepted is there, for every process.
use crate::{
    agent::{Agent, Onboarding, Request, certificate, claims, now},
    bed::{Bed, Hub, cluster, flux},
    postgres::Postgres,
};
use serde_json::json;
use std::process::Command;

/// The address of an endpoint.
fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("https://").to_owned()
}

/// The same life of a cluster and its configuration on any store, with the process killed in between.
fn lives(bed: Bed) {
    let paths = (bed.cluster("north"), bed.flux("north", "web"));
    bed.make("north");
    let made = bed.ask("PUT", &paths.1, Some(&flux()));
    assert_eq!(made.status, 201, "{}", made.body);
    let Bed { directory, data, hub, token } = bed;
    let endpoint = hub.endpoint.clone();
    hub.kill();
    let hub = Hub::start_at(&address(&endpoint), &data, directory.path(), &[]);
    // The token of before is good: the key that signed it is in the store.
    let found = hub.ask(&token, "GET", &paths.1, None, &[]);
    assert_eq!((found.status, &found.body["properties"]["gitRepository"]["httpsUser"]), (200, &json!("me")));
    let patched = hub.ask(&token, "PATCH", &paths.1, Some(&json!({"properties": {"suspend": true}})), &[]);
    assert_eq!(patched.status, 202, "the sealed settings are opened again: {}", patched.body);
    assert_eq!(hub.ask(&token, "DELETE", &paths.0, None, &[]).status, 202);
    assert_eq!(hub.ask(&token, "GET", &paths.1, None, &[]).status, 404, "what is below goes along");
}

/// Writes until the process is killed, and finds every write that was accepted.
fn loses_nothing(bed: Bed) {
    let pid = bed.hub.pid().to_string();
    let mut killer = None;
    let mut accepted = Vec::new();
    for number in 0..100_000 {
        if number == 100 {
            // It comes while writes are under way.
            let pid = pid.clone();
            killer = Some(std::thread::spawn(move || Command::new("kill").args(["-9", &pid]).status()));
        }
        let name = format!("c{number}");
        let answer = bed.hub.try_ask(&bed.token, "PUT", &bed.cluster(&name), Some(&cluster()), &[]);
        let Some(answer) = answer else { break };
        assert_eq!(answer.status, 201, "{}", answer.body);
        accepted.push(name);
    }
    let killed = killer.expect("it was told to").join().expect("an end");
    assert!(killed.is_ok_and(|status| status.success()) && accepted.len() >= 100);
    let path = |name: &str| bed.cluster(name);
    let paths: Vec<String> = accepted.iter().map(|name| path(name)).collect();
    let Bed { directory, data, hub, token } = bed;
    let endpoint = hub.endpoint.clone();
    hub.kill();
    let hub = Hub::start_at(&address(&endpoint), &data, directory.path(), &[]);
    for path in paths {
        assert_eq!(hub.ask(&token, "GET", &path, None, &[]).status, 200, "{path}");
    }
}

/// Reports of an agent go on while the process is killed: what was answered is there afterwards.
fn forgets_no_status(bed: Bed) {
    let onboarding = Onboarding::connect(&bed, "north");
    let agent = Agent::enrol(&bed.hub, &bed.cluster("north"), &onboarding);
    let token = agent.token(&bed.hub);
    let path = bed.flux("north", "web");
    assert_eq!(bed.ask("PUT", &path, Some(&flux())).status, 201);
    let id = path.split('?').next().expect("a path");
    let pid = bed.hub.pid().to_string();
    let (mut killer, mut accepted) = (None, 0);
    for number in 1..100_000 {
        if number == 50 {
            let pid = pid.clone();
            killer = Some(std::thread::spawn(move || Command::new("kill").args(["-9", &pid]).status()));
        }
        let status = json!({"complianceState": "Compliant", "sourceSyncedCommitId": format!("main/{number}")});
        match agent.try_report(&bed.hub, &token, id, number, &status) {
            Some(answer) => assert_eq!(answer.status, 200, "{}", answer.body),
            None => break,
        }
        accepted = number;
    }
    assert!(killer.expect("it was told to").join().expect("an end").is_ok_and(|status| status.success()));
    let Bed { directory, data, hub, token: owner } = bed;
    let endpoint = hub.endpoint.clone();
    hub.kill();
    let hub = Hub::start_at(&address(&endpoint), &data, directory.path(), &[]);
    let shown = hub.ask(&owner, "GET", &path, None, &[]).body["properties"]["sourceSyncedCommitId"].clone();
    let kept: u64 = shown.as_str().and_then(|text| text.strip_prefix("main/")?.parse().ok()).expect("a number");
    // The last one may have been stored without that being told.
    assert!(kept == accepted || kept == accepted + 1, "{accepted} were accepted, and {kept} is there");
    assert_eq!(agent.heartbeat(&hub, &token).status, 200, "the identity is good as before");
}

#[test]
fn sqlite_keeps_what_was_accepted() {
    lives(Bed::new());
    loses_nothing(Bed::new());
    forgets_no_status(Bed::new());
}

#[test]
fn postgresql_keeps_what_was_accepted() {
    let Some(postgres) = Postgres::start() else { return };
    lives(Bed::on(postgres.server().database("hub"), tempfile::tempdir().expect("a directory")));
    loses_nothing(Bed::on(postgres.server().database("second"), tempfile::tempdir().expect("a directory")));
    forgets_no_status(Bed::on(postgres.server().database("third"), tempfile::tempdir().expect("a directory")));
}

#[test]
fn several_processes_share_a_database() {
    let Some(postgres) = Postgres::start() else { return };
    let bed = Bed::on(postgres.server().database("hub"), tempfile::tempdir().expect("a directory"));
    let second = Hub::start_at("127.0.0.1:0", &bed.data, bed.directory.path(), &["--endpoint", &bed.hub.endpoint]);
    bed.make("north");
    let found = second.ask(&bed.token, "GET", &bed.cluster("north"), None, &[]);
    assert_eq!(found.status, 200, "{}", found.body);
    // Both try to make the same, and one does.
    let (first, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            bed.hub.ask(&bed.token, "PUT", &bed.cluster("south"), Some(&cluster()), &[("if-none-match", "*")])
        });
        let two = second.ask(&bed.token, "PUT", &bed.cluster("south"), Some(&cluster()), &[("if-none-match", "*")]);
        (one.join().expect("an answer").status, two.status)
    });
    assert!([(201, 409), (409, 201), (201, 412), (412, 201)].contains(&(first, other)), "{first} {other}");
}

#[test]
fn a_change_at_one_process_ends_the_wait_at_another_and_a_nonce_is_good_at_one_of_them() {
    let Some(postgres) = Postgres::start() else { return };
    let bed = Bed::on(postgres.server().database("hub"), tempfile::tempdir().expect("a directory"));
    let second = Hub::start_at("127.0.0.1:0", &bed.data, bed.directory.path(), &["--endpoint", &bed.hub.endpoint]);
    let onboarding = Onboarding::connect(&bed, "north");
    let agent = Agent::enrol(&bed.hub, &bed.cluster("north"), &onboarding);
    let request = Request::make();
    let enrolment = onboarding.sign(&claims(&bed.hub, &agent.cluster, &request, now()));
    assert_eq!(certificate(&second, &agent.cluster, &enrolment, &request.csr).status, 200);
    assert_eq!(certificate(&bed.hub, &agent.cluster, &enrolment, &request.csr).code(), "InvalidEnrolment");
    let agent = Agent::enrol(&bed.hub, &agent.cluster, &onboarding);
    let token = agent.token(&bed.hub);
    let tag = agent.pull(&second, &token, None, 0).header("etag").to_owned();
    let pulled = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| agent.pull(&second, &token, Some(&tag), 120));
        assert_eq!(bed.ask("PUT", &bed.flux("north", "web"), Some(&flux())).status, 201);
        waiting.join().expect("an answer")
    });
    assert_eq!((pulled.status, &pulled.body["configurations"][0]["name"]), (200, &json!("web")));
}

#[test]
fn a_database_of_postgresql_takes_a_sealing_key() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
    let done = command.args(["hub", "--data", "postgres://nobody@localhost/none"]).output().expect("arcwright runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("--seal-key"), "{said}");
}

#[test]
fn another_sealing_key_is_told_at_the_start() {
    let Bed { directory, data, hub, .. } = Bed::new();
    hub.stop();
    std::fs::remove_file(directory.path().join("seal")).expect("removed");
    let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
    command.args(["hub", "--data", &data, "--listen", "127.0.0.1:0", "--seal-key"]).arg(directory.path().join("seal"));
    let done = command.current_dir(directory.path()).output().expect("arcwright runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("sealed with another key"), "{said}");
}

#[test]
fn the_whole_suite_runs_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    let mut suite = Command::new(std::env::current_exe().expect("a path"));
    suite
        .args(["--skip", "stores::", "--skip", "maintenance::", "--skip", "azure", "--skip", "page_in_browser::"])
        .env(Postgres::OF_SUITE, postgres.server().place());
    let done = suite.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("test result: ok"), "{said}");
}
