//! Which kinds the API server knows, and how they are addressed.
use super::ClusterError;
use crate::model::{Manifest, ObjectId};
use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery::Scope,
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::RwLock;

/// The resource of each kind, by group and kind.
pub type Kinds = BTreeMap<(String, String), ApiResource>;

/// A cached discovery, read again when a kind is asked for that it lacks.
pub struct Discovery {
    client: Client,
    known: RwLock<Option<kube::Discovery>>,
}

impl Discovery {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: RwLock::new(None) }
    }

    /// The resource of a manifest's kind, and whether it is namespaced.
    ///
    /// Costs no request for a kind that is known. `None` when the server does not have the kind,
    /// after it was asked anew if `refresh`.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn resolve(
        &self,
        manifest: &Manifest,
        refresh: bool,
    ) -> Result<Option<(ApiResource, bool)>, ClusterError> {
        let gvk = GroupVersionKind::gvk(manifest.group(), manifest.version(), manifest.kind());
        if let Some(found) = self.known.read().await.as_ref().and_then(|known| find(known, &gvk)) {
            return Ok(Some(found));
        }
        let mut known = self.known.write().await;
        if let Some(found) = known.as_ref().and_then(|known| find(known, &gvk)) {
            return Ok(Some(found));
        }
        if known.is_some() && !refresh {
            return Ok(None);
        }
        let fresh = self.ask().await?;
        let found = find(&fresh, &gvk);
        *known = Some(fresh);
        Ok(found)
    }
}

impl Discovery {
    /// The resources of the kinds of `ids`, at the version the server recommends; what is known already stays.
    ///
    /// A kind that the server does not have is left out: its objects are gone.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn resolve_ids(
        &self,
        ids: &BTreeSet<ObjectId>,
        kinds: &mut Kinds,
        served: &mut Vec<ApiResource>,
    ) -> Result<(), ClusterError> {
        let missing: BTreeSet<(String, String)> =
            ids.iter().map(|id| (id.group.clone(), id.kind.clone())).filter(|key| !kinds.contains_key(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut known = self.known.write().await;
        if known.is_none() {
            *known = Some(self.ask().await?);
        }
        for key in missing {
            let mut found = known.as_ref().and_then(|known| recommended(known, &key));
            if found.is_none() {
                let fresh = self.ask().await?;
                found = recommended(&fresh, &key);
                *known = Some(fresh);
            }
            if let Some(resource) = found {
                served.push(resource.clone());
                kinds.insert(key, resource);
            }
        }
        Ok(())
    }

    async fn ask(&self) -> Result<kube::Discovery, ClusterError> {
        kube::Discovery::new(self.client.clone()).run_aggregated().await.map_err(|source| ClusterError::Unavailable {
            what: "asking the API server for its kinds".to_owned(),
            source: Box::new(source),
        })
    }
}

fn recommended(known: &kube::Discovery, (group, kind): &(String, String)) -> Option<ApiResource> {
    known.get(group)?.recommended_kind(kind).map(|(resource, _)| resource)
}

fn find(known: &kube::Discovery, gvk: &GroupVersionKind) -> Option<(ApiResource, bool)> {
    let (resource, capabilities) = known.resolve_gvk(gvk)?;
    Some((resource, capabilities.scope == Scope::Namespaced))
}
