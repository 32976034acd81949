//! Which kinds the API server knows, and how they are addressed.
use super::{
    ClusterError,
    deadline::{READ, answered},
};
use crate::model::{Manifest, ObjectId};
use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery::{Scope, verbs},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::RwLock, time::Instant};

/// The resource of each kind, by group and kind.
pub type Kinds = BTreeMap<(String, String), ApiResource>;

/// Shortest time between two questions for all kinds.
const FRESH: Duration = Duration::from_millis(500);

/// What the API server answered, and when.
struct Answer {
    kinds: kube::Discovery,
    at: Instant,
}

/// A cached discovery, read again when a kind is asked for that it lacks.
pub struct Discovery {
    client: Client,
    known: RwLock<Option<Answer>>,
}

impl Discovery {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: RwLock::new(None) }
    }

    /// The resource of a manifest's kind, and whether it is namespaced.
    ///
    /// Costs no request for a kind that is known. `None` when the server does not have the kind,
    /// after it was asked anew if `refresh` (at most twice a second).
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn resolve(
        &self,
        manifest: &Manifest,
        refresh: bool,
    ) -> Result<Option<(ApiResource, bool)>, ClusterError> {
        let gvk = GroupVersionKind::gvk(manifest.group(), manifest.version(), manifest.kind());
        self.look_up(refresh, |known| {
            let (resource, capabilities) = known.resolve_gvk(&gvk)?;
            Some((resource, capabilities.scope == Scope::Namespaced))
        })
        .await
    }

    /// The `apiVersion` of a kind at the first of some versions that the server has; `None` when it has none of them.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn served(&self, group: &str, kind: &str, versions: &[&str]) -> Result<Option<String>, ClusterError> {
        self.look_up(true, |known| {
            let mut all = versions.iter().map(|version| GroupVersionKind::gvk(group, version, kind));
            all.find_map(|gvk| known.resolve_gvk(&gvk).map(|(resource, _)| resource.api_version))
        })
        .await
    }

    /// The resources of the kinds of `ids`, at the version the server recommends; what is known already stays.
    ///
    /// A kind that the server does not have is left out.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn resolve_ids(
        &self,
        ids: &BTreeSet<ObjectId>,
        kinds: &mut Kinds,
        served: &mut Vec<ApiResource>,
    ) -> Result<(), ClusterError> {
        let mut missing: Vec<(&str, &str)> = Vec::new();
        for id in ids {
            let key = (id.group.as_str(), id.kind.as_str());
            if !missing.contains(&key) && !kinds.contains_key(&(id.group.clone(), id.kind.clone())) {
                missing.push(key);
            }
        }
        for (group, kind) in missing {
            let recommended = |known: &kube::Discovery| Some(known.get(group)?.recommended_kind(kind)?.0);
            if let Some(resource) = self.look_up(true, recommended).await? {
                served.push(resource.clone());
                kinds.insert((group.to_owned(), kind.to_owned()), resource);
            }
        }
        Ok(())
    }

    /// Every kind of which objects in a namespace can be listed, at the version the server recommends.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub(super) async fn listable_in_namespaces(&self) -> Result<Vec<ApiResource>, ClusterError> {
        let fresh = self.ask().await?;
        let resources = fresh.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
        Ok(resources
            .filter(|(_, capabilities)| {
                capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST)
            })
            .map(|(resource, _)| resource)
            .collect())
    }

    /// Whether the API server has no such kind, and says so of the group itself.
    ///
    /// The list of all kinds leaves out groups whose server does not answer just then, so a kind that it
    /// lacks may still have objects.
    ///
    /// # Errors
    /// When the API server, or the server of the group, does not answer.
    pub async fn is_gone(&self, group: &str, kind: &str) -> Result<bool, ClusterError> {
        let what = || format!("asking the API server for kind {kind} of group {group:?}");
        let failed = |source| ClusterError::Unavailable { what: what(), source: Box::new(source) };
        let is_missing = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
        let versions: Vec<String> = if group.is_empty() {
            vec!["v1".to_owned()]
        } else {
            let groups = answered(READ, what, self.client.list_api_groups()).await?.map_err(failed)?;
            let found = groups.groups.into_iter().find(|one| one.name == group);
            found.into_iter().flat_map(|one| one.versions).map(|version| version.group_version).collect()
        };
        for version in versions {
            let listed = if group.is_empty() {
                answered(READ, what, self.client.list_core_api_resources(&version)).await?
            } else {
                answered(READ, what, self.client.list_api_group_resources(&version)).await?
            };
            match listed {
                Ok(list) if list.resources.iter().any(|resource| resource.kind == kind) => return Ok(false),
                Ok(_) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(true)
    }

    async fn look_up<T>(
        &self,
        refresh: bool,
        find: impl Fn(&kube::Discovery) -> Option<T>,
    ) -> Result<Option<T>, ClusterError> {
        if let Some(found) = self.known.read().await.as_ref().and_then(|known| find(&known.kinds)) {
            return Ok(Some(found));
        }
        let mut known = self.known.write().await;
        if let Some(answer) = known.as_ref() {
            let found = find(&answer.kinds);
            if found.is_some() || !refresh || answer.at.elapsed() < FRESH {
                return Ok(found);
            }
        }
        let kinds = self.ask().await?;
        let found = find(&kinds);
        *known = Some(Answer { kinds, at: Instant::now() });
        Ok(found)
    }

    async fn ask(&self) -> Result<kube::Discovery, ClusterError> {
        let what = || "asking the API server for its kinds".to_owned();
        let asked = answered(READ, what, kube::Discovery::new(self.client.clone()).run_aggregated()).await?;
        asked.map_err(|source| ClusterError::Unavailable { what: what(), source: Box::new(source) })
    }
}
