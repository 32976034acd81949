//! What the agent asks of the API server when there is nothing to do: nothing.
use crate::{
    proxy::{Proxy, Seen, Verb},
    support::{Bed, kubeconfig, map, namespace, shown},
};

fn five(name: &str) -> Bed {
    let bed = Bed::new(name);
    bed.commit(&[("app/namespace.yaml", namespace())]);
    for index in 0..5 {
        bed.commit(&[(&*format!("app/{index}.yaml"), &*map(&format!("map-{index}"), "blue"))]);
    }
    bed.state("{path: app, prune: true}");
    bed
}

#[test]
fn a_second_run_on_an_unchanged_state_only_lists_and_watches() {
    let bed = five("idle-once");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let done = bed.once_at(proxy.kubeconfig());
    assert!(done.status.success(), "{}", shown(&done));
    assert!(proxy.counts().contains_key(&Verb::Apply), "the first run writes through the proxy");
    proxy.take();
    let done = bed.once_at(proxy.kubeconfig());
    assert!(done.status.success(), "{}", shown(&done));
    let wrong: Vec<Seen> =
        proxy.seen().into_iter().filter(|seen| !matches!(seen.verb, Verb::List | Verb::Watch | Verb::Other)).collect();
    assert!(wrong.is_empty(), "no write and no read of one object: {wrong:#?}");
}

#[test]
fn a_running_agent_asks_nothing_while_nothing_that_it_renders_changes() {
    let bed = five("idle-running");
    let proxy = Proxy::start(kubeconfig(), bed.directory.path());
    let _agent = bed.agent(proxy.kubeconfig());
    bed.until_compliant();
    // The watch of its own last write has been heard of when the next pass has ended.
    pass(&bed, "before");
    proxy.take();
    for number in 0..3 {
        pass(&bed, &number.to_string());
    }
    let wrong: Vec<Seen> = proxy
        .seen()
        .into_iter()
        // A watch is opened again every few minutes; an Event tells of each revision.
        .filter(|seen| seen.verb != Verb::Watch && !(seen.verb == Verb::Create && seen.resource == "events"))
        .collect();
    assert!(wrong.is_empty(), "no requests: {wrong:#?}");
}

/// A pass that finds a commit in which everything that it renders is the same.
fn pass(bed: &Bed, text: &str) {
    bed.commit(&[("elsewhere/README.md", text)]);
    let head = bed.head();
    bed.until_status("pass", |status| {
        status["lastAppliedRevision"].as_str().is_some_and(|revision| revision.ends_with(&head))
    });
}
