//! One of two pods is killed.
use crate::{
    bed::{Release, kubectl, process_of, tell, wait, writes},
    repository::{Repository, SHOP, colours, configuration},
};
use std::{collections::BTreeMap, process::Command, time::Instant};

#[test]
#[ignore = "it takes a node: ./test node"]
fn another_pod_takes_over_and_applies_nothing_twice() {
    let repository = Repository::serve(&[("app/colours.yaml", &colours("blue")), ("app/shop.yaml", SHOP)]);
    let begin = writes().len();
    let release = Release::install(
        &repository.values(&[("shop.yaml", &configuration("shop", &repository.url(), "app"))]).to_string(),
    );
    release.wait_compliant(1);
    let (pod, holder) = release.leader();
    let process = process_of(&pod).expect("a process").to_string();

    let killed = Instant::now();
    assert!(Command::new("kill").args(["-9", &process]).status().expect("kill runs").success());
    repository.commit(&[("app/colours.yaml", &colours("green"))]);
    wait("shop", "configmap/colours", "jsonpath={.data.colour}=green");
    let applied = killed.elapsed().as_secs_f64();
    assert_ne!(release.leader().1, holder, "another holds the lease");
    tell(&format!("failover: a commit made when the leader was killed is applied {applied:.1} s later"));
    release.wait_compliant(1);

    let mut counts = BTreeMap::new();
    for write in writes().split_off(begin) {
        let is_applied = ["configmaps/shop/colours", "deployments/shop/shop"].contains(&write.object.as_str());
        assert!(!is_applied || write.verb == "patch", "{write:?}");
        *counts.entry(write.object).or_insert(0) += 1;
    }
    let count = |object: &str| counts.get(object).copied().unwrap_or_default();
    assert_eq!(count("configmaps/shop/colours"), 2, "made once and changed once: {counts:?}");
    assert_eq!(count("deployments/shop/shop"), 1, "made once: {counts:?}");
    drop(release);
    kubectl(&["delete", "namespace", "shop"]);
}
