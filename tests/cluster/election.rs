//! Several agents for one cluster: one works, the others stand by; and the port on which each says how it is.
use crate::{
    live::Live,
    proxy::{Fault, Proxy, Rule, Seen, Verb},
    support::{Bed, Running, eventually, kubeconfig, kubectl, map, namespace},
};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

/// One of several agents of a test: its own data, its own way to the API server, and its admin port.
struct Candidate {
    running: Running,
    proxy: Proxy,
    admin: SocketAddr,
}

impl Candidate {
    fn start(bed: &Bed, name: &str) -> Self {
        let own = bed.directory.path().join(name);
        std::fs::create_dir(&own).expect("a directory");
        let proxy = Proxy::start(kubeconfig(), &own);
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command.env("NO_COLOR", "1").env("ARCWRIGHT_LOG", "warn").env("ARCWRIGHT_DATA_DIR", own.join("data"));
        command.args(["agent", "--leader-elect", "--lease", &bed.namespace, "--listen", "127.0.0.1:0", "--state"]);
        command.arg(bed.directory.path().join("state.yaml")).arg("--kubeconfig").arg(proxy.kubeconfig());
        let (running, admin) = with_admin_port(command);
        Self { running, proxy, admin }
    }

    fn signal(&self, signal: &str) {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    fn metric(&self, line: &str) -> bool {
        get(self.admin, "/metrics").is_some_and(|text| text.lines().any(|one| one == line))
    }

    fn until_leader(&self) {
        eventually("leadership", || self.metric("arcwright_leader 1"));
    }

    fn until_standing_by(&self) {
        eventually("readiness", || get(self.admin, "/readyz").is_some_and(|text| text.contains("standing by")));
    }

    /// The writes that came through, besides those to the Lease.
    fn writes(&self) -> Vec<Seen> {
        let is_work = |seen: &Seen| seen.verb.writes() && seen.resource != "leases" && !seen.is_faulted;
        self.proxy.seen().into_iter().filter(is_work).collect()
    }

    /// How often it applied an object of the repository.
    fn applies(&self, name: &str) -> usize {
        self.writes().iter().filter(|seen| seen.verb == Verb::Apply && seen.name == name).count()
    }

    fn end(mut self) -> (ExitStatus, Proxy) {
        (self.running.0.wait().expect("an end"), self.proxy)
    }
}

/// Starts an agent, and reads where its admin port is.
fn with_admin_port(mut command: Command) -> (Running, SocketAddr) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("arcwright runs");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let running = Running(child);
    let address = lines.find_map(|line| {
        let line = line.expect("a line");
        line.rsplit_once("http://").map(|(_, address)| address.trim().parse().expect("an address"))
    });
    // The rest is read too, so that the agent never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    (running, address.expect("it says where its admin port is"))
}

/// Head and body of the answer to a request; nothing where nobody answers.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn bed(name: &str) -> Bed {
    let bed = Bed::new(name);
    bed.commit(&[("app/namespace.yaml", namespace()), ("app/a.yaml", &map("a", "blue"))]);
    bed.state("{path: app, prune: true}");
    bed
}

fn turn_green(bed: &Bed) {
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
}

fn until_colour(bed: &Bed, colour: &str) {
    eventually(colour, || bed.colour_in(&Live::shared(), "a").as_deref() == Some(colour));
}

/// What the Lease of a test says.
fn lease(bed: &Bed) -> Value {
    let text = kubectl(&["get", "lease", &bed.namespace, "-n", "default", "-o", "json"]).expect("a Lease");
    serde_json::from_str::<Value>(&text).expect("an object")["spec"].clone()
}

/// The first agent at work, and the second standing by.
fn two(bed: &Bed) -> (Candidate, Candidate) {
    let first = Candidate::start(bed, "first");
    first.until_leader();
    until_colour(bed, "blue");
    let second = Candidate::start(bed, "second");
    second.until_standing_by();
    (first, second)
}

#[test]
fn an_agent_that_is_killed_is_followed_by_the_one_that_stands_by_and_nothing_is_applied_twice() {
    let bed = bed("elect-kill");
    let (first, second) = two(&bed);
    let before = first.applies("a");
    first.signal("-KILL");
    let killed = Instant::now();
    turn_green(&bed);
    let (_, proxy) = first.end();
    until_colour(&bed, "green");
    println!("from kill -9 to what the next agent applied: {:.1} s", killed.elapsed().as_secs_f64());
    let applies = proxy.seen().iter().filter(|seen| seen.verb == Verb::Apply && seen.name == "a").count();
    assert_eq!((before, applies, second.applies("a")), (1, 1, 1), "each revision once");
    let lease = lease(&bed);
    assert_eq!((&lease["leaseTransitions"], &lease["leaseDurationSeconds"]), (&1.into(), &10.into()));
}

#[test]
fn an_agent_that_stands_by_writes_nothing_and_takes_over_at_once_when_the_first_is_stopped() {
    let bed = bed("elect-stop");
    let (first, second) = two(&bed);
    assert_eq!(second.writes(), [], "only the first works");
    assert!(second.metric("arcwright_leader 0"));
    let holder = lease(&bed)["holderIdentity"].clone();
    first.signal("-TERM");
    let (status, _) = first.end();
    assert!(status.success(), "{status}");
    turn_green(&bed);
    second.until_leader();
    until_colour(&bed, "green");
    let lease = lease(&bed);
    assert_ne!(lease["holderIdentity"], holder);
    assert_eq!(second.applies("a"), 1);
}

#[test]
fn an_agent_that_was_frozen_finds_its_time_over_and_writes_nothing() {
    let bed = bed("elect-freeze");
    let (first, second) = two(&bed);
    first.signal("-STOP");
    second.until_leader();
    let before = first.writes().len();
    turn_green(&bed);
    until_colour(&bed, "green");
    kubectl(&["patch", "configmap", "a", "-n", &bed.namespace, "-p", "{\"data\":{\"colour\":\"red\"}}"])
        .expect("drift");
    first.signal("-CONT");
    let writes_of_first = || first.writes().len();
    until_colour(&bed, "green");
    assert_eq!(writes_of_first(), before);
    let (status, proxy) = first.end();
    assert_eq!(status.code(), Some(1), "it ends, to stand by when it is started again");
    let is_work = |seen: &&Seen| seen.verb.writes() && seen.resource != "leases";
    assert_eq!(proxy.seen().iter().filter(is_work).count(), before, "nor until its end");
}

#[test]
fn an_agent_that_cannot_renew_its_lease_stops_before_another_begins() {
    let bed = bed("elect-cut");
    let (first, second) = two(&bed);
    first.proxy.rule(Rule::new(Fault::Refuse, |seen| seen.resource == "leases"));
    let (status, _) = first.end();
    assert_eq!(status.code(), Some(1));
    assert_eq!(second.writes(), [], "the second still waits when the first is gone");
    turn_green(&bed);
    until_colour(&bed, "green");
    assert_eq!(second.applies("a"), 1);
}

#[test]
fn the_admin_port_tells_the_truth_about_a_single_agent() {
    let bed = bed("admin");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let (mut running, admin) = with_admin_port(bed.agent_command(proxy.kubeconfig(), &["--listen", "127.0.0.1:0"]));
    bed.until_compliant();
    let ready = get(admin, "/readyz").expect("an answer");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.ends_with("ready\n"), "{ready}");
    let metrics = get(admin, "/metrics").expect("an answer");
    for line in ["arcwright_configurations{state=\"Compliant\"} 1", "arcwright_configurations{state=\"Failed\"} 0"] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("process_resident_memory_bytes ") && !metrics.contains("arcwright_leader"), "{metrics}");
    // The repository is gone: that is not the agent's readiness.
    std::fs::remove_dir_all(bed.repository()).expect("removed");
    bed.until_status("a failed fetch", |status| status["complianceState"] != "Compliant");
    assert!(get(admin, "/readyz").expect("an answer").starts_with("HTTP/1.1 200 "));
    proxy.rule(Rule::new(Fault::Refuse, |_| true));
    eventually("its end", || get(admin, "/readyz").is_some_and(|text| text.starts_with("HTTP/1.1 503 ")));
    assert!(get(admin, "/healthz").expect("an answer").ends_with("alive\n"), "the process itself is well");
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert!(running.0.wait().expect("an end").success());
    assert_eq!(get(admin, "/healthz"), None);
}
