//! What the Deployments of an operator have in common.
use super::Installation;
use crate::model::{Manifest, OPERATOR_LABEL, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL};
use serde_json::{Value, json};

/// Longest time for a change of a Deployment to get on, in seconds; the deployment controller says when it is over.
const PROGRESS_DEADLINE_SECONDS: u32 = 300;

/// One program of an operator.
pub(super) struct Workload {
    /// Name of the Deployment.
    pub(super) name: String,
    /// Its part in the operator: `flux`, `memcached` or `helm-operator`.
    pub(super) part: &'static str,
    /// The one container.
    pub(super) container: Value,
    pub(super) volumes: Vec<Value>,
    /// Whether it talks to the API server, as the operator.
    pub(super) is_operator: bool,
    /// The user and group that it runs as; root when none.
    pub(super) user: Option<u32>,
    /// Annotations of its pods.
    pub(super) annotations: Value,
}

/// The Deployment of a program: one pod, never two at once.
///
/// Its pods, and the replica sets between, carry the owner labels too, so that one watch tells of all of them.
///
/// Source: the resource's documentation, for the selector `instanceName` and `name`.
pub(super) fn deployment(installation: &Installation<'_>, workload: Workload) -> Manifest {
    let Workload { name, part, container, volumes, is_operator, user, annotations } = workload;
    let selector = json!({"instanceName": installation.operator.instance, "name": part});
    let own = json!({
        "instanceName": installation.operator.instance,
        "name": part,
        OPERATOR_LABEL: part,
        OWNER_NAME_LABEL: installation.id.name,
        OWNER_NAMESPACE_LABEL: installation.id.namespace,
    });
    let mut pod = json!({
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "enableServiceLinks": false,
        "securityContext": pod_context(user),
        "containers": [container],
    });
    pod["automountServiceAccountToken"] = json!(is_operator);
    if is_operator {
        pod["serviceAccountName"] = json!(installation.operator.instance);
    }
    if let Some(secret) = &installation.images.pull_secret {
        pod["imagePullSecrets"] = json!([{"name": secret}]);
    }
    if !volumes.is_empty() {
        pod["volumes"] = json!(volumes);
    }
    let mut metadata = json!({"labels": own});
    if annotations.as_object().is_some_and(|annotations| !annotations.is_empty()) {
        metadata["annotations"] = annotations;
    }
    let spec = json!({
        "replicas": 1,
        "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": selector},
        "template": {"metadata": metadata, "spec": pod},
    });
    let mut manifest = installation.namespaced("apps/v1", "Deployment", &name, json!({"spec": spec}));
    if let Some(metadata) = manifest.object.get_mut("metadata") {
        metadata["labels"] = json!({OPERATOR_LABEL: part});
    }
    manifest
}

fn pod_context(user: Option<u32>) -> Value {
    let mut context = json!({"seccompProfile": {"type": "RuntimeDefault"}});
    if let Some(user) = user {
        context["runAsNonRoot"] = json!(true);
        context["runAsUser"] = json!(user);
        context["runAsGroup"] = json!(user);
    }
    context
}

/// What every container is kept from.
pub(super) fn container_context(is_read_only: bool) -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": is_read_only,
        "capabilities": {"drop": ["ALL"]},
    })
}

/// A probe by http at port 3030.
pub(super) fn probe(path: &str) -> Value {
    json!({
        "httpGet": {"port": 3030, "path": path},
        "initialDelaySeconds": 5,
        "timeoutSeconds": 5,
    })
}

/// The volume with the private key, mounted where the image's ssh looks for it.
pub(super) fn key_volume(installation: &Installation<'_>) -> (Value, Value) {
    // ssh refuses a key that others may read.
    let volume = json!({"name": "git-key", "secret": {"secretName": installation.key_secret(), "defaultMode": 0o400}});
    (volume, json!({"name": "git-key", "mountPath": "/etc/fluxd/ssh", "readOnly": true}))
}

/// The volume with the known hosts, where root's ssh looks for them; none when none are given.
pub(super) fn known_hosts_volume(installation: &Installation<'_>) -> Option<(Value, Value)> {
    installation.source.credentials.known_hosts.as_ref()?;
    let name = super::repository::known_hosts_map(installation);
    let volume = json!({"name": "known-hosts", "configMap": {"name": name, "defaultMode": 0o400}});
    Some((volume, json!({"name": "known-hosts", "mountPath": "/root/.ssh", "readOnly": true})))
}
