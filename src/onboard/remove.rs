//! What of a connection is taken out of the cluster. What configurations have applied is never touched.
use super::{
    CLUSTER_CONFIG, KEY_SECRET, NAMESPACE, RELEASE,
    cluster::{SiteError, answered},
    diagnose::SELECTOR,
};
use crate::{api::GROUP, desired::azure::is_part};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::json;

/// Secret with the cluster's certificate.
const CERTIFICATE: &str = "azure-identity-certificate";
/// Entry of a Secret with a token.
const TOKEN_ENTRY: &str = "cluster-identity-token";
/// Kinds of what the agents are made of, that have a namespace: group, version, kind.
const LOCAL: [(&str, &str, &str); 7] = [
    ("apps", "v1", "Deployment"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    ("rbac.authorization.k8s.io", "v1", "Role"),
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "ServiceAccount"),
];
/// Those that have none.
const GLOBAL: [(&str, &str, &str); 2] =
    [("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"), ("rbac.authorization.k8s.io", "v1", "ClusterRole")];
/// Kinds that are the connection's own: group, version, kind.
const CONNECTION: [(&str, &str, &str); 2] =
    [(GROUP, "v1beta1", "AzureClusterIdentityRequest"), ("arc.azure.com", "v1beta1", "ConnectedCluster")];
/// Kinds of configurations, which are users' own.
const CONFIGURATIONS: [(&str, &str, &str); 4] = [
    (GROUP, "v1beta1", "FluxConfiguration"),
    (GROUP, "v1beta1", "SourceControlConfiguration"),
    (GROUP, "v1beta1", "FluxConfig"),
    (GROUP, "v1beta1", "GitConfig"),
];

/// Kinds of what somebody else may have in the namespace.
const FOREIGN: [Kind; 9] = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "Service"),
    ("", "v1", "Pod"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("apps", "v1", "DaemonSet"),
    ("batch", "v1", "Job"),
];

type Kind = (&'static str, &'static str, &'static str);

fn resource((group, version, kind): Kind) -> ApiResource {
    ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(group, version, kind))
}

/// Deletes the agents that were installed by manifests; how many objects these were. With `is_forced` also those that
/// helm installed, and its note of that.
///
/// # Errors
/// When one cannot be deleted.
pub async fn agents(client: &Client, is_forced: bool) -> Result<usize, SiteError> {
    let mut deleted = 0;
    let by_whom = if is_forced { "" } else { ",app.kubernetes.io/managed-by=arcwright" };
    let ours = ListParams::default().labels(&format!("{SELECTOR}{by_whom}"));
    if is_forced {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
        let notes = ListParams::default().labels(&format!("owner=helm,name={RELEASE}"));
        for note in answered("listing Secrets", secrets.list(&notes)).await?.items {
            delete(&secrets, "Secret", &note.name_any()).await?;
        }
    }
    let local = LOCAL.map(|kind| (kind, Api::namespaced_with(client.clone(), NAMESPACE, &resource(kind))));
    let global = GLOBAL.map(|kind| (kind, Api::all_with(client.clone(), &resource(kind))));
    for ((_, _, kind), api) in local.into_iter().chain(global) {
        let found: Vec<DynamicObject> = answered(&format!("listing {kind}"), api.list(&ours)).await?.items;
        for object in found {
            delete(&api, kind, &object.name_any()).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Whether helm has noted that it installed the agents.
///
/// # Errors
/// When that cannot be seen.
pub async fn is_released(client: &Client) -> Result<bool, SiteError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let notes = ListParams::default().labels(&format!("owner=helm,name={RELEASE}"));
    Ok(!answered("listing Secrets", secrets.list(&notes)).await?.items.is_empty())
}

/// Deletes one object; false where it was not there.
async fn delete<T>(api: &Api<T>, kind: &str, name: &str) -> Result<bool, SiteError>
where
    T: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match answered(&format!("deleting {kind} {name}"), api.delete(name, &DeleteParams::default())).await {
        Ok(_) => Ok(true),
        Err(SiteError::Api { source: kube::Error::Api(status), .. }) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes key, certificate, tokens, what was pulled last, and the name that the cluster was known by.
///
/// # Errors
/// When one cannot be deleted.
pub async fn identity(client: &Client) -> Result<(), SiteError> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let is_ours = |secret: &Secret| {
        let is_token = secret.data.as_ref().is_some_and(|data| data.contains_key(TOKEN_ENTRY));
        is_token || is_part(&secret.name_any()) || [KEY_SECRET, CERTIFICATE].contains(&secret.name_any().as_str())
    };
    let all = answered("listing Secrets", secrets.list(&ListParams::default())).await?;
    for secret in all.items.iter().filter(|secret| is_ours(secret)) {
        delete(&secrets, "Secret", &secret.name_any()).await?;
    }
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    delete(&maps, "ConfigMap", CLUSTER_CONFIG).await.map(drop)
}

/// Deletes the connection's own custom resources. With `is_forced` nothing waits for an agent that is gone: they lose
/// their finalizers, and so do configurations that somebody has deleted already.
///
/// # Errors
/// When one cannot be deleted.
pub async fn custom_resources(client: &Client, is_forced: bool) -> Result<(), SiteError> {
    for kind in CONNECTION {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource(kind));
        for object in known(&api, kind.2).await? {
            if is_forced {
                release(&api, kind.2, &object).await?;
            }
            delete(&api, kind.2, &object.name_any()).await?;
        }
    }
    if is_forced {
        for kind in CONFIGURATIONS {
            let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
            for object in
                known(&all, kind.2).await?.iter().filter(|object| object.metadata.deletion_timestamp.is_some())
            {
                let namespace = object.namespace().unwrap_or_default();
                let api = Api::namespaced_with(client.clone(), &namespace, &resource(kind));
                release(&api, kind.2, object).await?;
            }
        }
    }
    Ok(())
}

/// Every object of a kind; none where the API server does not know it.
async fn known(api: &Api<DynamicObject>, kind: &str) -> Result<Vec<DynamicObject>, SiteError> {
    match answered(&format!("listing {kind}"), api.list(&ListParams::default())).await {
        Ok(list) => Ok(list.items),
        Err(SiteError::Api { source: kube::Error::Api(status), .. }) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn release(api: &Api<DynamicObject>, kind: &str, object: &DynamicObject) -> Result<(), SiteError> {
    if object.finalizers().is_empty() {
        return Ok(());
    }
    let name = object.name_any();
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let what = format!("taking the finalizers off {kind} {name}");
    match answered(&what, api.patch(&name, &PatchParams::default(), &patch)).await {
        Ok(_) => Ok(()),
        Err(SiteError::Api { source: kube::Error::Api(status), .. }) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

/// Deletes the agents' namespace unless something of somebody else's is in it; what that is, otherwise.
///
/// # Errors
/// When that cannot be seen, or it cannot be deleted.
pub async fn namespace(client: &Client) -> Result<Vec<String>, SiteError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let what = format!("looking for namespace {NAMESPACE}");
    if answered(&what, namespaces.get_opt(NAMESPACE)).await?.is_none() {
        return Ok(Vec::new());
    }
    let foreign = foreign(client).await?;
    if foreign.is_empty() {
        delete(&namespaces, "Namespace", NAMESPACE).await?;
    }
    Ok(foreign)
}

/// What is in the namespace and not the connection's.
async fn foreign(client: &Client) -> Result<Vec<String>, SiteError> {
    let mut all = Vec::new();
    for kind in CONFIGURATIONS {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource(kind));
        all.extend(known(&api, kind.2).await?.iter().map(|object| format!("{} {}", kind.2, object.name_any())));
    }
    // What the connection has of these is deleted before, and what the agents have is on its way.
    let not_ours = ListParams::default().labels("app.kubernetes.io/part-of!=arcwright");
    for kind in FOREIGN {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &resource(kind));
        let found = answered(&format!("listing {}", kind.2), api.list(&not_ours)).await?.items;
        // The cluster puts its own authority and accounts into each namespace.
        let is_own = |object: &DynamicObject| {
            let of_account = object.data["type"] == "kubernetes.io/service-account-token";
            of_account || object.name_any().ends_with(".crt")
        };
        all.extend(
            found.iter().filter(|object| !is_own(object)).map(|object| format!("{} {}", kind.2, object.name_any())),
        );
    }
    Ok(all)
}
