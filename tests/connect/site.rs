//! A cluster without agents and a control plane of its own for each test. One test at a time has the cluster.
use crate::{bed::Bed, control_plane::ControlPlane};
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

static TURN: Mutex<()> = Mutex::new(());

/// What a run of the program came to.
pub(crate) struct Ran {
    pub(crate) is_fine: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// What was printed for programs.
    pub(crate) fn json(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        assert!(read.is_ok(), "no JSON: {} {}", self.stdout, self.stderr);
        read.unwrap_or_default()
    }

    /// The lines of checks and steps, by what they are called.
    pub(crate) fn line(&self, name: &str) -> &str {
        let of = |line: &&str| line.get(10..).is_some_and(|rest| rest.trim_start().starts_with(name));
        let found = self.stderr.lines().find(of);
        assert!(found.is_some(), "no {name}: {}", self.stderr);
        found.unwrap_or_default()
    }
}

/// One test's cluster and control plane.
pub(crate) struct Site {
    pub(crate) plane: Bed,
    _turn: MutexGuard<'static, ()>,
}

fn shared() -> &'static Path {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    let directory = || std::env::temp_dir().join(format!("arcwright-connect-{}", std::process::id()));
    SHARED.get_or_init(|| ControlPlane::start(&directory(), true)).kubeconfig()
}

impl Site {
    /// A cluster with one node of k3s, and no agents.
    pub(crate) fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let site = Self { plane: Bed::new(), _turn: turn };
        site.clean();
        site.apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one",
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}}, "spec": {"providerID": "k3s://one"}}).to_string());
        site
    }

    /// What another test left.
    fn clean(&self) {
        self.kubectl(&["delete", "namespace", "azure-arc", "--ignore-not-found", "--timeout=60s"]).expect("deleted");
        let ours = "app.kubernetes.io/part-of=arcwright";
        self.kubectl(&["delete", "clusterrole,clusterrolebinding,crd", "-l", ours]).expect("deleted");
    }

    pub(crate) fn kubeconfig(&self) -> &'static Path {
        shared()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.plane.directory.path().join(name)
    }

    /// What `kubectl` prints.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        self.kubectl_with(args, "")
    }

    fn kubectl_with(&self, args: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(self.kubeconfig()).args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it is read");
        let done = child.wait_with_output().expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    pub(crate) fn apply(&self, text: &str) {
        self.kubectl_with(&["apply", "--server-side", "-f", "-"], text).expect("applied");
    }

    /// Runs the program with the owner's credential.
    pub(crate) fn run(&self, command: &str, name: &str, more: &[&str]) -> Ran {
        let credential = self.path("bootstrap.json").display().to_string();
        self.run_as(&credential, command, name, more)
    }

    pub(crate) fn run_as(&self, credential: &str, command: &str, name: &str, more: &[&str]) -> Ran {
        let mut args = vec![command, "--name", name, "--resource-group", "shops"];
        args.extend(["--credential", credential]);
        args.extend(more);
        let kubeconfig = self.kubeconfig().display().to_string();
        if !more.contains(&"--kubeconfig") {
            args.extend(["--kubeconfig", &kubeconfig]);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command.args(&args).current_dir(self.plane.directory.path()).stdin(Stdio::null());
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "ARCWRIGHT_HELM"] {
            command.env_remove(name);
        }
        if let Some(helm) = helm() {
            command.env("ARCWRIGHT_HELM", helm);
        }
        let done = command.output().expect("arcwright runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { is_fine: done.status.success(), stdout: text(&done.stdout), stderr: text(&done.stderr) }
    }

    /// The resource at the control plane.
    pub(crate) fn resource(&self, name: &str) -> Option<Value> {
        let answer = self.plane.ask("GET", &self.plane.cluster(name), None);
        (answer.status == 200).then_some(answer.body)
    }

    /// The public key that the resource was made with.
    pub(crate) fn public_key(&self, name: &str) -> String {
        let resource = self.resource(name).expect("a resource");
        resource["properties"]["agentPublicKeyCertificate"].as_str().expect("a key").to_owned()
    }
}

/// The helm program, where there is one; where there is none, that is told.
pub(crate) fn helm() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let named = std::env::var_os("ARCWRIGHT_HELM").map(PathBuf::from);
        let places = named.into_iter().chain([
            cache.join("arcwright/bin/helm"),
            home.join("go/bin/helm"),
            PathBuf::from("helm"),
        ]);
        let is_helm = |program: &PathBuf| {
            Command::new(program).args(["version", "--short"]).output().is_ok_and(|output| output.status.success())
        };
        places.into_iter().find(is_helm)
    });
    if found.is_none() {
        crate::bed::tell("NOT RUN: there is no helm; name one in ARCWRIGHT_HELM");
    }
    found.clone()
}
