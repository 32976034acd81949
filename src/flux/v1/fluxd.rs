//! The operator itself.
use super::{
    Installation, needs_memcached,
    repository::{KEY, USER, address, login, login_mark, login_secret, verbatim},
    workload::{Workload, container_context, deployment as of, key_volume, known_hosts_volume, probe},
};
use crate::model::{Manifest, configuration::Scope, operator::Argument};
use serde_json::{Value, json};

/// Where a key would be made, in memory.
const KEYGEN: &str = "/var/fluxd/keygen";

/// The Deployment of the operator, named as the instance is.
///
/// Source: the daemon of Flux v1, release 1.25, for arguments, paths and probes.
pub(super) fn deployment(installation: &Installation<'_>) -> Manifest {
    let login = login(installation);
    let (key, key_mount) = key_volume(installation);
    let (mut volumes, mut mounts) = (vec![key], vec![key_mount]);
    for (name, path) in [("git-keygen", KEYGEN), ("tmp", "/tmp")] {
        let medium = if name == "git-keygen" { json!({"medium": "Memory"}) } else { json!({}) };
        volumes.push(json!({"name": name, "emptyDir": medium}));
        mounts.push(json!({"name": name, "mountPath": path}));
    }
    if let Some((volume, mount)) = known_hosts_volume(installation) {
        volumes.push(volume);
        mounts.push(mount);
    }
    let mut container = json!({
        "name": "flux",
        "image": installation.images.flux,
        "imagePullPolicy": "IfNotPresent",
        "args": arguments(installation),
        "ports": [{"name": "http", "containerPort": 3030}],
        "livenessProbe": probe("/api/flux/v6/identity.pub"),
        "readinessProbe": probe("/api/flux/v6/identity.pub"),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "securityContext": container_context(false),
        "volumeMounts": mounts,
    });
    let mut annotations = json!({});
    if let Some((user, key)) = login {
        container["env"] = json!([variable(USER, installation), variable(KEY, installation)]);
        annotations = json!({"clusterconfig.azure.com/git-auth": login_mark(&user, &key)});
    }
    let name = installation.operator.instance.clone();
    of(installation, Workload { name, part: "flux", container, volumes, is_operator: true, user: None, annotations })
}

fn variable(name: &str, installation: &Installation<'_>) -> Value {
    let entry = json!({"name": login_secret(installation), "key": name});
    json!({"name": name, "valueFrom": {"secretKeyRef": entry}})
}

/// What the operator is told: where the repository is, what the configuration says, what the installation decides.
fn arguments(installation: &Installation<'_>) -> Vec<String> {
    let operator = installation.operator;
    let mut all = vec![format!("--git-url={}", address(installation))];
    if let Some(branch) = &installation.source.reference.branch {
        all.push(Argument::new("git-branch", verbatim(branch)).to_string());
    }
    if !operator.paths.is_empty() {
        // An empty entry would be left out, and the root with it.
        let paths: Vec<&str> = operator.paths.iter().map(|path| if path.is_empty() { "." } else { path }).collect();
        all.push(Argument::new("git-path", verbatim(&paths.join(","))).to_string());
    }
    all.extend(operator.arguments.iter().map(|argument| verbatim(&argument.to_string())));
    all.push(Argument::new("k8s-secret-name", installation.key_secret()).to_string());
    all.push(Argument::new("ssh-keygen-dir", KEYGEN).to_string());
    if needs_memcached(operator) {
        all.push(Argument::new("memcached-hostname", super::memcached::name(installation)).to_string());
        // By the address of the Service rather than by SRV records.
        all.push(Argument::new("memcached-service", "").to_string());
    }
    if installation.scope == Scope::Namespace {
        for name in ["k8s-allow-namespace", "k8s-default-namespace"] {
            all.push(Argument::new(name, &installation.id.namespace).to_string());
        }
    }
    all
}
