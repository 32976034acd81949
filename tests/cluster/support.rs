//! A control plane shared by the tests of this binary, and a Git repository and a namespace for each.
use crate::{control_plane::ControlPlane, live::Live};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Longest wait for what a test expects.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks, which leaves the processor to what is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// Path of an admin kubeconfig of the control plane that all tests share; the first call starts it.
pub(crate) fn kubeconfig() -> &'static Path {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    let directory = || std::env::temp_dir().join(format!("arcwright-test-{}", std::process::id()));
    SHARED.get_or_init(|| ControlPlane::start(&directory(), true)).kubeconfig()
}

/// One test's own directory: repository, state file, data directory; and its own namespace.
pub(crate) struct Bed {
    pub directory: tempfile::TempDir,
    pub namespace: String,
}

impl Bed {
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("repository")).expect("a directory");
        let bed = Self { directory, namespace: format!("{name}-{}", std::process::id()) };
        bed.git(&["init", "-q", "-b", "main"]);
        bed
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    pub(crate) fn git(&self, args: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(args)
            .current_dir(self.repository())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Writes files and commits everything.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.repository().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, text.replace("NAMESPACE", &self.namespace)).expect("a file");
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change", "--allow-empty"]);
    }

    /// Writes a state file with one `FluxConfiguration` named after the namespace.
    pub(crate) fn state(&self, kustomization: &str) -> PathBuf {
        let path = self.directory.path().join("state.yaml");
        let text = format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {0}}}\nspec:\n  namespace: {0}\n  gitRepository:\n    url: {1}\n    repositoryRef: {{branch: main}}\n    syncIntervalInSeconds: 1\n  kustomizations:\n    app: {2}\n",
            self.namespace,
            self.repository().display(),
            kustomization
        );
        std::fs::write(&path, text).expect("a file");
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command
            .arg("--data-dir")
            .arg(self.directory.path().join("data"))
            .env("NO_COLOR", "1")
            .env("ARCWRIGHT_LOG", "warn");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command()
            .args(args)
            .arg("--state")
            .arg(self.directory.path().join("state.yaml"))
            .arg("--kubeconfig")
            .arg(kubeconfig())
            .output()
            .expect("arcwright runs")
    }

    pub(crate) fn once(&self) -> Output {
        self.run(&["agent", "--once", "--patience", "30"])
    }

    /// `arcwright agent` on this test's state, against the API server of a kubeconfig.
    pub(crate) fn agent_command(&self, kubeconfig: &Path, more: &[&str]) -> Command {
        let mut command = self.command();
        command.arg("agent").arg("--state").arg(self.directory.path().join("state.yaml"));
        command.arg("--kubeconfig").arg(kubeconfig).args(more);
        command
    }

    /// Runs the agent once, against the API server of a kubeconfig.
    pub(crate) fn once_at(&self, kubeconfig: &Path) -> Output {
        self.agent_command(kubeconfig, &["--once", "--patience", "60"]).output().expect("arcwright runs")
    }

    /// Starts the agent, and leaves it running.
    pub(crate) fn agent(&self, kubeconfig: &Path) -> Running {
        self.agent_with(kubeconfig, &[])
    }

    /// Starts the agent with further arguments, and leaves it running.
    pub(crate) fn agent_with(&self, kubeconfig: &Path, more: &[&str]) -> Running {
        let mut command = self.agent_command(kubeconfig, more);
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("arcwright runs"))
    }

    /// Replaces the state file by one of several documents.
    pub(crate) fn write_state(&self, documents: &[String]) {
        std::fs::write(self.directory.path().join("state.yaml"), documents.join("---\n")).expect("a file");
    }

    /// A document of the state file: a `FluxConfiguration` named `name` with one kustomization, `app`.
    pub(crate) fn configuration(&self, name: &str, url: &str, kustomization: &str) -> String {
        format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: {name}}}\nspec:\n  namespace: {}\n  gitRepository:\n    url: {url}\n    repositoryRef: {{branch: main}}\n    syncIntervalInSeconds: 1\n  kustomizations:\n    app: {kustomization}\n",
            self.namespace
        )
    }

    /// The status of the first configuration.
    pub(crate) fn status(&self) -> Value {
        self.statuses().first().cloned().expect("a status")
    }

    /// The status of every configuration; empty while there is no status file.
    pub(crate) fn statuses(&self) -> Vec<Value> {
        let Ok(file) = std::fs::read(self.directory.path().join("data/status.json")) else { return Vec::new() };
        let file: Value = serde_json::from_slice(&file).expect("the status file is never half written");
        file["configurations"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the status of the first configuration is so.
    pub(crate) fn until_status(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let mut last = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while !self.statuses().first().inspect(|status| last = (*status).clone()).is_some_and(&is_so) {
            assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}; the last status: {last:#}");
            std::thread::park_timeout(LOOK);
        }
    }

    /// Waits until the first configuration is Compliant.
    pub(crate) fn until_compliant(&self) {
        self.until_status("compliance", |status| status["complianceState"] == "Compliant");
    }

    /// The label that the objects of the configuration named after the namespace carry.
    pub(crate) fn owner_label(&self) -> String {
        format!("clusterconfig.azure.com/name={}", self.namespace)
    }

    /// The inventory of kustomization `app` of that configuration: one line an object; empty when there is none.
    pub(crate) fn inventory(&self, live: &Live) -> String {
        self.inventory_of(live, "app")
    }

    /// The inventory of another kustomization of that configuration.
    pub(crate) fn inventory_of(&self, live: &Live, kustomization: &str) -> String {
        let name = format!("arcwright.{}", self.namespace);
        let map = live.get("ConfigMap", &self.namespace, &name).unwrap_or_default();
        map["data"][kustomization].as_str().unwrap_or_default().to_owned()
    }

    /// `data.colour` of a ConfigMap of the namespace, if it is there.
    pub(crate) fn colour_in(&self, live: &Live, name: &str) -> Option<String> {
        let map = live.get("ConfigMap", &self.namespace, name)?;
        map["data"]["colour"].as_str().map(str::to_owned)
    }

    /// Commit that the first branch is at.
    pub(crate) fn head(&self) -> String {
        let head = Command::new("git").args(["rev-parse", "main"]).current_dir(self.repository()).output();
        String::from_utf8(head.expect("git runs").stdout).expect("a commit").trim().to_owned()
    }
}

/// A ConfigMap with one entry, `colour`, in the test's namespace.
pub(crate) fn map(name: &str, colour: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: NAMESPACE}}\ndata: {{colour: {colour}}}\n"
    )
}

/// The test's namespace.
pub(crate) fn namespace() -> &'static str {
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAMESPACE}\n"
}

/// What a command printed.
pub(crate) fn shown(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// What `kubectl` prints.
pub(crate) fn kubectl(args: &[&str]) -> Result<String, String> {
    let done = Command::new("kubectl").arg("--kubeconfig").arg(kubeconfig()).args(args).output().expect("kubectl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

/// Waits for a condition, and says what was waited for when it does not come.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::park_timeout(LOOK);
    }
}

/// A process that is killed when the test ends.
pub(crate) struct Running(pub std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
