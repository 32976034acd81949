//! A cluster that is connected to a control plane, both as processes: what the one wants is there, what the other says arrives,
//! whatever is killed in between.
use crate::{
    bed::{Bed as HubBed, Hub},
    git_server::Server,
    live::{Live, runtime},
    resources,
    support::{Bed, Running, eventually, kubeconfig, kubectl, map},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

/// A cluster, its control plane, and a repository.
pub(crate) struct Connected {
    pub(crate) bed: Bed,
    pub(crate) server: Server,
    pub(crate) hub: HubBed,
    pub(crate) live: Live,
    /// The onboarding key, in PEM.
    pub(crate) key: PathBuf,
}

impl Connected {
    /// With a repository that holds ConfigMap `a`, blue, in `app`, and a cluster `north` that nobody has connected yet.
    pub(crate) fn new(name: &str, hub: HubBed) -> Self {
        static DEFINED: OnceLock<()> = OnceLock::new();
        let bed = Bed::new(name);
        DEFINED.get_or_init(|| resources::define(kubeconfig(), bed.directory.path()));
        kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
        bed.commit(&[("app/a.yaml", &map("a", "blue")), ("other/b.yaml", &map("b", "green"))]);
        let server = runtime().block_on(Server::plain(bed.directory.path()));
        let pair = openssl::rsa::Rsa::generate(2048).expect("a key");
        let key = bed.directory.path().join("onboarding.pem");
        std::fs::write(&key, pair.private_key_to_pem().expect("PEM")).expect("a file");
        let public = STANDARD.encode(pair.public_key_to_der_pkcs1().expect("DER"));
        let body = json!({"location": "here", "identity": {"type": "SystemAssigned"},
            "properties": {"agentPublicKeyCertificate": public}});
        assert_eq!(hub.ask("PUT", &hub.cluster("north"), Some(&body)).status, 201);
        Self { bed, server, hub, live: Live::shared(), key }
    }

    /// Where the control plane's authority is.
    pub(crate) fn authority(&self) -> PathBuf {
        self.hub.directory.path().join(self.hub.hub.bootstrap["caFile"].as_str().expect("a path"))
    }

    /// What is said of the cluster.
    pub(crate) fn properties(&self) -> Value {
        self.hub.ask("GET", &self.hub.cluster("north"), None).body["properties"].take()
    }

    /// Writes a Flux configuration at the control plane; its name is the namespace's.
    pub(crate) fn want(&self, kustomizations: &Value) {
        let body = json!({"properties": {"namespace": self.bed.namespace, "scope": "cluster",
            "gitRepository": {"url": self.server.url("repository/.git"), "repositoryRef": {"branch": "main"}, "syncIntervalInSeconds": 1},
            "kustomizations": kustomizations}});
        let answer = self.hub.ask("PUT", &self.flux(), Some(&body));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
    }

    pub(crate) fn flux(&self) -> String {
        self.hub.flux("north", &self.bed.namespace)
    }

    /// What the control plane says of that configuration; nothing while nobody answers.
    fn told(&self) -> Value {
        let answer = self.hub.hub.try_ask(&self.hub.token, "GET", &self.flux(), None, &[]);
        answer.map(|mut answer| answer.body["properties"].take()).unwrap_or_default()
    }

    pub(crate) fn until_told(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        eventually(what, || is_so(&self.told()));
    }

    pub(crate) fn until_compliant(&self) {
        self.until_told("compliance at the control plane", |told| told["complianceState"] == "Compliant");
    }

    pub(crate) fn colour(&self, name: &str) -> Option<String> {
        self.bed.colour_in(&self.live, name)
    }

    pub(crate) fn until_colour(&self, name: &str, colour: Option<&str>) {
        eventually("that colour", || self.colour(name).as_deref() == colour);
    }

    /// Changes ConfigMap `a` by hand, and waits until that is corrected.
    pub(crate) fn drift(&self) {
        self.live.edit("ConfigMap", &self.bed.namespace, "a", &json!({"data": {"colour": "drifted"}}));
        self.until_colour("a", Some("blue"));
    }

    /// An agent that keeps its identity in files.
    fn agent(&self) -> Running {
        self.agent_with(kubeconfig(), &["--onboarding-key", self.key.to_str().expect("a path")])
    }

    fn agent_with(&self, kubeconfig: &Path, more: &[&str]) -> Running {
        let mut command = self.bed.command();
        command.args(["agent", "--hub", &self.hub.hub.endpoint, "--hub-ca"]).arg(self.authority());
        command.arg("--kubeconfig").arg(kubeconfig).args(more);
        if more.contains(&"--onboarding-key") {
            command.env("ARCWRIGHT_CLUSTER_ID", self.hub.cluster("north"));
        }
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("arcwright runs"))
    }

    /// Kills the control plane, does something meanwhile, and starts it again where it was.
    fn while_away(&mut self, meanwhile: impl FnOnce(&Self)) {
        let address = self.hub.hub.endpoint.trim_start_matches("https://").to_owned();
        let directory = self.hub.directory.path().to_owned();
        let (data, pid) = (self.hub.data.clone(), self.hub.hub.pid().to_string());
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        assert!(killed.success());
        meanwhile(self);
        self.hub.hub = Hub::start_at(&address, &data, &directory, &[]);
    }
}

#[test]
fn what_a_control_plane_wants_is_there_and_it_is_told_whatever_is_killed() {
    let mut here = Connected::new("connected", HubBed::new());
    here.want(&json!({"app": {"path": "app", "prune": true}}));
    assert_eq!(here.properties()["connectivityStatus"], "Connecting");
    let agent = here.agent();
    here.until_compliant();
    assert_eq!(here.colour("a").as_deref(), Some("blue"));
    let told = here.told();
    assert!(told["statuses"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "a")), "{told:#}");
    eventually("a sign of life", || here.properties()["connectivityStatus"] == "Connected");
    eventually("the version of Kubernetes", || here.properties()["kubernetesVersion"].is_string());
    let kept = here.bed.directory.path().join("data/identity/azure-identity-certificate.json");
    assert!(kept.exists(), "the identity is kept in a file");

    // A change at the control plane arrives.
    here.want(&json!({"app": {"path": "other", "prune": true}}));
    here.until_colour("b", Some("green"));
    here.until_colour("a", None);
    here.want(&json!({"app": {"path": "app", "prune": true}}));
    here.until_colour("a", Some("blue"));
    here.until_compliant();

    // What is wanted goes on to be kept while the control plane is away, and what was said meanwhile is delivered.
    here.while_away(|here| {
        here.drift();
        here.bed.commit(&[("app/c.yaml", &map("c", "red"))]);
        here.until_colour("c", Some("red"));
    });
    let head = here.bed.head();
    here.until_told("what was said meanwhile", |told| {
        told["complianceState"] == "Compliant"
            && told["sourceSyncedCommitId"].as_str().is_some_and(|revision| revision.contains(&head))
    });

    // So it is when the agent was killed, and started again while the control plane is away.
    drop(agent);
    let mut again = None;
    here.while_away(|here| {
        here.live.edit("ConfigMap", &here.bed.namespace, "a", &json!({"data": {"colour": "drifted"}}));
        again = Some(here.agent());
        here.until_colour("a", Some("blue"));
        here.bed.commit(&[("app/d.yaml", &map("d", "red"))]);
        here.until_colour("d", Some("red"));
    });
    let head = here.bed.head();
    here.until_told("what the other process said", |told| {
        told["sourceSyncedCommitId"].as_str().is_some_and(|revision| revision.contains(&head))
    });

    // What is given up at the control plane goes.
    assert!(matches!(here.hub.ask("DELETE", &here.flux(), None).status, 200 | 202 | 204));
    here.until_colour("a", None);
}

#[test]
fn a_cluster_that_is_deleted_at_the_control_plane_keeps_what_was_wanted_last() {
    let here = Connected::new("deleted", HubBed::new());
    here.want(&json!({"app": {"path": "app", "prune": true}}));
    let _agent = here.agent();
    here.until_compliant();
    let deleted = here.hub.ask("DELETE", &here.hub.cluster("north"), None);
    assert!(matches!(deleted.status, 200 | 202 | 204), "{}", deleted.body);
    eventually("the cluster to be gone", || here.hub.ask("GET", &here.hub.cluster("north"), None).status == 404);
    here.drift();
}

/// A kubeconfig whose client is at home in a namespace.
fn at_home(here: &Connected) -> PathBuf {
    let own = here.bed.directory.path().join("kubeconfig");
    std::fs::copy(kubeconfig(), &own).expect("a file");
    let args = ["config", "set-context", "--current", "--namespace", &here.bed.namespace, "--kubeconfig"];
    let done = std::process::Command::new("kubectl").args(args).arg(&own).output().expect("kubectl runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    own
}

#[test]
fn in_a_cluster_everything_is_kept_in_its_namespace_and_tokens_are_served() {
    let here = Connected::new("athome", HubBed::new());
    let namespace = here.bed.namespace.clone();
    let secret = |name: &str| here.live.get("Secret", &namespace, name);
    let pem = STANDARD.encode(std::fs::read(&here.key).expect("a key"));
    let meta = |name: &str| json!({"name": name, "namespace": namespace});
    here.live.create(
        "Secret",
        &namespace,
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("azure-arc-connect-privatekey"), "data": {"privateKey": pem}}),
    );
    let called = json!({"AZURE_SUBSCRIPTION_ID": here.hub.hub.subscription(), "AZURE_RESOURCE_GROUP": "shops",
        "AZURE_RESOURCE_NAME": "north", "KUBERNETES_DISTRO": "k3s", "KUBERNETES_INFRA": "generic"});
    here.live.create(
        "ConfigMap",
        &namespace,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("azure-clusterconfig"), "data": called}),
    );
    let request = |name: &str, spec: Value| {
        let kind = "AzureClusterIdentityRequest";
        let body = json!({"apiVersion": "clusterconfig.azure.com/v1beta1", "kind": kind, "metadata": meta(name), "spec": spec});
        here.live.create(kind, &namespace, body);
    };
    request("mine", json!({"audience": "https://monitoring.example.org/"}));
    here.live.create(
        "Secret",
        &namespace,
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("others-token"), "data": {}}),
    );
    request("others", json!({}));
    here.want(&json!({"app": {"path": "app", "prune": true}}));
    let kubeconfig = at_home(&here);
    let agent = here.agent_with(&kubeconfig, &["--watch-resources", "--watch-namespace", &namespace]);
    here.until_compliant();
    eventually("the distribution", || here.properties()["distribution"] == "k3s");

    let identity = secret("azure-identity-certificate").expect("the identity");
    for key in
        ["certificate", "privateKey", "azure-identity-certificate-expiration-time", "renewAfter", "tokenEndpoint"]
    {
        assert!(identity["data"][key].is_string(), "{key}");
    }
    assert!(identity["data"].get("pendingPrivateKey").is_none(), "nothing is left of the enrolment");
    assert!(secret("arcwright-desired").is_some(), "what was pulled last is kept");

    let status = |name: &str| {
        here.live.get("AzureClusterIdentityRequest", &namespace, name).unwrap_or_default()["status"].take()
    };
    eventually("a token", || status("mine")["tokenReference"]["secretName"] == "mine-token");
    let token = secret("mine-token").expect("a Secret");
    assert!(token["data"]["cluster-identity-token"].is_string());
    assert_eq!(token["metadata"]["ownerReferences"][0]["kind"], "AzureClusterIdentityRequest");
    eventually("a refusal", || status("others")["conditions"][0]["reason"] == "SecretTaken");
    assert!(secret("others-token").expect("a Secret")["data"].get("cluster-identity-token").is_none());
    // A client that wants another says so.
    here.live.edit_status("AzureClusterIdentityRequest", &namespace, "mine", &json!({"expirationTime": ""}));
    eventually("another time", || status("mine")["expirationTime"].as_str().is_some_and(|time| !time.is_empty()));

    eventually("what is known of the cluster", || {
        let known = here.live.get("ConnectedCluster", &namespace, "clustermetadata").unwrap_or_default();
        known["status"]["kubernetesAPIServerVersion"].is_string()
    });
    drop(agent);
}
