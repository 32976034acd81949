//! What the agent of a cluster says to a control plane, and what the control plane's clients see of it.
use crate::{
    agent::{Agent, Onboarding, Request, VERSION, certificate, claims, now},
    bed::{Bed, flux},
};
use serde_json::{Value, json};
use std::time::Instant;

/// A cluster with an agent that has an identity, and its token.
fn connected(bed: &Bed, name: &str) -> (Agent, String) {
    let onboarding = Onboarding::connect(bed, name);
    let agent = Agent::enrol(&bed.hub, &bed.cluster(name), &onboarding);
    let token = agent.token(&bed.hub);
    (agent, token)
}

/// The id of a configuration, without a query.
fn id(path: &str) -> &str {
    path.split('?').next().expect("a path")
}

#[test]
fn a_cluster_enrols_is_connected_and_says_what_it_is() {
    let bed = Bed::new();
    let (agent, token) = connected(&bed, "north");
    let path = bed.cluster("north");
    let properties = || bed.ask("GET", &path, None).body["properties"].clone();
    assert_eq!(properties()["connectivityStatus"], "Connecting", "it has not called yet");
    let beat = agent.heartbeat(&bed.hub, &token);
    assert_eq!((beat.status, &beat.body["nextSeconds"]), (200, &json!(300)), "{}", beat.body);
    let said = properties();
    let wanted = json!({"connectivityStatus": "Connected", "kubernetesVersion": "1.37.0", "totalNodeCount": 3, "totalCoreCount": 12,
        "agentVersion": "1.2.3", "distribution": "k3s"});
    for (name, value) in wanted.as_object().expect("an object") {
        assert_eq!(&said[name], value, "{name}");
    }
    assert_eq!(said["managedIdentityCertificateExpirationTime"], agent.issued["notAfter"]);
    let shown = bed.ask("GET", &path, None).body;
    assert_eq!(shown["identity"]["principalId"], agent.issued["clientId"]);
    let all = bed.ask("GET", &bed.clusters(), None).body;
    assert_eq!(all["value"][0]["properties"]["connectivityStatus"], "Connected");
}

#[test]
fn an_enrolment_is_refused_twice_and_with_another_key() {
    let bed = Bed::new();
    let (north, south) = (Onboarding::connect(&bed, "north"), Onboarding::connect(&bed, "south"));
    let cluster = bed.cluster("north");
    let request = Request::make();
    let token = north.sign(&claims(&bed.hub, &cluster, &request, now()));
    assert_eq!(certificate(&bed.hub, &cluster, &token, &request.csr).status, 200);
    assert_eq!(certificate(&bed.hub, &cluster, &token, &request.csr).code(), "InvalidEnrolment", "it was used");
    let of_another = south.sign(&claims(&bed.hub, &cluster, &request, now()));
    assert_eq!(certificate(&bed.hub, &cluster, &of_another, &request.csr).code(), "InvalidEnrolment");
    let for_another = north.sign(&claims(&bed.hub, &cluster, &Request::make(), now()));
    assert_eq!(certificate(&bed.hub, &cluster, &for_another, &request.csr).code(), "InvalidEnrolment");
    let late = north.sign(&claims(&bed.hub, &cluster, &request, now() - 1000));
    assert_eq!(certificate(&bed.hub, &cluster, &late, &request.csr).code(), "InvalidEnrolment");
    assert_eq!(certificate(&bed.hub, &bed.cluster("west"), &token, &request.csr).code(), "ResourceNotFound");
    assert_eq!(
        certificate(&bed.hub, &cluster, &bed.token, &request.csr).code(),
        "AuthorizationFailed",
        "an owner is no cluster"
    );
}

#[test]
fn an_identity_that_is_used_is_replaced_only_when_the_owner_allows_it() {
    let bed = Bed::new();
    let onboarding = Onboarding::connect(&bed, "north");
    let cluster = bed.cluster("north");
    let first = Agent::enrol(&bed.hub, &cluster, &onboarding);
    let agent = Agent::enrol(&bed.hub, &cluster, &onboarding);
    assert!(
        first.sign_in(&bed.hub, now()).body["error_description"].as_str().is_some_and(|text| text.contains("evoked"))
    );
    let token = agent.token(&bed.hub);
    assert_eq!(agent.heartbeat(&bed.hub, &token).status, 200);
    let again = || {
        let request = Request::make();
        let token = onboarding.sign(&claims(&bed.hub, &cluster, &request, now()));
        certificate(&bed.hub, &cluster, &token, &request.csr)
    };
    assert_eq!(again().code(), "ReenrolmentNotAllowed");
    let early = certificate(&bed.hub, &cluster, &token, &Request::make().csr);
    assert_eq!(early.code(), "CertificateNotRenewableYet", "{}", early.body);
    let allow = format!("{cluster}/allowEnrolment?{VERSION}");
    assert_eq!(
        bed.hub.ask(&token, "POST", &allow, None, &[]).code(),
        "AuthorizationFailed",
        "a cluster does not allow itself"
    );
    assert_eq!(bed.ask("POST", &allow, None).status, 200);
    assert_eq!(again().status, 200);
}

#[test]
fn a_revoked_identity_is_good_for_nothing_at_once() {
    let bed = Bed::new();
    let (agent, token) = connected(&bed, "north");
    assert_eq!(agent.heartbeat(&bed.hub, &token).status, 200);
    assert_eq!(bed.ask("POST", &format!("{}/revokeIdentity?{VERSION}", agent.cluster), None).status, 204);
    assert_eq!(agent.heartbeat(&bed.hub, &token).status, 401);
    assert_eq!(agent.pull(&bed.hub, &token, None, 0).status, 401);
    assert_eq!(bed.hub.ask(&token, "GET", &agent.cluster, None, &[]).status, 401);
    assert_eq!(agent.sign_in(&bed.hub, now()).status, 401);
    assert_eq!(bed.ask("GET", &agent.cluster, None).body["properties"]["connectivityStatus"], "Expired");
}

#[test]
fn what_is_wanted_is_pulled_with_its_secrets_and_a_change_ends_the_wait() {
    let bed = Bed::new();
    let (agent, token) = connected(&bed, "north");
    let path = bed.flux("north", "web");
    assert_eq!(bed.ask("PUT", &path, Some(&flux())).status, 201);
    let pulled = agent.pull(&bed.hub, &token, None, 0);
    assert_eq!(pulled.status, 200, "{}", pulled.body);
    let one = &pulled.body["configurations"][0];
    assert_eq!((&one["name"], &one["revision"]), (&json!("web"), &json!(1)));
    assert_eq!(one["properties"]["configurationProtectedSettings"]["httpsKey"], "VEhFLVNFQ1JFVA==");
    let tag = pulled.header("etag").to_owned();
    assert_eq!(agent.pull(&bed.hub, &token, Some(&tag), 0).status, 304);
    let (changed, seen) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| agent.pull(&bed.hub, &token, Some(&tag), 120));
        // It counts as waiting once the control plane says so; until then a change is seen anyway.
        let mut patch = flux();
        patch["properties"]["suspend"] = json!(true);
        let at = Instant::now();
        assert_eq!(bed.ask("PUT", &path, Some(&patch)).status, 200);
        (waiting.join().expect("an answer"), at.elapsed())
    });
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["configurations"][0]["properties"]["suspend"], true);
    assert!(seen.as_secs() < 60, "long before the wait would have ended");
    let tag = changed.header("etag").to_owned();
    assert_eq!(bed.ask("DELETE", &path, None).status, 202);
    let gone = agent.pull(&bed.hub, &token, Some(&tag), 60);
    assert_eq!((gone.status, &gone.body["configurations"]), (200, &json!([])));
}

#[test]
fn a_status_is_shown_until_the_configuration_changes_and_an_older_one_is_ignored() {
    let bed = Bed::new();
    let (agent, token) = connected(&bed, "north");
    let path = bed.flux("north", "web");
    assert_eq!(bed.ask("PUT", &path, Some(&flux())).status, 201);
    let state = || bed.ask("GET", &path, None).body["properties"].clone();
    assert_eq!(state()["complianceState"], "Pending");
    let compliant = json!({"complianceState": "Compliant", "sourceSyncedCommitId": "main/1", "provisioningState": "Failed",
        "statuses": [{"name": "app", "kind": "Deployment", "complianceState": "Compliant"}], "surprise": true});
    let report = |sequence, status: &Value| agent.report(&bed.hub, &token, id(&path), sequence, status);
    let answer = report(5, &compliant);
    assert_eq!((answer.status, answer.body), (200, json!({"unknown": []})));
    let shown = state();
    assert_eq!((&shown["complianceState"], &shown["sourceSyncedCommitId"]), (&json!("Compliant"), &json!("main/1")));
    assert_eq!((&shown["provisioningState"], &shown["surprise"]), (&json!("Succeeded"), &Value::Null));
    assert_eq!(report(4, &json!({"complianceState": "Non-Compliant"})).status, 200);
    assert_eq!(state()["complianceState"], "Compliant", "that was an older one");
    let mut changed = flux();
    changed["properties"]["suspend"] = json!(true);
    assert_eq!(bed.ask("PUT", &path, Some(&changed)).status, 200);
    assert_eq!(state()["complianceState"], "Pending", "nothing is known of it as it is now");
    let elsewhere = path.replace("web?", "other?");
    let answer = agent.report(&bed.hub, &token, id(&elsewhere), 6, &compliant);
    assert_eq!(answer.body, json!({"unknown": [id(&elsewhere)]}));
    let listed = bed.ask("GET", &path.replace("/web?", "?"), None);
    assert_eq!(listed.body["value"][0]["properties"]["sourceSyncedCommitId"], "main/1");
}

#[test]
fn a_cluster_reaches_nothing_of_another() {
    let bed = Bed::new();
    let (north, token) = connected(&bed, "north");
    let (south, _) = connected(&bed, "south");
    let path = bed.flux("south", "web");
    assert_eq!(bed.ask("PUT", &path, Some(&flux())).status, 201);
    let group = format!("/subscriptions/{}/resourceGroups/shops", bed.hub.subscription());
    let subscription = format!("/subscriptions/{}", bed.hub.subscription());
    let v1 = format!("{}/providers/Microsoft.KubernetesConfiguration/sourceControlConfigurations", south.cluster);
    let reading = [
        south.cluster.clone(),
        id(&path).to_owned(),
        id(&path).trim_end_matches("/web").to_owned(),
        v1,
        bed.clusters(),
        group.clone(),
        format!("{group}/resources"),
        format!("{subscription}/resources"),
        format!("{subscription}/resourcegroups"),
        format!("{subscription}/providers"),
        format!("{subscription}/providers/Microsoft.Insights/eventtypes/management/values"),
        format!("{subscription}/providers/Microsoft.Kubernetes/connectedClusters"),
        subscription.clone(),
        "/subscriptions".to_owned(),
        "/tenants".to_owned(),
    ];
    for path in &reading {
        assert_eq!(bed.hub.ask(&token, "GET", path, None, &[]).code(), "AuthorizationFailed", "GET {path}");
    }
    let calls = ["configurations/getPendingConfigs", "configurations/postStatus", "metadata/postHeartbeat"];
    for call in calls {
        let body = json!({"instance": "one", "statuses": []});
        let answer = bed.hub.ask(&token, "POST", &south.path(call), Some(&body), &[]);
        assert_eq!(answer.code(), "AuthorizationFailed", "{call}");
    }
    let status = north.report(&bed.hub, &token, id(&path), 1, &json!({"complianceState": "Compliant"}));
    assert_eq!(status.body["unknown"][0], id(&path), "its own door takes nothing for another");
    assert_eq!(bed.ask("GET", &path, None).body["properties"]["complianceState"], "Pending");
    let own = [north.cluster.clone(), id(&bed.flux("north", "web")).to_owned()];
    for path in own.iter().chain(&reading) {
        for method in ["PUT", "PATCH", "DELETE", "POST"] {
            let answer = bed.hub.ask(&token, method, path, Some(&json!({})), &[]);
            assert_eq!(answer.code(), "AuthorizationFailed", "{method} {path}");
        }
    }
    let stolen = certificate(&bed.hub, &south.cluster, &token, &Request::make().csr);
    assert_eq!(stolen.code(), "AuthorizationFailed");
    assert_eq!(
        bed.hub.ask(&bed.token, "POST", &south.path(calls[0]), None, &[]).code(),
        "AuthorizationFailed",
        "nor does an owner call as a cluster"
    );
}

#[test]
fn the_data_plane_says_what_it_does_not_take() {
    let bed = Bed::new();
    let (agent, token) = connected(&bed, "north");
    let ask = |path: &str, body: &Value| bed.hub.ask(&token, "POST", path, Some(body), &[]);
    let wrong = ask(&agent.path("metadata/postHeartbeat").replace("2026-11-01", "2019-01-01"), &json!({}));
    assert_eq!(wrong.code(), "InvalidApiVersionParameter");
    let bare = ask(&agent.path("metadata/postHeartbeat"), &json!({"observedAt": "yesterday"}));
    assert_eq!((bare.status, &bare.body["error"]["target"]), (400, &json!("observedAt")), "{}", bare.body);
    let many: Vec<Value> = (0..101)
        .map(|_| json!({"id": "a", "sequence": 1, "revision": 1, "observedAt": "2026-11-24T00:00:00Z", "status": {}}))
        .collect();
    assert_eq!(
        ask(&agent.path("configurations/postStatus"), &json!({"instance": "one", "statuses": many})).status,
        400
    );
    assert_eq!(
        bed.hub.ask(&token, "GET", &agent.path("metadata/postHeartbeat"), None, &[]).code(),
        "HttpMethodNotAllowed"
    );
    let discovered = bed.hub.ask("", "GET", "/discovery?location=here&api-version=1.0-preview", None, &[]);
    assert_eq!(discovered.body, json!(bed.hub.endpoint));
}
