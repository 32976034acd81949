//! The agents as plain manifests, for those who have no helm: what the chart makes of its defaults.
use super::{CLUSTER_CONFIG, Connection, KEY_ENTRY, KEY_SECRET, NAMESPACE, OnboardingKey, RELEASE, chart};
use crate::{render::value_to_yaml, yaml};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Name of what is made.
const NAME: &str = "azure-arc-arcwright";
/// Rights of the agents in the whole cluster: the files of the chart, in its order.
const RIGHTS: [&str; 9] = [
    "agent",
    "impersonate",
    "observe",
    "accounts-namespace",
    "accounts-cluster",
    "secrets",
    "keys",
    "custom-resources",
    "hub",
];
/// What the API server is called in a cluster.
const OF_THE_CLUSTER: &str = "$(KUBERNETES_SERVICE_HOST),kubernetes.default.svc,.svc,.svc.cluster.local";

/// Everything that is to be applied, in that order. It holds the private key.
pub fn manifests(connection: &Connection, key: &OnboardingKey) -> Vec<Value> {
    let mut all = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})];
    all.extend(definitions());
    all.push(object("v1", "ServiceAccount", NAME, true));
    all.extend(access());
    all.extend(data(connection, key));
    all.push(deployment(connection));
    let mut budget = object("policy/v1", "PodDisruptionBudget", NAME, true);
    budget["spec"] = json!({"maxUnavailable": 1, "selector": {"matchLabels": selector()}});
    all.push(budget);
    all
}

/// Manifests as one text of YAML.
pub fn to_yaml(manifests: &[Value]) -> String {
    manifests.iter().map(|manifest| format!("---\n{}", value_to_yaml(manifest))).collect()
}

fn selector() -> Value {
    json!({
        "app.kubernetes.io/name": "arcwright",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/component": "config-agent",
    })
}

fn labels() -> Value {
    let mut labels = selector();
    labels["app.kubernetes.io/version"] = env!("CARGO_PKG_VERSION").into();
    labels["app.kubernetes.io/part-of"] = "arcwright".into();
    labels["app.kubernetes.io/managed-by"] = "arcwright".into();
    labels
}

fn object(api_version: &str, kind: &str, name: &str, is_local: bool) -> Value {
    let mut metadata = json!({"name": name, "labels": labels()});
    if is_local {
        metadata["namespace"] = NAMESPACE.into();
    }
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata})
}

/// The documents of a file of the chart. A test reads them all.
fn read(path: &str) -> Vec<Value> {
    let documents = yaml::read(chart::text(path)).unwrap_or_default();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn definitions() -> Vec<Value> {
    let mut all = read("files/crds.yaml");
    for definition in &mut all {
        let known = definition["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        let mut labels = labels();
        for (name, value) in known {
            labels[name] = value;
        }
        definition["metadata"]["labels"] = labels;
    }
    all
}

fn rules(file: &str) -> Vec<Value> {
    let mut documents = read(&format!("files/rights/{file}.yaml"));
    documents.first_mut().and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default()
}

fn access() -> Vec<Value> {
    let leases = |more: Value| {
        let mut rule = json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]});
        for (name, value) in more.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        rule
    };
    let election = vec![
        leases(json!({"verbs": ["create"]})),
        leases(json!({"resourceNames": [NAME], "verbs": ["get", "update"]})),
    ];
    let cluster: Vec<Value> = RIGHTS.iter().flat_map(|file| rules(file)).collect();
    let roles = [
        ("ClusterRole", NAME.to_owned(), cluster),
        ("Role", format!("{NAME}-hub"), rules("hub-namespace")),
        ("Role", format!("{NAME}-election"), election),
    ];
    roles.into_iter().flat_map(|(kind, name, rules)| role(kind, &name, rules)).collect()
}

fn role(kind: &str, name: &str, rules: Vec<Value>) -> [Value; 2] {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let is_local = kind == "Role";
    let mut role = object(&format!("{GROUP}/v1"), kind, name, is_local);
    role["rules"] = rules.into();
    let mut binding = object(&format!("{GROUP}/v1"), &format!("{kind}Binding"), name, is_local);
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": kind, "name": name});
    binding["subjects"] = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]);
    [role, binding]
}

fn data(connection: &Connection, key: &OnboardingKey) -> Vec<Value> {
    let Connection { identity, location, tenant, distribution, infrastructure, authorities, .. } = connection;
    let mut config = object("v1", "ConfigMap", CLUSTER_CONFIG, true);
    config["data"] = json!({
        "AZURE_ARC_AGENT_VERSION": env!("CARGO_PKG_VERSION"), "AZURE_ARC_AUTOUPDATE": "false",
        "AZURE_ENVIRONMENT": "AZUREPUBLICCLOUD", "AZURE_SUBSCRIPTION_ID": identity.subscription,
        "AZURE_RESOURCE_GROUP": identity.group, "AZURE_RESOURCE_NAME": identity.name, "AZURE_REGION": location,
        "AZURE_TENANT_ID": tenant, "KUBERNETES_DISTRO": distribution, "KUBERNETES_INFRA": infrastructure,
    });
    let mut secret = object("v1", "Secret", KEY_SECRET, true);
    secret["type"] = "Opaque".into();
    secret["data"] = json!({KEY_ENTRY: STANDARD.encode(key.private.expose_secret())});
    let hub = authorities.as_ref().map(|authorities| {
        let mut hub = object("v1", "ConfigMap", &format!("{NAME}-hub"), true);
        hub["data"] = json!({"ca.pem": authorities});
        hub
    });
    [config, secret].into_iter().chain(hub).collect()
}

fn deployment(connection: &Connection) -> Value {
    let defaults = read("values.yaml").into_iter().next().unwrap_or_default();
    let mut pod = json!({"metadata": {"labels": labels(),
        "annotations": {"kubectl.kubernetes.io/default-container": "config-agent"}}});
    pod["spec"] = json!({
        "serviceAccountName": NAME,
        "enableServiceLinks": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(connection, &defaults)],
        "volumes": volumes(connection, &defaults),
        "nodeSelector": defaults["nodeSelector"],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": selector()}}],
    });
    let mut deployment = object("apps/v1", "Deployment", NAME, true);
    deployment["spec"] = json!({
        "replicas": defaults["replicas"], "revisionHistoryLimit": 3,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": selector()}, "template": pod,
    });
    deployment
}

fn container(connection: &Connection, defaults: &Value) -> Value {
    let port = &defaults["port"];
    let probe = |path: &str, more: Value| {
        let mut probe = json!({"httpGet": {"path": path, "port": "http"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            probe[name] = value.clone();
        }
        probe
    };
    json!({
        "name": "config-agent",
        "image": image(connection),
        "imagePullPolicy": defaults["image"]["pullPolicy"],
        "args": arguments(connection, defaults),
        "env": environment(connection),
        "ports": [{"name": "http", "containerPort": port}],
        "startupProbe": probe("/healthz", json!({"periodSeconds": 1, "failureThreshold": 60})),
        "livenessProbe": probe("/healthz", json!({"periodSeconds": 20, "timeoutSeconds": 5})),
        "readinessProbe": probe("/readyz", json!({"periodSeconds": 5, "timeoutSeconds": 5})),
        "resources": defaults["resources"],
        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": mounts(connection),
    })
}

fn image(connection: &Connection) -> String {
    let own = chart::image();
    let image = connection.image.as_ref().unwrap_or(&own);
    match (&image.digest, image.tag.as_ref().or(own.tag.as_ref())) {
        (Some(digest), _) => format!("{}@{digest}", image.repository),
        (None, Some(tag)) => format!("{}:{tag}", image.repository),
        (None, None) => image.repository.clone(),
    }
}

fn arguments(connection: &Connection, defaults: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = vec![
        format!("--log={}", text(&defaults["log"]["level"])),
        format!("--log-format={}", text(&defaults["log"]["format"])),
        "agent".to_owned(),
        format!("--listen=0.0.0.0:{}", defaults["port"]),
        "--watch-resources".to_owned(),
        format!("--hub={}", connection.hub),
    ];
    if connection.authorities.is_some() {
        all.push("--hub-ca=/etc/arcwright/hub/ca.pem".to_owned());
    }
    all.push(format!("--cluster-id={}", connection.identity.id()));
    all.extend(["--leader-elect".to_owned(), format!("--lease={NAME}"), "--own-service-accounts".to_owned()]);
    all
}

fn environment(connection: &Connection) -> Vec<Value> {
    let mut all = vec![json!({"name": "ARCWRIGHT_DATA_DIR", "value": "/var/lib/arcwright"})];
    let proxy = &connection.proxy;
    let named = [("HTTP_PROXY", "http_proxy", &proxy.http), ("HTTPS_PROXY", "https_proxy", &proxy.https)];
    for (upper, lower, address) in named {
        if let Some(address) = address {
            all.extend([upper, lower].map(|name| json!({"name": name, "value": address})));
        }
    }
    if proxy.http.is_some() || proxy.https.is_some() {
        let given = proxy.no_proxy.as_ref().map(|given| format!("{given},")).unwrap_or_default();
        all.extend(
            ["NO_PROXY", "no_proxy"].map(|name| json!({"name": name, "value": format!("{given}{OF_THE_CLUSTER}")})),
        );
    }
    all
}

fn mounts(connection: &Connection) -> Vec<Value> {
    let mut all =
        vec![json!({"name": "data", "mountPath": "/var/lib/arcwright"}), json!({"name": "tmp", "mountPath": "/tmp"})];
    if connection.authorities.is_some() {
        all.push(json!({"name": "hub", "mountPath": "/etc/arcwright/hub", "readOnly": true}));
    }
    all
}

fn volumes(connection: &Connection, defaults: &Value) -> Vec<Value> {
    let empty = json!({"sizeLimit": defaults["data"]["sizeLimit"]});
    let mut all = vec![json!({"name": "data", "emptyDir": empty}), json!({"name": "tmp", "emptyDir": empty})];
    if connection.authorities.is_some() {
        all.push(json!({"name": "hub", "configMap": {"name": format!("{NAME}-hub")}}));
    }
    all
}
