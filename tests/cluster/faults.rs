//! An API server that answers wrongly, late, or not at all.
use crate::{
    control_plane::ControlPlane,
    live::Live,
    proxy::{Fault, Proxy, Rule, Verb},
    support::{Bed, eventually, kubeconfig, map, namespace, shown},
};
use serde_json::json;
use std::{process::Output, time::Duration};

/// A bed whose repository holds a namespace and ten objects in it.
fn ten(name: &str) -> Bed {
    let bed = Bed::new(name);
    bed.commit(&[("app/namespace.yaml", namespace())]);
    for index in 0..10 {
        bed.commit(&[(&*format!("app/{index}.yaml"), &*map(&format!("map-{index}"), "blue"))]);
    }
    bed.state("{path: app, prune: true}");
    bed
}

fn assert_whole(bed: &Bed, done: &Output, fault: &str) {
    assert!(done.status.success(), "{fault}: {}", shown(done));
    assert_eq!(bed.status()["complianceState"], "Compliant", "{fault}");
    let names: Vec<String> = (0..10).map(|index| format!("map-{index}")).collect();
    assert_eq!(Live::shared().names("ConfigMap", &bed.namespace, &bed.owner_label()), names, "{fault}");
    let inventory = bed.inventory(&Live::shared());
    assert!(names.iter().all(|name| inventory.contains(name)), "{fault}: {inventory}");
}

#[test]
fn a_first_sync_in_a_storm_of_errors_ends_compliant_with_nothing_lost() {
    let faults = [
        ("conflict", Fault::Answer { code: 409, retry_after: None }),
        ("busy", Fault::Answer { code: 429, retry_after: Some(1) }),
        ("internal", Fault::Answer { code: 500, retry_after: None }),
        ("unavailable", Fault::Answer { code: 503, retry_after: None }),
        ("refused", Fault::Refuse),
        ("lost", Fault::LoseAnswer),
        ("cut", Fault::Cut { bytes: 20 }),
    ];
    std::thread::scope(|scope| {
        for (name, fault) in faults {
            scope.spawn(move || {
                let bed = ten(&format!("storm-{name}"));
                let proxy = Proxy::start(kubeconfig(), bed.directory.path());
                // A look at the version is how the command line finds out that there is a cluster at all.
                proxy.rule(Rule::new(fault, |seen| seen.verb != Verb::Other).share(0.3, 7));
                let done = bed.once_at(proxy.kubeconfig());
                assert!(proxy.seen().iter().any(|seen| seen.is_faulted), "{name}: there was a storm");
                assert_whole(&bed, &done, name);
            });
        }
    });
}

#[test]
fn an_answer_lost_after_each_first_write_is_made_up_for() {
    let bed = ten("answer-lost");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    proxy.rule(Rule::new(Fault::LoseAnswer, |seen| seen.verb.writes()).first(12));
    let done = bed.once_at(proxy.kubeconfig());
    assert_whole(&bed, &done, "lost answers");
}

#[test]
fn a_slow_api_server_is_waited_for() {
    let bed = ten("slow");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    proxy.rule(Rule::new(Fault::Delay(Duration::from_millis(300)), |_| true));
    let done = bed.once_at(proxy.kubeconfig());
    assert_whole(&bed, &done, "delays");
}

#[test]
fn a_watch_that_never_delivers_does_not_hold_up_the_first_sync() {
    let bed = ten("silent");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    proxy.rule(Rule::on(Verb::Watch, Fault::Silent));
    let done = bed.once_at(proxy.kubeconfig());
    assert_whole(&bed, &done, "silence");
}

#[test]
fn drift_is_still_corrected_after_watches_were_cut_and_their_place_was_gone() {
    let bed = ten("gone");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let _agent = bed.agent(proxy.kubeconfig());
    bed.until_compliant();
    proxy.rule(Rule::on(Verb::Watch, Fault::Gone).first(2));
    proxy.take();
    proxy.cut_streams();
    proxy.until("two watches that were told 410", |seen| {
        seen.iter().filter(|seen| seen.verb == Verb::Watch && seen.is_faulted).count() == 2
    });
    assert_corrects(&bed, &Live::shared());
    proxy.rule(Rule::on(Verb::Watch, Fault::CutWatch { events: 1 }).first(3));
    proxy.cut_streams();
    assert_corrects(&bed, &Live::shared());
    assert_corrects(&bed, &Live::shared());
}

/// Edits an object by hand, and waits until it is as in the repository again.
fn assert_corrects(bed: &Bed, live: &Live) {
    live.edit("ConfigMap", &bed.namespace, "map-3", &json!({"data": {"colour": "red"}}));
    eventually("correction", || bed.colour_in(live, "map-3").as_deref() == Some("blue"));
}

#[test]
fn an_agent_that_cannot_reach_the_api_server_says_so_and_comes_back_by_itself() {
    let bed = ten("unreachable");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let _agent = bed.agent(proxy.kubeconfig());
    bed.until_compliant();
    proxy.set_down(true);
    let live = Live::shared();
    live.edit("ConfigMap", &bed.namespace, "map-3", &json!({"data": {"colour": "red"}}));
    live.delete("ConfigMap", &bed.namespace, "map-4");
    bed.commit(&[("app/5.yaml", &map("map-5", "green"))]);
    bed.until_status("word of the outage", |status| {
        status["complianceState"] == "Non-Compliant"
            && status["message"].as_str().is_some_and(|message| message.contains("map-5"))
    });
    proxy.set_down(false);
    let colour = |name: &str| bed.colour_in(&live, name).unwrap_or_default();
    eventually("correction of what was edited meanwhile", || colour("map-3") == "blue");
    eventually("correction of what was deleted meanwhile", || colour("map-4") == "blue");
    eventually("what was committed meanwhile", || colour("map-5") == "green");
    bed.until_compliant();
}

#[test]
fn an_outage_is_told_even_when_there_is_nothing_to_apply() {
    let bed = ten("outage-idle");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let _agent = bed.agent(proxy.kubeconfig());
    bed.until_compliant();
    proxy.set_down(true);
    bed.until_status("word of the outage", |status| {
        status["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["reason"] == "ClusterUnavailable"))
    });
    proxy.set_down(false);
    bed.until_compliant();
}

#[test]
fn the_agent_outlives_an_api_server_that_is_killed_and_started_again() {
    let bed = ten("killed-server");
    let directory = tempfile::tempdir().expect("a directory");
    let control_plane = ControlPlane::start(directory.path(), false);
    let live = Live::of(control_plane.kubeconfig());
    let mut agent = bed.agent(control_plane.kubeconfig());
    bed.until_compliant();
    let outage = control_plane.kill_api_server();
    bed.commit(&[("app/5.yaml", &map("map-5", "green"))]);
    bed.until_status("word of the outage", |status| status["complianceState"] != "Compliant");
    drop(outage);
    eventually("what was committed meanwhile", || colour(&bed, &live, "map-5").as_deref() == Some("green"));
    bed.until_compliant();
    assert_corrects(&bed, &live);
    assert!(agent.0.try_wait().expect("a process").is_none(), "it is the same process");
}

#[test]
fn an_api_server_that_hangs_is_told_and_what_was_committed_meanwhile_is_applied_when_it_goes_on() {
    let bed = ten("hanging-server");
    let directory = tempfile::tempdir().expect("a directory");
    let control_plane = ControlPlane::start(directory.path(), false);
    let live = Live::of(control_plane.kubeconfig());
    let _agent = bed.agent(control_plane.kubeconfig());
    bed.until_compliant();
    control_plane.freeze();
    bed.commit(&[("app/6.yaml", &map("map-6", "green"))]);
    bed.until_status("word of the hang", |status| status["complianceState"] != "Compliant");
    control_plane.thaw();
    eventually("what was committed meanwhile", || colour(&bed, &live, "map-6").as_deref() == Some("green"));
    bed.until_compliant();
}

/// `data.colour` of a ConfigMap, while the API server answers.
fn colour(bed: &Bed, live: &Live, name: &str) -> Option<String> {
    let map = live.try_get("ConfigMap", &bed.namespace, name).ok().flatten()?;
    map["data"]["colour"].as_str().map(str::to_owned)
}
