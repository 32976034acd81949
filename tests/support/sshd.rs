//! OpenSSH's own server, on a free port of this machine, for the user who runs the tests.
use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the server may take to listen.
const DEADLINE: Duration = Duration::from_secs(60);
const SSHD: &str = "/usr/sbin/sshd";

/// Whether the server is installed. Says so when it is not, which is a failure where `CI` is set.
pub(crate) fn is_installed() -> bool {
    let is_there = Path::new(SSHD).exists();
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{SSHD} is missing: install openssh-server");
        writeln!(std::io::stderr(), "skipped: {SSHD} is missing: install openssh-server").ok();
    }
    is_there
}

/// A key pair that `ssh-keygen` made.
pub(crate) struct KeyFile {
    directory: tempfile::TempDir,
}

impl KeyFile {
    pub(crate) fn make(kind: &[&str]) -> Self {
        Self::with_options(kind, &["-N", ""])
    }

    pub(crate) fn with_options(kind: &[&str], options: &[&str]) -> Self {
        let key = Self { directory: tempfile::tempdir().expect("a directory") };
        let done = Command::new("ssh-keygen")
            .args(["-q", "-C", "test"])
            .args(kind)
            .args(options)
            .arg("-f")
            .arg(key.path())
            .stdin(Stdio::null())
            .output()
            .expect("ssh-keygen runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        key
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("key")
    }

    pub(crate) fn private(&self) -> String {
        fs::read_to_string(self.path()).expect("a key")
    }

    pub(crate) fn public(&self) -> String {
        fs::read_to_string(self.directory.path().join("key.pub")).expect("a key").trim().to_owned()
    }
}

/// A running server. It ends when it is dropped.
pub(crate) struct Sshd {
    directory: tempfile::TempDir,
    child: Option<Child>,
    pub(crate) port: u16,
}

impl Sshd {
    /// A server with these host keys, which lets nobody in yet.
    pub(crate) fn start(host_keys: &[&KeyFile]) -> Self {
        if fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0) {
            // OpenSSH wants this directory when root starts it.
            fs::create_dir_all("/run/sshd").expect("a directory");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut server = Self { directory: tempfile::tempdir().expect("a directory"), child: None, port };
        fs::write(server.authorized_keys(), "").expect("a file");
        server.run(host_keys);
        server
    }

    fn authorized_keys(&self) -> PathBuf {
        self.directory.path().join("authorized_keys")
    }

    fn run(&mut self, host_keys: &[&KeyFile]) {
        let keys: String = host_keys.iter().map(|key| format!("HostKey {}\n", key.path().display())).collect();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {}\n{keys}AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             PubkeyAcceptedAlgorithms +ssh-rsa\nMaxStartups 100\n",
            self.port,
            self.authorized_keys().display()
        );
        let path = self.directory.path().join("config");
        fs::write(&path, config).expect("a file");
        let log = fs::File::create(self.directory.path().join("log")).expect("a file");
        let child = Command::new(SSHD).args(["-D", "-e", "-f"]).arg(&path).stderr(log).spawn().expect("sshd runs");
        self.child = Some(child);
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "sshd does not listen: {}", log());
            std::thread::yield_now();
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Starts again with other host keys, on the same port.
    pub(crate) fn restart(&mut self, host_keys: &[&KeyFile]) {
        self.stop();
        self.run(host_keys);
    }

    /// Lets the owner of a key in.
    pub(crate) fn authorize(&self, public: &str) {
        fs::write(self.authorized_keys(), format!("{public}\n")).expect("a file");
    }

    /// Lines for this server in a known_hosts file.
    pub(crate) fn known_hosts(&self, host_keys: &[&KeyFile]) -> String {
        let line = |key: &&KeyFile| {
            let public = key.public();
            let words: Vec<&str> = public.split(' ').take(2).collect();
            format!("[127.0.0.1]:{} {}\n", self.port, words.join(" "))
        };
        host_keys.iter().map(line).collect()
    }

    /// The address of a repository on this server.
    pub(crate) fn url(&self, path: &Path) -> String {
        let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
        let user = String::from_utf8(user).expect("a name");
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, path.display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The lines of a known_hosts text with the names hashed.
pub(crate) fn hashed(known_hosts: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("known_hosts");
    fs::write(&path, known_hosts).expect("a file");
    let done = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&path).output().expect("ssh-keygen runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("|1|"), "{text}");
    text
}
