//! Modes of connection as an agent lives through them, by clocks that are moved.
use crate::{
    bed::Bed as HubBed,
    connected::Connected,
    live::runtime,
    support::{eventually, kubeconfig},
};
use arcwright::{
    agents::{
        config::{self, Board, Context, Doors},
        connected::{Link, Settings},
        identity::Pace,
        manager::Health,
    },
    cluster::Cluster,
    runtime::clock::{Clock, MovedClock},
    source::GitCache,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const DAY: i64 = 86_400;

/// A connected cluster whose agent is a part of this process.
struct Moving {
    here: Connected,
    hub_clock: Arc<MovedClock>,
    agent_clock: Arc<MovedClock>,
    health: Option<Health>,
    cancel: CancellationToken,
}

impl Moving {
    fn new(name: &str) -> Self {
        let (hub_clock, agent_clock) = (Arc::<MovedClock>::default(), Arc::<MovedClock>::default());
        let hub = HubBed::moved(
            Arc::clone(&hub_clock) as _,
            "http://127.0.0.1:9/hook",
            "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLXRlc3Q=",
        );
        let here = Connected::new(name, hub);
        here.want(&json!({"app": {"path": "app", "prune": true}}));
        Self { here, hub_clock, agent_clock, health: None, cancel: CancellationToken::new() }
    }

    /// With an agent that has applied what is wanted.
    fn started(name: &str) -> Self {
        let mut moving = Self::new(name);
        moving.start();
        moving.here.until_compliant();
        moving
    }

    fn start(&mut self) {
        let short = Duration::from_millis(100);
        let pace = Pace { look: short, enrol: (short, short), renew: (short, short), again: Duration::from_secs(1) };
        let directory = self.here.bed.directory.path().join("data");
        let settings = Settings {
            hub: self.here.hub.hub.endpoint.clone(),
            authorities: Some(std::fs::read(self.here.authority()).expect("a file")),
            cluster: Some(self.here.hub.cluster("north")),
            onboarding_key: Some(self.here.key.clone()),
            data: directory.clone(),
            without: Vec::new(),
            pace,
        };
        let (clock, cancel) = (Arc::clone(&self.agent_clock) as Arc<dyn Clock>, self.cancel.clone());
        let health = runtime().block_on(async move {
            let cluster = Cluster::connect(Some(kubeconfig())).await.expect("a cluster");
            let ctx = Arc::new(Context::new(cluster, GitCache::new(directory.join("mirrors")), clock));
            let board = Arc::new(Board::open(directory.join("status.json")));
            let mut link = Link::new(settings, &ctx).await.expect("a link");
            let health = link.health();
            let doors = Doors { azure: Some(link.door().await), ..Doors::default() };
            let (desired, standing) = doors.follow(Arc::clone(&ctx), cancel.clone()).await;
            link.start(&board, standing, &cancel).expect("agents");
            tokio::spawn(config::run(ctx, desired, board, cancel));
            health
        });
        self.health = Some(health);
    }

    /// Lets time pass for both.
    fn pass(&self, seconds: i64) {
        self.hub_clock.advance(seconds);
        self.agent_clock.advance(seconds);
    }

    /// How an agent is: its state, and why.
    fn health(&self, name: &str) -> (String, String) {
        let all = self.health.as_ref().expect("it runs").all();
        let one = all.into_iter().find(|agent| agent.name == name);
        one.map(|agent| (agent.state, agent.message)).unwrap_or_default()
    }

    /// Until when the certificate is good that is kept.
    fn expires(&self) -> String {
        let file = self.here.bed.directory.path().join("data/identity/azure-identity-certificate.json");
        let kept: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
        let entry = kept["azure-identity-certificate-expiration-time"].as_str().expect("an entry");
        String::from_utf8(STANDARD.decode(entry).expect("base64")).expect("a text")
    }

    fn status(&self) -> Value {
        self.here.properties()["connectivityStatus"].take()
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

#[test]
fn a_gap_of_weeks_loses_nothing_and_the_certificate_is_renewed_in_its_time() {
    let moving = Moving::started("gap");
    let first = moving.expires();
    moving.pass(30 * DAY);
    moving.here.want(&json!({"app": {"path": "other", "prune": true}}));
    moving.here.until_colour("b", Some("green"));
    moving.here.until_compliant();
    moving.pass(14 * DAY);
    moving.here.want(&json!({"app": {"path": "app", "prune": true}}));
    moving.here.until_colour("a", Some("blue"));
    assert_eq!(moving.expires(), first, "nothing is renewed before its time");
    moving.pass(2 * DAY);
    eventually("another certificate", || moving.expires() > first);
    moving.pass(DAY);
    moving.here.want(&json!({"app": {"path": "other", "prune": true}}));
    moving.here.until_colour("b", Some("green"));
    assert_eq!(moving.health("identity").0, "Running");
}

#[test]
fn past_its_end_only_the_control_plane_is_left_out_until_the_owner_allows_another_enrolment() {
    let moving = Moving::started("ended");
    moving.pass(91 * DAY);
    eventually("the end", || moving.health("identity").0 == "Failed");
    assert!(moving.health("identity").1.contains("expired"), "{:?}", moving.health("identity"));
    eventually("the control plane to say so", || moving.status() == "Expired");
    eventually("the pull to stop", || moving.health("config-pull").0 == "Degraded");
    moving.here.want(&json!({"app": {"path": "other", "prune": true}}));
    moving.here.drift();
    assert_eq!(moving.here.colour("b"), None, "nothing is pulled");
    let allowed = moving.here.hub.ask("POST", &format!("{}/allowEnrolment", moving.here.hub.cluster("north")), None);
    assert!(matches!(allowed.status, 200 | 202 | 204), "{}", allowed.body);
    moving.here.until_colour("b", Some("green"));
    moving.here.until_compliant();
    eventually("a sign of life", || moving.status() == "Connected");
    assert_eq!(moving.health("identity").0, "Running");
}

#[test]
fn an_identity_that_is_taken_away_is_had_anew_when_the_owner_allows_it() {
    let moving = Moving::started("revoked");
    let act = |what: &str| {
        let done = moving.here.hub.ask("POST", &format!("{}/{what}", moving.here.hub.cluster("north")), None);
        assert!(matches!(done.status, 200 | 202 | 204), "{}", done.body);
    };
    act("revokeIdentity");
    moving.here.drift();
    moving.here.want(&json!({"app": {"path": "other", "prune": true}}));
    eventually("a refusal", || moving.health("identity").0 == "Degraded");
    act("allowEnrolment");
    moving.here.until_colour("b", Some("green"));
    eventually("an identity", || moving.health("identity").0 == "Running");
}

#[test]
fn a_clock_that_is_ten_minutes_wrong_is_told_of_and_keeps_nobody_out() {
    for (name, seconds, told) in [("ahead", 601, "ahead of"), ("behind", -601, "behind")] {
        let mut moving = Moving::new(name);
        moving.agent_clock.advance(seconds);
        moving.start();
        moving.here.until_compliant();
        eventually("the skew to be told", || moving.health("sync").1.contains(told));
        eventually("a sign of life", || moving.status() == "Connected");
    }
}
