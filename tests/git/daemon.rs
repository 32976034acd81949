//! Git's own protocol, with `git daemon`: no credentials, no secrecy, and still in use inside networks.
use crate::support::{Cache, Repo, eventually, git_command, source, text};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    async fn start(repo: &Repo) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        // Not by way of `git`, which would be a process in between.
        let programs = git_command().arg("--exec-path").output().expect("git runs").stdout;
        let programs = String::from_utf8(programs).expect("a path");
        let child = Command::new(Path::new(programs.trim()).join("git-daemon"))
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", repo.root().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git runs");
        eventually("git daemon", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { child, port }
    }

    fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_read_by_gits_own_protocol() {
    let repo = Repo::new();
    let daemon = Daemon::start(&repo).await;
    let cache = Cache::new();
    let artifact = cache.fetch(&source(&daemon.url("repo.git"))).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    repo.commit("main", &[("app/config.yaml", "colour: green\n")]);
    let artifact = cache.fetch(&source(&daemon.url("repo.git"))).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: green\n");
    let (reason, message) = cache.refusal(&source(&daemon.url("gone.git"))).await;
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.contains("gone.git"), "{message}");
}
