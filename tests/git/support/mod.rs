//! Repositories, and the sources and caches that read them.
pub(crate) mod https;
#[path = "../../support/sshd.rs"]
pub(crate) mod sshd;

use arcwright::{
    model::configuration::{Credentials, GitSource, Reference},
    source::{
        Artifact, FetchError, GitCache,
        git::{GitOptions, ProxySettings},
    },
};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// `git` without the settings of the machine and the person.
pub(crate) fn git_command() -> Command {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.version=0"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

/// A bare repository in a directory of its own, written to object by object.
pub(crate) struct Repo {
    pub(crate) directory: tempfile::TempDir,
}

impl Repo {
    /// An empty repository whose default branch is `main`.
    pub(crate) fn empty() -> Self {
        Self::init(&[])
    }

    pub(crate) fn init(options: &[&str]) -> Self {
        let repo = Self { directory: tempfile::tempdir().expect("a directory") };
        let path = repo.path();
        let done = git_command().args(["init", "-q", "--bare", "-b", "main"]).args(options).arg(&path).output();
        assert!(done.expect("git runs").status.success());
        repo
    }

    /// A repository with one commit on `main`, which has the file `app/config.yaml`.
    pub(crate) fn new() -> Self {
        let repo = Self::empty();
        repo.commit("main", &[("app/config.yaml", "colour: blue\n")]);
        repo
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("repo.git")
    }

    /// The directory that a server serves.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = git_command()
            .arg("--git-dir")
            .arg(self.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("git ends");
        feeder.join().expect("the input is written");
        output
    }

    /// What a git command prints, given some input.
    pub(crate) fn git_with(&self, args: &[&str], input: &[u8]) -> String {
        let output = self.run(args, input);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What a git command prints.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_with(args, b"")
    }

    /// Writes a blob.
    pub(crate) fn blob(&self, content: &[u8]) -> String {
        self.git_with(&["hash-object", "-w", "--stdin"], content)
    }

    /// Writes a tree as it is given, however odd. Entries are mode, name and object.
    pub(crate) fn tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut content = Vec::new();
        for (mode, name, id) in entries {
            content.extend(format!("{mode} ").as_bytes());
            content.extend(*name);
            content.push(0);
            content.extend((0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).expect("hex")));
        }
        self.git_with(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &content)
    }

    /// Commits a tree on a branch; gives the commit.
    pub(crate) fn commit_tree(&self, branch: &str, tree: &str) -> String {
        let name = format!("refs/heads/{branch}");
        let parent = self.run(&["rev-parse", "-q", "--verify", &name], b"");
        let parent = String::from_utf8_lossy(&parent.stdout).trim().to_owned();
        let mut args = vec!["commit-tree", "-m", "change", tree];
        if !parent.is_empty() {
            args.extend(["-p", &parent]);
        }
        let commit = self.git(&args);
        self.git(&["update-ref", &name, &commit]);
        commit
    }

    /// Commits files on a branch, in place of all that is there; gives the commit.
    pub(crate) fn commit(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let index = self.directory.path().join("index");
        std::fs::remove_file(&index).ok();
        let mut lines = String::new();
        for (path, content) in files {
            lines.push_str(&format!("100644 {}\t{path}\n", self.blob(content.as_bytes())));
        }
        let run = |args: &[&str], input: &str| {
            let mut child = git_command()
                .arg("--git-dir")
                .arg(self.path())
                .args(args)
                .env("GIT_INDEX_FILE", &index)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("git runs");
            child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
            let output = child.wait_with_output().expect("git ends");
            assert!(output.status.success(), "git {args:?}");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        run(&["update-index", "--add", "--index-info"], &lines);
        let tree = run(&["write-tree"], "");
        self.commit_tree(branch, &tree)
    }

    /// A source for the repository as a path of this machine.
    pub(crate) fn source(&self) -> GitSource {
        source(&self.path().display().to_string())
    }
}

impl https::Server {
    /// A source for `repo.git` that trusts this server.
    pub(crate) fn source(&self) -> GitSource {
        let mut source = source(&self.url("repo.git"));
        source.credentials.ca_bundle = Some(self.authority.clone()).filter(|text| !text.is_empty());
        source
    }
}

/// A source without credentials that follows `main`.
pub(crate) fn source(url: &str) -> GitSource {
    GitSource {
        url: url.to_owned(),
        allow_local: true,
        reference: Reference { branch: Some("main".to_owned()), ..Reference::default() },
        credentials: Credentials::default(),
        secret_refs: Vec::new(),
        timeout: DEADLINE,
        interval: Duration::from_secs(600),
    }
}

/// A reference by one of its kinds.
pub(crate) fn branch(name: &str) -> Reference {
    Reference { branch: Some(name.to_owned()), ..Reference::default() }
}

/// A cache in a directory of its own.
pub(crate) struct Cache {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) cache: GitCache,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self::with(GitOptions::default())
    }

    pub(crate) fn with(options: GitOptions) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = GitCache::with(directory.path().join("mirrors"), options);
        Self { directory, cache }
    }

    pub(crate) fn through(proxy: ProxySettings) -> Self {
        Self::with(GitOptions { proxy, ..GitOptions::default() })
    }

    /// What another process would have that starts with the same data directory.
    pub(crate) fn again(&self) -> GitCache {
        GitCache::with(self.directory.path().join("mirrors"), GitOptions::default())
    }

    /// Fetches, with a look at the remote each time.
    pub(crate) async fn fetch(&self, source: &GitSource) -> Result<Artifact, FetchError> {
        self.cache.fetch(source, Duration::ZERO, &CancellationToken::new()).await
    }

    /// Fetches what must not be had, and gives the reason and the whole text of the error.
    pub(crate) async fn refusal(&self, source: &GitSource) -> (&'static str, String) {
        let error = self.fetch(source).await.err().expect("it is refused");
        (error.reason(), arcwright::error::Chain(&error).to_string())
    }
}

/// The text of a file of an artifact.
pub(crate) fn text(artifact: &Artifact, path: &str) -> String {
    String::from_utf8(artifact.read(path, 1 << 20).expect("a file")).expect("text")
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} within {DEADLINE:?}");
        tokio::task::yield_now().await;
    }
}
