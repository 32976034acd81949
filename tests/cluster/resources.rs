//! Configurations as custom resources: followed, told in their status, and let go when what they applied is gone.
use crate::{
    git_server::Server,
    live::{Live, runtime},
    proxy::{Proxy, Seen, Verb},
    support::{Bed, Running, eventually, kubeconfig, kubectl, map, shown},
};
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

const FLUX: &str = "fluxconfigurations.clusterconfig.azure.com";
const SOURCE_CONTROL: &str = "sourcecontrolconfigurations.clusterconfig.azure.com";
const REQUESTS: &str = "azureclusteridentityrequests.clusterconfig.azure.com";
const CONNECTED: &str = "connectedclusters.arc.azure.com";

/// Defines the kinds, and returns when they are served.
pub(crate) fn define(kubeconfig: &Path, directory: &Path) {
    define_printed(kubeconfig, directory, &["crds"], &[FLUX, SOURCE_CONTROL, REQUESTS, CONNECTED]);
}

/// Defines the kinds that a command prints.
fn define_printed(kubeconfig: &Path, directory: &Path, command: &[&str], names: &[&str]) {
    let printed = Command::new(env!("CARGO_BIN_EXE_arcwright")).args(command).output().expect("arcwright runs");
    let file = directory.join("crds.yaml");
    std::fs::write(&file, printed.stdout).expect("a file");
    let run = |args: &[&str]| {
        let done = Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig).args(args).output().expect("kubectl");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["apply", "--server-side", "-f", file.to_str().expect("a path")]);
    run(&[&["wait", "--for=condition=Established", "--timeout=60s", "crd"], names].concat());
}

/// A test's own namespace with resources in it, and its repository by http.
struct Door {
    bed: Bed,
    server: Server,
}

impl Door {
    /// With a repository that holds ConfigMap `a`, blue, in `app`.
    fn new(name: &str) -> Self {
        static DEFINED: OnceLock<()> = OnceLock::new();
        let bed = Bed::new(name);
        DEFINED.get_or_init(|| define(kubeconfig(), bed.directory.path()));
        kubectl(&["create", "namespace", &bed.namespace]).expect("a namespace");
        bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
        let server = runtime().block_on(Server::plain(bed.directory.path()));
        Self { bed, server }
    }

    fn url(&self) -> String {
        self.server.url("repository/.git")
    }

    /// A `FluxConfiguration` with one kustomization, `app`; `more` are lines of its spec.
    fn flux(&self, name: &str, kustomization: &str, more: &str) -> String {
        format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {name}, namespace: {}}}\nspec:\n  gitRepository: {{url: {}, repositoryRef: {{branch: main}}, syncIntervalInSeconds: 1}}\n  kustomizations: {{app: {kustomization}}}\n{more}",
            self.bed.namespace,
            self.url()
        )
    }

    fn source_control(&self, name: &str, url: &str) -> String {
        format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: SourceControlConfiguration\nmetadata: {{name: {name}, namespace: {}}}\nspec:\n  repositoryUrl: {url}\n  operatorParams: --git-branch=main --git-path=app --git-poll-interval=1s --sync-garbage-collection\n",
            self.bed.namespace
        )
    }

    fn apply(&self, manifest: &str) {
        let file = self.bed.directory.path().join("resource.yaml");
        std::fs::write(&file, manifest).expect("a file");
        kubectl(&["apply", "-f", file.to_str().expect("a path")]).expect("applied");
    }

    /// An agent on the resources of the test's namespace.
    fn agent(&self, kubeconfig: &Path, more: &[&str]) -> Running {
        let mut command = self.bed.command();
        command.args(["agent", "--watch-resources", "--watch-namespace", &self.bed.namespace, "--kubeconfig"]);
        command.arg(kubeconfig).args(more);
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("arcwright runs"))
    }

    fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let text = kubectl(&["get", kind, name, "-n", &self.bed.namespace, "-o", "json"]).ok()?;
        Some(serde_json::from_str(&text).expect("an object"))
    }

    fn delete(&self, kind: &str, name: &str) {
        kubectl(&["delete", kind, name, "-n", &self.bed.namespace, "--wait=false"]).expect("deleted");
    }

    fn patch(&self, name: &str, change: &str) {
        kubectl(&["patch", FLUX, name, "-n", &self.bed.namespace, "--type=merge", "-p", change]).expect("patched");
    }

    fn request(&self, name: &str, token: &str) {
        let annotation = format!("reconcile.fluxcd.io/requestedAt={token}");
        kubectl(&["annotate", FLUX, name, "-n", &self.bed.namespace, "--overwrite", &annotation]).expect("annotated");
    }

    fn until(&self, kind: &str, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
        eventually(what, || self.get(kind, name).is_some_and(|object| is_so(&object)));
    }

    fn until_compliant(&self, name: &str) {
        self.until(FLUX, name, "compliance", is_compliant);
    }

    fn colour(&self, name: &str) -> Option<String> {
        self.bed.colour_in(&Live::shared(), name)
    }
}

fn is_compliant(object: &Value) -> bool {
    object["status"]["complianceState"] == "Compliant"
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

fn condition(object: &Value, kind: &str) -> Value {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.into_iter().find(|one| one["type"] == kind).cloned().unwrap_or_default()
}

fn message(object: &Value) -> String {
    condition(object, "Ready")["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn resources_of_both_kinds_are_applied_and_told_in_their_status() {
    let door = Door::new("door-both");
    door.bed.commit(&[("other/b.yaml", &map("b", "red"))]);
    door.apply(&door.flux("shop", "{path: other, prune: true}", ""));
    door.apply(&door.source_control("web", &door.url()));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("shop");
    door.until(SOURCE_CONTROL, "web", "compliance", |object| {
        object["status"]["complianceStatus"]["complianceState"] == "Compliant"
    });
    assert_eq!((door.colour("a").as_deref(), door.colour("b").as_deref()), (Some("blue"), Some("red")));
    let shop = door.get(FLUX, "shop").expect("there");
    let revision = format!("main@sha1:{}", door.bed.head());
    assert_eq!(shop["status"]["sourceSyncedCommitId"], revision);
    assert_eq!(shop["metadata"]["finalizers"][0], "clusterconfig.azure.com/configuration");
    assert_eq!(condition(&shop, "Ready")["status"], "True");
    assert_eq!(shop["status"]["statuses"][0]["name"], "b");
    assert_eq!(door.get(SOURCE_CONTROL, "web").expect("there")["status"]["lastAppliedRevision"], revision);
    let columns = kubectl(&["get", "arcwright", "-n", &door.bed.namespace]).expect("columns");
    for word in ["ENGINE", "URL", "INSTALL", "COMPLIANCE", "REVISION", "Installed", "Compliant", &door.url(), &revision]
    {
        assert!(columns.contains(word), "{word}: {columns}");
    }
}

#[test]
fn an_edit_is_followed_and_a_broken_one_keeps_what_was_applied() {
    let door = Door::new("door-edit");
    door.apply(&door.flux("shop", "{path: app, prune: true}", ""));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("shop");
    door.bed.commit(&[("other/b.yaml", &map("b", "red"))]);
    door.patch("shop", r#"{"spec": {"kustomizations": {"app": {"path": "other"}}}}"#);
    eventually("what the edit wants", || door.colour("b").is_some() && door.colour("a").is_none());
    door.until_compliant("shop");
    door.patch("shop", r#"{"spec": {"protectedSettingsFrom": {"httpsKey": {"file": "/etc/passwd"}}}}"#);
    door.until(FLUX, "shop", "refusal", |object| condition(object, "Stalled")["status"] == "True");
    let told = message(&door.get(FLUX, "shop").expect("there"));
    assert!(told.contains("out of reach of a custom resource") && told.contains("last good form"), "{told}");
    door.bed.commit(&[("other/b.yaml", &map("b", "green"))]);
    eventually("the next revision, by the last good form", || door.colour("b").as_deref() == Some("green"));
}

#[test]
fn a_bad_resource_beside_a_good_one_is_told_and_stops_nothing() {
    let door = Door::new("door-bad");
    door.apply(&door.source_control("bad", &door.bed.repository().display().to_string()));
    door.apply(&door.flux("good", "{path: app, prune: true}", ""));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("good");
    door.until(SOURCE_CONTROL, "bad", "refusal", |object| condition(object, "Stalled")["status"] == "True");
    let bad = door.get(SOURCE_CONTROL, "bad").expect("there");
    assert!(message(&bad).contains("only in a local state file"), "{}", message(&bad));
    assert_eq!(bad["status"]["complianceStatus"]["complianceState"], "Noncompliant");
    assert_eq!(bad["metadata"]["finalizers"], Value::Null, "what applied nothing is not held");
    door.delete(SOURCE_CONTROL, "bad");
    eventually("its end", || door.get(SOURCE_CONTROL, "bad").is_none());
}

#[test]
fn events_are_about_the_resource_so_that_describe_shows_them() {
    let door = Door::new("cr-events");
    door.bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
    door.apply(&door.flux("web", "{path: app}", ""));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("web");
    let described =
        || kubectl(&["describe", "fluxconfiguration", "web", "-n", &door.bed.namespace]).expect("described");
    let events = || described().split("Events:").nth(1).unwrap_or_default().to_owned();
    eventually("an Event", || events().contains("ReconciliationSucceeded"));
    door.apply(&door.flux("web", "{path: nowhere}", ""));
    eventually("a warning", || events().contains("Warning") && events().contains("PathNotFound"));
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_arcwright"))
        .args(["events", "web", "-n", &door.bed.namespace, "--kubeconfig"])
        .arg(kubeconfig())
        .output()
        .expect("arcwright runs");
    assert!(String::from_utf8_lossy(&told.stdout).contains("PathNotFound"), "{told:?}");
}

#[test]
fn a_deleted_resource_takes_its_objects_with_it_and_is_let_go() {
    let door = Door::new("door-gone");
    door.bed.commit(&[("kept/b.yaml", &map("b", "red"))]);
    door.apply(&door.flux("pruned", "{path: app, prune: true}", ""));
    door.apply(&door.flux("kept", "{path: kept}", ""));
    let agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("pruned");
    door.until_compliant("kept");
    door.delete(FLUX, "pruned");
    eventually("its end", || door.get(FLUX, "pruned").is_none());
    assert_eq!(door.colour("a"), None, "it is let go only then");
    drop(agent);
    door.delete(FLUX, "kept");
    assert!(door.get(FLUX, "kept").is_some(), "it waits for an agent");
    let _agent = door.agent(kubeconfig(), &[]);
    eventually("its end", || door.get(FLUX, "kept").is_none());
    assert_eq!(door.colour("b").as_deref(), Some("red"), "what is not pruned stays");
    let inventory = || Live::shared().get("ConfigMap", &door.bed.namespace, "arcwright.kept");
    assert_eq!(inventory(), None);
}

#[test]
fn the_owner_is_named_where_two_doors_have_a_name_and_gives_it_over_by_giving_it_up() {
    let door = Door::new("door-two");
    let name = door.bed.namespace.clone();
    let state = door.bed.state("{path: app, prune: true}");
    assert!(door.bed.once().status.success());
    let uid = || Live::shared().get("ConfigMap", &name, "a").map(|object| object["metadata"]["uid"].clone());
    let first = uid().expect("there");
    door.apply(&door.flux(&name, "{path: app, prune: true}", ""));
    let state = state.to_str().expect("a path");
    let _agent = door.agent(kubeconfig(), &["--state", state]);
    door.until(FLUX, &name, "refusal", |object| condition(object, "Ready")["reason"] == "OwnedElsewhere");
    let refused = door.get(FLUX, &name).expect("there");
    assert!(message(&refused).contains("state.yaml"), "{}", message(&refused));
    assert_eq!(refused["metadata"]["finalizers"], Value::Null);
    std::fs::write(state, "# nothing\n").expect("written");
    door.until_compliant(&name);
    assert_eq!(uid(), Some(first), "the same object, never deleted");
    let inventory = Live::shared().get("ConfigMap", &name, &format!("arcwright.{name}")).expect("an inventory");
    assert_eq!(inventory["metadata"]["annotations"]["clusterconfig.azure.com/door"], "cluster");
}

#[test]
fn what_a_state_file_that_is_not_here_applied_is_left_alone_until_it_is_handed_over() {
    let door = Door::new("door-away");
    let name = door.bed.namespace.clone();
    door.bed.state("{path: app, prune: true}");
    assert!(door.bed.once().status.success());
    door.apply(&door.flux(&name, "{path: nowhere, prune: true}", ""));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until(FLUX, &name, "refusal", |object| condition(object, "Ready")["reason"] == "OwnedElsewhere");
    door.delete(FLUX, &name);
    eventually("its end", || door.get(FLUX, &name).is_none());
    assert_eq!(door.colour("a").as_deref(), Some("blue"), "it was not its to delete");
    door.apply(&door.flux(&name, "{path: app, prune: true}", ""));
    let inventory = format!("arcwright.{name}");
    let annotation = "clusterconfig.azure.com/door=";
    kubectl(&["annotate", "configmap", &inventory, "-n", &name, "--overwrite", annotation]).expect("annotated");
    door.until_compliant(&name);
}

#[test]
fn a_state_file_is_refused_what_a_resource_owns() {
    let door = Door::new("door-owned");
    let name = door.bed.namespace.clone();
    door.apply(&door.flux(&name, "{path: app, prune: true}", ""));
    let agent = door.agent(kubeconfig(), &[]);
    door.until_compliant(&name);
    drop(agent);
    door.bed.state("{path: nowhere, prune: true}");
    let refused = door.bed.once();
    assert!(!refused.status.success(), "{}", shown(&refused));
    assert!(shown(&refused).contains("owned by the custom resource"), "{}", shown(&refused));
    assert_eq!(door.bed.status()["conditions"][0]["reason"], "OwnedElsewhere");
    assert_eq!(door.colour("a").as_deref(), Some("blue"));
}

#[test]
fn a_namespace_that_is_deleted_is_not_held_up_by_the_resources_in_it() {
    let door = Door::new("door-space");
    door.bed.commit(&[("other/b.yaml", &map("b", "red"))]);
    let two = door
        .flux("shop", "{path: app, prune: true}", "")
        .replace("app: {", "other: {path: other, prune: true}, app: {");
    door.apply(&two);
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("shop");
    kubectl(&["delete", "namespace", &door.bed.namespace, "--wait=false"]).expect("deleted");
    eventually("end of the namespace", || kubectl(&["get", "namespace", &door.bed.namespace]).is_err());
}

#[test]
fn nothing_is_written_while_nothing_changes_nor_by_an_agent_that_starts_again() {
    let door = Door::new("door-rest");
    let proxy = Proxy::start(kubeconfig(), door.bed.directory.path());
    for number in 0..3 {
        let path = format!("app{number}");
        door.bed.commit(&[(&*format!("{path}/m.yaml"), &*map(&format!("m{number}"), "blue"))]);
        door.apply(&door.flux(&format!("shop{number}"), &format!("{{path: {path}, prune: true}}"), ""));
    }
    let agent = door.agent(proxy.kubeconfig(), &[]);
    (0..3).for_each(|number| door.until_compliant(&format!("shop{number}")));
    let written = |seen: &Seen| seen.verb.writes() && seen.resource != "events";
    let versions = || {
        let path = "jsonpath={.items[*].metadata.resourceVersion}";
        kubectl(&["get", FLUX, "-n", &door.bed.namespace, "-o", path]).expect("versions")
    };
    let status =
        proxy.seen().into_iter().filter(|seen| seen.verb == Verb::Apply && seen.resource == "fluxconfigurations");
    assert!(status.count() <= 6, "one status a resource, or two where the first visit is slow");
    let before = versions();
    proxy.take();
    pass(&door);
    let writes: Vec<Seen> = proxy.take().into_iter().filter(written).collect();
    assert!(writes.is_empty(), "a visit that found nothing to do: {writes:#?}");
    drop(agent);
    std::fs::remove_dir_all(door.bed.directory.path().join("data")).expect("the agent's memory");
    let _agent = door.agent(proxy.kubeconfig(), &[]);
    pass(&door);
    let writes: Vec<Seen> = proxy.take().into_iter().filter(written).collect();
    assert!(writes.is_empty(), "another agent: {writes:#?}");
    assert_eq!(versions(), before);
}

/// Waits until each of the three resources was visited, found Ready, and what there was to say of that was said.
fn pass(door: &Door) {
    for _ in 0..2 {
        for name in ["shop0", "shop1", "shop2"] {
            let asked = || door.bed.command().args(["reconcile", name]).output().expect("arcwright runs");
            eventually("a visit", || asked().status.success());
        }
    }
}

#[test]
fn a_visit_is_asked_for_by_the_annotation_that_users_of_flux_know() {
    let door = Door::new("door-ask");
    let hourly = door.flux("shop", "{path: app, prune: true}", "").replace("InSeconds: 1}", "InSeconds: 3600}");
    door.apply(&hourly);
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("shop");
    door.bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    door.request("shop", "once");
    eventually("the revision that was asked for", || door.colour("a").as_deref() == Some("green"));
    let is_handled = |token: &'static str| move |object: &Value| object["status"]["lastHandledReconcileAt"] == token;
    door.until(FLUX, "shop", "acknowledgement", is_handled("once"));
    door.bed.commit(&[("app/a.yaml", &map("a", "red"))]);
    door.request("shop", "again");
    door.until(FLUX, "shop", "acknowledgement", is_handled("again"));
    assert_eq!(door.colour("a").as_deref(), Some("red"), "acknowledged only when it was heeded");
}

#[test]
fn a_resource_rests_by_its_field_and_by_command() {
    let door = Door::new("door-sleep");
    door.apply(&door.flux("shop", "{path: app, prune: true}", "  suspend: true\n"));
    let _agent = door.agent(kubeconfig(), &[]);
    door.until(FLUX, "shop", "rest", |object| object["status"]["complianceState"] == "Suspended");
    assert_eq!(door.colour("a"), None);
    let asked = |args: &[&str]| door.bed.command().args(args).output().expect("arcwright runs");
    let refused = asked(&["reconcile", "shop"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("suspended by its custom resource"), "{text}");
    door.patch("shop", r#"{"spec": {"suspend": false}}"#);
    door.until_compliant("shop");
    assert!(asked(&["suspend", "shop"]).status.success());
    door.until(FLUX, "shop", "rest", |object| object["status"]["complianceState"] == "Suspended");
    assert!(asked(&["resume", "shop"]).status.success());
    door.until_compliant("shop");
    assert!(asked(&["reconcile", "shop"]).status.success());
}

#[test]
fn a_definition_that_comes_late_opens_the_door() {
    let door = Door::new("door-late");
    let directory = tempfile::tempdir().expect("a directory");
    let plane = crate::control_plane::ControlPlane::start(&directory.path().join("plane"), false);
    let kubectl = |args: &[&str]| {
        let done = Command::new("kubectl").arg("--kubeconfig").arg(plane.kubeconfig()).args(args).output();
        String::from_utf8(done.expect("kubectl").stdout).expect("a text")
    };
    let log = directory.path().join("log");
    let mut command = door.bed.command();
    command.args(["agent", "--watch-resources", "--kubeconfig"]).arg(plane.kubeconfig());
    let file = std::fs::File::create(&log).expect("a file");
    let _agent = Running(command.stdout(Stdio::null()).stderr(file).spawn().expect("arcwright runs"));
    eventually("word of what is missing", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.matches("arcwright crds").count() == 2)
    });
    define(plane.kubeconfig(), directory.path());
    kubectl(&["create", "namespace", &door.bed.namespace]);
    let resource = directory.path().join("resource.yaml");
    std::fs::write(&resource, door.flux("shop", "{path: app, prune: true}", "")).expect("a file");
    kubectl(&["apply", "-f", resource.to_str().expect("a path")]);
    eventually("compliance", || {
        kubectl(&["get", FLUX, "-n", &door.bed.namespace, "-o", "jsonpath={.items[*].status.complianceState}"])
            == "Compliant"
    });
    let text = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(text.matches("arcwright crds").count(), 2, "told once a kind: {text}");
}

#[test]
fn the_example_is_a_resource_that_the_door_takes() {
    let door = Door::new("door-example");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/resources/shop.yaml");
    let text = std::fs::read_to_string(example).expect("the example");
    let own = text
        .replace("namespace: shop\n", &format!("namespace: {}\n", door.bed.namespace))
        .replace("https://git.example.org/team/shop.git", &door.url())
        .replace("path: deploy", "path: app");
    door.apply(&own);
    door.server.require("Basic YXJjd3JpZ2h0OmxldG1laW4=");
    let secret = ["create", "secret", "generic", "shop-git", "--from-literal=token=letmein", "-n", &door.bed.namespace];
    kubectl(&secret).expect("a Secret");
    let _agent = door.agent(kubeconfig(), &[]);
    door.until_compliant("shop");
    assert_eq!(door.colour("a").as_deref(), Some("blue"));
}

#[test]
fn the_kinds_of_the_first_agents_are_taken_where_that_is_asked_for() {
    const GIT_CONFIG: &str = "gitconfigs.clusterconfig.azure.com";
    const FLUX_CONFIG: &str = "fluxconfigs.clusterconfig.azure.com";
    let door = Door::new("door-first");
    let directory = door.bed.directory.path();
    define_printed(kubeconfig(), directory, &["crds", "--historical"], &[GIT_CONFIG, FLUX_CONFIG]);
    door.bed.commit(&[("other/b.yaml", &map("b", "red"))]);
    door.apply(&door.flux("shop", "{path: other, prune: true}", "").replace("FluxConfiguration", "FluxConfig"));
    door.apply(&format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: GitConfig\nmetadata: {{name: web, namespace: {}}}\nspec: {{correlationId: '', deleteOperator: false, giturl: '{}', helmOperatorProperties: null, operatorInstanceName: web, operatorParams: '\"--git-branch=main\" --git-path=app --sync-garbage-collection', operatorScope: cluster, operatorType: flux}}\n",
        door.bed.namespace,
        door.url()
    ));
    let _agent = door.agent(kubeconfig(), &["--historical-kinds"]);
    door.until(FLUX_CONFIG, "shop", "compliance", is_compliant);
    door.until(GIT_CONFIG, "web", "compliance", |object| object["status"]["status"] == "Compliant");
    assert_eq!((door.colour("a").as_deref(), door.colour("b").as_deref()), (Some("blue"), Some("red")));
    let status = door.get(GIT_CONFIG, "web").expect("there")["status"].clone();
    assert!(status["message"].as_str().is_some_and(|text| text.contains(&door.bed.head())), "{status}");
    assert_ne!(status["configAppliedTime"], "");
    assert_eq!((&status["isSyncedWithAzure"], &status["publicKey"]), (&Value::Bool(false), &Value::from("")));
    for (kind, name) in [(GIT_CONFIG, "web"), (FLUX_CONFIG, "shop")] {
        door.delete(kind, name);
        eventually("its end", || door.get(kind, name).is_none());
    }
    assert_eq!((door.colour("a"), door.colour("b")), (None, None));
}

#[test]
fn the_rights_that_the_documentation_names_are_enough_for_the_door() {
    let door = Door::new("door-rights");
    let name = door.bed.namespace.clone();
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules:\n- {{apiGroups: [clusterconfig.azure.com], resources: [fluxconfigurations, sourcecontrolconfigurations], verbs: [list, watch, patch]}}\n- {{apiGroups: [clusterconfig.azure.com], resources: [fluxconfigurations/status, sourcecontrolconfigurations/status], verbs: [patch]}}\n- {{apiGroups: ['', events.k8s.io], resources: ['*'], verbs: ['*']}}\n"
    );
    door.apply(&role);
    let [role, user] = [format!("--clusterrole={name}"), format!("--user={name}")];
    kubectl(&["create", "clusterrolebinding", &name, &role, &user]).expect("bound");
    let config = kubectl(&["config", "view", "--raw", "-o", "json"]).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&config).expect("a kubeconfig");
    config["users"][0]["user"]["as"] = name.clone().into();
    let limited = door.bed.directory.path().join("limited.kubeconfig");
    std::fs::write(&limited, config.to_string()).expect("a file");
    door.apply(&door.flux("shop", "{path: app, prune: true}", ""));
    let _agent = door.agent(&limited, &[]);
    door.until_compliant("shop");
    door.delete(FLUX, "shop");
    eventually("its end", || door.get(FLUX, "shop").is_none());
    assert_eq!(door.colour("a"), None);
    let may = |verb: &str, what: &str| kubectl(&["auth", "can-i", verb, what, "-A", "--as", &name]).is_ok();
    assert!(!may("delete", FLUX) && !may("create", FLUX), "the rights are no wider than that");
}
