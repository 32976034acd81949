//! Repositories that pods read: by https, from a name that only this test's DNS knows, signed by an authority that only it has.
use crate::network::{Forwarded, Names};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

#[path = "../git/support/https.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod https;

/// The name of the server.
pub(crate) const HOST: &str = "git.node.test";
/// Its port; that of https is the API server's.
const HTTPS: u16 = 8443;

/// A repository, and the server of it. Both go with this.
pub(crate) struct Repository {
    directory: tempfile::TempDir,
    authority: String,
    _server: https::Server,
    _runtime: tokio::runtime::Runtime,
    _forwarded: Forwarded,
    _names: Names,
}

fn git_command() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

fn git(directory: &Path, args: &[&str]) {
    let mut command = git_command();
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]).args(args).current_dir(directory);
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Repository {
    /// One commit with these files on the branch `main`, served to pods.
    pub(crate) fn serve(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("shop")).expect("a directory");
        git(&directory.path().join("shop"), &["init", "--quiet", "--initial-branch=main"]);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let authority = https::Authority::new();
        let pair = authority.sign(&[HOST], |_| {});
        let server = runtime.block_on(https::Server::start_with(directory.path(), authority.pem(), pair));
        let repository = Self {
            authority: authority.pem(),
            _forwarded: Forwarded::start(HTTPS, server.address.port()),
            _names: Names::start(),
            _server: server,
            _runtime: runtime,
            directory,
        };
        repository.commit(files);
        repository
    }

    /// Adds a commit that writes these files.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        let work = self.path();
        for (name, text) in files {
            let path = work.join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--message=change"]);
    }

    /// Where its work tree is.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("shop")
    }

    /// Its address for pods.
    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{HTTPS}/shop/.git")
    }

    /// Values of the chart with state files, by their names, and the server's authority.
    pub(crate) fn values(&self, files: &[(&str, &str)]) -> serde_json::Value {
        let files: serde_json::Map<String, serde_json::Value> =
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
        serde_json::json!({ "state": { "inline": files }, "authorities": { "pem": self.authority } })
    }
}

/// A ConfigMap in namespace `shop`.
pub(crate) fn colours(colour: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: colours, namespace: shop}}\ndata: {{colour: {colour}}}\n"
    )
}

/// A Deployment in namespace `shop`, whose pod passes the level `restricted`.
pub(crate) const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: shop
          image: node.test/idle:1
          imagePullPolicy: Never
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
";

/// A configuration of namespace `shop`.
pub(crate) fn configuration(name: &str, url: &str, path: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1
kind: FluxConfiguration
metadata: {{name: {name}, namespace: shop}}
spec:
  namespace: shop
  gitRepository: {{url: \"{url}\", syncIntervalInSeconds: 1, repositoryRef: {{branch: main}}}}
  kustomizations:
    app: {{path: {path}, prune: true, syncIntervalInSeconds: 1}}
"
    )
}
