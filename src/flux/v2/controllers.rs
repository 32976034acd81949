//! The controllers themselves, where the agent is asked to install them.
use super::{CONTROLLERS, KUSTOMIZE, KUSTOMIZE_GROUP, SOURCE, SOURCE_GROUP, definitions, object};
use crate::model::{Manifest, OPERATOR_LABEL, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, configuration::ConfigurationId};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Name of what holds the controllers, beside the configurations.
const NAME: &str = "flux-controllers";
/// Group of the files that the controllers write: their images' user is in no other.
const FILES_GROUP: u32 = 1337;
/// Longest time for a change of a Deployment to get on, in seconds.
const PROGRESS_DEADLINE_SECONDS: u32 = 300;

/// Whether and how the controllers are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether they are installed where none are found.
    pub install: bool,
    /// Namespace of those that are installed.
    pub namespace: String,
    /// Image of the source-controller, with its version.
    pub source_controller: String,
    /// Image of the kustomize-controller, with its version.
    pub kustomize_controller: String,
    /// Name of a Secret of their namespace with the credentials of the registry.
    pub pull_secret: Option<String>,
}

impl Settings {
    /// Namespace that Flux has everywhere.
    pub const NAMESPACE: &'static str = "flux-system";
    /// The release of the source-controller that this engine is tested with.
    pub const SOURCE_CONTROLLER: &'static str = "ghcr.io/fluxcd/source-controller:v1.9.1";
    /// The release of the kustomize-controller that this engine is tested with.
    pub const KUSTOMIZE_CONTROLLER: &'static str = "ghcr.io/fluxcd/kustomize-controller:v1.9.4";
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            install: false,
            namespace: Self::NAMESPACE.to_owned(),
            source_controller: Self::SOURCE_CONTROLLER.to_owned(),
            kustomize_controller: Self::KUSTOMIZE_CONTROLLER.to_owned(),
            pull_secret: None,
        }
    }
}

/// The identity by which the installed controllers are kept.
pub fn id(settings: &Settings) -> ConfigurationId {
    ConfigurationId { namespace: settings.namespace.clone(), name: NAME.to_owned() }
}

/// The objects that make the controllers, without their namespace. Pure; the order is fixed.
///
/// `foreign` names definitions that are there and belong to somebody else: those are left to them.
pub fn manifests(settings: &Settings, foreign: &BTreeSet<String>) -> Vec<Manifest> {
    let mut all: Vec<Manifest> =
        definitions().into_iter().filter(|definition| !foreign.contains(definition.name())).collect();
    for name in CONTROLLERS {
        all.extend(access(settings, name));
    }
    all.push(namespaced(settings, "rbac.authorization.k8s.io/v1", "Role", NAME, election()));
    all.push(binding(settings, "RoleBinding", "Role", NAME, &CONTROLLERS));
    all.push(service(settings));
    all.push(network_policy(settings));
    all.push(deployment(settings, &source_controller(settings)));
    all.push(deployment(settings, &kustomize_controller(settings)));
    all
}

fn namespaced(settings: &Settings, api_version: &str, kind: &str, name: &str, rest: Value) -> Manifest {
    let labels = json!({"app.kubernetes.io/part-of": "flux"});
    object(api_version, kind, json!({"name": name, "namespace": settings.namespace, "labels": labels}), rest)
}

/// Name of what a controller may do everywhere.
fn role(name: &str) -> String {
    format!("arcwright-flux-{name}")
}

fn access(settings: &Settings, name: &str) -> Vec<Manifest> {
    let rules = if name == SOURCE { source_rules() } else { kustomize_rules() };
    let role = role(name);
    let labels = json!({"app.kubernetes.io/part-of": "flux"});
    let metadata = json!({"name": role, "labels": labels});
    vec![
        namespaced(settings, "v1", "ServiceAccount", name, json!({})),
        object("rbac.authorization.k8s.io/v1", "ClusterRole", metadata, json!({"rules": rules})),
        binding(settings, "ClusterRoleBinding", "ClusterRole", &role, &[name]),
    ]
}

fn binding(settings: &Settings, kind: &str, role_kind: &str, role: &str, accounts: &[&str]) -> Manifest {
    let subject = |name: &&str| json!({"kind": "ServiceAccount", "name": name, "namespace": settings.namespace});
    let rest = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": accounts.iter().map(subject).collect::<Vec<_>>(),
    });
    if kind == "RoleBinding" {
        return namespaced(settings, "rbac.authorization.k8s.io/v1", kind, role, rest);
    }
    let labels = json!({"app.kubernetes.io/part-of": "flux"});
    object("rbac.authorization.k8s.io/v1", kind, json!({"name": role, "labels": labels}), rest)
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

const READ: [&str; 3] = ["get", "list", "watch"];
const KEEP: [&str; 5] = ["get", "list", "watch", "patch", "update"];

/// Source: the rights that the source-controller, release 1.9, asks for.
fn source_rules() -> Vec<Value> {
    let kinds = ["buckets", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories"];
    let under = |part: &str| -> Vec<String> { kinds.iter().map(|kind| format!("{kind}/{part}")).collect() };
    let (statuses, finalizers) = (under("status"), under("finalizers"));
    let texts = |all: &[String]| -> Vec<Value> { all.iter().map(|one| json!(one)).collect() };
    vec![
        rule("", &["secrets", "configmaps", "serviceaccounts"], &READ),
        rule("", &["serviceaccounts/token"], &["create"]),
        rule("", &["events"], &["create", "patch"]),
        rule(SOURCE_GROUP, &kinds, &KEEP),
        json!({"apiGroups": [SOURCE_GROUP], "resources": texts(&statuses), "verbs": ["get", "patch", "update"]}),
        json!({"apiGroups": [SOURCE_GROUP], "resources": texts(&finalizers), "verbs": ["get", "patch", "update"]}),
    ]
}

/// What is applied is applied as the account that a Kustomization names; the controller itself may do next to nothing.
///
/// Source: the rights that the kustomize-controller, release 1.9, asks for.
fn kustomize_rules() -> Vec<Value> {
    let sources = ["buckets", "gitrepositories", "ocirepositories"];
    let statuses: Vec<String> = sources.iter().map(|kind| format!("{kind}/status")).collect();
    vec![
        rule("", &["secrets", "configmaps", "serviceaccounts"], &READ),
        rule("", &["serviceaccounts/token"], &["create"]),
        rule("", &["serviceaccounts"], &["impersonate"]),
        rule("", &["events"], &["create", "patch"]),
        rule(KUSTOMIZE_GROUP, &["kustomizations"], &KEEP),
        rule(KUSTOMIZE_GROUP, &["kustomizations/status", "kustomizations/finalizers"], &["get", "patch", "update"]),
        rule(SOURCE_GROUP, &sources, &READ),
        json!({"apiGroups": [SOURCE_GROUP], "resources": statuses, "verbs": ["get"]}),
    ]
}

fn election() -> Value {
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
    json!({"rules": [rule("coordination.k8s.io", &["leases"], &verbs), rule("", &["configmaps"], &verbs)]})
}

/// By this Service the kustomize-controller fetches what the source-controller has stored.
fn service(settings: &Settings) -> Manifest {
    let spec = json!({
        "type": "ClusterIP",
        "selector": {"app": SOURCE},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
    });
    namespaced(settings, "v1", "Service", SOURCE, json!({"spec": spec}))
}

/// What is stored is served to whoever asks, so only the controllers' own namespace may. Metrics are for all.
fn network_policy(settings: &Settings) -> Manifest {
    let spec = json!({
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "flux"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}]}, {"ports": [{"port": 8080, "protocol": "TCP"}]}],
    });
    namespaced(settings, "networking.k8s.io/v1", "NetworkPolicy", NAME, json!({"spec": spec}))
}

/// What makes one controller differ from the other.
struct Program<'a> {
    name: &'static str,
    image: &'a str,
    arguments: Vec<&'static str>,
    ports: Value,
    /// Port and path at which it answers when it is ready.
    ready: (&'static str, &'static str),
    cpu: &'static str,
    variables: Vec<Value>,
    volumes: &'static [(&'static str, &'static str)],
    grace_seconds: u32,
}

/// What both are told.
const COMMON: [&str; 4] =
    ["--watch-all-namespaces=true", "--log-level=info", "--log-encoding=json", "--enable-leader-election"];

/// Source: the source-controller, release 1.9, for arguments, ports and probes.
fn source_controller(settings: &Settings) -> Program<'_> {
    let mut arguments = COMMON.to_vec();
    arguments.push("--storage-path=/data");
    arguments.push("--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local.");
    Program {
        name: SOURCE,
        image: &settings.source_controller,
        arguments,
        ports: json!([{"name": "http", "containerPort": 9090}, {"name": "http-prom", "containerPort": 8080}, {"name": "healthz", "containerPort": 9440}]),
        ready: ("http", "/"),
        cpu: "50m",
        variables: vec![json!({"name": "TUF_ROOT", "value": "/tmp/.sigstore"})],
        volumes: &[("data", "/data"), ("tmp", "/tmp")],
        grace_seconds: 10,
    }
}

/// Source: the kustomize-controller, release 1.9, for arguments, ports and probes.
fn kustomize_controller(settings: &Settings) -> Program<'_> {
    let mut arguments = COMMON.to_vec();
    arguments.extend(["--no-cross-namespace-refs=true", "--no-remote-bases=true", "--default-service-account=default"]);
    Program {
        name: KUSTOMIZE,
        image: &settings.kustomize_controller,
        arguments,
        ports: json!([{"name": "http-prom", "containerPort": 8080}, {"name": "healthz", "containerPort": 9440}]),
        ready: ("healthz", "/readyz"),
        cpu: "100m",
        variables: Vec::new(),
        volumes: &[("tmp", "/tmp")],
        grace_seconds: 60,
    }
}

fn deployment(settings: &Settings, program: &Program<'_>) -> Manifest {
    let owner = id(settings);
    let mut labels = json!({
        "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/component": program.name,
        OPERATOR_LABEL: program.name,
    });
    let mut of_pods = labels.clone();
    of_pods["app"] = json!(program.name);
    of_pods[OWNER_NAME_LABEL] = json!(owner.name);
    of_pods[OWNER_NAMESPACE_LABEL] = json!(owner.namespace);
    if let Some(version) = super::detect::tag(program.image) {
        labels["app.kubernetes.io/version"] = json!(version);
    }
    let spec = json!({
        "replicas": 1,
        "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
        "revisionHistoryLimit": 2,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {"app": program.name}},
        "template": {"metadata": {"labels": of_pods}, "spec": pod(settings, program)},
    });
    let metadata = json!({"name": program.name, "namespace": settings.namespace, "labels": labels});
    object("apps/v1", "Deployment", metadata, json!({"spec": spec}))
}

fn pod(settings: &Settings, program: &Program<'_>) -> Value {
    let (port, path) = program.ready;
    let namespace = json!({"fieldRef": {"fieldPath": "metadata.namespace"}});
    let mut variables = vec![json!({"name": "RUNTIME_NAMESPACE", "valueFrom": namespace})];
    variables.extend(program.variables.iter().cloned());
    let mounts = program.volumes.iter().map(|(name, path)| json!({"name": name, "mountPath": path}));
    let container = json!({
        "name": "manager",
        "image": program.image,
        "imagePullPolicy": "IfNotPresent",
        "args": program.arguments,
        "env": variables,
        "ports": program.ports,
        "readinessProbe": {"httpGet": {"port": port, "path": path}},
        "livenessProbe": {"httpGet": {"port": "healthz", "path": "/healthz"}},
        "resources": {"requests": {"cpu": program.cpu, "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": mounts.collect::<Vec<_>>(),
    });
    let volumes = program.volumes.iter().map(|(name, _)| json!({"name": name, "emptyDir": {}}));
    let mut pod = json!({
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "enableServiceLinks": false,
        "serviceAccountName": program.name,
        "terminationGracePeriodSeconds": program.grace_seconds,
        "securityContext": {"fsGroup": FILES_GROUP},
        "containers": [container],
        "volumes": volumes.collect::<Vec<_>>(),
    });
    if let Some(secret) = &settings.pull_secret {
        pod["imagePullSecrets"] = json!([{"name": secret}]);
    }
    pod
}
