use super::*;
use crate::model::{
    configuration::{Credentials, DriftPolicy, Reference, SubstituteFrom},
    flux::{Entries, FluxBucket, FluxOci, FluxSource, FluxVerify},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};

struct Case {
    id: ConfigurationId,
    scope: Scope,
    suspend: bool,
    flux: FluxV2,
    git: GitSource,
    secret: Option<&'static str>,
    account: Option<&'static str>,
}

impl Case {
    fn new(url: &str) -> Self {
        let id = ConfigurationId { namespace: "shop".to_owned(), name: "web".to_owned() };
        let kustomization = Kustomization {
            path: "deploy".to_owned(),
            interval: Duration::from_secs(300),
            timeout: Duration::from_secs(120),
            wait: true,
            drift: DriftPolicy::Correct,
            ..Kustomization::gone("app")
        };
        let git =
            GitSource { url: url.to_owned(), ..crate::model::configuration::Configuration::gone(id.clone()).source };
        let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(20));
        let source = FluxSource::Git { provider: None };
        let flux = FluxV2 { source, interval, timeout, kustomizations: vec![kustomization] };
        Self { id, scope: Scope::Cluster, suspend: false, flux, git, secret: None, account: None }
    }

    fn manifests(&self) -> Vec<Manifest> {
        let text = |api: &str| api.to_owned();
        let apis = Apis {
            git: text("source.toolkit.fluxcd.io/v1"),
            bucket: text("source.toolkit.fluxcd.io/v1beta2"),
            oci: text("source.toolkit.fluxcd.io/v1"),
            kustomization: text("kustomize.toolkit.fluxcd.io/v1"),
        };
        let Self { id, scope, suspend, flux, git, secret, account } = self;
        let (scope, suspend, account, git_secret) = (*scope, *suspend, *account, *secret);
        manifests(&Application { id, scope, suspend, flux, git, account, git_secret, apis: &apis })
    }

    fn ids(&self) -> Vec<String> {
        self.manifests().iter().map(|one| one.id().to_string()).collect()
    }

    fn one(&self, kind: &str) -> Value {
        let all = self.manifests();
        let found = all.iter().find(|one| one.kind() == kind).unwrap_or_else(|| panic!("a {kind}"));
        Value::Object(found.object.clone())
    }
}

#[test]
fn scope_decides_what_the_account_is_bound_to() {
    let mut case = Case::new("https://example.org/a.git");
    assert_eq!(
        case.ids(),
        [
            "ServiceAccount/shop/flux-applier-web",
            "ClusterRoleBinding/flux-v2.shop.web",
            "GitRepository/shop/web",
            "Kustomization/shop/web-app"
        ]
    );
    case.scope = Scope::Namespace;
    assert_eq!(case.ids()[1], "RoleBinding/shop/flux-applier-web");
    let binding = case.one("RoleBinding");
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": "flux-applier-web", "namespace": "shop"}])
    );
    assert!(case.manifests().iter().all(|one| one.namespace() == "shop"), "nothing is outside the namespace");
    case.account = Some("deployer");
    assert_eq!(case.ids(), ["GitRepository/shop/web", "Kustomization/shop/web-app"], "one that is given is not made");
    assert_eq!(case.one("Kustomization")["spec"]["serviceAccountName"], "deployer");
}

#[test]
fn a_kustomization_has_every_field_and_never_names_another_namespace() {
    let mut case = Case::new("https://example.org/a.git");
    let one = &mut case.flux.kustomizations[0];
    one.depends_on = vec!["infra".to_owned()];
    one.retry_interval = Some(Duration::from_secs(7));
    one.substitute.insert("tier".to_owned(), "1".to_owned());
    one.substitute_from = vec![SubstituteFrom { kind: "Secret".to_owned(), name: "values".to_owned(), optional: true }];
    assert_eq!(
        case.one("Kustomization"),
        json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {
                "name": "web-app", "namespace": "shop", "labels": {"clusterconfig.azure.com/operator": "kustomization"},
            },
            "spec": {
                "sourceRef": {"kind": "GitRepository", "name": "web"}, "path": "./deploy",
                "interval": "300s", "timeout": "120s", "retryInterval": "7s",
                "prune": true, "force": false, "wait": true, "suspend": false,
                "serviceAccountName": "flux-applier-web", "dependsOn": [{"name": "web-infra"}],
                "postBuild": {
                    "substitute": {"tier": "1"},
                    "substituteFrom": [{"kind": "Secret", "name": "values", "optional": true}],
                },
            },
        })
    );
    case.suspend = true;
    assert_eq!(case.one("Kustomization")["spec"]["suspend"], true);
    assert_eq!(case.one("GitRepository")["spec"]["suspend"], true);
}

#[test]
fn credentials_are_in_a_secret_by_fluxs_names_and_nowhere_else() {
    let mut case = Case::new("https://example.org/a.git");
    assert!(case.one("GitRepository")["spec"].get("secretRef").is_none());
    case.git.credentials = Credentials {
        user: Some("me".to_owned()),
        password: Some("s3cret".to_owned().into()),
        ca_bundle: Some("PEM".to_owned()),
        ..Credentials::default()
    };
    assert_eq!(case.one("GitRepository")["spec"]["secretRef"], json!({"name": "web-auth"}));
    let secret = case.one("Secret");
    assert_eq!(secret["data"], json!({"ca.crt": "UEVN", "username": "bWU=", "password": "czNjcmV0"}));
    assert!(!case.one("GitRepository").to_string().contains("s3cret"));
    case.git.credentials.bearer_token = Some("token".to_owned().into());
    assert_eq!(case.one("Secret")["data"], json!({"ca.crt": "UEVN", "bearerToken": "dG9rZW4="}));
    case.secret = Some("own");
    assert_eq!(case.one("GitRepository")["spec"]["secretRef"], json!({"name": "own"}));
    assert!(!case.ids().iter().any(|id| id.starts_with("Secret/")), "a Secret of the user is used as it is");
}

#[test]
fn addresses_and_references_are_written_as_flux_takes_them() {
    for (url, wanted) in [
        ("git@example.org:team/a.git", "ssh://git@example.org/team/a.git"),
        ("git@example.org:/srv/a.git", "ssh://git@example.org/srv/a.git"),
        ("ssh://git@example.org:2222/a", "ssh://git@example.org:2222/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
    ] {
        assert_eq!(Case::new(url).one("GitRepository")["spec"]["url"], wanted);
    }
    let mut case = Case::new("https://example.org/a.git");
    case.git.reference = Reference {
        branch: Some("main".to_owned()),
        commit: Some("0123".to_owned()),
        tag: None,
        semver: Some(">=1".to_owned()),
    };
    case.flux.source = FluxSource::Git { provider: Some("azure") };
    let spec = case.one("GitRepository")["spec"].clone();
    assert_eq!(spec["ref"], json!({"branch": "main", "semver": ">=1", "commit": "0123"}));
    assert_eq!(
        (&spec["provider"], &spec["interval"], &spec["timeout"]),
        (&json!("azure"), &json!("60s"), &json!("20s"))
    );
}

#[test]
fn a_bucket_has_its_version_and_its_keys() {
    let mut case = Case::new("http://minio.example.org:9000");
    let bucket = FluxBucket {
        provider: "generic",
        endpoint: "minio.example.org:9000".to_owned(),
        name: "manifests".to_owned(),
        insecure: true,
        entries: Entries::new(),
        secret: None,
    };
    case.flux.source = FluxSource::Bucket(bucket.clone());
    case.git.credentials.user = Some("key".to_owned());
    case.git.credentials.password = Some("secret".to_owned().into());
    let object = case.one("Bucket");
    assert_eq!(object["apiVersion"], "source.toolkit.fluxcd.io/v1beta2", "the version that is served");
    assert_eq!(
        object["spec"],
        json!({
            "interval": "60s", "timeout": "20s", "provider": "generic", "endpoint": "minio.example.org:9000",
            "bucketName": "manifests", "insecure": true, "secretRef": {"name": "web-auth"}, "suspend": false,
        })
    );
    assert_eq!(case.one("Secret")["data"], json!({"accesskey": "a2V5", "secretkey": "c2VjcmV0"}));
    assert_eq!(case.one("Kustomization")["spec"]["sourceRef"], json!({"kind": "Bucket", "name": "web"}));
    case.git.credentials = Credentials::default();
    let entries = Entries::from([("accountKey", "k".to_owned().into())]);
    case.flux.source = FluxSource::Bucket(FluxBucket { provider: "azure", entries, ..bucket });
    assert_eq!(case.one("Secret")["data"], json!({"accountKey": "aw=="}));
}

#[test]
fn an_artifact_has_its_layer_certificates_and_signature() {
    let mut case = Case::new("oci://registry.example.org/manifests");
    let verify = FluxVerify {
        provider: "cosign".to_owned(),
        entries: [("key.pub".to_owned(), "PEM".to_owned().into())].into(),
        identities: vec![("issuer".to_owned(), "subject".to_owned())],
    };
    case.flux.source = FluxSource::Oci(Box::new(FluxOci {
        url: "oci://registry.example.org/manifests".to_owned(),
        tag: Some("latest".to_owned()),
        media_type: Some("application/tar".to_owned()),
        operation: Some("extract"),
        verify: Some(verify),
        uses_identity: true,
        tls: Entries::from([("ca.crt", "PEM".to_owned().into())]),
        secret: Some("registry".to_owned()),
        ..FluxOci::default()
    }));
    assert_eq!(
        case.one("OCIRepository")["spec"],
        json!({
            "interval": "60s", "timeout": "20s", "url": "oci://registry.example.org/manifests", "ref": {"tag": "latest"},
            "layerSelector": {"mediaType": "application/tar", "operation": "extract"}, "insecure": false,
            "provider": "azure", "secretRef": {"name": "registry"}, "certSecretRef": {"name": "web-tls"},
            "verify": {
                "provider": "cosign", "secretRef": {"name": "web-verify"},
                "matchOIDCIdentity": [{"issuer": "issuer", "subject": "subject"}],
            },
            "suspend": false,
        })
    );
}

fn deployment(name: &str, labels: &Value, image: &str, available: u64) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "flux-system", "labels": labels},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        "status": {"availableReplicas": available},
    })
}

fn found(source: &str, kustomize: &str) -> Found {
    let none = json!({});
    let deployments = [deployment("source-controller", &none, source, 1), deployment("k", &none, kustomize, 0)];
    let api = || "x/v1".to_owned();
    let apis = Apis { git: api(), bucket: api(), oci: String::new(), kustomization: api() };
    Found { controllers: controllers_in(&deployments), apis }
}

#[test]
fn controllers_are_known_by_image_or_label_and_their_version_is_told() {
    let found =
        found("registry.example.org:5000/fluxcd/source-controller:v1.9.1@sha256:0", "kustomize-controller:v1.9.4");
    assert_eq!(found.told(), "source-controller v1.9.1 and kustomize-controller v1.9.4 of namespace flux-system");
    assert!(found.runs("source-controller") && !found.runs("kustomize-controller"));
    let label = |part: &str| json!({"app.kubernetes.io/component": part, "app.kubernetes.io/part-of": "flux"});
    let named = deployment("flux-source", &label("source-controller"), "mirror.example.org/flux/sc@sha256:0", 1);
    let controllers = controllers_in(&[named]);
    assert_eq!((controllers.len(), controllers[0].version.as_deref()), (1, None));
    let others = [
        deployment("source-controller-exporter", &json!({}), "example.org/source-controller-exporter:1", 1),
        deployment("web", &label("web"), "example.org/web:1", 1),
        json!({}),
    ];
    assert_eq!(controllers_in(&others), []);
    let off = deployment("old", &json!({}), "source-controller:v1.0.0", 0);
    let on = deployment("new", &json!({}), "source-controller:v1.9.0", 1);
    assert_eq!(controllers_in(&[off, on])[0].name, "new", "the one that runs");
}

#[test]
fn what_flux_lacks_is_named() {
    let git = FluxSource::Git { provider: None };
    let say = |found: Found, source: &FluxSource| found.can_use(source).map_err(|lack| lack.to_string());
    let good = || found("source-controller:v1.9.1", "kustomize-controller:v1.0.0");
    assert_eq!(good().can_use(&git), Ok(()));
    assert_eq!(
        say(Found::default(), &git).expect_err("nothing is there"),
        "no source-controller of Flux was found in the cluster; install Flux, or let the agent do it: `--install-flux`"
    );
    let old = found("source-controller:v0.36.1", "kustomize-controller:v1.0.0");
    assert!(
        say(old, &git).expect_err("old").starts_with("source-controller v0.36.1 in namespace flux-system is too old")
    );
    let oci = FluxSource::Oci(Box::default());
    assert!(say(good(), &oci).expect_err("no kind").contains("kind OCIRepository"));
    let odd = found("source-controller:latest", "kustomize-controller@sha256:0");
    assert_eq!(odd.can_use(&git), Ok(()), "what says no version is judged by its kinds");
}

fn object(generation: i64, status: &Value) -> Value {
    json!({"metadata": {"generation": generation}, "status": status})
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, generation: i64) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation})
}

fn told(object: Option<&Value>) -> (Standing, String) {
    let story = source_standing(object);
    (story.standing, story.message)
}

#[test]
fn a_source_is_judged_by_conditions_of_its_own_generation() {
    use Standing::{Failing, Passing, Progressing, Ready, Stalled, Unseen};
    let ready = |status: &str, generation| condition("Ready", status, "Any", "why", generation);
    let stalled = condition("Stalled", "True", "URLInvalid", "bad", 2);
    for (status, wanted) in [
        (json!({"observedGeneration": -1}), Unseen),
        (json!({"conditions": [ready("True", 1)]}), Unseen),
        (json!({"conditions": [ready("True", 2)]}), Ready),
        // A failure leaves the observed generation of the object where it was.
        (json!({"observedGeneration": -1, "conditions": [ready("False", 2)]}), Failing),
        (json!({"conditions": [stalled, ready("False", 2)]}), Stalled),
        (json!({"conditions": [ready("Unknown", 2)]}), Progressing),
        (json!({"artifact": {"revision": "main@sha1:1"}, "conditions": [ready("Unknown", 2)]}), Passing),
    ] {
        assert_eq!(told(Some(&object(2, &status))).0, wanted, "{status}");
    }
    assert_eq!(told(None), (Progressing, "it is not there yet".to_owned()));
    let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    assert_eq!(told(Some(&going)).0, Progressing);
    let bad = object(1, &json!({"conditions": [condition("Ready", "False", "AuthenticationFailed", "no\n entry", 1)]}));
    let story = source_standing(Some(&bad));
    assert_eq!((story.reason.as_str(), story.message.as_str()), ("AuthenticationFailed", "no entry"));
}

#[test]
fn a_kustomization_is_ready_at_the_revision_of_its_source_alone() {
    let kustomization = |applied: &str, reason: &str, status: &str| {
        let conditions = [condition("Ready", status, reason, "why", 1)];
        object(1, &json!({"lastAppliedRevision": applied, "lastAttemptedRevision": applied, "conditions": conditions}))
    };
    let stands = |object: &Value, source| kustomization_standing(Some(object), source).standing;
    let ready = kustomization("main@sha1:1", "ReconciliationSucceeded", "True");
    assert_eq!(stands(&ready, Some("main@sha1:1")), Standing::Ready);
    assert_eq!(stands(&ready, Some("main@sha1:2")), Standing::Progressing);
    assert_eq!(stands(&ready, None), Standing::Ready, "its source is judged by itself");
    let waits = |reason: &str, source| stands(&kustomization("", reason, "False"), source);
    assert_eq!(waits("DependencyNotReady", Some("main@sha1:1")), Standing::Progressing);
    assert_eq!(waits("ArtifactFailed", None), Standing::Progressing, "it waits for the source");
    assert_eq!(waits("ArtifactFailed", Some("main@sha1:1")), Standing::Failing, "a directory that is not there");
    assert_eq!(waits("BuildFailed", Some("main@sha1:1")), Standing::Failing);
    let again = kustomization("main@sha1:1", "Progressing", "Unknown");
    assert_eq!(stands(&again, Some("main@sha1:1")), Standing::Passing);
    assert_eq!(stands(&again, Some("main@sha1:2")), Standing::Progressing, "a new revision is news");
}

#[test]
fn how_long_a_try_took_is_no_news() {
    for (text, told) in [
        ("failed after 30.008400438s: timeout", "failed after 30s: timeout"),
        ("after 1m30.5s", "after 1m30s"),
        ("version 1.2.3 of 1.5services at 10.0.0.1", "version 1.2.3 of 1.5services at 10.0.0.1"),
        ("a.b.cs", "a.b.cs"),
    ] {
        assert_eq!(quoted(text), told);
    }
}

#[test]
fn an_inventory_is_read_from_both_ends() {
    let entries = [
        "shop_web_apps_Deployment",
        "_shop__Namespace",
        "shop_a_b__ConfigMap",
        "_system__node__role_rbac.authorization.k8s.io_ClusterRole",
        "broken",
        "___",
    ];
    let entries: Vec<Value> = entries.iter().map(|id| json!({"id": id, "v": "v1"})).collect();
    let ids = inventory(&json!({"status": {"inventory": {"entries": entries}}}));
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["ConfigMap/shop/a_b", "Namespace/shop", "Deployment/shop/web", "ClusterRole/system:node:role"]);
    assert_eq!(inventory(&json!({})), []);
}

#[test]
fn an_object_is_named_only_as_a_whole() {
    let id = |namespace: &str, name: &str| ObjectId {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let message =
        "timeout waiting for: [Deployment/shop/web status: 'InProgress', Deployment/shop/api-2 status: 'Failed']";
    assert!(named_in(message, &id("shop", "web")));
    assert!(named_in(message, &id("shop", "api-2")));
    assert!(!named_in(message, &id("shop", "api")));
    assert!(!named_in(message, &id("shop", "we")));
    assert!(named_in("it is Deployment/shop/web.", &id("shop", "web")));
    assert!(!named_in("OtherDeployment/shop/web", &id("shop", "web")));
}

#[test]
fn the_controllers_may_do_little_and_refer_to_nothing_elsewhere() {
    let settings = Settings { namespace: "flux".to_owned(), ..Settings::default() };
    let all = controllers(&settings, &BTreeSet::new());
    let find = |kind: &str, name: &str| {
        let found = all.iter().find(|one| one.kind() == kind && one.name() == name);
        Value::Object(found.unwrap_or_else(|| panic!("{kind}/{name}")).object.clone())
    };
    let kustomize = find("Deployment", "kustomize-controller");
    let container = &kustomize["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().expect("arguments");
    assert!(arguments.contains(&json!("--no-cross-namespace-refs=true")));
    assert!(arguments.contains(&json!("--default-service-account=default")));
    assert_eq!(kustomize["metadata"]["labels"]["app.kubernetes.io/version"], "v1.9.4");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    for role in ["arcwright-flux-source-controller", "arcwright-flux-kustomize-controller"] {
        let rules = find("ClusterRole", role)["rules"].to_string();
        assert!(!rules.contains("\"*\""), "{role}: {rules}");
    }
    let definitions = |all: &[Manifest]| all.iter().filter(|one| one.kind() == "CustomResourceDefinition").count();
    assert_eq!(definitions(&all), 6);
    let foreign = BTreeSet::from(["buckets.source.toolkit.fluxcd.io".to_owned()]);
    assert_eq!(definitions(&controllers(&settings, &foreign)), 5);
    let outside = all.iter().filter(|one| !["", "flux"].contains(&one.namespace())).count();
    assert_eq!(outside, 0);
}

proptest! {
    #[test]
    fn every_object_that_can_be_in_an_inventory_is_read_back(
        namespace in "[a-z0-9-]{0,10}", name in "[a-z0-9.:-]{1,20}", group in "[a-z.]{0,12}", kind in "[A-Z][a-zA-Z]{0,12}",
    ) {
        let id = format!("{namespace}_{}_{group}_{kind}", name.replace(':', "__"));
        let ids = inventory(&json!({"status": {"inventory": {"entries": [{"id": id, "v": "v1"}]}}}));
        prop_assert_eq!(ids, [ObjectId { group, kind, namespace, name }]);
    }

    #[test]
    fn no_text_of_others_makes_the_reader_fail(message in ".{0,300}", id in ".{0,60}", status in ".{0,10}") {
        let conditions = [json!({"type": "Ready", "status": status, "message": message})];
        let entries = [json!({"id": id})];
        let object = json!({"status": {"conditions": conditions, "inventory": {"entries": entries}}});
        let story = kustomization_standing(Some(&object), Some(&message));
        prop_assert!(!story.message.contains('\n'));
        for found in inventory(&object) {
            named_in(&message, &found);
        }
        let image = deployment(&id, &json!({"app.kubernetes.io/component": status}), &message, 1);
        controllers_in(&[image]);
    }

    #[test]
    fn two_configurations_share_nothing(a in "[a-z]{1,6}", b in "[a-z.]{1,6}", c in "[a-z]{1,6}", d in "[a-z.]{1,6}") {
        prop_assume!((&a, &b) != (&c, &d));
        let ids = |namespace: &str, name: &str| {
            let mut case = Case::new("https://example.org/a.git");
            case.id = ConfigurationId { namespace: namespace.to_owned(), name: name.to_owned() };
            case.ids()
        };
        let (first, second) = (ids(&a, &b), ids(&c, &d));
        prop_assert!(first.iter().all(|id| !second.contains(id)), "{first:?} {second:?}");
    }
}
