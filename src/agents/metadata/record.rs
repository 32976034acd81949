//! The `ConnectedCluster` in which the cluster's own people and programs read what is known of it.
use super::{AGENT_VERSION, Facts};
use crate::{
    api::{CLUSTER_METADATA, ConnectedCluster, ConnectedClusterSpec, ConnectedClusterStatus},
    cloud::Standing,
    model::FIELD_MANAGER,
};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::sync::watch;

/// Writes the resource, when it says something else.
pub struct Record {
    api: Api<ConnectedCluster>,
    /// When the control plane last heard of the cluster.
    heard: watch::Receiver<Option<Timestamp>>,
    standing: watch::Receiver<Standing>,
    written: Option<ConnectedClusterStatus>,
}

impl Record {
    /// The resource in the namespace of a client.
    pub fn new(
        client: &Client,
        heard: watch::Receiver<Option<Timestamp>>,
        standing: watch::Receiver<Standing>,
    ) -> Self {
        let namespace = client.default_namespace().to_owned();
        Self { api: Api::namespaced(client.clone(), &namespace), heard, standing, written: None }
    }

    /// Waits until the control plane has heard of the cluster, or never will.
    ///
    /// # Cancellation
    /// Cancel-safe: it only looks.
    pub(super) async fn heard(&mut self) {
        drop(self.heard.wait_for(Option::is_some).await);
    }

    /// Writes what is known, if that is not what was written last.
    ///
    /// # Errors
    /// When the API server refuses, or has no such kind.
    pub(super) async fn write(&mut self, facts: &Facts) -> Result<(), kube::Error> {
        let status = self.status(facts);
        if self.written.as_ref() == Some(&status) {
            return Ok(());
        }
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"status": status}));
        match self.api.patch_status(CLUSTER_METADATA, &parameters, &patch).await {
            Err(kube::Error::Api(refused)) if refused.code == 404 => {
                let cluster = ConnectedCluster::new(CLUSTER_METADATA, ConnectedClusterSpec::default());
                self.api.create(&PostParams::default(), &cluster).await?;
                self.api.patch_status(CLUSTER_METADATA, &parameters, &patch).await?;
            }
            done => drop(done?),
        }
        self.written = Some(status);
        Ok(())
    }

    fn status(&self, facts: &Facts) -> ConnectedClusterStatus {
        let expires = match &*self.standing.borrow() {
            Standing::Valid(identity) => Some(identity.expires),
            Standing::Expired(at) => Some(*at),
            Standing::None(_) => None,
        };
        let told = |time: Timestamp| format!("{time:.0}");
        ConnectedClusterStatus {
            node_count: facts.node_count,
            core_count: facts.core_count,
            arc_agent_version: Some(AGENT_VERSION.to_owned()),
            kubernetes_api_server_version: facts.kubernetes_version.clone(),
            last_connectivity_time: self.heard.borrow().map(told),
            managed_identity_certificate_expiration_time: expires.map(told),
        }
    }
}
