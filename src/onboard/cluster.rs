//! What is looked at in the cluster, and what is made there before the agents.
use super::{CLUSTER_CONFIG, Check, Identity, KEY_ENTRY, KEY_SECRET, NAMESPACE, OnboardingKey, RELEASE};
use crate::{
    error::Chain,
    model::{FIELD_MANAGER, distribution},
};
use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::Deployment,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{ConfigMap, Namespace, Node, Secret},
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::{future::Future, time::Duration};

/// Longest time for one answer of the API server.
const ANSWER: Duration = Duration::from_secs(20);
/// Nodes that one request lists.
const PAGE: u32 = 500;
/// Rights that the installation takes: verb, group, resource, and whether in the agents' namespace only.
const RIGHTS: [(&str, &str, &str, bool); 10] = [
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings", false),
    ("create", "rbac.authorization.k8s.io", "clusterroles", false),
    ("create", "apiextensions.k8s.io", "customresourcedefinitions", false),
    ("create", "", "namespaces", false),
    ("create", "apps", "deployments", true),
    ("create", "", "serviceaccounts", true),
    ("create", "", "configmaps", true),
    ("create", "", "secrets", true),
    ("create", "rbac.authorization.k8s.io", "roles", true),
    ("create", "rbac.authorization.k8s.io", "rolebindings", true),
];

/// An API server that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// It answered with an error, or not at all.
    #[error("{what} failed")]
    Api {
        /// What was asked for.
        what: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// It did not answer in time.
    #[error("{what}: the API server does not answer within {} s", ANSWER.as_secs())]
    Silent {
        /// What was asked for.
        what: String,
    },
    /// The key in the cluster is none.
    #[error("the key in Secret {NAMESPACE}/{KEY_SECRET} cannot be used: {0}")]
    Key(#[source] super::key::KeyError),
}

/// Waits for an answer, no longer than 20 s. `what` reads before "failed".
///
/// # Errors
/// When there is none, or it is an error.
pub async fn answered<T>(what: &str, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, SiteError> {
    match tokio::time::timeout(ANSWER, request).await {
        Ok(answer) => answer.map_err(|source| SiteError::Api { what: what.to_owned(), source }),
        Err(_) => Err(SiteError::Silent { what: what.to_owned() }),
    }
}

/// Whether the API server answers.
pub async fn reachable(client: &Client) -> Check {
    match answered("asking for the version", client.apiserver_version()).await {
        Ok(version) => Check::passed("cluster", format!("the API server answers: Kubernetes {}", version.git_version)),
        Err(error) => unreachable(&error),
    }
}

/// That the API server cannot be worked with.
pub fn unreachable(error: &dyn std::error::Error) -> Check {
    Check::failed("cluster", format!("the API server does not answer: {}", Chain(error)))
        .hint("check the server address and the credentials in the kubeconfig, or name another with --kubeconfig FILE")
}

/// Whether whoever asks may install the agents.
pub async fn rights(client: &Client) -> Check {
    let asked = RIGHTS.map(|(verb, group, resource, is_local)| may(client, verb, group, resource, is_local));
    let (answers, may_escalate) =
        tokio::join!(join_all(asked), may(client, "escalate", "rbac.authorization.k8s.io", "clusterroles", false));
    let mut denied = Vec::new();
    for ((verb, _, resource, is_local), answer) in RIGHTS.into_iter().zip(answers) {
        match answer {
            Ok(true) => {}
            Ok(false) if is_local => denied.push(format!("{verb} {resource} in namespace {NAMESPACE}")),
            Ok(false) => denied.push(format!("{verb} {resource}")),
            Err(error) => return Check::failed("rights", Chain(&error).to_string()),
        }
    }
    if !denied.is_empty() {
        return Check::failed("rights", format!("you may not {}", denied.join(", nor ")))
            .hint("ask for cluster-admin, or for these rights; docs/rights.md says what the agents need");
    }
    match may_escalate {
        Ok(true) => Check::passed("rights", "you may install the agents"),
        _ => Check::warning("rights", "you may not give rights that you do not have yourself (escalate clusterroles)")
            .hint("unless you have all of them, the API server refuses the agents' ClusterRole; ask for cluster-admin"),
    }
}

async fn may(client: &Client, verb: &str, group: &str, resource: &str, is_local: bool) -> Result<bool, SiteError> {
    let attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        namespace: is_local.then(|| NAMESPACE.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..Default::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let params = PostParams::default();
    let answer = answered("asking for your rights", api.create(&params, &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// The nodes, and whether the agents can run on any of them.
pub async fn nodes(client: &Client) -> (Check, Vec<Node>) {
    match all_nodes(client).await {
        Ok(nodes) => (judge(&nodes), nodes),
        Err(error) => (
            Check::warning("nodes", format!("they cannot be listed: {}", Chain(&error))).hint(
                "distribution and infrastructure count as generic; --distribution and --infrastructure name them",
            ),
            Vec::new(),
        ),
    }
}

async fn all_nodes(client: &Client) -> Result<Vec<Node>, SiteError> {
    let api: Api<Node> = Api::all(client.clone());
    let mut all = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = answered("listing the nodes", api.list(&params)).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

fn judge(nodes: &[Node]) -> Check {
    let (all, usable) = (nodes.len(), distribution::usable(nodes));
    if usable == 0 {
        let mut platforms: Vec<String> =
            nodes.iter().map(distribution::platform).map(|(os, architecture)| format!("{os}/{architecture}")).collect();
        platforms.sort_unstable();
        platforms.dedup();
        let found = if all == 0 { "there are none".to_owned() } else { format!("they are {}", platforms.join(", ")) };
        return Check::warning("nodes", format!("the agents can run on none of them: {found}"))
            .hint("add a node with linux/amd64 or linux/arm64; until then the agents' pods stay Pending");
    }
    let cores = distribution::total_cores(nodes);
    Check::passed("nodes", format!("{usable} of {all} can run the agents, {cores} cores in all"))
}

/// Whether the agents can be installed in the way that is wanted: beside nobody else's, and over their own kind.
pub async fn agents(client: &Client, by_helm: bool) -> Check {
    let api: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    match answered("listing Deployments", api.list(&ListParams::default())).await {
        Ok(found) => agents_of(&found.items, by_helm),
        Err(error) => Check::failed("agents", Chain(&error).to_string()),
    }
}

fn agents_of(found: &[Deployment], by_helm: bool) -> Check {
    let label = |one: &Deployment, name: &str| one.metadata.labels.as_ref().and_then(|all| all.get(name)).cloned();
    for one in found {
        let name = one.metadata.name.as_deref().unwrap_or_default();
        if label(one, "app.kubernetes.io/part-of").as_deref() != Some("arcwright") {
            return Check::failed(
                "agents",
                format!("namespace {NAMESPACE} has Deployment {name}, which is somebody else's"),
            )
            .hint(
                "agents of Azure Arc are taken away with `az connectedk8s delete`; both are not to be in one cluster",
            );
        }
        let release = label(one, "app.kubernetes.io/instance").unwrap_or_default();
        if release != RELEASE {
            return Check::failed("agents", format!("the agents are installed already, as release {release}")).hint(
                format!("`helm uninstall {release} --namespace {NAMESPACE}` leaves everything that they have applied, and all configurations"),
            );
        }
        let is_by_helm = label(one, "app.kubernetes.io/managed-by").as_deref() == Some("Helm");
        if is_by_helm != by_helm {
            let (is, other) =
                if is_by_helm { ("helm", "without --manifests") } else { ("manifests", "with --manifests") };
            return Check::failed("agents", format!("the agents are installed by {is}"))
                .hint(format!("run it {other}, or disconnect first"));
        }
    }
    let message = if found.is_empty() { "none are there yet" } else { "they are there, and will be upgraded" };
    Check::passed("agents", message)
}

/// Whom the cluster says it is connected as.
///
/// # Errors
/// When that cannot be read.
pub async fn known_as(client: &Client) -> Result<Option<Identity>, SiteError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let what = format!("reading ConfigMap {NAMESPACE}/{CLUSTER_CONFIG}");
    let found = answered(&what, api.get_opt(CLUSTER_CONFIG)).await?;
    Ok(found.and_then(|map| Identity::of_config(&map.data?)))
}

/// The onboarding key that is in the cluster.
///
/// # Errors
/// When that cannot be read, or is none.
pub async fn kept_key(client: &Client) -> Result<Option<OnboardingKey>, SiteError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let what = format!("reading Secret {NAMESPACE}/{KEY_SECRET}");
    let found = answered(&what, api.get_opt(KEY_SECRET)).await?;
    let Some(entry) = found.and_then(|secret| secret.data?.remove(KEY_ENTRY)) else { return Ok(None) };
    OnboardingKey::read(&entry.0).map(Some).map_err(SiteError::Key)
}

/// Keeps the key in the cluster before the resource is made with it, so that whoever is interrupted can go on.
///
/// It is marked as the release's, which takes it over.
///
/// # Errors
/// When it cannot be written.
pub async fn keep_key(client: &Client, key: &OnboardingKey) -> Result<(), SiteError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let what = format!("looking for namespace {NAMESPACE}");
    if answered(&what, namespaces.get_opt(NAMESPACE)).await?.is_none() {
        let namespace = Namespace {
            metadata: kube::api::ObjectMeta { name: Some(NAMESPACE.to_owned()), ..Default::default() },
            ..Default::default()
        };
        answered(&format!("making namespace {NAMESPACE}"), namespaces.create(&PostParams::default(), &namespace))
            .await?;
    }
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": KEY_SECRET, "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": NAMESPACE},
        },
        "stringData": {KEY_ENTRY: key.private.expose_secret()},
    });
    let api: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let what = format!("writing Secret {NAMESPACE}/{KEY_SECRET}");
    answered(&what, api.patch(KEY_SECRET, &params, &Patch::Apply(&secret))).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onboard::Verdict;
    use serde_json::Value;

    fn node(os: &str, architecture: &str) -> Node {
        let labels = json!({"kubernetes.io/os": os, "kubernetes.io/arch": architecture});
        serde_json::from_value(json!({"metadata": {"labels": labels}, "status": {"capacity": {"cpu": "2"}}}))
            .expect("a node")
    }

    #[test]
    fn a_cluster_without_a_node_for_the_agents_is_warned_of() {
        let check = judge(&[node("windows", "amd64"), node("linux", "amd64")]);
        assert_eq!(
            (check.verdict, check.message.as_str()),
            (Verdict::Passed, "1 of 2 can run the agents, 4 cores in all")
        );
        let check = judge(&[node("windows", "amd64"), node("linux", "arm"), node("linux", "arm")]);
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.message.ends_with("they are linux/arm, windows/amd64"), "{}", check.message);
        assert!(judge(&[]).message.ends_with("there are none"));
    }

    #[test]
    fn agents_of_somebody_else_or_of_another_kind_are_not_written_over() {
        let deployment = |labels: Value| -> Deployment {
            serde_json::from_value(json!({"metadata": {"name": "d", "labels": labels}})).expect("a Deployment")
        };
        let ours = |release: &str, by: &str| {
            deployment(json!({"app.kubernetes.io/part-of": "arcwright", "app.kubernetes.io/instance": release,
                "app.kubernetes.io/managed-by": by}))
        };
        let of = |one: Deployment, by_helm: bool| {
            let check = agents_of(&[one], by_helm);
            (check.verdict, check.message)
        };
        assert_eq!(agents_of(&[], true).verdict, Verdict::Passed);
        assert_eq!(of(ours("azure-arc", "Helm"), true).0, Verdict::Passed);
        assert_eq!(of(ours("azure-arc", "arcwright"), false).0, Verdict::Passed);
        let failed = |message: &str| (Verdict::Failed, message.to_owned());
        assert_eq!(of(ours("azure-arc", "arcwright"), true), failed("the agents are installed by manifests"));
        assert_eq!(of(ours("azure-arc", "Helm"), false), failed("the agents are installed by helm"));
        assert_eq!(of(ours("mine", "Helm"), true), failed("the agents are installed already, as release mine"));
        let theirs = deployment(json!({"app.kubernetes.io/component": "config-agent"}));
        assert_eq!(of(theirs, true), failed("namespace azure-arc has Deployment d, which is somebody else's"));
    }
}
