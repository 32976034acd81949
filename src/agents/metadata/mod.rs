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
use nodes::{Census, Nodes};
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
    /// Distribution, as the onboarding found it, or else as the nodes show it.
    pub distribution: Option<String>,
    /// Infrastructure, in the same way.
    pub infrastructure: Option<String>,
}

impl Facts {
    /// What is known with these nodes, where `given` was known without them.
    fn with(&self, census: &Census, given: &Self) -> Self {
        let known = |given: &Option<String>, shown: &str| Some(given.clone().unwrap_or_else(|| shown.to_owned()));
        Self {
            kubernetes_version: self.kubernetes_version.clone(),
            node_count: Some(census.nodes),
            core_count: Some(census.cores),
            distribution: known(&given.distribution, census.distribution),
            infrastructure: known(&given.infrastructure, census.infrastructure),
        }
    }
}

/// The agent.
pub struct Metadata {
    client: kube::Client,
    health: Health,
    /// What the onboarding found.
    given: Facts,
    facts_tx: Arc<watch::Sender<Facts>>,
    record: Record,
}

impl Agent for Metadata {
    async fn run(&mut self) {
        Self::work(self).await;
    }
}

impl Metadata {
    /// An agent that knows nothing yet but what is given, which counts more than what it finds.
    pub fn new(client: kube::Client, health: Health, given: Facts, record: Record) -> Self {
        let facts_tx = Arc::new(watch::Sender::new(given.clone()));
        Self { client, health, given, facts_tx, record }
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
        let mut is_heard = false;
        loop {
            tokio::select! {
                // Cancel-safe: what a watch has said is in its counts.
                counted = nodes.changed() => {
                    match counted {
                        Ok(census) => {
                            let is_first = self.facts_tx.borrow().node_count.is_none();
                            self.facts_tx.send_if_modified(|facts| {
                                let known = facts.with(&census, &self.given);
                                let is_news = *facts != known;
                                *facts = known;
                                is_news
                            });
                            self.health.tell(NAME, Ok(()));
                            if is_first {
                                self.write_down().await;
                            }
                            tokio::time::sleep(GATHER).await;
                        }
                        Err(why) => self.health.tell(NAME, Err(why)),
                    }
                }
                // Cancel-safe: it is asked again.
                () = self.record.heard(), if !is_heard => {
                    is_heard = true;
                    self.write_down().await;
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
        self.write_down().await;
    }

    async fn write_down(&mut self) {
        let facts = self.facts_tx.borrow().clone();
        if let Err(error) = self.record.write(&facts).await {
            tracing::debug!(error = %Chain(&error), "what is known of the cluster is not written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_onboarding_found_counts_more_than_what_the_nodes_show() {
        let census = Census { nodes: 2, cores: 8, distribution: "eks", infrastructure: "aws" };
        let given = Facts { distribution: Some("k3s".to_owned()), ..Facts::default() };
        let before = Facts { kubernetes_version: Some("1.36.0".to_owned()), ..given.clone() };
        let known = before.with(&census, &given);
        assert_eq!((known.node_count, known.core_count), (Some(2), Some(8)));
        assert_eq!((known.distribution.as_deref(), known.infrastructure.as_deref()), (Some("k3s"), Some("aws")));
        assert_eq!(known.kubernetes_version, before.kubernetes_version);
        let fewer = Census { nodes: 1, cores: 4, distribution: "kind", infrastructure: "generic" };
        let known = known.with(&fewer, &given);
        assert_eq!((known.distribution.as_deref(), known.infrastructure.as_deref()), (Some("k3s"), Some("generic")));
    }
}
