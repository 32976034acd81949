//! Names that resources call each other by, mended after prefixes, suffixes, hashes and moves.
//!
//! Source: the name references that kustomize knows by default.
use crate::render::{
    error::RenderError,
    node::{Map, Node, Tag},
    object::{
        fieldspec::{self, FieldSpec, Spec},
        resource::{NO_NAMESPACE, Previous, Resource},
    },
};
use serde::Deserialize;
use smol_str::SmolStr;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// What may be referred to, and the fields that do so. Empty group, version or kind: any.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Rule {
    group: Cow<'static, str>,
    version: Cow<'static, str>,
    kind: Cow<'static, str>,
    #[serde(rename = "fieldSpecs")]
    fields: Vec<Spec>,
}

impl Rule {
    /// Fields that refer to a kind.
    pub(in crate::render) fn new(version: String, kind: String, fields: Vec<Spec>) -> Self {
        Self { group: Cow::Borrowed(""), version: Cow::Owned(version), kind: Cow::Owned(kind), fields }
    }
}

/// Adds rules to others; the fields of one for the same kind are added to those that are there.
///
/// # Errors
/// As [`fieldspec::merge`].
pub(in crate::render) fn merge(rules: &mut Vec<Rule>, added: impl IntoIterator<Item = Rule>) -> Result<(), String> {
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
pub(in crate::render) fn defaults() -> Vec<Rule> {
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
    api_version: SmolStr,
    kind: SmolStr,
    name: SmolStr,
    /// As it is written; empty for none.
    namespace: SmolStr,
    /// For comparisons.
    effective: SmolStr,
    previous: Vec<Previous>,
    prefixes: Vec<SmolStr>,
    suffixes: Vec<SmolStr>,
}

impl Candidate {
    fn of(resource: &Resource) -> Self {
        Self {
            api_version: SmolStr::new(resource.api_version()),
            kind: SmolStr::new(resource.kind()),
            name: SmolStr::new(resource.name()),
            namespace: SmolStr::new(resource.namespace()),
            effective: resource.effective_namespace(),
            previous: resource.previous.clone(),
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
        }
    }

    fn group(&self) -> &str {
        self.api_version.rsplit_once('/').map_or("", |(group, _)| group)
    }

    fn version(&self) -> &str {
        self.api_version.rsplit_once('/').map_or(self.api_version.as_str(), |(_, version)| version)
    }

    /// Whether it was of such a kind under any name. Empty texts: any.
    fn was(&self, group: &str, version: &str, kind: &str) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(group, self.group())
            && fits(version, self.version())
            && self.previous.iter().any(|previous| fits(kind, &previous.kind))
    }
}

/// The resources that were renamed or moved, by each name that they had.
struct Candidates {
    all: Vec<Candidate>,
    by_name: HashMap<SmolStr, Vec<usize>>,
    /// Of every resource: the namespace it was first in, and the one it is in.
    namespaces: Vec<(SmolStr, SmolStr)>,
}

impl Candidates {
    fn of(resources: &[Resource]) -> Self {
        let renamed = resources.iter().filter(|resource| !resource.previous.is_empty());
        let all: Vec<Candidate> = renamed.map(Candidate::of).collect();
        let mut by_name: HashMap<SmolStr, Vec<usize>> = HashMap::new();
        for (at, candidate) in all.iter().enumerate() {
            let names: HashSet<&SmolStr> = candidate.previous.iter().map(|previous| &previous.name).collect();
            for name in names {
                by_name.entry(name.clone()).or_default().push(at);
            }
        }
        let namespaces =
            resources.iter().map(|resource| (resource.original().namespace, resource.effective_namespace())).collect();
        Self { all, by_name, namespaces }
    }
}

/// Who refers, as far as it decides whom.
struct Referrer {
    namespace: SmolStr,
    is_cluster_scoped: bool,
    prefixes: Vec<SmolStr>,
    suffixes: Vec<SmolStr>,
    /// Namespaces of the service accounts that a RoleBinding names.
    subjects: Vec<SmolStr>,
    role: Option<(SmolStr, SmolStr)>,
}

impl Referrer {
    fn of(resource: &Resource) -> Self {
        let text = |value: Option<&Node>| value.and_then(Node::text).map(SmolStr::new).unwrap_or_default();
        let subjects = resource.object().get("subjects").and_then(Node::as_list).unwrap_or_default();
        let is_account = |subject: &&Node| subject.get("kind").and_then(Node::text) == Some("ServiceAccount");
        let role = resource.object().get("roleRef");
        let role = role.and_then(|role| Some((text(Some(role.get("apiGroup")?)), text(Some(role.get("kind")?)))));
        let is_cluster_scoped = resource.is_cluster_scoped();
        Self {
            namespace: resource.effective_namespace(),
            is_cluster_scoped,
            prefixes: resource.prefixes.clone(),
            suffixes: resource.suffixes.clone(),
            subjects: subjects.iter().filter(is_account).map(|subject| text(subject.get("namespace"))).collect(),
            role,
        }
    }
}

/// Mends every reference to a resource that was renamed or moved.
///
/// # Errors
/// When a reference may mean several resources.
pub(in crate::render) fn fix(rules: &[Rule], resources: &mut [Resource]) -> Result<(), RenderError> {
    let candidates = Candidates::of(resources);
    let kinds: HashSet<&str> = rules.iter().flat_map(|rule| &rule.fields).map(|field| &*field.kind).collect();
    for resource in resources {
        if !kinds.contains("") && !kinds.contains(resource.kind()) {
            continue;
        }
        check_subjects(resource)?;
        let referrer = Referrer::of(resource);
        for rule in rules {
            for spec in rule.fields.iter().map(Spec::borrowed) {
                if !spec.selects(resource) {
                    continue;
                }
                let reference = Reference {
                    rule,
                    referrer: &referrer,
                    is_role: spec.path.ends_with("roleRef/name"),
                    candidates: &candidates,
                };
                if !reference.may_change(resource, spec.path) {
                    continue;
                }
                let outcome = spec.walk(resource, None, &mut |value| reference.mend(value));
                outcome.map_err(|message| {
                    RenderError::field(&resource.origin, spec.path, format!("{}: {message}", resource.shown()))
                })?;
            }
        }
    }
    Ok(())
}

/// A service account that a RoleBinding names may have a namespace, but not one that is no text.
fn check_subjects(resource: &Resource) -> Result<(), RenderError> {
    let subjects = resource.object().get("subjects").and_then(Node::as_list).unwrap_or_default();
    let is_wrong = |subject: &Node| {
        let namespace =
            subject.get("namespace").filter(|_| subject.get("kind").and_then(Node::text) == Some("ServiceAccount"));
        namespace.is_some_and(|namespace| namespace.as_scalar().is_none_or(|scalar| scalar.tag() != Tag::Str))
    };
    if resource.kind() == "RoleBinding" && subjects.iter().any(is_wrong) {
        let message = format!("{}: the namespace of a service account is not a text", resource.shown());
        return Err(RenderError::field(&resource.origin, "subjects", message));
    }
    Ok(())
}

/// How a reference is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    /// As a name alone.
    Name,
    /// As a map with a name, and perhaps a namespace.
    Map(Option<&'a str>),
}

/// One field of one resource, and whom it may refer to.
struct Reference<'a> {
    rule: &'a Rule,
    referrer: &'a Referrer,
    is_role: bool,
    candidates: &'a Candidates,
}

impl Reference<'_> {
    /// Whether there is something at a path that may be mended. Saves copying what is shared.
    fn may_change(&self, resource: &Resource, path: &str) -> bool {
        let parts = fieldspec::split(path);
        self.finds_name(resource.object(), &parts)
    }

    fn finds_name(&self, map: &Map, path: &[SmolStr]) -> bool {
        let Some((first, rest)) = path.split_first().filter(|(first, _)| !first.is_empty()) else { return true };
        map.get(first.strip_suffix("[]").unwrap_or(first)).is_some_and(|value| self.finds_name_in(value, rest))
    }

    fn finds_name_in(&self, value: &Node, path: &[SmolStr]) -> bool {
        match value {
            // A map that is reached is a reference of several fields. It is an error when it has no name, as is a text
            // before the end of the path.
            Node::Map(map) if path.is_empty() => {
                map.get("name").and_then(Node::text).is_none_or(|name| self.candidates.by_name.contains_key(name))
            }
            Node::Map(map) => self.finds_name(map, path),
            Node::List(items) => items.iter().any(|item| self.finds_name_in(item, path)),
            Node::Scalar(scalar) => {
                if path.is_empty() {
                    self.candidates.by_name.contains_key(&scalar.text)
                } else {
                    !scalar.is_null()
                }
            }
        }
    }

    fn mend(&self, value: &mut Node) -> Result<(), String> {
        match value {
            Node::Scalar(scalar) if !scalar.is_null() => {
                if let Some(found) = self.find(&scalar.text, Form::Name)?
                    && found.name != scalar.text
                {
                    scalar.set_text(&found.name);
                }
                Ok(())
            }
            Node::Scalar(_) => Ok(()),
            Node::List(items) => items.iter_mut().try_for_each(|item| self.mend(item)),
            Node::Map(map) => self.mend_map(map),
        }
    }

    /// A reference that is a map: `name`, and perhaps `namespace`, which is mended too.
    fn mend_map(&self, map: &mut Map) -> Result<(), String> {
        let text = |key: &str| map.get(key).and_then(Node::text).map(SmolStr::new);
        let Some(name) = text("name") else { return Err("a reference has no name".to_owned()) };
        let namespace = text("namespace");
        let Some(found) = self.find(&name, Form::Map(namespace.as_deref()))? else { return Ok(()) };
        if found.name == name && found.namespace.is_empty() {
            return Ok(());
        }
        for (key, new) in [("name", &found.name), ("namespace", &found.namespace)] {
            match map.get_mut(key) {
                _ if new.is_empty() => {}
                Some(Node::Scalar(scalar)) => scalar.set_text(new),
                Some(other) => *other = Node::string(new),
                None => map.insert(key, Node::string(new)),
            }
        }
        Ok(())
    }

    /// The resource that a name means; none when it means nothing that was renamed.
    fn find(&self, name: &str, form: Form<'_>) -> Result<Option<&Candidate>, String> {
        let Some(named) = self.candidates.by_name.get(name) else { return Ok(None) };
        let Self { rule, referrer, .. } = self;
        let namespace = match form {
            Form::Map(namespace) => namespace,
            Form::Name => None,
        };
        // The namespace that resources in reach were first in, if there are any such; else the one they are in.
        let is_original = namespace.is_some_and(|namespace| {
            let mut in_reach = self.candidates.namespaces.iter().filter(|(_, now)| {
                referrer.is_cluster_scoped || *now == referrer.namespace || referrer.subjects.contains(now)
            });
            in_reach.any(|(first, _)| first == namespace)
        });
        let is_there = |candidate: &Candidate| match namespace {
            None => true,
            Some(namespace) if is_original => {
                candidate.previous.first().is_some_and(|first| first.namespace == namespace)
            }
            Some(namespace) => candidate.effective == namespace,
        };
        let is_that_role = |candidate: &Candidate| match &referrer.role {
            Some((group, kind)) if self.is_role => candidate.was(group, "", kind),
            _ => true,
        };
        let is_in_reach = |candidate: &Candidate| {
            referrer.is_cluster_scoped
                || candidate.effective == NO_NAMESPACE
                || candidate.effective == referrer.namespace
                || candidate.kind == "ServiceAccount" && referrer.subjects.contains(&candidate.effective)
        };
        let mut found: Vec<&Candidate> = named
            .iter()
            .map(|at| &self.candidates.all[*at])
            .filter(|candidate| candidate.was(&rule.group, &rule.version, &rule.kind))
            .filter(|candidate| is_there(candidate) && is_that_role(candidate) && is_in_reach(candidate))
            .collect();
        if found.len() == 1 {
            return Ok(found.pop());
        }
        found.retain(|one| agrees(one, referrer, false));
        if found.len() > 1 {
            let strictly: Vec<&Candidate> = found.iter().copied().filter(|one| agrees(one, referrer, true)).collect();
            found = strictly;
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] => {
                let is_same = |other: &&Candidate| {
                    other.name == first.name && (form == Form::Name || other.namespace == first.namespace)
                };
                if rest.iter().all(is_same) {
                    Ok(Some(first))
                } else {
                    Err(format!("{name:?} may mean several of kind {}", rule.kind))
                }
            }
        }
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
        long.ends_with(short)
    })
}
