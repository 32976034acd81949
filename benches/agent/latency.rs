//! How long the agent takes to answer: to an edit in the cluster, and to a commit.
use crate::{
    report::{Latency, Row},
    workload::{self, Workload},
};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, WatchEvent, WatchParams},
};
use serde_json::json;
use std::{
    pin::Pin,
    time::{Duration, Instant},
};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<ConfigMap>>>>>;

/// Edits the settings and the flags of `count` directories, one after the other, and waits for each to come back.
///
/// A time runs from the answer to the edit to the event that shows the value of the repository again.
pub(crate) async fn drift(client: &Client, count: usize, objects: usize) -> Row {
    let mut events = follow(client).await;
    let mut times = Vec::new();
    let edits =
        (0..count).flat_map(|index| [(index, "settings", "colour", "blue"), (index, "flags", "flags", "a=1\nb=2\n")]);
    for (index, name, key, value) in edits {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &workload::namespace(index));
        let name = format!("{name}-{index:04}");
        let edit = json!({"data": {key: "edited by hand"}});
        let edited = api.patch(&name, &PatchParams::default(), &Patch::Merge(&edit)).await.expect("an edit");
        let start = Instant::now();
        until(&mut events, |map| {
            map.name_any() == name && has(map, key, value) && map.resource_version() != edited.resource_version()
        })
        .await;
        times.push(start.elapsed());
    }
    Row { latency: Some(Latency::of(times)), ..Row::new("drift corrected", objects) }
}

/// Commits `count` changes, one after the other, and waits for each to be in the cluster.
pub(crate) async fn commits(client: &Client, workload: &Workload, count: usize, objects: usize) -> Row {
    let mut events = follow(client).await;
    let mut times = Vec::new();
    for index in 0..count {
        let colour = format!("colour-{index}");
        let [(file, text), ..] = workload::objects(index);
        workload.write(&format!("apps/{index:04}/{file}"), &text.replace("blue", &colour));
        workload.commit();
        let start = Instant::now();
        until(&mut events, |map| map.name_any() == format!("settings-{index:04}") && has(map, "colour", &colour)).await;
        times.push(start.elapsed());
    }
    Row { latency: Some(Latency::of(times)), ..Row::new("commit applied (poll 1 s)", objects) }
}

fn has(map: &ConfigMap, key: &str, value: &str) -> bool {
    map.data.as_ref().and_then(|data| data.get(key)).is_some_and(|have| have == value)
}

/// Events of every ConfigMap from here on.
async fn follow(client: &Client) -> Events {
    let api: Api<ConfigMap> = Api::all(client.clone());
    let from = api.list_metadata(&kube::api::ListParams::default().limit(1)).await.expect("a list");
    let version = from.metadata.resource_version.expect("a version");
    let events = api.watch(&WatchParams::default().timeout(290), &version).await.expect("a watch");
    events.boxed_local()
}

async fn until(events: &mut Events, is_so: impl Fn(&ConfigMap) -> bool) {
    let wait = async {
        while let Some(event) = events.next().await {
            match event.expect("a watch that goes on") {
                WatchEvent::Added(map) | WatchEvent::Modified(map) if is_so(&map) => return,
                _ => {}
            }
        }
        unreachable!("the watch ended");
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the agent answers");
}
