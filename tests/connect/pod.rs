//! What a pod of the agents would run, as a process: the arguments, the rights and the namespace that its Deployment gives it.
use crate::site::Site;
use serde_json::Value;
use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// Name of the Deployment, of its account, and of what else is made.
const NAME: &str = "azure-arc-arcwright";
const NAMESPACE: &str = "azure-arc";

/// The process. It is killed when this is dropped.
pub(crate) struct Pod {
    child: Child,
    directory: tempfile::TempDir,
}

impl Pod {
    /// Starts what the Deployment says; only paths of the pod, the port, and how much is logged are others.
    pub(crate) fn start(site: &Site) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, of_account(site).to_string()).expect("a file");
        let deployment = object(site, "deployment", NAME);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let args = container["args"].as_array().expect("arguments").iter();
        let args = args.map(|arg| match arg.as_str().expect("a text").split_once('=') {
            // Also what is not worth a warning may be a right that is missing.
            Some(("--log", _)) => "--log=info,arcwright=debug,kube_client=debug".to_owned(),
            Some(("--listen", _)) => "--listen=127.0.0.1:0".to_owned(),
            Some(("--hub-ca", path)) => {
                let file = path.rsplit('/').next().expect("a name");
                let authorities = object(site, "configmap", &format!("{NAME}-hub"));
                let local = directory.path().join(file);
                std::fs::write(&local, authorities["data"][file].as_str().expect("authorities")).expect("a file");
                format!("--hub-ca={}", local.display())
            }
            _ => arg.as_str().expect("a text").to_owned(),
        });
        let args: Vec<String> = args.collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command.args(&args).arg("--kubeconfig").arg(&kubeconfig);
        command.env("ARCWRIGHT_DATA_DIR", directory.path().join("data")).current_dir(directory.path());
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        let log = || Stdio::from(File::options().create(true).append(true).open(path(&directory)).expect("a file"));
        let child = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn().expect("arcwright runs");
        Self { child, directory }
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(path(&self.directory)).expect("a log")
    }

    /// What a person would read of that: not the details.
    pub(crate) fn said(&self) -> String {
        self.log().lines().filter(|line| !line.contains("\"level\":\"DEBUG\"")).collect::<Vec<_>>().join("\n")
    }

    /// What `arcwright status --agents` says beside it.
    pub(crate) fn agents(&self) -> Vec<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arcwright"));
        command.env("ARCWRIGHT_DATA_DIR", self.directory.path().join("data"));
        let done = command.args(["status", "--agents", "-o", "json"]).output().expect("arcwright runs");
        let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        told["agents"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("log")
}

fn object(site: &Site, kind: &str, name: &str) -> Value {
    let text = site.kubectl(&["get", kind, name, "-n", NAMESPACE, "-o", "json"]).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

/// A kubeconfig of the agents' account, at home in their namespace.
fn of_account(site: &Site) -> Value {
    let token = site.kubectl(&["create", "token", NAME, "-n", NAMESPACE]).expect("a token");
    let config = site.kubectl(&["config", "view", "--raw", "-o", "json"]).expect("a kubeconfig");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = NAMESPACE.into();
    config
}
