//! Clusters and configurations, as clients of Azure Resource Manager make, change and find them.
use crate::bed::{Bed, cluster, flux};
use serde_json::{Value, json};

#[test]
fn a_cluster_is_made_found_whatever_its_case_changed_and_deleted() {
    let bed = Bed::new();
    let path = bed.cluster("North");
    let made = bed.ask("PUT", &path, Some(&cluster()));
    assert_eq!((made.status, made.body["properties"]["provisioningState"].as_str()), (201, Some("Succeeded")));
    let operation = bed.ask("GET", made.header("azure-asyncoperation"), None);
    assert_eq!((operation.status, operation.body["status"].as_str()), (200, Some("Succeeded")));
    assert_eq!(bed.ask("GET", made.header("location"), None).status, 204);
    let found = bed.ask("GET", &path.to_uppercase(), None);
    assert_eq!((found.status, &found.body["id"]), (200, &json!(path)), "as it was first written");
    assert_eq!(found.body["properties"]["connectivityStatus"], "Connecting");
    assert!(found.body["identity"]["principalId"].is_string());
    let patched = bed.ask("PATCH", &path, Some(&json!({"tags": {"c": "d"}, "location": "elsewhere"})));
    assert_eq!(
        (patched.status, &patched.body["tags"], &patched.body["location"]),
        (200, &json!({"c": "d"}), &json!("here"))
    );
    let mut moved = cluster();
    moved["location"] = json!("elsewhere");
    assert_eq!(bed.ask("PUT", &path, Some(&moved)).code(), "PropertyChangeNotAllowed");
    assert_eq!(bed.ask("DELETE", &path, None).status, 202);
    assert_eq!(bed.ask("GET", &path, None).code(), "ResourceNotFound");
    assert_eq!(bed.ask("DELETE", &path, None).status, 204, "once more");
}

#[test]
fn a_write_over_what_was_not_seen_is_refused() {
    let bed = Bed::new();
    let path = bed.cluster("north");
    let write = |headers: &[(&str, &str)]| bed.hub.ask(&bed.token, "PUT", &path, Some(&cluster()), headers);
    assert_eq!(write(&[("if-match", "\"1\"")]).code(), "PreconditionFailed", "nothing is there");
    let first = write(&[("if-none-match", "*")]);
    assert_eq!(first.status, 201);
    assert_eq!(write(&[("if-none-match", "*")]).code(), "PreconditionFailed");
    let etag = first.header("etag").to_owned();
    assert_eq!(write(&[("if-match", &etag)]).status, 200);
    assert_eq!(write(&[("if-match", &etag)]).code(), "PreconditionFailed", "it is another one by now");
    assert_eq!(bed.hub.ask(&bed.token, "DELETE", &path, None, &[("if-match", &etag)]).code(), "PreconditionFailed");
    assert_eq!(write(&[("if-match", "*")]).status, 200);
}

#[test]
fn lists_come_in_pages_that_hold_each_resource_once() {
    let bed = Bed::new();
    for name in ["c", "a", "e", "b", "d"] {
        bed.make(name);
    }
    let mut link = format!("{}?api-version=2024-01-01&%24top=2", bed.clusters());
    let mut names = Vec::new();
    let mut pages = 0;
    while !link.is_empty() {
        let page = bed.ask("GET", &link, None);
        assert_eq!(page.status, 200, "{}", page.body);
        names.extend(page.body["value"].as_array().expect("a list").iter().map(|one| one["name"].clone()));
        link = page.body["nextLink"].as_str().unwrap_or_default().to_owned();
        pages += 1;
    }
    assert_eq!((json!(names), pages), (json!(["a", "b", "c", "d", "e"]), 3));
    let all = format!("/subscriptions/{}/resources?api-version=2021-04-01", bed.hub.subscription());
    assert_eq!(bed.ask("GET", &all, None).body["value"].as_array().map(Vec::len), Some(5));
}

#[test]
fn secrets_go_in_and_never_come_out() {
    let bed = Bed::new();
    bed.make("north");
    let path = bed.flux("north", "web");
    let made = bed.ask("PUT", &path, Some(&flux()));
    assert_eq!((made.status, &made.body["properties"]["configurationProtectedSettings"]), (201, &json!({})));
    // What a PATCH does not name stays, the secret too: without it the user would be refused.
    let suspended = bed.ask("PATCH", &path, Some(&json!({"properties": {"suspend": true}})));
    assert_eq!((suspended.status, &suspended.body["properties"]["suspend"]), (202, &json!(true)), "{}", suspended.body);
    let found = bed.ask("GET", &path, None);
    assert_eq!(found.body["properties"]["complianceState"], "Pending");
    let bytes = bed.held();
    for secret in ["VEhFLVNFQ1JFVA==", "THE-SECRET"] {
        assert!(!found.body.to_string().contains(secret));
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is on the disk");
    }
    assert!(
        bytes.windows(15).any(|window| window == b"git.example.org"),
        "the rest is, so it was looked for where it is"
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_every_field_named() {
    let bed = Bed::new();
    bed.make("north");
    let mut wrong = flux();
    wrong["properties"]["gitRepository"]["url"] = json!("nonsense");
    wrong["properties"]["kustomizations"]["app"]["dependsOn"] = json!(["nobody"]);
    let answer = bed.ask("PUT", &bed.flux("north", "web"), Some(&wrong));
    let fields: Vec<&str> = answer.body["error"]["details"]
        .as_array()
        .expect("details")
        .iter()
        .filter_map(|one| one["target"].as_str())
        .collect();
    assert_eq!((answer.status, fields.len()), (400, 2), "{}", answer.body);
    assert!(fields.contains(&"properties.gitRepository.url"), "{fields:?}");
    let mut moved = flux();
    assert_eq!(bed.ask("PUT", &bed.flux("north", "web"), Some(&moved)).status, 201);
    moved["properties"]["namespace"] = json!("other");
    assert_eq!(bed.ask("PUT", &bed.flux("north", "web"), Some(&moved)).code(), "PropertyChangeNotAllowed");
}

#[test]
fn paths_versions_and_parents_that_are_not_there_are_told_apart() {
    let bed = Bed::new();
    let subscription = bed.hub.subscription();
    let code = |method: &str, path: &str, body: Option<&Value>| bed.ask(method, path, body).code().to_owned();
    assert_eq!(code("GET", &format!("{}?api-version=", bed.clusters()), None), "MissingApiVersionParameter");
    assert_eq!(code("GET", &format!("{}?api-version=2019-01-01", bed.clusters()), None), "NoRegisteredProviderFound");
    assert_eq!(code("GET", "/nothing", None), "InvalidResourceType");
    assert_eq!(code("GET", &bed.clusters().replace(subscription, "another"), None), "SubscriptionNotFound");
    assert_eq!(code("PUT", &bed.cluster("x").replace("shops", "none"), Some(&cluster())), "ResourceGroupNotFound");
    assert_eq!(code("PUT", &bed.flux("nobody", "web"), Some(&flux())), "ParentResourceNotFound");
    assert_eq!(code("POST", &bed.cluster("x"), None), "HttpMethodNotAllowed");
    assert_eq!(code("PUT", &bed.cluster("x"), Some(&json!([]))), "InvalidRequestContent");
}

#[test]
fn a_provider_that_is_not_registered_takes_nothing() {
    let bed = Bed::new();
    let provider = format!("/subscriptions/{}/providers/Microsoft.Kubernetes", bed.hub.subscription());
    let act = |action: &str| bed.ask("POST", &format!("{provider}/{action}?api-version=2021-04-01"), None);
    assert_eq!(act("unregister").body["registrationState"], "NotRegistered");
    assert_eq!(bed.ask("PUT", &bed.cluster("north"), Some(&cluster())).code(), "MissingSubscriptionRegistration");
    assert_eq!(act("register").body["registrationState"], "Registered");
    bed.make("north");
}

#[test]
fn a_group_takes_everything_in_it_along_and_every_write_is_on_record() {
    let bed = Bed::new();
    bed.make("north");
    assert_eq!(bed.ask("PUT", &bed.flux("north", "web"), Some(&flux())).status, 201);
    let group = format!("/subscriptions/{}/resourceGroups/SHOPS?api-version=2021-04-01", bed.hub.subscription());
    assert_eq!(bed.ask("DELETE", &group, None).status, 200);
    assert_eq!(bed.ask("GET", &bed.cluster("north"), None).status, 404);
    assert_eq!(bed.ask("GET", &bed.flux("north", "web"), None).status, 404);
    bed.hub.ask("nonsense", "DELETE", &group, None, &[]);
    let log = format!(
        "/subscriptions/{}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01",
        bed.hub.subscription()
    );
    let log = bed.ask("GET", &log, None);
    let of_group =
        log.body["value"].as_array().expect("a list").iter().filter(|one| one["httpRequest"]["method"] == "DELETE");
    let told: Vec<(&str, &str)> = of_group
        .map(|one| {
            (
                one["status"]["value"].as_str().unwrap_or_default(),
                one["subStatus"]["value"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(told.len(), 2, "{}", log.body);
    assert!(told.contains(&("Succeeded", "200")) && told.contains(&("Failed", "401")), "{told:?}");
}
