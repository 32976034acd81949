//! The flags of `arcwright agent` that connect it to a control plane.
use super::{Failure, context::DataDir};
use crate::agents::{
    config::Context,
    connected::{Link, LinkError, Optional, Settings},
    identity::Pace,
};
use clap::Args;
use std::{io::Read as _, path::PathBuf, sync::Arc};

/// Largest file of authorities, in bytes.
const MAX_AUTHORITIES: u64 = 4 << 20;

#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
pub(super) struct HubArgs {
    /// Take configurations from the control plane at this URL, and report to it
    #[arg(long, env = "ARCWRIGHT_HUB", value_name = "URL")]
    pub(super) hub: Option<String>,
    /// With --hub or --azure, certificates in PEM that it is trusted by, besides the machine's
    #[arg(long, env = "ARCWRIGHT_HUB_CA", value_name = "FILE")]
    hub_ca: Option<PathBuf>,
    /// With --hub or --azure, ARM id of the cluster; without it ConfigMap azure-clusterconfig of the agent's namespace says it
    #[arg(long, env = "ARCWRIGHT_CLUSTER_ID", value_name = "ARM_ID")]
    cluster_id: Option<String>,
    /// With --hub, the onboarding key; the identity is then kept in the data directory rather than in Secrets
    #[arg(long, value_name = "FILE", requires = "hub")]
    onboarding_key: Option<PathBuf>,
    /// With --hub, switch an agent off; may be given several times
    #[arg(long, value_name = "NAME", requires = "hub")]
    without_agent: Vec<Optional>,
}

impl HubArgs {
    /// The agents of the control plane, where there is one.
    pub(super) async fn link(&self, data: &DataDir, ctx: &Arc<Context>) -> Result<Option<Link>, Failure> {
        let Self { hub, onboarding_key, without_agent, .. } = self;
        let Some(hub) = hub.clone().filter(|hub| !hub.is_empty()) else { return Ok(None) };
        let settings = Settings {
            hub,
            authorities: self.authorities()?,
            cluster: self.cluster_id().map(str::to_owned),
            onboarding_key: onboarding_key.clone(),
            data: data.path().to_owned(),
            without: without_agent.clone(),
            pace: Pace::default(),
        };
        Link::new(settings, ctx).await.map(Some).map_err(|error| failure(&error))
    }

    /// The ARM id of the cluster, where it is given.
    pub(super) fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref().filter(|id| !id.is_empty())
    }

    /// Authorities that are trusted besides the machine's.
    pub(super) fn authorities(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.hub_ca.as_ref().filter(|path| !path.as_os_str().is_empty());
        path.map(authorities_in).transpose()
    }

    /// Whether there is a control plane.
    pub(super) fn is_given(&self) -> bool {
        self.hub.as_ref().is_some_and(|hub| !hub.is_empty())
    }
}

fn authorities_in(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    let mut pem = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_AUTHORITIES).read_to_end(&mut pem));
    read.map_err(|error| Failure::new(format!("{} cannot be read", path.display())).caused_by(&error))?;
    Ok(pem)
}

/// What went wrong, with what to do about it.
pub(super) fn failure(error: &LinkError) -> Failure {
    let failure = Failure::of(error);
    match error {
        LinkError::Cloud(_) => failure.hint("check --hub and --hub-ca"),
        LinkError::Unnamed { .. } | LinkError::Cluster(_) => {
            failure.hint("`arcwright connect` writes it; or give --cluster-id")
        }
        LinkError::Id(_) => failure
            .hint("it is /subscriptions/S/resourceGroups/G/providers/Microsoft.Kubernetes/connectedClusters/NAME"),
        LinkError::Outbox(_) => failure.hint("check --data-dir: it must be writable"),
    }
}
