//! The agent that knows the cluster: its version, nodes and cores, by watch; told to the siblings and, as a `ConnectedCluster`,
//! to everyone in the cluster.
mod cores;
mod nodes;
mod record;

pub use record::Record;

use crate::{
    agents::manager::{Agent, Health},
    error::Chain,
};
use nodes::Nodes;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What the agent is called.
const NAME: &str = "metadata";
/// Version of the agent.
pub const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Time between two looks at the version of the API server, and two writes of the resource.
const PERIOD: Duration = Duration::from_secs(300);
/// Time over which changes of nodes are gathered.
const GATHER: Duration = Duration::from_secs(2);

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Version of Kubernetes, without a leading `v`.
    pub kubernetes_version: Option<String>,
    /// Nodes; not known before they were listed.
    pub node_count: Option<u32>,
    /// Cores of all nodes.
    pub core_count: Option<u32>,
    /// Distribution, as it was detected.
    pub distribution: Option<String>,
    /// Infrastructure, as it was detected.
    pub infrastructure: Option<String>,
}

/// The agent.
pub struct Metadata {
    client: kube::Client,
    health: Health,
    facts_tx: Arc<watch::Sender<Facts>>,
    record: Record,
}

impl Agent for Metadata {
    async fn run(&mut self) {
        Self::work(self).await;
    }
}

impl Metadata {
    /// An agent that knows nothing yet but what is given as `facts`.
    pub fn new(client: kube::Client, health: Health, facts: Facts, record: Record) -> Self {
        Self { client, health, facts_tx: Arc::new(watch::Sender::new(facts)), record }
    }

    /// What is known, now and whenever it changes.
    pub fn facts(&self) -> watch::Receiver<Facts> {
        self.facts_tx.subscribe()
    }

    /// Looks until dropped.
    async fn work(&mut self) {
        let mut nodes = Nodes::watch(&self.client);
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Cancel-safe: what a watch has said is in its counts.
                counted = nodes.changed() => {
                    match counted {
                        Ok(counts) => {
                            self.facts_tx.send_if_modified(|facts| {
                                let before = (facts.node_count, facts.core_count);
                                (facts.node_count, facts.core_count) = (Some(counts.nodes), Some(counts.cores));
                                before != (facts.node_count, facts.core_count)
                            });
                            self.health.tell(NAME, Ok(()));
                            tokio::time::sleep(GATHER).await;
                        }
                        Err(why) => self.health.tell(NAME, Err(why)),
                    }
                }
                // Cancel-safe: a tick that was missed comes late.
                _ = period.tick() => self.look().await,
            }
        }
    }

    /// Looks at the version, and writes down what is known.
    async fn look(&mut self) {
        match tokio::time::timeout(Duration::from_secs(15), self.client.apiserver_version()).await {
            Ok(Ok(info)) => {
                let version = info.git_version.trim_start_matches('v').to_owned();
                self.facts_tx
                    .send_if_modified(|facts| facts.kubernetes_version.replace(version.clone()) != Some(version));
            }
            Ok(Err(error)) => tracing::debug!(error = %Chain(&error), "the API server does not say its version"),
            Err(_) => tracing::debug!("the API server does not say its version in time"),
        }
        let facts = self.facts_tx.borrow().clone();
        if let Err(error) = self.record.write(&facts).await {
            tracing::debug!(error = %Chain(&error), "what is known of the cluster is not written down");
        }
    }
}
