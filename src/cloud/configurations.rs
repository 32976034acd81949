//! The configurations of a cluster, as the resource manager has them.
use super::{Arm, CloudError};
use crate::hex::hex;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Kinds of configurations, with the version of the API that they are asked for in.
const KINDS: [(&str, &str); 2] = [("sourceControlConfigurations", "2023-05-01"), ("fluxConfigurations", "2025-04-01")];
/// Provider of both.
const PROVIDER: &str = "Microsoft.KubernetesConfiguration";
/// Properties that tell how a configuration is, and not what is wanted.
const STATE: [&str; 10] = [
    "complianceState",
    "complianceStatus",
    "statuses",
    "repositoryPublicKey",
    "sourceSyncedCommitId",
    "sourceUpdatedAt",
    "statusUpdatedAt",
    "provisioningState",
    "errorMessage",
    "reconciliationWaitDuration",
];

/// One configuration. What is secret in it is not among its properties: nobody may read that.
#[derive(Clone, PartialEq)]
pub struct RemoteConfiguration {
    /// ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.KubernetesConfiguration/sourceControlConfigurations` or `.../fluxConfigurations`.
    pub kind: String,
    /// Another one when something else is wanted; the same while only its state changes.
    pub etag: String,
    /// What is wanted, without what only tells how it is.
    pub properties: Map<String, Value>,
}

impl fmt::Debug for RemoteConfiguration {
    // URLs among the properties may have credentials in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, etag, .. } = self;
        f.debug_struct("RemoteConfiguration").field("id", id).field("etag", etag).finish_non_exhaustive()
    }
}

impl RemoteConfiguration {
    fn read(kind: &str, mut resource: Value) -> Option<Self> {
        let id = resource["id"].as_str()?.to_owned();
        let name = resource["name"].as_str().or_else(|| id.rsplit('/').next())?.to_owned();
        let Value::Object(mut properties) = resource["properties"].take() else { return None };
        properties.retain(|name, _| !STATE.contains(&name.as_str()));
        let mut sorted = Value::Object(properties.clone());
        sorted.sort_all_objects();
        let etag = hex(&Sha256::digest(sorted.to_string()));
        Some(Self { id, name, kind: format!("{PROVIDER}/{kind}"), etag, properties })
    }
}

impl Arm {
    /// Every configuration of a cluster, of both kinds, sorted by id.
    ///
    /// # Errors
    /// When the cluster is not there, or a list is refused: half of them would be taken for all.
    pub async fn configurations(&self, cluster: &str) -> Result<Vec<RemoteConfiguration>, CloudError> {
        let mut all = Vec::new();
        for (kind, version) in KINDS {
            let path = format!("{}/providers/{PROVIDER}/{kind}", cluster.trim_end_matches('/'));
            for resource in self.list(&path, version).await? {
                let wrong = || self.not_understood(format!("one of {kind} without id or properties"));
                all.push(RemoteConfiguration::read(kind, resource).ok_or_else(wrong)?);
            }
        }
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn another_state_is_not_another_configuration_and_another_wish_is() {
        let of = |properties: Value| {
            RemoteConfiguration::read("fluxConfigurations", json!({"id": "/a/web", "properties": properties}))
                .expect("one")
        };
        let one = of(json!({"url": "x", "suspend": false, "complianceState": "Pending", "statuses": [1]}));
        assert_eq!(
            (one.name.as_str(), one.kind.as_str()),
            ("web", "Microsoft.KubernetesConfiguration/fluxConfigurations")
        );
        assert_eq!(one, of(json!({"suspend": false, "url": "x", "complianceState": "Compliant"})));
        assert_ne!(one.etag, of(json!({"url": "y", "suspend": false})).etag);
        assert_eq!(RemoteConfiguration::read("fluxConfigurations", json!({"name": "x"})), None);
    }
}
