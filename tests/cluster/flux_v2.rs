//! Engine `flux-v2` without its controllers: the test writes what they write, finalizers, conditions and inventories, and
//! the agent must understand it. Flux counts as installed by others: kinds, and Deployments of which no pod ever runs.
use crate::{
    live::Live,
    resources::define,
    support::{Bed, Running, eventually, kubeconfig, kubectl, shown},
};
use serde_json::{Value, json};
use std::{process::Stdio, sync::OnceLock};

const CONFIGURATION: &str = "FluxConfiguration";
const REVISION: &str = "main@sha1:0123456789012345678901234567890123456789";

/// Flux, as others would have installed it.
fn install_flux(live: &Live) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        define(kubeconfig(), directory.path());
        let mut names = Vec::new();
        for definition in arcwright::flux::v2::definitions() {
            names.push(format!("crd/{}", definition.name()));
            live.create("CustomResourceDefinition", "", Value::Object(definition.object));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        kubectl(&[&["wait", "--for=condition=Established", "--timeout=60s"], names.as_slice()].concat())
            .expect("defined");
        live.create("Namespace", "", json!({"metadata": {"name": "gitops"}}));
        for (name, version) in [("source-controller", "v1.7.4"), ("kustomize-controller", "v1.7.3")] {
            live.create("Deployment", "gitops", deployment(name, version));
        }
    });
}

fn deployment(name: &str, version: &str) -> Value {
    let labels = json!({"app.kubernetes.io/component": name, "app.kubernetes.io/part-of": "flux"});
    let container = json!({"name": "manager", "image": format!("ghcr.io/fluxcd/{name}:{version}")});
    json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    })
}

/// A test's own namespace with one configuration, a custom resource, and an agent on it.
struct Case {
    bed: Bed,
    live: Live,
    _agent: Running,
}

impl Case {
    /// With the lines of a specification after `engine`, `suspend` and such.
    fn new(name: &str, spec: &str, more: &[&str]) -> Self {
        let live = Live::shared();
        install_flux(&live);
        let bed = Bed::new(name);
        kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
        let mut command = bed.command();
        command.args(["agent", "--watch-resources", "--watch-namespace", &bed.namespace, "--kubeconfig"]);
        command.arg(kubeconfig()).args(more).stdout(Stdio::null()).stderr(Stdio::null());
        let case = Self { _agent: Running(command.spawn().expect("arcwright runs")), bed, live };
        case.apply(spec);
        case
    }

    fn apply(&self, spec: &str) {
        let text = format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: web, namespace: {}}}\nspec:\n  engine: flux-v2\n{spec}",
            self.bed.namespace
        );
        let file = self.bed.directory.path().join("resource.yaml");
        std::fs::write(&file, text).expect("a file");
        kubectl(&["apply", "-f", file.to_str().expect("a path")]).expect("applied");
    }

    fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.live.get(kind, &self.bed.namespace, name)
    }

    fn edit(&self, kind: &str, name: &str, change: &Value) {
        self.live.edit(kind, &self.bed.namespace, name, change);
    }

    /// Waits for the objects that the controllers are told.
    fn until_told(&self) {
        eventually("source and kustomization", || {
            self.get("GitRepository", "web").is_some() && self.get("Kustomization", "web-app").is_some()
        });
    }

    /// Waits until the status of the configuration is so.
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let mut looks = 0;
        loop {
            last = self.get(CONFIGURATION, "web").map(|one| one["status"].clone()).unwrap_or(last);
            if is_so(&last) {
                return last;
            }
            looks += 1;
            assert!(looks < 1200, "no {what}; the last status: {last:#}");
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    }

    fn until_state(&self, state: &str) -> Value {
        self.until(state, |status| status["complianceState"] == state)
    }

    /// Writes a status as a controller does: conditions of the object's generation.
    fn play(&self, kind: &str, name: &str, conditions: &[(&str, &str, &str, &str)], more: &Value) {
        let object = self.get(kind, name).expect("it is there");
        let generation = object["metadata"]["generation"].clone();
        let at = "2026-01-01T00:00:00Z";
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|(kind, status, reason, message)| {
                json!({
                    "type": kind, "status": status, "reason": reason, "message": message,
                    "observedGeneration": generation, "lastTransitionTime": at,
                })
            })
            .collect();
        let is_ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let mut status = json!({"conditions": conditions});
        status.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        if is_ready {
            status["observedGeneration"] = generation;
        }
        self.live.edit_status(kind, &self.bed.namespace, name, &status);
    }

    /// The source has stored the revision.
    fn store(&self) {
        let message = format!("stored artifact for revision '{REVISION}'");
        let conditions = [("Ready", "True", "Succeeded", message.as_str())];
        let artifact =
            json!({"revision": REVISION, "path": "a", "url": "http://a/a", "lastUpdateTime": "2026-01-01T00:00:00Z"});
        self.play("GitRepository", "web", &conditions, &json!({"artifact": artifact}));
    }

    /// The kustomization has applied the revision: a Deployment and a Namespace.
    fn applied(&self) {
        let message = format!("Applied revision: {REVISION}");
        self.play(
            "Kustomization",
            "web-app",
            &[("Ready", "True", "ReconciliationSucceeded", &message)],
            &self.inventory(),
        );
    }

    fn inventory(&self) -> Value {
        let entries = [
            json!({"id": format!("{}_web_apps_Deployment", self.bed.namespace), "v": "v1"}),
            json!({"id": format!("_{}__Namespace", self.bed.namespace), "v": "v1"}),
        ];
        json!({"lastAppliedRevision": REVISION, "lastAttemptedRevision": REVISION, "inventory": {"entries": entries}})
    }
}

const GIT: &str = "  gitRepository: {url: https://git.example.org/shop.git, repositoryRef: {branch: main}}\n  kustomizations: {app: {path: deploy, prune: true}}\n";

/// The entry of one object in `statuses`.
fn entry<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["statuses"].as_array().into_iter().flatten();
    all.into_iter().find(|one| one["kind"] == kind).unwrap_or(&Value::Null)
}

fn error(status: &Value) -> &str {
    status["errorMessage"].as_str().unwrap_or_default()
}

#[test]
fn conditions_and_inventory_become_compliance_and_statuses() {
    let case = Case::new("v2-told", GIT, &[]);
    case.until_told();
    let waiting = case.until("word of it", |status| status["statuses"].is_array());
    assert_eq!((&waiting["complianceState"], &waiting["installState"]), (&json!("Pending"), &json!("Installed")));

    case.play(
        "GitRepository",
        "web",
        &[
            ("Reconciling", "True", "ProgressingWithRetry", "retrying"),
            ("Ready", "False", "GitOperationFailed", "failed to checkout: authentication required"),
            ("FetchFailed", "True", "GitOperationFailed", "failed to checkout: authentication required"),
        ],
        &json!({}),
    );
    let failed = case.until_state("Non-Compliant");
    let source = format!("GitRepository/{}/web: failed to checkout: authentication required", case.bed.namespace);
    assert_eq!(error(&failed), source);

    case.store();
    case.play("Kustomization", "web-app", &[("Ready", "False", "DependencyNotReady", "waits")], &json!({}));
    case.until("end of the complaint", |status| {
        status["complianceState"] == "Pending" && status["sourceSyncedCommitId"] == REVISION
    });

    let late = format!("timeout waiting for: [Deployment/{}/web status: 'InProgress']", case.bed.namespace);
    case.play("Kustomization", "web-app", &[("Ready", "False", "HealthCheckFailed", &late)], &case.inventory());
    let unhealthy = case.until("complaint about health", |status| error(status).contains("timeout waiting for"));
    assert_eq!(entry(&unhealthy, "Deployment")["complianceState"], "Non-Compliant");
    assert_eq!(entry(&unhealthy, "Namespace")["complianceState"], "Compliant");

    case.applied();
    let good = case.until_state("Compliant");
    assert_eq!(good["sourceSyncedCommitId"], REVISION);
    assert_eq!(good.get("errorMessage"), None);
    let deployment = entry(&good, "Deployment");
    assert_eq!(deployment["complianceState"], "Compliant");
    assert_eq!(deployment["appliedBy"], json!({"name": "web-app", "namespace": case.bed.namespace}));
    let kustomization = entry(&good, "Kustomization");
    let conditions = json!([{
        "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
        "message": format!("Applied revision: {REVISION}"), "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]);
    assert_eq!((&kustomization["statusConditions"], kustomization.get("appliedBy")), (&conditions, None));
    assert_eq!(entry(&good, "GitRepository")["statusConditions"][0]["reason"], "Succeeded");

    let denied = [("Stalled", "True", "AccessDenied", "no"), ("Ready", "False", "AccessDenied", "no")];
    case.play("Kustomization", "web-app", &denied, &json!({}));
    let stalled = case.until_state("Non-Compliant");
    let of_stalled = stalled["conditions"].as_array().expect("conditions").iter().find(|one| one["type"] == "Stalled");
    assert_eq!(of_stalled.map(|one| &one["reason"]), Some(&json!("AccessDenied")));
}

#[test]
fn a_request_a_rest_and_an_end_are_passed_on() {
    let case = Case::new("v2-passed", GIT, &[]);
    case.until_told();
    case.store();
    case.applied();
    case.until_state("Compliant");

    let requested = "reconcile.fluxcd.io/requestedAt";
    case.edit(CONFIGURATION, "web", &json!({"metadata": {"annotations": {requested: "now"}}}));
    for (kind, name) in [("GitRepository", "web"), ("Kustomization", "web-app")] {
        eventually("request", || {
            case.get(kind, name).is_some_and(|one| one["metadata"]["annotations"][requested].is_string())
        });
    }
    case.until("answer", |status| status["lastHandledReconcileAt"] == "now");

    case.edit(CONFIGURATION, "web", &json!({"spec": {"suspend": true}}));
    case.until_state("Suspended");
    for (kind, name) in [("GitRepository", "web"), ("Kustomization", "web-app")] {
        assert_eq!(case.get(kind, name).expect("it is there")["spec"]["suspend"], true, "{kind}");
    }
    case.edit(CONFIGURATION, "web", &json!({"spec": {"suspend": false}}));
    eventually("resumption", || {
        case.get("Kustomization", "web-app").is_some_and(|one| one["spec"]["suspend"] == false)
    });
    case.store();
    case.applied();
    case.until_state("Compliant");

    case.edit("Kustomization", "web-app", &json!({"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}));
    case.live.delete(CONFIGURATION, &case.bed.namespace, "web");
    eventually("end of the Kustomization's time", || {
        case.get("Kustomization", "web-app").is_some_and(|one| one["metadata"]["deletionTimestamp"].is_string())
    });
    for (kind, name) in [("GitRepository", "web"), ("ServiceAccount", "flux-applier-web")] {
        assert!(case.get(kind, name).is_some(), "{kind} is needed for as long as the Kustomization is cleared away");
    }
    case.edit("Kustomization", "web-app", &json!({"metadata": {"finalizers": null}}));
    eventually("end of the configuration", || case.get(CONFIGURATION, "web").is_none());
    for (kind, name) in [("GitRepository", "web"), ("ServiceAccount", "flux-applier-web")] {
        assert!(case.get(kind, name).is_none(), "{kind}");
    }
    let binding = format!("flux-v2.{}.web", case.bed.namespace);
    assert!(case.live.get("ClusterRoleBinding", "", &binding).is_none());
}

#[test]
fn what_others_installed_is_used_as_it_is() {
    let case = Case::new("v2-adopted", GIT, &["--install-flux"]);
    case.until_told();
    let told = |status: &Value| {
        let text = status["message"].as_str().unwrap_or_default().to_owned();
        text.contains("Flux was there before") && text.contains("source-controller v1.7.4")
    };
    eventually("word of the controllers", || {
        case.bed.statuses().iter().any(|status| status["name"] == "flux-controllers" && told(status))
    });
    assert!(case.live.get("Namespace", "", "flux-system").is_none(), "nothing is installed");
    let deployment = case.live.get("Deployment", "gitops", "source-controller").expect("it is there");
    assert_eq!(deployment["metadata"]["labels"].get("clusterconfig.azure.com/name"), None, "nor touched");
}

#[test]
fn a_key_for_ssh_is_made_and_handed_to_the_source_controller() {
    let spec = "  scope: namespace\n  gitRepository: {url: 'git@git.example.org:team/shop.git', sshKnownHosts: Z2l0LmV4YW1wbGUub3JnIHNzaC1lZDI1NTE5IEFBQUFDM056YUMxbFpESTFOVEU1QUFBQUlBQUJBZ01FQlFZSENBa0tDd3dORGc4UUVSSVRGQlVXRnhnWkdoc2NIUjRmCg==}\n";
    let spec = format!("{spec}  kustomizations: {{app: {{path: deploy}}}}\n");
    let case = Case::new("v2-ssh", &spec, &[]);
    let waiting = case.until("a public key", |status| status["repositoryPublicKey"].is_string());
    assert!(waiting["repositoryPublicKey"].as_str().is_some_and(|key| key.contains(" AAAA")), "{waiting:#}");
    eventually("source", || case.get("GitRepository", "web").is_some());
    let source = case.get("GitRepository", "web").expect("it is there");
    assert_eq!(source["spec"]["url"], "ssh://git@git.example.org/team/shop.git");
    let secret = case.get("Secret", "web-auth").expect("it is there");
    assert!(secret["data"]["identity"].is_string() && secret["data"]["known_hosts"].is_string());
    assert!(case.get("RoleBinding", "flux-applier-web").is_some());
    let binding = format!("flux-v2.{}.web", case.bed.namespace);
    assert!(case.live.get("ClusterRoleBinding", "", &binding).is_none(), "nothing is outside the namespace");
}

#[test]
fn a_plan_shows_what_the_controllers_will_be_told_and_makes_nothing() {
    let live = Live::shared();
    install_flux(&live);
    let bed = Bed::new("v2-plan");
    bed.write_state(&[format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: web}}\nspec:\n  engine: flux-v2\n  namespace: {}\n{GIT}",
        bed.namespace
    )]);
    let planned = bed.run(&["plan"]);
    assert_eq!(planned.status.code(), Some(1), "{}", shown(&planned));
    for line in ["create   GitRepository/", "create   Kustomization/", "create   ClusterRoleBinding/flux-v2."] {
        assert!(shown(&planned).contains(line), "{}", shown(&planned));
    }
    assert!(live.get("Namespace", "", &bed.namespace).is_none(), "a plan makes nothing");
}

#[test]
fn an_account_that_is_given_is_named_to_the_controllers_and_none_is_made() {
    let case = Case::new("v2-given", GIT, &["--default-service-account", "deployer"]);
    let account = || case.get("Kustomization", "web-app").map(|one| one["spec"]["serviceAccountName"].clone());
    eventually("a Kustomization", || account().is_some());
    assert_eq!(account(), Some(json!("deployer")));
    case.apply(&format!("  serviceAccountName: its-own\n{GIT}"));
    eventually("the account that it names", || account() == Some(json!("its-own")));
    assert!(case.get("ServiceAccount", "flux-applier-web").is_none());
    let binding = format!("flux-v2.{}.web", case.bed.namespace);
    assert!(case.live.get("ClusterRoleBinding", "", &binding).is_none());
}
