//! Counts nodes and their cores by watch, tells by them which Kubernetes it is, and keeps nothing else of them.
use super::cores::millicores;
use crate::{
    error::Chain,
    model::distribution::{GENERIC, distribution_of, infrastructure_of},
};
use futures::{StreamExt as _, stream::BoxStream};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    core::Object,
    runtime::{WatchStreamExt as _, watcher},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Nodes of one page of a list.
const PAGE: u32 = 100;
/// Seconds after which the API server ends a watch, to be begun again.
const WATCH_SECONDS: u32 = 90;

/// What is read of a node's status.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    capacity: BTreeMap<String, String>,
}

/// What is read of what a node is meant to be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(default, rename = "providerID")]
    provider_id: Option<String>,
}

type Seen = Object<Spec, Status>;

/// What all nodes together tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Census {
    pub(super) nodes: u32,
    pub(super) cores: u32,
    /// By the first node, in the order of names, that tells it; else `generic`.
    pub(super) distribution: &'static str,
    /// In the same way.
    pub(super) infrastructure: &'static str,
}

/// What is kept of a node.
#[derive(Clone, Copy, Debug)]
struct Kept {
    millicores: u64,
    distribution: Option<&'static str>,
    infrastructure: Option<&'static str>,
}

/// The nodes of a cluster.
pub(super) struct Nodes {
    events: BoxStream<'static, Result<watcher::Event<Seen>, watcher::Error>>,
    known: BTreeMap<String, Kept>,
    listed: BTreeMap<String, Kept>,
    is_listed: bool,
}

impl Nodes {
    /// Watches the nodes.
    pub(super) fn watch(client: &Client) -> Self {
        let kind = kube::core::ApiResource::erase::<Node>(&());
        let api: Api<Seen> = Api::all_with(client.clone(), &kind);
        let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
        let events = watcher(api, config).default_backoff().boxed();
        Self { events, known: BTreeMap::new(), listed: BTreeMap::new(), is_listed: false }
    }

    /// Waits until something has changed, and says what they tell, or why that is not known.
    ///
    /// # Cancellation
    /// Cancel-safe: what was heard is kept.
    pub(super) async fn changed(&mut self) -> Result<Census, String> {
        loop {
            let Some(event) = self.events.next().await else { return std::future::pending().await };
            let before = census(&self.known);
            let was_listed = self.is_listed;
            match event {
                Ok(watcher::Event::Apply(node)) => {
                    let (name, kept) = read(&node);
                    self.known.insert(name, kept);
                }
                Ok(watcher::Event::Delete(node)) => drop(self.known.remove(&read(&node).0)),
                Ok(watcher::Event::Init) => self.listed.clear(),
                Ok(watcher::Event::InitApply(node)) => {
                    let (name, kept) = read(&node);
                    self.listed.insert(name, kept);
                }
                Ok(watcher::Event::InitDone) => {
                    self.known = std::mem::take(&mut self.listed);
                    self.is_listed = true;
                }
                Err(error) => return Err(format!("nodes are not watched: {}", Chain(&error))),
            }
            let after = census(&self.known);
            if self.is_listed && (before != after || !was_listed) {
                return Ok(after);
            }
        }
    }
}

fn census(known: &BTreeMap<String, Kept>) -> Census {
    let cores = known.values().fold(0_u64, |all, node| all.saturating_add(node.millicores)) / 1000;
    Census {
        nodes: u32::try_from(known.len()).unwrap_or(u32::MAX),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        distribution: known.values().find_map(|node| node.distribution).unwrap_or(GENERIC),
        infrastructure: known.values().find_map(|node| node.infrastructure).unwrap_or(GENERIC),
    }
}

fn read(node: &Seen) -> (String, Kept) {
    let cores = node.status.as_ref().and_then(|status| millicores(status.capacity.get("cpu")?));
    let provider_id = node.spec.provider_id.as_deref();
    let kept = Kept {
        millicores: cores.unwrap_or_default(),
        distribution: distribution_of(&node.metadata, provider_id),
        infrastructure: infrastructure_of(provider_id),
    };
    (node.metadata.name.clone().unwrap_or_default(), kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes_tell_how_large_a_cluster_is_and_of_which_kind() {
        let node = |name: &str, spec: serde_json::Value, labels: serde_json::Value| -> Seen {
            serde_json::from_value(
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                "spec": spec, "status": {"capacity": {"cpu": "1500m"}}}),
            )
            .expect("a node")
        };
        let of = |nodes: &[Seen]| census(&nodes.iter().map(read).collect());
        assert_eq!(of(&[]), Census { nodes: 0, cores: 0, distribution: GENERIC, infrastructure: GENERIC });
        let plain = node("a", json!({}), json!({}));
        let eks = node("b", json!({"providerID": "aws:///x"}), json!({"eks.amazonaws.com/nodegroup": "x"}));
        let k3s = node("c", json!({"providerID": "k3s://c"}), json!({}));
        assert_eq!(of(&[k3s, plain, eks]), Census { nodes: 3, cores: 4, distribution: "eks", infrastructure: "aws" });
    }
}
