//! Modes of connection, by a clock that is moved: what becomes of a cluster that does not call.
use crate::{
    agent::{Agent, Onboarding, Request, VERSION, certificate, claims},
    bed::Bed,
};
use arcwright::runtime::clock::{Clock as _, MovedClock};
use aws_lc_rs::hmac;
use axum::{Router, body::Bytes, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
const SECRET: &str = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLXRlc3Q=";
/// Longest wait for what happens by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a webhook was told.
struct Told {
    headers: HeaderMap,
    body: Bytes,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// From what to what, after the signature was checked.
    fn turn(&self) -> (String, String) {
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64");
        let signed = [self.header("webhook-id"), ".", self.header("webhook-timestamp"), "."].concat();
        let signed = [signed.as_bytes(), &self.body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
        assert_eq!(self.header("webhook-signature"), format!("v1,{}", STANDARD.encode(tag.as_ref())));
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["type"], "cluster.connectivity");
        let text = |name: &str| body["data"][name].as_str().expect("a text").to_owned();
        (text("before"), text("after"))
    }
}

/// A webhook that fails the first time; what it is told comes by the channel.
fn webhook() -> (String, Receiver<Told>) {
    let (told_tx, told_rx) = channel();
    let take = |State(told_tx): State<Sender<Told>>, headers: HeaderMap, body: Bytes| async move {
        told_tx.send(Told { headers, body }).ok();
        StatusCode::NO_CONTENT
    };
    let router = Router::new().route("/hook", post(take)).with_state(told_tx);
    let address = crate::bed::serve(router);
    (format!("http://{address}/hook"), told_rx)
}

struct Moved {
    bed: Bed,
    clock: Arc<MovedClock>,
    told: Receiver<Told>,
    onboarding: Onboarding,
    agent: Agent,
}

impl Moved {
    /// A control plane with a moved clock and a webhook, and a connected cluster.
    fn start() -> Self {
        let clock = Arc::new(MovedClock::default());
        let (url, told) = webhook();
        let bed = Bed::moved(Arc::clone(&clock) as _, &url, SECRET);
        let onboarding = Onboarding::connect(&bed, "north");
        let agent = Agent::enrol(&bed.hub, &bed.cluster("north"), &onboarding);
        let moved = Self { bed, clock, told, onboarding, agent };
        moved.beat();
        moved.is_told("Connecting", "Connected");
        moved
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// The cluster's token, by the moved time.
    fn token(&self) -> String {
        let answer = self.agent.sign_in(&self.bed.hub, self.now());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().expect("a token").to_owned()
    }

    fn beat(&self) {
        let answer = self.agent.heartbeat(&self.bed.hub, &self.token());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The state of the cluster, as its owner reads it.
    fn state(&self) -> String {
        let token = self.bed.hub.token();
        let found = self.bed.hub.ask(&token, "GET", &self.agent.cluster, None, &[]);
        found.body["properties"]["connectivityStatus"].as_str().expect("a state").to_owned()
    }

    fn is_told(&self, before: &str, after: &str) {
        let told = self.told.recv_timeout(PATIENCE).expect("the webhook is told");
        assert_eq!(told.turn(), (before.to_owned(), after.to_owned()));
    }

    fn renew(&self, token: &str) -> crate::bed::Answer {
        certificate(&self.bed.hub, &self.agent.cluster, token, &Request::make().csr)
    }
}

#[test]
fn a_cluster_that_does_not_call_is_offline_after_a_quarter_of_an_hour_and_back_with_its_next_call() {
    let moved = Moved::start();
    moved.clock.advance(14 * MINUTE);
    assert_eq!(moved.state(), "Connected");
    moved.clock.advance(MINUTE);
    assert_eq!(moved.state(), "Offline");
    moved.is_told("Connected", "Offline");
    moved.beat();
    assert_eq!(moved.state(), "Connected");
    moved.is_told("Offline", "Connected");
}

#[test]
fn a_month_without_a_link_costs_nothing() {
    let moved = Moved::start();
    moved.clock.advance(30 * DAY);
    assert_eq!(moved.state(), "Offline");
    moved.is_told("Connected", "Offline");
    moved.beat();
    assert_eq!(moved.state(), "Connected");
    moved.is_told("Offline", "Connected");
}

#[test]
fn a_certificate_is_renewed_from_day_46_and_not_before() {
    let moved = Moved::start();
    moved.clock.advance(45 * DAY - MINUTE);
    assert_eq!(moved.renew(&moved.token()).code(), "CertificateNotRenewableYet");
    moved.clock.advance(MINUTE);
    let token = moved.token();
    let renewed = moved.renew(&token);
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(moved.renew(&token).status, 200, "the first answer may have been lost");
    let end: jiff::Timestamp = renewed.body["notAfter"].as_str().expect("a time").parse().expect("a time");
    assert!((end.as_second() - moved.now() - 90 * DAY).abs() < MINUTE, "{end}");
    let shown = moved.bed.hub.ask(&moved.bed.hub.token(), "GET", &moved.agent.cluster, None, &[]);
    assert!(
        shown.body["properties"]["managedIdentityCertificateExpirationTime"].as_str()
            > moved.agent.issued["notAfter"].as_str()
    );
}

#[test]
fn past_ninety_days_a_cluster_is_expired_until_its_owner_lets_it_enrol_again() {
    let moved = Moved::start();
    let token = moved.token();
    moved.clock.advance(90 * DAY + MINUTE);
    assert_eq!(moved.state(), "Expired");
    moved.is_told("Connected", "Expired");
    let refused = moved.agent.sign_in(&moved.bed.hub, moved.now());
    let why = refused.body["error_description"].as_str().unwrap_or_default().to_owned();
    assert!(refused.status == 401 && why.contains("AADSTS700027") && why.contains("xpired"), "{why}");
    assert_eq!(moved.agent.heartbeat(&moved.bed.hub, &token).status, 401);
    let request = Request::make();
    let enrolment = || moved.onboarding.sign(&claims(&moved.bed.hub, &moved.agent.cluster, &request, moved.now()));
    let enrol = || certificate(&moved.bed.hub, &moved.agent.cluster, &enrolment(), &request.csr);
    assert_eq!(enrol().code(), "ReenrolmentNotAllowed");
    let allow = format!("{}/allowEnrolment?{VERSION}", moved.agent.cluster);
    assert_eq!(moved.bed.hub.ask(&moved.bed.hub.token(), "POST", &allow, None, &[]).status, 200);
    let Moved { bed, clock, told, onboarding, agent } = moved;
    let now = clock.now().as_second();
    let agent = Agent::enrol_at(&bed.hub, &agent.cluster, &onboarding, now);
    let moved = Moved { bed, clock, told, onboarding, agent };
    moved.is_told("Expired", "Offline");
    moved.beat();
    assert_eq!(moved.state(), "Connected", "nothing was deleted and made again");
    moved.is_told("Offline", "Connected");
}

#[test]
fn a_clock_that_is_wrong_by_minutes_is_borne_and_by_more_is_named() {
    let moved = Moved::start();
    let of = |now| moved.agent.sign_in(&moved.bed.hub, now);
    assert_eq!(of(moved.now() + 4 * MINUTE).status, 200);
    let late = of(moved.now() - 20 * MINUTE);
    assert!(late.status == 401 && late.body.to_string().contains("clock"), "{}", late.body);
    let south = Onboarding::connect(&moved.bed, "south");
    let (cluster, request) = (moved.bed.cluster("south"), Request::make());
    let token = south.sign(&claims(&moved.bed.hub, &cluster, &request, moved.now() - 20 * MINUTE));
    let refused = certificate(&moved.bed.hub, &cluster, &token, &request.csr);
    assert!(refused.code() == "InvalidEnrolment" && refused.body.to_string().contains("clock"), "{}", refused.body);
    assert_eq!(json!(moved.state()), json!("Connected"));
}
