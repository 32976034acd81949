//! The agents that a control plane needs, put together: identity, the pull of what is wanted, metadata, sync.
//!
//! ```text
//! Link::new --> pull (door) --> Doors --standing--> Link::start: each agent supervised by itself
//! ```
use super::{
    config::{Board, Context, Standing},
    identity::{Keeper, Onboarding, Pace, Requests},
    manager::{Agent, Health, State, supervise},
    metadata::{Facts, Metadata, Record},
    sync::{Parts, Sync},
};
use crate::{
    cloud::{AzureReader, CloudError, Http, HubTime, OutboxError, Plane, TokenSource},
    cluster::{ClusterError, Vault},
    desired::azure::{self, Puller},
    runtime::clock::Clock,
};
use clap::ValueEnum;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The ConfigMap in which the onboarding says what the cluster is.
///
/// Source: its name and the first four keys are those of the first agents.
pub const CONFIG_MAP: &str = "azure-clusterconfig";
/// Location where none is known; an identity service of a single place does not ask.
const NOWHERE: &str = "global";
/// Distributions and infrastructures that say nothing.
const UNDETECTED: [&str; 3] = ["", "generic", "auto"];
/// The name of the pull among the agents.
const PULL: &str = "config-pull";

/// An agent that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Optional {
    /// Tokens for `AzureClusterIdentityRequest` resources. The identity itself stays: without it nothing is pulled.
    Identity,
    /// Nodes, cores, versions.
    Metadata,
    /// Status and heartbeat.
    Sync,
}

impl Optional {
    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-requests",
            Self::Metadata => "metadata",
            Self::Sync => "sync",
        }
    }
}

/// How the cluster is connected.
pub struct Settings {
    /// URL of the control plane.
    pub hub: String,
    /// Authorities that it is trusted by besides the machine's, in PEM.
    pub authorities: Option<Vec<u8>>,
    /// ARM id of the cluster; read from the ConfigMap of the onboarding when absent.
    pub cluster: Option<String>,
    /// File with the onboarding key; then what is kept is kept in the data directory.
    pub onboarding_key: Option<PathBuf>,
    /// The data directory.
    pub data: PathBuf,
    /// Agents that are switched off.
    pub without: Vec<Optional>,
    /// How fast the identity is looked after.
    pub pace: Pace,
}

/// Why the cluster cannot be connected.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The control plane's URL or authorities.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The ConfigMap.
    #[error("what the cluster is called cannot be read")]
    Cluster(#[from] Box<ClusterError>),
    /// Its content.
    #[error(
        "ConfigMap {CONFIG_MAP} in namespace {namespace} does not say what the cluster is called: {missing} is missing"
    )]
    Unnamed {
        /// The namespace.
        namespace: String,
        /// The first key that is missing.
        missing: &'static str,
    },
    /// The id that was given.
    #[error("{0:?} is not the ARM id of a connected cluster")]
    Id(String),
    /// The outbox.
    #[error("the outbox cannot be opened")]
    Outbox(#[from] OutboxError),
}

/// Azure's resource manager as the door: what is wanted is read there again and again, and nothing is reported.
pub struct AzureLink {
    puller: Puller,
    health: Health,
}

impl AzureLink {
    /// Puts it together; `cluster` is an ARM id, without which the API server is asked what the cluster is called. Azure is not
    /// contacted yet.
    ///
    /// # Errors
    /// When the cluster's name cannot be had.
    pub async fn new(
        ctx: &Arc<Context>,
        cluster: Option<&str>,
        every: Duration,
        reader: impl FnOnce(&str) -> AzureReader,
    ) -> Result<Self, LinkError> {
        let (cluster, _) = identified(ctx, cluster).await?;
        let puller = Puller::of_azure(reader(&cluster), Vault::of(&ctx.cluster.client), every);
        Ok(Self { puller, health: Health::new(Arc::clone(&ctx.clock)) })
    }

    /// The door, by which what an earlier process read last comes in already.
    pub async fn door(&mut self) -> watch::Receiver<Arc<azure::State>> {
        self.puller.load().await;
        self.puller.state()
    }

    /// How the agent that reads is.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Reads once; says why when that came to nothing.
    ///
    /// # Errors
    /// Says why nothing was read.
    pub async fn pull_once(mut self, patience: Duration) -> Result<(), String> {
        let pulled = tokio::time::timeout(patience, self.puller.once()).await;
        pulled.unwrap_or_else(|_| Err("Azure does not answer in time".to_owned()))
    }

    /// Reads again and again, until cancelled.
    pub fn start(self, cancel: &CancellationToken) -> JoinHandle<()> {
        let Self { puller, health } = self;
        let pull = Pull { puller, health: health.clone() };
        Start { health, cancel: cancel.clone() }.agent(PULL, pull)
    }
}

/// The ARM id of the cluster, as it was given or as the onboarding wrote it down, and what that wrote down.
async fn identified(ctx: &Arc<Context>, given: Option<&str>) -> Result<(String, BTreeMap<String, String>), LinkError> {
    let (cluster, told) = match (given, told(ctx).await) {
        (Some(cluster), told) => (cluster.to_owned(), told.unwrap_or_default()),
        (None, told) => {
            let told = told.map_err(Box::new)?;
            (named(&told, ctx.cluster.client.default_namespace())?, told)
        }
    };
    match crate::api::plane::path(&cluster, crate::api::plane::Call::Pull) {
        Some(_) => Ok((cluster, told)),
        None => Err(LinkError::Id(cluster)),
    }
}

/// The agents, before they run.
pub struct Link {
    ctx: Arc<Context>,
    settings: Settings,
    plane: Plane,
    tokens: TokenSource,
    health: Health,
    keeper: Keeper,
    puller: Puller,
    facts: Facts,
}

impl Link {
    /// Puts the agents together. The API server is asked what the cluster is called; the control plane is not contacted yet.
    ///
    /// # Errors
    /// When the settings, or those in the cluster, cannot be used.
    pub async fn new(settings: Settings, ctx: &Arc<Context>) -> Result<Self, LinkError> {
        let (cluster, told) = identified(ctx, settings.cluster.as_deref()).await?;
        let http = Http::new(settings.authorities.as_deref())?;
        let location = told.get("AZURE_REGION").map_or(NOWHERE, String::as_str);
        let time = HubTime::new(Arc::clone(&ctx.clock));
        let plane = Plane::new(http, &settings.hub, &cluster, location, time)?;
        let health = Health::new(Arc::clone(&ctx.clock));
        let (vault, onboarding) = match &settings.onboarding_key {
            Some(file) => (Vault::Files(settings.data.join("identity")), Onboarding::File(file.clone())),
            None => (Vault::of(&ctx.cluster.client), Onboarding::Secret),
        };
        let (keeper, tokens) = Keeper::new(plane.clone(), vault.clone(), onboarding, health.clone(), settings.pace);
        let puller = Puller::new(plane.clone(), tokens.clone(), vault);
        let facts = detected(&told);
        Ok(Self { ctx: Arc::clone(ctx), settings, plane, tokens, health, keeper, puller, facts })
    }

    /// The door of the control plane, which what an earlier process pulled last comes in by already.
    pub async fn door(&mut self) -> watch::Receiver<Arc<azure::State>> {
        self.puller.load().await;
        self.puller.state()
    }

    /// How the agents are.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Pulls once, within a time; says why when that came to nothing.
    ///
    /// # Errors
    /// Says why nothing was pulled.
    pub async fn pull_once(mut self, patience: Duration) -> Result<(), String> {
        let Self { keeper, tokens, puller, .. } = &mut self;
        let pulled = async {
            tokens.ready().await;
            puller.once().await
        };
        tokio::select! {
            // Not cancel-safe on purpose: what the keeper was about is found again by the next process.
            () = Agent::run(keeper) => Err("the identity is not looked after".to_owned()),
            pulled = tokio::time::timeout(patience, pulled) => pulled.unwrap_or_else(|_| {
                let why = match &*tokens.standing().borrow() {
                    crate::cloud::Standing::None(why) => why.to_string(),
                    crate::cloud::Standing::Expired(at) => format!("the identity certificate expired at {at:.0}"),
                    crate::cloud::Standing::Valid(_) => "the control plane does not answer in time".to_owned(),
                };
                Err(why)
            }),
        }
    }

    /// Starts the agents, each supervised by itself, until cancelled.
    ///
    /// # Errors
    /// When the outbox cannot be opened.
    pub fn start(
        self,
        board: &Arc<Board>,
        standing: watch::Receiver<Arc<Standing>>,
        cancel: &CancellationToken,
    ) -> Result<Vec<JoinHandle<()>>, LinkError> {
        let Self { ctx, settings, plane, tokens, health, keeper, puller, facts } = self;
        let clock: Arc<dyn Clock> = Arc::clone(&ctx.clock);
        let client = &ctx.cluster.client;
        let is_wanted = |agent: Optional| !settings.without.contains(&agent);
        for agent in &settings.without {
            health.set(agent.name(), State::Disabled, "switched off by --without-agent");
        }
        health.set("config", State::Running, "");
        let start = Start { health: health.clone(), cancel: cancel.clone() };
        let mut started = vec![start.agent("identity", keeper)];
        started.push(start.agent(PULL, Pull { puller, health: health.clone() }));
        if is_wanted(Optional::Identity) {
            let clock = Arc::clone(&clock);
            let requests = Requests::new(client.clone(), tokens.clone(), clock, health.clone(), plane.hub());
            started.push(start.agent(Optional::Identity.name(), requests));
        }
        let heard_tx = Arc::new(watch::Sender::new(None));
        let record = Record::new(client, heard_tx.subscribe(), tokens.standing());
        let metadata = Metadata::new(client.clone(), health.clone(), facts, record);
        let facts = metadata.facts();
        if is_wanted(Optional::Metadata) {
            started.push(start.agent(Optional::Metadata.name(), metadata));
        }
        if is_wanted(Optional::Sync) {
            let board = Arc::clone(board);
            let parts = Parts { plane, tokens, board, standing, facts, health, clock, heard_tx };
            started.push(start.agent(Optional::Sync.name(), Sync::open(parts, settings.data.join("outbox"))?));
        }
        Ok(started)
    }
}

/// What an agent is started with.
struct Start {
    health: Health,
    cancel: CancellationToken,
}

impl Start {
    fn agent(&self, name: &'static str, agent: impl Agent) -> JoinHandle<()> {
        tokio::spawn(supervise(name, agent, self.health.clone(), self.cancel.clone()))
    }
}

/// The agent that pulls what is wanted.
struct Pull {
    puller: Puller,
    health: Health,
}

impl Agent for Pull {
    async fn run(&mut self) {
        let Self { puller, health } = self;
        puller.run(|outcome| health.tell(PULL, outcome)).await;
    }
}

/// What the onboarding wrote down; empty where there is nothing.
async fn told(ctx: &Context) -> Result<BTreeMap<String, String>, ClusterError> {
    let namespace = ctx.cluster.client.default_namespace();
    Ok(ctx.cluster.variables(namespace, "ConfigMap", CONFIG_MAP).await?.unwrap_or_default())
}

/// The ARM id of the cluster, by what the onboarding wrote down.
fn named(told: &BTreeMap<String, String>, namespace: &str) -> Result<String, LinkError> {
    let part = |key: &'static str| {
        let found = told.get(key).map(String::as_str).filter(|value| !value.is_empty());
        found.ok_or_else(|| LinkError::Unnamed { namespace: namespace.to_owned(), missing: key })
    };
    let (subscription, group) = (part("AZURE_SUBSCRIPTION_ID")?, part("AZURE_RESOURCE_GROUP")?);
    let name = part("AZURE_RESOURCE_NAME")?;
    Ok(format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Kubernetes/connectedClusters/{name}"
    ))
}

/// What the onboarding found out about the cluster; what is as good as nothing is left to the nodes.
fn detected(told: &BTreeMap<String, String>) -> Facts {
    let says = |value: &&String| !UNDETECTED.iter().any(|word| word.eq_ignore_ascii_case(value));
    let text = |key: &str| told.get(key).filter(says).cloned();
    Facts { distribution: text("KUBERNETES_DISTRO"), infrastructure: text("KUBERNETES_INFRA"), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_onboarding_did_not_find_is_left_to_the_nodes() {
        let of = |text: &str| {
            let told = BTreeMap::from([("KUBERNETES_DISTRO".to_owned(), text.to_owned())]);
            detected(&told).distribution
        };
        for nothing in ["", "generic", "Generic", "auto"] {
            assert_eq!(of(nothing), None, "{nothing:?}");
        }
        assert_eq!(of("k3s").as_deref(), Some("k3s"));
        assert_eq!(detected(&BTreeMap::new()), Facts::default());
    }

    #[test]
    fn a_cluster_is_called_by_what_the_onboarding_wrote_down() {
        let mut told = BTreeMap::from(
            [("AZURE_SUBSCRIPTION_ID", "s"), ("AZURE_RESOURCE_GROUP", "g"), ("AZURE_RESOURCE_NAME", "north")]
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Kubernetes/connectedClusters/north";
        assert_eq!(named(&told, "arc").expect("a name"), id);
        told.remove("AZURE_RESOURCE_GROUP");
        let error = named(&told, "arc").expect_err("no group").to_string();
        assert!(error.contains("AZURE_RESOURCE_GROUP") && error.contains("namespace arc"), "{error}");
    }
}
