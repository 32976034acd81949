//! `reconcile`, `suspend` and `resume` without an agent, and with something else in its place.
use crate::support::Home;
use insta::assert_snapshot;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
};

/// Answers one request with a text, and gives the request.
fn answer_once(home: &Home, answer: &'static str) -> std::thread::JoinHandle<serde_json::Value> {
    std::fs::create_dir_all(home.path("data")).expect("a directory");
    let listener = UnixListener::bind(home.path("data/control.sock")).expect("a socket");
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a caller");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("a request");
        (&stream).write_all(answer.as_bytes()).expect("an answer");
        serde_json::from_str(&line).expect("JSON")
    })
}

#[test]
fn without_an_agent_nothing_is_asked() {
    let home = Home::new();
    let ran = home.run(&["reconcile", "shop"]).all();
    assert_snapshot!(ran, @r#"
    exit 1
    -- stdout
    -- stderr
    Error: no agent runs with the data directory HOME/data
    Hint: start `arcwright agent`, or give the --data-dir that it runs with; in a cluster, run this in its pod with `kubectl exec`
    "#);
    for args in [["suspend", "shop"], ["resume", "shop"], ["status", "--agents"]] {
        assert_eq!(home.run(&args).all(), ran);
    }
    drop(UnixListener::bind(home.path("stale")).expect("a socket"));
    std::fs::create_dir_all(home.path("data")).expect("a directory");
    std::fs::rename(home.path("stale"), home.path("data/control.sock")).expect("moved");
    assert!(home.run(&["resume", "shop"]).stderr.contains("Error: no agent runs"), "a dead agent's socket is no agent");
}

#[test]
fn what_the_agent_refuses_is_told_with_its_hint() {
    let home = Home::new();
    let asked = answer_once(&home, "{\"answer\":\"refused\",\"message\":\"no\",\"hint\":\"do\"}\n");
    assert_snapshot!(home.run(&["reconcile", "shop", "--timeout", "7"]).all(), @r#"
    exit 1
    -- stdout
    -- stderr
    Error: no
    Hint: do
    "#);
    let request = asked.join().expect("a request");
    assert_eq!(request, serde_json::json!({"command": "reconcile", "name": "shop", "timeoutSeconds": 7}));
}

#[test]
fn who_suspends_is_told_to_the_agent() {
    let home = Home::new();
    let answer = "{\"answer\":\"suspended\",\"namespace\":\"a\",\"name\":\"shop\",\"by\":\"ann@desk\",\"since\":\"2026-01-02T03:04:05Z\"}\n";
    let asked = answer_once(&home, answer);
    assert_snapshot!(home.run(&["suspend", "shop"]).all(), @r#"
    exit 0
    -- stdout
    a/shop is suspended by ann@desk since 2026-01-02T03:04:05Z
    -- stderr
    "#);
    let request = asked.join().expect("a request");
    assert!(request["by"].as_str().expect("a text").starts_with("ann@"), "{request}");
}

#[test]
fn an_answer_that_makes_no_sense_is_an_error() {
    let home = Home::new();
    let asked = answer_once(&home, "what?\n");
    let ran = home.run(&["resume", "shop"]);
    asked.join().expect("a request");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("of another version"), "{}", ran.stderr);
}
