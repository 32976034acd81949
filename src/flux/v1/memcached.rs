//! The operator's cache of what is in image registries.
use super::{
    Installation,
    workload::{Workload, container_context, deployment},
};
use crate::model::Manifest;
use serde_json::json;

/// Its user in the image.
const USER: u32 = 11_211;

/// Name of its Deployment and Service: each operator has one, so that several share a namespace.
pub(super) fn name(installation: &Installation<'_>) -> String {
    installation.named("memcached")
}

/// Its Deployment and Service.
pub(super) fn manifests(installation: &Installation<'_>) -> Vec<Manifest> {
    let container = json!({
        "name": "memcached",
        "image": installation.images.memcached,
        "imagePullPolicy": "IfNotPresent",
        // 128 MiB in all, 5 MiB for one item: the tags of one image.
        "args": ["-m", "128", "-I", "5m", "-p", "11211"],
        "ports": [{"name": "memcached", "containerPort": 11211}],
        "readinessProbe": {"tcpSocket": {"port": 11211}},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "192Mi"}},
        "securityContext": container_context(true),
    });
    let workload = Workload {
        name: name(installation),
        part: "memcached",
        container,
        volumes: Vec::new(),
        is_operator: false,
        user: Some(USER),
        annotations: json!({}),
    };
    let service = json!({"spec": {
        "selector": {"instanceName": installation.operator.instance, "name": "memcached"},
        "ports": [{"name": "memcached", "port": 11211, "targetPort": "memcached"}],
    }});
    vec![deployment(installation, workload), installation.namespaced("v1", "Service", &name(installation), service)]
}
