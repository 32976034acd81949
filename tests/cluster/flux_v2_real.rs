//! Engine `flux-v2` in a cluster of its own: the controllers are installed, and where the variable
//! `ARCWRIGHT_FLUX_CONTROLLERS` names a directory with the programs `source-controller` and `kustomize-controller`, these
//! do the work, with the rights that were made for them. The test plays the kubelet.
use crate::{
    control_plane::ControlPlane,
    git_server::Server,
    live::{Live, runtime},
    support::{Bed, Running, eventually, map, namespace, shown},
};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

const FLUX: &str = "flux-system";

/// Held by the test whose agent keeps the controllers: there is one Flux in a cluster.
static TURN: Mutex<()> = Mutex::new(());

/// Path of an admin kubeconfig of the control plane of these tests.
fn cluster() -> &'static Path {
    static OWN: OnceLock<ControlPlane> = OnceLock::new();
    let directory = || std::env::temp_dir().join(format!("arcwright-flux-{}", std::process::id()));
    OWN.get_or_init(|| ControlPlane::start(&directory(), true)).kubeconfig()
}

fn live() -> Live {
    Live::of(cluster())
}

fn kubectl(args: &[&str]) -> String {
    let done = Command::new("kubectl").arg("--kubeconfig").arg(cluster()).args(args).output().expect("kubectl runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A document with one configuration; `more` are lines of its spec.
fn configuration(bed: &Bed, url: &str, kustomizations: &str, more: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {0}}}\nspec:\n  engine: flux-v2\n  namespace: {0}\n  gitRepository: {{url: {url}, repositoryRef: {{branch: main}}, syncIntervalInSeconds: 2, timeoutInSeconds: 20}}\n  kustomizations: {kustomizations}\n{more}",
        bed.namespace
    )
}

/// The status of one configuration; nothing while it has none.
fn status_of(bed: &Bed, name: &str) -> Option<Value> {
    bed.statuses().into_iter().find(|status| status["name"] == name)
}

/// Waits until the status of a configuration is so.
fn until(bed: &Bed, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let mut is_so = |status: Value| {
        last = status;
        is_so(&last)
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while !status_of(bed, name).is_some_and(&mut is_so) {
        assert!(std::time::Instant::now() < deadline, "no {what}; the last statuses: {:#?}", bed.statuses());
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    last
}

fn message(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

/// Says that every pod of the controllers runs.
fn play_kubelet(live: &Live) {
    let ready = json!({
        "phase": "Running",
        "conditions": [
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ],
    });
    for pod in live.names("Pod", FLUX, "app.kubernetes.io/part-of=flux") {
        live.edit_status("Pod", FLUX, &pod, &ready);
    }
}

/// Waits until the controllers are installed, as the agent of a bed says.
fn installed(bed: &Bed, live: &Live) -> Value {
    until(bed, "flux-controllers", "installation", |status| {
        play_kubelet(live);
        status["installState"] == "Installed" && status["complianceState"] == "Installed"
    })
}

/// A kubeconfig of a new service account with the documented rights: those of all roles, or of the first alone.
fn with_rights(bed: &Bed, roles: &[&str]) -> PathBuf {
    let account = format!("agent-{}-{}", roles.len(), bed.namespace);
    let rights = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/flux-v2/agent-rights.yaml");
    kubectl(&["apply", "-f", rights.to_str().expect("a path")]);
    kubectl(&["create", "serviceaccount", &account, "-n", "default"]);
    for role in roles {
        let (name, role) = (format!("{account}-{role}"), format!("--clusterrole={role}"));
        let subject = format!("--serviceaccount=default:{account}");
        kubectl(&["create", "clusterrolebinding", &name, &role, &subject]);
    }
    as_account(&account, "default", bed.directory.path())
}

#[test]
fn controllers_are_installed_once_for_all_and_kept_by_the_documented_rights() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let bed = Bed::new("v2-install");
    let live = live();
    bed.write_state(&[configuration(&bed, "https://git.example.org/shop.git", "{app: {path: app}}", "")]);
    let more = with_rights(&bed, &["arcwright-flux-v2", "arcwright-install-flux"]);
    let mut plan = bed.command();
    plan.args(["plan", "--install-flux", "--state"]).arg(bed.directory.path().join("state.yaml"));
    let planned = plan.arg("--kubeconfig").arg(cluster()).output().expect("arcwright runs");
    let has_none = live.get("Deployment", FLUX, "source-controller").is_none();
    let says = |text: &str| shown(&planned).contains(text);
    assert!(!has_none || says("create   Deployment/flux-system/source-controller"), "{}", shown(&planned));
    let agent = bed.agent_with(&more, &["--install-flux", "--image-pull-secret", "registry"]);
    let status = installed(&bed, &live);
    assert_eq!(status["namespace"], FLUX);
    until(&bed, &bed.namespace, "orders", |status| status["installState"] == "Installed");
    let deployment = live.get("Deployment", FLUX, "source-controller").expect("it is there");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "ghcr.io/fluxcd/source-controller:v1.9.1");
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "registry"}]));
    live.edit(
        "Namespace",
        "",
        FLUX,
        &json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
    );
    live.delete("Deployment", FLUX, "kustomize-controller");
    eventually("another Deployment", || live.get("Deployment", FLUX, "kustomize-controller").is_some());
    installed(&bed, &live);
    eventually("source", || live.get("GitRepository", &bed.namespace, &bed.namespace).is_some());
    let source = live.get("GitRepository", &bed.namespace, &bed.namespace).expect("the source");
    assert_eq!(source["spec"]["url"], "https://git.example.org/shop.git");
    assert_eq!(source["status"]["observedGeneration"], -1, "no controller has looked at it");
    std::fs::write(bed.directory.path().join("state.yaml"), "# nothing is wanted any more\n").expect("a file");
    eventually("end of the source", || live.get("GitRepository", &bed.namespace, &bed.namespace).is_none());
    assert!(live.get("Deployment", FLUX, "source-controller").is_some(), "what others may need stays");

    drop(agent);
    bed.write_state(&[configuration(&bed, "https://git.example.org/shop.git", "{app: {path: app}}", "")]);
    let less = with_rights(&bed, &["arcwright-flux-v2"]);
    let _agent = bed.agent(&less);
    let name = format!("{}-app", bed.namespace);
    eventually("orders again", || live.get("Kustomization", &bed.namespace, &name).is_some());
    std::fs::write(bed.directory.path().join("state.yaml"), "# nothing is wanted any more\n").expect("a file");
    eventually("end of all", || {
        ["GitRepository", "Kustomization", "ServiceAccount"]
            .iter()
            .all(|kind| live.names(kind, &bed.namespace, &bed.owner_label()).is_empty())
            && live.names("ClusterRoleBinding", "", &bed.owner_label()).is_empty()
    });
}

/// Says something in any case: what the macros print is shown only of tests that fail.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// Where the programs are; nothing, which is said, when nobody says where.
fn programs(test: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("ARCWRIGHT_FLUX_CONTROLLERS").map(PathBuf::from) else {
        say(&format!(
            "{test} is not run: ARCWRIGHT_FLUX_CONTROLLERS names no directory with source-controller and kustomize-controller"
        ));
        return None;
    };
    for program in ["source-controller", "kustomize-controller"] {
        assert!(directory.join(program).is_file(), "{} has no {program}", directory.display());
    }
    Some(directory)
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// A kubeconfig by which a program is the service account that was made for it.
fn as_account(name: &str, namespace: &str, directory: &Path) -> PathBuf {
    let token = kubectl(&["create", "token", name, "-n", namespace, "--duration=1h"]);
    let path = directory.join(format!("{name}.kubeconfig"));
    std::fs::copy(cluster(), &path).expect("a copy");
    for args in
        [vec!["set-credentials", "own", "--token", token.trim()], vec!["set-context", "--current", "--user", "own"]]
    {
        let done = Command::new("kubectl").arg("--kubeconfig").arg(&path).arg("config").args(args).output();
        assert!(done.expect("kubectl runs").status.success());
    }
    path
}

/// Runs a controller with the arguments that its Deployment has, but for those that are about where it runs.
fn controller(programs: &Path, name: &str, directory: &Path, more: &[String]) -> Running {
    let deployment = live().get("Deployment", FLUX, name).expect("it is installed");
    let own = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().cloned().expect("arguments");
    let own = own.iter().filter_map(Value::as_str).filter(|argument| !argument.starts_with("--storage-"));
    let own = own.filter(|argument| *argument != "--enable-leader-election");
    let log = std::fs::File::create(directory.join(format!("{name}.log"))).expect("a file");
    let child = Command::new(programs.join(name))
        .args(own)
        .args(["--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0"])
        .args(more)
        .env("KUBECONFIG", as_account(name, FLUX, directory))
        .env("RUNTIME_NAMESPACE", FLUX)
        .env("TUF_ROOT", directory.join("tuf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    Running(child.expect("the controller runs"))
}

/// Both controllers; when a test fails, they tell what they logged last.
struct Controllers {
    directory: PathBuf,
    _running: [Running; 2],
}

impl Drop for Controllers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["source-controller", "kustomize-controller"] {
                let log = std::fs::read_to_string(self.directory.join(format!("{name}.log"))).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                say(&format!("{name}:\n{}", lines[lines.len().saturating_sub(20)..].join("\n")));
            }
        }
    }
}

fn controllers(programs: &Path, directory: &Path) -> Controllers {
    let storage = directory.join("storage");
    std::fs::create_dir_all(&storage).expect("a directory");
    let address = free_address();
    let stored = [
        format!("--storage-path={}", storage.display()),
        format!("--storage-addr={address}"),
        format!("--storage-adv-addr={address}"),
    ];
    let retry = ["--requeue-dependency=2s".to_owned()];
    let running = [
        controller(programs, "source-controller", directory, &stored),
        controller(programs, "kustomize-controller", directory, &retry),
    ];
    Controllers { directory: directory.to_owned(), _running: running }
}

/// A kustomization named `app`.
fn app(path: &str) -> String {
    format!(
        "{{app: {{path: {path}, prune: true, syncIntervalInSeconds: 5, retryIntervalInSeconds: 2, timeoutInSeconds: 30}}}}"
    )
}

const BAD: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: bad, namespace: NAMESPACE}\nspec: {ports: [{port: 99999}]}\n";

/// Waits until a configuration is Non-Compliant with a message that has all of some words.
fn until_bad(bed: &Bed, name: &str, words: &[&str]) -> Value {
    until(bed, name, &format!("complaint with {words:?}"), |status| {
        status["complianceState"] == "Non-Compliant" && words.iter().all(|word| message(status).contains(word))
    })
}

fn until_good(bed: &Bed, name: &str) -> Value {
    until(bed, name, "compliance", |status| {
        let head = format!("main@sha1:{}", bed.head());
        status["complianceState"] == "Compliant" && status["lastAppliedRevision"] == head.as_str()
    })
}

#[test]
fn the_real_controllers_do_what_they_are_told_and_are_understood() {
    let Some(programs) = programs("the_real_controllers_do_what_they_are_told_and_are_understood") else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let bed = Bed::new("v2-real");
    let live = live();
    let name = bed.namespace.clone();
    bed.commit(&[("app/a.yaml", &map("a", "blue")), ("app/space.yaml", namespace())]);
    let server = runtime().block_on(Server::plain(bed.directory.path()));
    let url = server.url("repository/.git");
    let state = |kustomizations: &str, more: &str| bed.write_state(&[configuration(&bed, &url, kustomizations, more)]);
    state(&app("app"), "");
    let _agent = bed.agent_with(cluster(), &["--install-flux"]);
    installed(&bed, &live);
    let _controllers = controllers(&programs, bed.directory.path());

    let good = until_good(&bed, &name);
    let applied = &good["kustomizations"][1];
    assert_eq!((&applied["name"], &applied["phase"]), (&json!("app"), &json!("Ready")), "{applied:#}");
    let named = |one: &Value| {
        format!("{} {}", one["kind"].as_str().unwrap_or_default(), one["name"].as_str().unwrap_or_default())
    };
    let objects: Vec<String> = applied["objects"].as_array().expect("objects").iter().map(named).collect();
    assert_eq!(objects, ["ConfigMap a".to_owned(), format!("Namespace {name}")]);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("blue"));

    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    until_good(&bed, &name);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("green"), "compliance is of this revision");

    bed.commit(&[("app/bad.yaml", BAD)]);
    until_bad(&bed, &name, &["kustomization app", &format!("Service/{name}/bad"), "99999"]);
    bed.git(&["rm", "-q", "app/bad.yaml"]);
    bed.commit(&[]);
    until_good(&bed, &name);

    state(&app("nowhere"), "");
    until_bad(&bed, &name, &["kustomization app", &format!("Kustomization/{name}/{name}-app"), "nowhere"]);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("green"), "what was applied stays");
    state(&app("app"), "");
    until_good(&bed, &name);

    server.require("Basic bWU6cGFzcw==");
    bed.commit(&[("app/a.yaml", &map("a", "red"))]);
    until_bad(&bed, &name, &[&format!("GitRepository/{name}/{name}"), "authentication required"]);
    let login = format!(
        "  gitRepository: {{url: {url}, httpsUser: me, repositoryRef: {{branch: main}}, syncIntervalInSeconds: 2}}\n  configurationProtectedSettings: {{httpsKey: cGFzcw==}}\n"
    );
    let document = configuration(&bed, &url, &app("app"), "");
    let git = document.lines().find(|line| line.contains("gitRepository")).expect("a source");
    bed.write_state(&[document.replace(&format!("{git}\n"), &login)]);
    until_good(&bed, &name);
    assert_eq!(bed.colour_in(&live, "a").as_deref(), Some("red"));

    std::fs::write(bed.directory.path().join("state.yaml"), "# nothing is wanted any more\n").expect("a file");
    eventually("end of what was applied", || {
        let namespace = live.get("Namespace", "", &name);
        namespace.is_none_or(|one| one["status"]["phase"] == "Terminating")
    });
    eventually("end of what was told", || {
        ["GitRepository", "Kustomization", "Secret", "ServiceAccount"]
            .iter()
            .all(|kind| live.names(kind, &name, &bed.owner_label()).is_empty())
            && live.names("ClusterRoleBinding", "", &bed.owner_label()).is_empty()
    });
    assert!(bed.colour_in(&live, "a").is_none(), "pruned by the controller before its account went");
}

/// A cluster with the real controllers, an agent on a test's state, and a repository with ConfigMap `a`.
struct Real {
    bed: Bed,
    server: Server,
    live: Live,
    _running: (Controllers, Running),
    _turn: MutexGuard<'static, ()>,
}

impl Real {
    /// Nothing where the programs are not.
    fn new(name: &str, test: &str) -> Option<Self> {
        let programs = programs(test)?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (bed, live) = (Bed::new(name), live());
        bed.commit(&[("app/a.yaml", &map("a", "blue"))]);
        kubectl(&["create", "namespace", &bed.namespace]);
        let server = runtime().block_on(Server::plain(bed.directory.path()));
        bed.write_state(&[configuration(&bed, &server.url("repository/.git"), "{}", "  suspend: true\n")]);
        let agent = bed.agent_with(cluster(), &["--install-flux"]);
        installed(&bed, &live);
        let controllers = controllers(&programs, bed.directory.path());
        Some(Self { bed, server, live, _running: (controllers, agent), _turn: turn })
    }

    /// Replaces the state by one configuration of a kustomization of `app`.
    fn state(&self, more: &str) -> String {
        let document = configuration(&self.bed, &self.server.url("repository/.git"), &app("app"), more);
        self.bed.write_state(std::slice::from_ref(&document));
        document
    }

    fn uid(&self, name: &str) -> Option<Value> {
        self.live.get("ConfigMap", &self.bed.namespace, name).map(|one| one["metadata"]["uid"].clone())
    }
}

#[test]
fn objects_change_hands_between_the_engines_and_none_is_deleted() {
    let Some(real) = Real::new("v2-hands", "objects_change_hands_between_the_engines_and_none_is_deleted") else {
        return;
    };
    let (bed, name) = (&real.bed, real.bed.namespace.clone());
    let document = real.state("");
    bed.write_state(&[document.replace("engine: flux-v2", "engine: native")]);
    until_good(bed, &name);
    let uid = real.uid("a").expect("it is applied");
    bed.write_state(std::slice::from_ref(&document));
    until(bed, &name, "compliance by Flux", |status| {
        status["engine"] == "flux-v2" && status["complianceState"] == "Compliant"
    });
    assert_eq!(real.uid("a").as_ref(), Some(&uid));
    bed.write_state(&[document.replace("engine: flux-v2", "engine: native")]);
    until(bed, &name, "compliance by Arcwright", |status| {
        status["engine"] == "native" && status["complianceState"] == "Compliant"
    });
    eventually("end of the Kustomization", || real.live.get("Kustomization", &name, &format!("{name}-app")).is_none());
    eventually("end of the source", || real.live.get("GitRepository", &name, &name).is_none());
    assert_eq!(real.uid("a").as_ref(), Some(&uid));
}

#[test]
fn a_namespace_is_not_left_and_a_rest_is_kept() {
    let Some(real) = Real::new("v2-scope", "a_namespace_is_not_left_and_a_rest_is_kept") else { return };
    let (bed, name) = (&real.bed, real.bed.namespace.clone());
    real.state("  scope: namespace\n");
    until_good(bed, &name);
    let elsewhere = map("b", "red").replace("NAMESPACE", "default");
    bed.commit(&[("app/b.yaml", &elsewhere)]);
    until_bad(bed, &name, &["ConfigMap/default/b", "forbidden", &format!("flux-applier-{name}")]);
    assert!(real.live.get("ConfigMap", "default", "b").is_none());
    bed.git(&["rm", "-q", "app/b.yaml"]);
    bed.commit(&[("app/a.yaml", &map("a", "green"))]);
    until_good(bed, &name);
    real.state("  scope: namespace\n  suspend: true\n");
    until(bed, &name, "rest", |status| status["complianceState"] == "Suspended");
    bed.commit(&[("app/a.yaml", &map("a", "red"))]);
    real.state("  scope: namespace\n");
    until_good(bed, &name);
    assert_eq!(bed.colour_in(&real.live, "a").as_deref(), Some("red"));
}

#[test]
fn what_is_out_of_reach_or_never_healthy_is_named() {
    let Some(real) = Real::new("v2-faults", "what_is_out_of_reach_or_never_healthy_is_named") else { return };
    let (bed, name) = (&real.bed, real.bed.namespace.clone());
    let git = real.state("");
    until_good(bed, &name);
    let pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NAMESPACE}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: x}]}\n";
    bed.commit(&[("app/web.yaml", pod)]);
    let bad = until_bad(bed, &name, &[&format!("Deployment/{name}/web")]);
    let objects = bad["kustomizations"][1]["objects"].as_array().expect("objects").clone();
    let health = |kind: &str| objects.iter().find(|one| one["kind"] == kind).map(|one| one["health"]["state"].clone());
    assert_eq!((health("Deployment"), health("ConfigMap")), (Some(json!("failed")), Some(json!("current"))));
    let line = git.lines().find(|line| line.contains("gitRepository")).expect("a source");
    for (kind, source) in [
        (
            "GitRepository",
            "  gitRepository: {url: 'http://127.0.0.1:9/a.git', timeoutInSeconds: 5, syncIntervalInSeconds: 2}",
        ),
        (
            "OCIRepository",
            "  sourceKind: OCIRepository\n  ociRepository: {url: 'oci://127.0.0.1:9/a', insecure: true, timeoutInSeconds: 5}",
        ),
        (
            "Bucket",
            "  sourceKind: Bucket\n  bucket: {url: 'http://127.0.0.1:9', bucketName: manifests, timeoutInSeconds: 5}",
        ),
    ] {
        bed.write_state(&[git.replace(line, source)]);
        until_bad(bed, &name, &[&format!("{kind}/{name}/{name}"), "127.0.0.1:9"]);
    }
}
