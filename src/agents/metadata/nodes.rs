//! Counts nodes and their cores by watch, and keeps nothing else of them.
use super::cores::millicores;
use crate::error::Chain;
use futures::{StreamExt as _, stream::BoxStream};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    core::{NotUsed, Object},
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

type Seen = Object<NotUsed, Status>;

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) nodes: u32,
    pub(super) cores: u32,
}

/// The nodes of a cluster.
pub(super) struct Nodes {
    events: BoxStream<'static, Result<watcher::Event<Seen>, watcher::Error>>,
    /// Cores of each node, in thousandths.
    known: BTreeMap<String, u64>,
    listed: BTreeMap<String, u64>,
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

    /// Waits until something has changed, and says how many there are, or why that is not known.
    ///
    /// # Cancellation
    /// Cancel-safe: what was heard is kept.
    pub(super) async fn changed(&mut self) -> Result<Counts, String> {
        loop {
            let Some(event) = self.events.next().await else { return std::future::pending().await };
            let before = self.counts();
            let was_listed = self.is_listed;
            match event {
                Ok(watcher::Event::Apply(node)) => {
                    let (name, cores) = read(&node);
                    self.known.insert(name, cores);
                }
                Ok(watcher::Event::Delete(node)) => drop(self.known.remove(&read(&node).0)),
                Ok(watcher::Event::Init) => self.listed.clear(),
                Ok(watcher::Event::InitApply(node)) => {
                    let (name, cores) = read(&node);
                    self.listed.insert(name, cores);
                }
                Ok(watcher::Event::InitDone) => {
                    self.known = std::mem::take(&mut self.listed);
                    self.is_listed = true;
                }
                Err(error) => return Err(format!("nodes are not watched: {}", Chain(&error))),
            }
            if self.is_listed && (before != self.counts() || !was_listed) {
                return Ok(self.counts());
            }
        }
    }

    fn counts(&self) -> Counts {
        let cores = self.known.values().sum::<u64>() / 1000;
        Counts {
            nodes: u32::try_from(self.known.len()).unwrap_or(u32::MAX),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
        }
    }
}

fn read(node: &Seen) -> (String, u64) {
    let cores = node.status.as_ref().and_then(|status| millicores(status.capacity.get("cpu")?));
    (node.metadata.name.clone().unwrap_or_default(), cores.unwrap_or_default())
}
