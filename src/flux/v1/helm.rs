//! The Helm operator of the same generation.
use super::{
    Installation, images, object,
    repository::verbatim,
    workload::{Workload, container_context, deployment as of, key_volume, known_hosts_volume, probe},
};
use crate::model::{
    Manifest,
    configuration::Scope,
    operator::{Argument, HelmOperator},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The Deployment of the Helm operator. It is the same user of the API server as the operator beside it.
///
/// Source: the program, releases 1.0 to 1.4, for arguments, paths and probes.
pub(super) fn deployment(installation: &Installation<'_>, helm: &HelmOperator) -> Manifest {
    let (key, key_mount) = key_volume(installation);
    let (mut volumes, mut mounts) = (vec![key, json!({"name": "tmp", "emptyDir": {}})], vec![key_mount]);
    mounts.push(json!({"name": "tmp", "mountPath": "/tmp"}));
    if let Some((volume, mount)) = known_hosts_volume(installation) {
        volumes.push(volume);
        mounts.push(mount);
    }
    let image = images::with(&installation.images.helm_operator, helm.repository.as_deref(), helm.version.as_deref());
    let container = json!({
        "name": "helm-operator",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(installation, helm),
        "ports": [{"name": "http", "containerPort": 3030}],
        "livenessProbe": probe("/healthz"),
        "readinessProbe": probe("/healthz"),
        "resources": {
            "requests": resources([("cpu", "50m"), ("memory", "64Mi")], &helm.requests),
            "limits": resources([("cpu", "1"), ("memory", "1Gi")], &helm.limits),
        },
        "securityContext": container_context(false),
        "volumeMounts": mounts,
    });
    let workload = Workload {
        name: installation.named("helm-operator"),
        part: "helm-operator",
        container,
        volumes,
        is_operator: true,
        user: None,
        annotations: json!({}),
    };
    of(installation, workload)
}

fn arguments(installation: &Installation<'_>, helm: &HelmOperator) -> Vec<String> {
    let mut all: Vec<String> = helm.arguments.iter().map(|argument| verbatim(&argument.to_string())).collect();
    if !helm.arguments.iter().any(|argument| argument.name == "enabled-helm-versions") {
        // Version 2 would look for a Tiller, which nobody has any more.
        all.push(Argument::new("enabled-helm-versions", "v3").to_string());
    }
    if installation.scope == Scope::Namespace {
        all.push(Argument::new("allow-namespace", &installation.id.namespace).to_string());
    }
    all
}

fn resources(usual: [(&str, &str); 2], stated: &BTreeMap<String, String>) -> Value {
    let value = |name: &str, usual: &str| stated.get(name).cloned().unwrap_or_else(|| usual.to_owned());
    let all: Map<String, Value> =
        usual.into_iter().map(|(name, usual)| (name.to_owned(), json!(value(name, usual)))).collect();
    Value::Object(all)
}

/// The definition of the Helm operator's own kind. All Helm operators of a cluster share it, so it belongs to none.
///
/// Source: `helm.fluxcd.io/v1`; what is in a spec is for the operator to judge.
pub fn release_definition() -> Manifest {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    let version = json!({
        "name": "v1",
        "served": true,
        "storage": true,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            column("Release", ".status.releaseName"),
            column("Phase", ".status.phase"),
            column("ReleaseStatus", ".status.releaseStatus"),
            column("Message", ".status.conditions[?(@.type==\"Released\")].message"),
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": open, "status": open}}},
    });
    let spec = json!({"spec": {
        "group": "helm.fluxcd.io",
        "scope": "Namespaced",
        "names": {
            "kind": "HelmRelease", "listKind": "HelmReleaseList", "plural": "helmreleases",
            "singular": "helmrelease", "shortNames": ["hr", "hrs"],
        },
        "versions": [version],
    }});
    let metadata = json!({"name": "helmreleases.helm.fluxcd.io"});
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", metadata, spec)
}
