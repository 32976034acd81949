//! A real API server with etcd, started by the script beside this file.
use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/control-plane.sh");

/// A running control plane. It ends when this is dropped, or else when this process ends, even when that is killed.
pub(crate) struct ControlPlane {
    directory: PathBuf,
    kubeconfig: PathBuf,
    /// An API server that was started again, and is waited for when it ends.
    restarted: Mutex<Option<Child>>,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver, with kube-controller-manager if asked for, in a directory of their own.
    pub(crate) fn start(directory: &Path, has_controllers: bool) -> Self {
        watch_over(directory);
        let mut up = script();
        up.arg("up").arg(directory);
        if has_controllers {
            up.arg("--controllers");
        }
        let output = up.output().expect("the script runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let kubeconfig = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
        Self { directory: directory.to_owned(), kubeconfig, restarted: Mutex::default() }
    }

    /// Path of an admin kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn api_server(&self) -> String {
        let pid = std::fs::read_to_string(self.directory.join("kube-apiserver.pid")).expect("a pid file");
        pid.trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.api_server()).status().expect("kill runs");
        assert!(sent.success(), "the API server runs");
    }

    /// Stops the API server where it is: connections stay open, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen API server go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Kills the API server, and starts the same one when the returned guard is dropped: same port, same etcd.
    pub(crate) fn kill_api_server(&self) -> Outage<'_> {
        let pid = self.api_server();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("the API server runs");
        let arguments = line.split(|byte| *byte == 0).filter(|part| !part.is_empty());
        let arguments = arguments.map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        self.signal("-KILL");
        Outage { control_plane: self, arguments }
    }
}

/// The time without an API server.
pub(crate) struct Outage<'a> {
    control_plane: &'a ControlPlane,
    arguments: Vec<String>,
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let (program, arguments) = self.arguments.split_first().expect("a command line");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("the API server starts");
        let pid = self.control_plane.directory.join("kube-apiserver.pid");
        std::fs::write(pid, child.id().to_string()).expect("a pid file");
        *self.control_plane.restarted.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        script().arg("down").arg(&self.directory).status().ok();
        if let Some(mut child) = self.restarted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            child.wait().ok();
        }
    }
}

/// Servers have a process group of their own, so that an interrupt leaves their end to the watcher.
fn script() -> Command {
    let mut script = Command::new(SCRIPT);
    script.process_group(0);
    script
}

/// Starts a process that ends the control plane of a directory, and removes it, when this process is gone.
#[expect(clippy::zombie_processes, reason = "the watcher outlives this process on purpose")]
fn watch_over(directory: &Path) {
    let watch = r#"while kill -0 "$1" && [ -e "$2" ]; do sleep 1; done; "$0" down "$2"; rm -rf "$2""#;
    std::fs::create_dir_all(directory).expect("a directory");
    Command::new("bash")
        .args(["-c", watch, SCRIPT, &std::process::id().to_string()])
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the watcher starts");
}
