use super::*;
use crate::model::{
    configuration::{Credentials, Reference},
    operator::{Argument, HelmOperator},
};
use insta::assert_snapshot;
use std::time::Duration;

/// Everything that decides, to be changed by a test.
struct Case {
    id: ConfigurationId,
    scope: Scope,
    operator: Operator,
    source: GitSource,
    images: Images,
    owns_namespace: bool,
}

impl Case {
    fn new(url: &str) -> Self {
        Self {
            id: ConfigurationId { namespace: "shop".to_owned(), name: "web".to_owned() },
            scope: Scope::Cluster,
            operator: Operator {
                instance: "flux".to_owned(),
                paths: Vec::new(),
                arguments: vec![Argument::switch("git-readonly")],
                helm: None,
            },
            source: GitSource {
                url: url.to_owned(),
                allow_local: false,
                reference: Reference { branch: Some("main".to_owned()), ..Reference::default() },
                credentials: Credentials::default(),
                secret_refs: Vec::new(),
                timeout: Duration::ZERO,
                interval: Duration::ZERO,
            },
            images: Images::default(),
            owns_namespace: false,
        }
    }

    fn manifests(&self) -> Vec<Manifest> {
        let Self { id, scope, operator, source, images, owns_namespace } = self;
        manifests(&Installation { id, scope: *scope, operator, source, images, owns_namespace: *owns_namespace })
    }

    fn ids(&self) -> String {
        self.manifests().iter().map(|manifest| manifest.id().to_string()).collect::<Vec<_>>().join("\n")
    }

    fn one(&self, kind: &str, name: &str) -> Value {
        let found = self.manifests().into_iter().find(|one| one.kind() == kind && one.name() == name);
        Value::Object(found.unwrap_or_else(|| panic!("{kind} {name}")).object)
    }

    fn arguments(&self, deployment: &str) -> String {
        let deployment = self.one("Deployment", deployment);
        let arguments = deployment.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
        let arguments = arguments.expect("arguments").iter().map(|one| one.as_str().expect("a text"));
        arguments.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn with_scope_cluster_one_binding_is_outside_the_namespace() {
    let mut case = Case::new("https://example.org/a.git");
    assert_snapshot!(case.ids(), @r"
    ServiceAccount/shop/flux
    ClusterRoleBinding/flux-v1.shop.flux
    Secret/shop/flux-git-deploy
    Deployment/shop/flux
    Deployment/shop/flux-memcached
    Service/shop/flux-memcached
    ");
    assert_snapshot!(case.one("ClusterRoleBinding", "flux-v1.shop.flux"), @r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"flux-v1.shop.flux"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"flux","namespace":"shop"}]}"#);
    case.owns_namespace = true;
    assert_snapshot!(case.one("Namespace", "shop"), @r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","annotations":{"clusterconfig.azure.com/prune":"empty"}}}"#);
}

#[test]
fn with_scope_namespace_nothing_is_outside_the_namespace() {
    let mut case = Case::new("https://example.org/a.git");
    case.scope = Scope::Namespace;
    case.operator.helm = Some(HelmOperator::default());
    for owns_namespace in [false, true] {
        case.owns_namespace = owns_namespace;
        assert!(case.manifests().iter().all(|one| one.namespace() == "shop"), "{}", case.ids());
    }
    assert_snapshot!(case.ids(), @r"
    ServiceAccount/shop/flux
    Role/shop/flux
    RoleBinding/shop/flux
    Secret/shop/flux-git-deploy
    Deployment/shop/flux
    Deployment/shop/flux-memcached
    Service/shop/flux-memcached
    Deployment/shop/flux-helm-operator
    ");
    assert_snapshot!(case.arguments("flux"), @r"
    --git-url=https://example.org/a.git
    --git-branch=main
    --git-readonly
    --k8s-secret-name=flux-git-deploy
    --ssh-keygen-dir=/var/fluxd/keygen
    --memcached-hostname=flux-memcached
    --memcached-service=
    --k8s-allow-namespace=shop
    --k8s-default-namespace=shop
    ");
    assert_snapshot!(case.arguments("flux-helm-operator"), @r"
    --enabled-helm-versions=v3
    --allow-namespace=shop
    ");
}

#[test]
fn the_arguments_say_what_the_configuration_does() {
    let mut case = Case::new("git@example.org:team/a$(HOME).git");
    case.operator.paths = vec!["a".to_owned(), String::new()];
    case.operator.arguments = vec![
        Argument::new("git-user", "$(SECRET)"),
        Argument::new("git-poll-interval", "1m"),
        Argument::switch("sync-garbage-collection"),
        Argument::switch("manifest-generation"),
    ];
    assert_snapshot!(case.arguments("flux"), @r"
    --git-url=git@example.org:team/a$$(HOME).git
    --git-branch=main
    --git-path=a,.
    --git-user=$$(SECRET)
    --git-poll-interval=1m
    --sync-garbage-collection
    --manifest-generation
    --k8s-secret-name=flux-git-deploy
    --ssh-keygen-dir=/var/fluxd/keygen
    --memcached-hostname=flux-memcached
    --memcached-service=
    ");
    case.operator.arguments = vec![Argument::switch("registry-disable-scanning")];
    assert!(!case.ids().contains("memcached"), "nothing would ask it");
    assert!(!case.arguments("flux").contains("memcached"));
}

#[test]
fn a_key_and_known_hosts_are_where_ssh_looks_for_them() {
    let mut case = Case::new("ssh://git@example.org/a.git");
    case.source.credentials.ssh_private_key = Some("KEY".to_owned().into());
    case.source.credentials.known_hosts = Some("example.org ssh-ed25519 AAAA\n".to_owned());
    assert_snapshot!(case.one("Secret", "flux-git-deploy"), @r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"flux-git-deploy","namespace":"shop"},"type":"Opaque","data":{"identity":"S0VZ"}}"#);
    assert_snapshot!(case.one("ConfigMap", "flux-known-hosts"), @r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"flux-known-hosts","namespace":"shop"},"data":{"known_hosts":"example.org ssh-ed25519 AAAA\n"}}"#);
    let flux = case.one("Deployment", "flux");
    assert_snapshot!(flux["spec"]["template"]["spec"]["volumes"], @r#"[{"name":"git-key","secret":{"secretName":"flux-git-deploy","defaultMode":256}},{"name":"git-keygen","emptyDir":{"medium":"Memory"}},{"name":"tmp","emptyDir":{}},{"name":"known-hosts","configMap":{"name":"flux-known-hosts","defaultMode":256}}]"#);
    assert_snapshot!(flux["spec"]["template"]["spec"]["containers"][0]["volumeMounts"], @r#"[{"name":"git-key","mountPath":"/etc/fluxd/ssh","readOnly":true},{"name":"git-keygen","mountPath":"/var/fluxd/keygen"},{"name":"tmp","mountPath":"/tmp"},{"name":"known-hosts","mountPath":"/root/.ssh","readOnly":true}]"#);
}

#[test]
fn user_and_password_are_variables_of_the_pod_and_in_no_argument() {
    let mut case = Case::new("https://team@example.org:8443/a/b.git");
    assert_eq!(case.arguments("flux").lines().next(), Some("--git-url=https://team@example.org:8443/a/b.git"));
    case.source.credentials.user = Some("me@home".to_owned());
    case.source.credentials.password = Some("s3cret/%".to_owned().into());
    assert_eq!(
        case.arguments("flux").lines().next(),
        Some("--git-url=https://$(GIT_AUTHUSER):$(GIT_AUTHKEY)@example.org:8443/a/b.git")
    );
    assert_snapshot!(case.one("Secret", "flux-git-auth")["data"], @r#"{"GIT_AUTHUSER":"bWUlNDBob21l","GIT_AUTHKEY":"czNjcmV0JTJGJTI1"}"#);
    let flux = case.one("Deployment", "flux");
    assert_snapshot!(flux["spec"]["template"]["spec"]["containers"][0]["env"], @r#"[{"name":"GIT_AUTHUSER","valueFrom":{"secretKeyRef":{"name":"flux-git-auth","key":"GIT_AUTHUSER"}}},{"name":"GIT_AUTHKEY","valueFrom":{"secretKeyRef":{"name":"flux-git-auth","key":"GIT_AUTHKEY"}}}]"#);
    let annotations = &flux["spec"]["template"]["metadata"]["annotations"];
    assert!(!flux.to_string().contains("s3cret"));
    case.source.credentials.password = Some("other".to_owned().into());
    let changed = case.one("Deployment", "flux");
    assert_ne!(annotations, &changed["spec"]["template"]["metadata"]["annotations"], "new pods for a new password");
}

#[test]
fn a_helm_operator_takes_its_version_image_and_resources_from_the_configuration() {
    let mut case = Case::new("https://example.org/a.git");
    case.operator.helm = Some(HelmOperator {
        version: Some("1.2.0".to_owned()),
        arguments: vec![Argument::new("enabled-helm-versions", "v2,v3")],
        limits: [("memory".to_owned(), "2Gi".to_owned())].into(),
        ..HelmOperator::default()
    });
    let helm = case.one("Deployment", "flux-helm-operator");
    let container = &helm["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "docker.io/fluxcd/helm-operator:1.2.0");
    assert_snapshot!(container["resources"], @r#"{"requests":{"cpu":"50m","memory":"64Mi"},"limits":{"cpu":"1","memory":"2Gi"}}"#);
    assert_snapshot!(case.arguments("flux-helm-operator"), @r"--enabled-helm-versions=v2,v3");
}

#[test]
fn pods_carry_what_the_watch_looks_for_and_run_with_as_little_as_they_can() {
    let mut case = Case::new("https://example.org/a.git");
    case.images.pull_secret = Some("registry".to_owned());
    let memcached = case.one("Deployment", "flux-memcached");
    assert_snapshot!(memcached["spec"]["template"]["metadata"]["labels"], @r#"{"instanceName":"flux","name":"memcached","clusterconfig.azure.com/operator":"memcached","clusterconfig.azure.com/name":"web","clusterconfig.azure.com/namespace":"shop"}"#);
    assert_snapshot!(memcached["spec"]["selector"], @r#"{"matchLabels":{"instanceName":"flux","name":"memcached"}}"#);
    assert_snapshot!(memcached["spec"]["template"]["spec"]["securityContext"], @r#"{"seccompProfile":{"type":"RuntimeDefault"},"runAsNonRoot":true,"runAsUser":11211,"runAsGroup":11211}"#);
    assert_snapshot!(memcached["spec"]["template"]["spec"]["containers"][0]["securityContext"], @r#"{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}}"#);
    assert_eq!(memcached["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
    let flux = case.one("Deployment", "flux");
    assert_snapshot!(flux["spec"]["template"]["spec"]["securityContext"], @r#"{"seccompProfile":{"type":"RuntimeDefault"}}"#);
    for deployment in case.manifests().iter().filter(|one| one.kind() == "Deployment") {
        let pod = deployment.object["spec"]["template"]["spec"].clone();
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
        assert!(pod["containers"][0]["resources"]["limits"]["memory"].is_string());
    }
}

#[test]
fn two_operators_share_neither_a_name_nor_a_binding() {
    let names = |namespace: &str, instance: &str| {
        let mut case = Case::new("https://example.org/a.git");
        case.id.namespace = namespace.to_owned();
        case.operator.instance = instance.to_owned();
        case.ids()
    };
    let (first, second) = (names("a-b", "c"), names("a", "b-c"));
    assert!(first.lines().all(|line| !second.lines().any(|other| line == other)), "{first}\n{second}");
}

#[test]
fn only_a_commit_is_taken_for_the_mark_of_an_operator() {
    let secret = |mark: &str| {
        let secret = json!({"metadata": {"annotations": {"flux.weave.works/sync-hwm": mark}}});
        secret.as_object().cloned().expect("an object")
    };
    let commit = "0123456789012345678901234567890123456789";
    assert_eq!(synced_commit(&secret(commit)), Some(commit));
    for none in ["", "main", &commit[1..], "x123456789012345678901234567890123456789"] {
        assert_eq!(synced_commit(&secret(none)), None, "{none}");
    }
    assert_eq!(synced_commit(&serde_json::Map::new()), None);
}
