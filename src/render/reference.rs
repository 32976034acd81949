//! Names that resources call each other by, mended after prefixes, suffixes, hashes and moves.
//!
//! Source: the name references that kustomize knows by default.
use super::{
    RenderError,
    fieldspec::{self, FieldSpec, Spec},
    resource::{NO_NAMESPACE, Resource},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// What may be referred to, and the fields that do so. Empty group, version or kind: any.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Rule {
    group: Cow<'static, str>,
    version: Cow<'static, str>,
    kind: Cow<'static, str>,
    #[serde(rename = "fieldSpecs")]
    fields: Vec<Spec>,
}

/// Adds rules to others; the fields of one for the same kind are added to those that are there.
///
/// # Errors
/// As [`fieldspec::merge`].
pub(super) fn merge(rules: &mut Vec<Rule>, added: impl IntoIterator<Item = Rule>) -> Result<(), String> {
    for rule in added {
        let is_same =
            |have: &&mut Rule| (&have.group, &have.version, &have.kind) == (&rule.group, &rule.version, &rule.kind);
        match rules.iter_mut().find(is_same) {
            Some(have) => fieldspec::merge(&mut have.fields, rule.fields)?,
            None => rules.push(rule),
        }
    }
    Ok(())
}

/// Kinds with pods inside, and the path to the pod's spec.
const PODS: [(&str, &str); 8] = [
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// The kinds of [`PODS`] whose accounts and claims are followed, and one more.
const WORKLOADS: [(&str, &str); 7] = [
    ("Pod", "spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicationController", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// A field at a path below each of several pod specs.
fn below(pods: &[(&'static str, &str)], paths: &[&str]) -> Vec<Spec> {
    let of_pod = |(kind, prefix): &(&'static str, &str)| {
        let spec = |path: &&str| Spec {
            kind: Cow::Borrowed(kind),
            path: Cow::Owned(format!("{prefix}/{path}")),
            ..Spec::default()
        };
        paths.iter().map(spec).collect::<Vec<_>>()
    };
    pods.iter().flat_map(of_pod).collect()
}

fn of(kind: &'static str, paths: &[&'static str]) -> Vec<Spec> {
    paths.iter().map(|path| FieldSpec::of(kind, path, false).into()).collect()
}

/// The references that are followed by default.
pub(super) fn defaults() -> Vec<Rule> {
    let rule = |group, version, kind, fields: Vec<Vec<Spec>>| Rule {
        group: Cow::Borrowed(group),
        version: Cow::Borrowed(version),
        kind: Cow::Borrowed(kind),
        fields: fields.into_iter().flatten().collect(),
    };
    let scaled = || vec![of("HorizontalPodAutoscaler", &["spec/scaleTargetRef/name"])];
    let named_in_roles =
        || [of("Role", &["rules/resourceNames"]), of("ClusterRole", &["rules/resourceNames"])].concat();
    vec![
        rule("", "", "Deployment", scaled()),
        rule("", "", "ReplicationController", scaled()),
        rule("", "", "ReplicaSet", scaled()),
        rule("", "", "StatefulSet", scaled()),
        rule(
            "",
            "v1",
            "ConfigMap",
            vec![
                below(
                    &PODS,
                    &[
                        "volumes/configMap/name",
                        "containers/env/valueFrom/configMapKeyRef/name",
                        "initContainers/env/valueFrom/configMapKeyRef/name",
                        "containers/envFrom/configMapRef/name",
                        "initContainers/envFrom/configMapRef/name",
                        "volumes/projected/sources/configMap/name",
                    ],
                ),
                of("Node", &["spec/configSource/configMap"]),
                named_in_roles(),
                of("Ingress", &["metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap"]),
            ],
        ),
        rule(
            "",
            "v1",
            "Secret",
            vec![
                below(
                    &PODS,
                    &[
                        "volumes/secret/secretName",
                        "containers/env/valueFrom/secretKeyRef/name",
                        "initContainers/env/valueFrom/secretKeyRef/name",
                        "containers/envFrom/secretRef/name",
                        "initContainers/envFrom/secretRef/name",
                        "imagePullSecrets/name",
                        "volumes/projected/sources/secret/name",
                    ],
                ),
                of(
                    "Ingress",
                    &[
                        "spec/tls/secretName",
                        "metadata/annotations/ingress.kubernetes.io\\/auth-secret",
                        "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret",
                        "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret",
                    ],
                ),
                of("ServiceAccount", &["imagePullSecrets/name"]),
                of(
                    "StorageClass",
                    &[
                        "parameters/secretName",
                        "parameters/adminSecretName",
                        "parameters/userSecretName",
                        "parameters/secretRef",
                    ],
                ),
                named_in_roles(),
                vec![Spec::from(FieldSpec {
                    group: "serving.knative.dev",
                    version: "v1",
                    kind: "Service",
                    path: "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
                    create: false,
                })],
                of("PersistentVolume", &["spec/azureFile/secretName"]),
            ],
        ),
        rule(
            "",
            "v1",
            "Service",
            vec![
                vec![Spec::from(FieldSpec {
                    group: "apps",
                    ..FieldSpec::of("StatefulSet", "spec/serviceName", false)
                })],
                of(
                    "Ingress",
                    &[
                        "spec/rules/http/paths/backend/serviceName",
                        "spec/backend/serviceName",
                        "spec/rules/http/paths/backend/service/name",
                        "spec/defaultBackend/service/name",
                    ],
                ),
                vec![Spec::from(FieldSpec {
                    group: "apiregistration.k8s.io",
                    ..FieldSpec::of("APIService", "spec/service/name", false)
                })],
                ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]
                    .into_iter()
                    .map(|kind| FieldSpec {
                        group: "admissionregistration.k8s.io",
                        ..FieldSpec::of(kind, "webhooks/clientConfig/service", false)
                    })
                    .map(Spec::from)
                    .collect(),
            ],
        ),
        rule("rbac.authorization.k8s.io", "", "Role", vec![of("RoleBinding", &["roleRef/name"])]),
        rule(
            "rbac.authorization.k8s.io",
            "",
            "ClusterRole",
            vec![of("RoleBinding", &["roleRef/name"]), of("ClusterRoleBinding", &["roleRef/name"])],
        ),
        rule(
            "",
            "v1",
            "ServiceAccount",
            vec![
                of("RoleBinding", &["subjects"]),
                of("ClusterRoleBinding", &["subjects"]),
                below(&WORKLOADS, &["serviceAccountName"]),
            ],
        ),
        rule("", "v1", "PersistentVolumeClaim", vec![below(&WORKLOADS, &["volumes/persistentVolumeClaim/claimName"])]),
        rule(
            "",
            "v1",
            "PersistentVolume",
            vec![of("PersistentVolumeClaim", &["spec/volumeName"]), of("ClusterRole", &["rules/resourceNames"])],
        ),
        rule(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            vec![
                of("PersistentVolume", &["spec/storageClassName"]),
                of("PersistentVolumeClaim", &["spec/storageClassName"]),
                of("StatefulSet", &["spec/volumeClaimTemplates/spec/storageClassName"]),
            ],
        ),
        rule("scheduling.k8s.io", "v1", "PriorityClass", vec![below(&WORKLOADS, &["priorityClassName"])]),
        rule(
            "admissionregistration.k8s.io",
            "",
            "ValidatingAdmissionPolicy",
            vec![of("ValidatingAdmissionPolicyBinding", &["spec/policyName"])],
        ),
    ]
}

/// What is known of a resource that may be referred to.
struct Candidate {
    group: String,
    version: String,
    kind: String,
    name: String,
    /// As it is written; empty for none.
    namespace: String,
    /// For comparisons.
    effective: String,
    previous: Vec<super::resource::Previous>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// The resources that were renamed or moved, by each name that they had.
struct Candidates {
    all: Vec<Candidate>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Candidates {
    fn of(resources: &[Resource]) -> Self {
        let all: Vec<Candidate> = resources
            .iter()
            .filter(|resource| !resource.previous.is_empty())
            .map(|resource| Candidate {
                group: resource.group().to_owned(),
                version: resource.version().to_owned(),
                kind: resource.kind().to_owned(),
                name: resource.name().to_owned(),
                namespace: resource.namespace().to_owned(),
                effective: resource.effective_namespace(),
                previous: resource.previous.clone(),
                prefixes: resource.prefixes.clone(),
                suffixes: resource.suffixes.clone(),
            })
            .collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, candidate) in all.iter().enumerate() {
            let names: HashSet<&String> = candidate.previous.iter().map(|previous| &previous.name).collect();
            for name in names {
                by_name.entry(name.clone()).or_default().push(at);
            }
        }
        Self { all, by_name }
    }
}

/// Who refers, as far as it decides whom.
struct Referrer {
    namespace: String,
    is_cluster_scoped: bool,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    /// Namespaces of the service accounts that a RoleBinding names.
    subjects: Vec<String>,
    role: Option<(String, String)>,
}

impl Referrer {
    fn of(resource: &Resource) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let subjects = resource.object.get("subjects").and_then(Value::as_array).into_iter().flatten();
        let accounts = subjects.filter(|subject| subject.get("kind").is_some_and(|kind| kind == "ServiceAccount"));
        let role = resource.object.get("roleRef");
        Self {
            namespace: resource.effective_namespace(),
            is_cluster_scoped: resource.is_cluster_scoped(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            subjects: accounts.map(|subject| text(subject.get("namespace"))).collect(),
            role: role.map(|role| (text(role.get("apiGroup")), text(role.get("kind")))),
        }
    }
}

/// Mends every reference to a resource that was renamed or moved.
///
/// # Errors
/// When a reference may mean several resources.
pub(super) fn fix(rules: &[Rule], resources: &mut [Resource]) -> Result<(), RenderError> {
    let candidates = Candidates::of(resources);
    if candidates.all.is_empty() {
        return Ok(());
    }
    for resource in resources {
        let referrer = Referrer::of(resource);
        let (shown, origin) = (resource.shown(), resource.origin.clone());
        for rule in rules {
            for spec in rule.fields.iter().map(Spec::borrowed) {
                if !spec.selects(resource) {
                    continue;
                }
                let is_role = spec.path == "roleRef/name";
                let mut change = |value: &mut Value| mend(value, rule, &referrer, is_role, &candidates);
                let outcome = spec.walk(resource, &mut change);
                outcome.map_err(|message| RenderError::field(&origin, spec.path, format!("{shown}: {message}")))?;
            }
        }
    }
    Ok(())
}

fn mend(
    value: &mut Value,
    rule: &Rule,
    referrer: &Referrer,
    is_role: bool,
    candidates: &Candidates,
) -> Result<(), String> {
    match value {
        Value::String(name) => {
            if let Some(found) = find(name, None, rule, referrer, is_role, candidates)? {
                name.clone_from(&found.name);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| mend(item, rule, referrer, is_role, candidates)),
        Value::Object(map) => mend_map(map, rule, referrer, candidates),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// A reference that is a map: `name`, and perhaps `namespace`, which is mended too.
fn mend_map(
    map: &mut Map<String, Value>,
    rule: &Rule,
    referrer: &Referrer,
    candidates: &Candidates,
) -> Result<(), String> {
    let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if rule.kind == "ServiceAccount" && text("kind") != "ServiceAccount" {
        return Ok(());
    }
    let (name, namespace) = (text("name"), text("namespace"));
    if name.is_empty() {
        return Err("a reference has no name".to_owned());
    }
    let namespace = (!namespace.is_empty()).then_some(namespace.as_str());
    if let Some(found) = find(&name, namespace, rule, referrer, false, candidates)? {
        map.insert("name".to_owned(), json!(found.name));
        if !found.namespace.is_empty() {
            map.insert("namespace".to_owned(), json!(found.namespace));
        }
    }
    Ok(())
}

/// The resource that a name means; none when it means nothing that was renamed.
fn find<'a>(
    name: &str,
    namespace: Option<&str>,
    rule: &Rule,
    referrer: &Referrer,
    is_role: bool,
    candidates: &'a Candidates,
) -> Result<Option<&'a Candidate>, String> {
    let Some(named) = candidates.by_name.get(name) else { return Ok(None) };
    let is_kind = |candidate: &Candidate| {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        let was = |previous: &super::resource::Previous| previous.name == name && fits(&rule.kind, &previous.kind);
        fits(&rule.group, &candidate.group)
            && fits(&rule.version, &candidate.version)
            && candidate.previous.iter().any(was)
    };
    let is_that_role = |candidate: &Candidate| match (&referrer.role, is_role) {
        (Some((group, kind)), true) => candidate.group == *group && candidate.kind == *kind,
        _ => true,
    };
    let is_in_reach = |candidate: &Candidate| {
        if let Some(namespace) = namespace {
            let original = candidate.previous.first().map_or(candidate.effective.as_str(), |first| &first.namespace);
            return original == namespace || candidate.effective == namespace;
        }
        referrer.is_cluster_scoped
            || candidate.effective == NO_NAMESPACE
            || candidate.effective == referrer.namespace
            || candidate.kind == "ServiceAccount" && referrer.subjects.contains(&candidate.effective)
    };
    let mut found: Vec<&Candidate> = named
        .iter()
        .map(|at| &candidates.all[*at])
        .filter(|candidate| is_kind(candidate) && is_that_role(candidate) && is_in_reach(candidate))
        .collect();
    if found.len() > 1 {
        let agreeing: Vec<&Candidate> = found.iter().copied().filter(|one| agrees(one, referrer, false)).collect();
        found = agreeing;
    }
    if found.len() > 1 {
        let agreeing: Vec<&Candidate> = found.iter().copied().filter(|one| agrees(one, referrer, true)).collect();
        if !agreeing.is_empty() {
            found = agreeing;
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [first, rest @ ..]
            if rest.iter().all(|other| other.name == first.name && other.namespace == first.namespace) =>
        {
            Ok(Some(first))
        }
        _ => Err(format!("{name:?} may mean several of kind {}", rule.kind)),
    }
}

/// Whether what was put around the names of both ends the same way; nothing agrees with anything unless `strictly`.
fn agrees(candidate: &Candidate, referrer: &Referrer, strictly: bool) -> bool {
    let chains = [(&candidate.prefixes, &referrer.prefixes), (&candidate.suffixes, &referrer.suffixes)];
    chains.into_iter().all(|(a, b)| {
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        if short.is_empty() {
            return !strictly || long.is_empty();
        }
        long.ends_with(short) || long.starts_with(short)
    })
}
