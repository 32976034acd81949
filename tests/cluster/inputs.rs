//! One bad input beside good ones.
use crate::{
    live::Live,
    support::{Bed, eventually, kubeconfig, map, namespace, shown},
};

fn blue(name: &str) -> Bed {
    let bed = Bed::new(name);
    bed.commit(&[("app/namespace.yaml", namespace()), ("app/a.yaml", &map("a", "blue"))]);
    bed
}

#[test]
fn a_broken_document_is_told_with_its_place_and_the_one_beside_it_is_applied() {
    let bed = blue("broken-document");
    let url = bed.repository().display().to_string();
    let good = bed.configuration("good", &url, "{path: app, prune: true}");
    let bad = bed.configuration("bad", &url, "{path: app, prune: perhaps}");
    bed.write_state(&[bad, good]);
    let done = bed.run(&["agent", "--once", "--patience", "5"]);
    assert!(!done.status.success(), "a broken document is not success");
    let text = shown(&done);
    assert!(text.contains("state.yaml:") && text.contains("prune"), "{text}");
    assert_eq!(bed.colour_in(&Live::shared(), "a").as_deref(), Some("blue"));
}

#[test]
fn a_document_that_breaks_while_the_agent_runs_deletes_nothing_and_the_last_good_one_is_followed() {
    let bed = blue("breaks");
    let url = bed.repository().display().to_string();
    bed.write_state(&[bed.configuration("one", &url, "{path: app, prune: true}")]);
    let _agent = bed.agent(kubeconfig());
    bed.until_compliant();
    bed.commit(&[("other/other.yaml", &map("other", "blue"))]);
    let other = bed.configuration("two", &url, "{path: other, prune: true}");
    bed.write_state(&[bed.configuration("one", &url, "{path: app, prune: perhaps}"), other]);
    let live = Live::shared();
    eventually("the other configuration", || bed.colour_in(&live, "other").is_some());
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    eventually("the next revision of the one that broke", || bed.colour_in(&live, "a").as_deref() == Some("green"));
}

#[test]
fn a_configuration_that_leaves_the_state_file_is_pruned_and_the_others_stay() {
    let bed = blue("leaves");
    let url = bed.repository().display().to_string();
    bed.commit(&[("other/other.yaml", &map("other", "blue"))]);
    let one = bed.configuration("one", &url, "{path: app, prune: true}");
    let two = bed.configuration("two", &url, "{path: other, prune: true}");
    bed.write_state(&[one.clone(), two]);
    let _agent = bed.agent(kubeconfig());
    let live = Live::shared();
    eventually("both", || bed.colour_in(&live, "other").is_some() && bed.colour_in(&live, "a").is_some());
    eventually("both Compliant", || {
        let all = bed.statuses();
        all.len() == 2 && all.iter().all(|one| one["complianceState"] == "Compliant")
    });
    bed.write_state(&[one]);
    eventually("prune", || bed.colour_in(&live, "other").is_none());
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("blue"));
}

#[test]
fn an_unreachable_host_is_named_and_the_configuration_beside_it_is_applied() {
    let bed = blue("unreachable-host");
    let url = bed.repository().display().to_string();
    let good = bed.configuration("good", &url, "{path: app, prune: true}");
    let bad = bed.configuration("bad", "https://127.0.0.1:1/nothing.git", "{path: app, prune: true}");
    bed.write_state(&[bad, good]);
    let done = bed.run(&["agent", "--once", "--patience", "3"]);
    assert!(!done.status.success());
    assert_eq!(bed.colour_in(&Live::shared(), "a").as_deref(), Some("blue"));
    let statuses = bed.statuses();
    assert_eq!(statuses[0]["complianceState"], "Non-Compliant");
    assert!(statuses[0]["message"].as_str().unwrap_or_default().contains("127.0.0.1"), "{}", statuses[0]["message"]);
    assert_eq!(statuses[1]["complianceState"], "Compliant");
}

#[test]
fn a_directory_that_is_missing_from_a_new_commit_is_named_and_prunes_nothing() {
    let bed = blue("missing-path");
    bed.state("{path: app, prune: true}");
    let done = bed.once();
    assert!(done.status.success(), "{}", shown(&done));
    std::fs::rename(bed.repository().join("app"), bed.repository().join("moved")).expect("moved");
    bed.commit(&[]);
    let done = bed.run(&["agent", "--once", "--patience", "3"]);
    assert!(!done.status.success());
    let message = bed.status()["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("app"), "{message}");
    assert_eq!(bed.colour_in(&Live::shared(), "a").as_deref(), Some("blue"));
}
