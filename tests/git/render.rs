//! `arcwright render --enable-remote` of bases on a real sshd and behind a real `git http-backend`.
use crate::support::{
    Repo,
    https::Server,
    sshd::{KeyFile, Sshd, is_installed},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// What one user has: a home, and a kustomization that names one base.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn naming(base: &str) -> Self {
        let user = Self { home: tempfile::tempdir().expect("a directory") };
        user.write("site/kustomization.yaml", &format!("namePrefix: north-\nresources: ['{base}']\n"));
        user
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn render(&self, variables: &[(&str, &Path)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_arcwright"))
            .args(["render", "site", "--enable-remote"])
            .env_clear()
            .env("HOME", self.home.path())
            .envs(variables.iter().copied())
            .current_dir(self.home.path())
            .output()
            .expect("arcwright runs")
    }
}

fn repository() -> Repo {
    let repository = Repo::new();
    let files = [
        ("base/kustomization.yaml", "resources: [config.yaml]\n"),
        ("base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n"),
    ];
    repository.commit("main", &files);
    repository
}

fn assert_rendered(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: north-app\n", "{stderr}");
}

fn assert_refused(output: &Output, says: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(stderr.contains(says), "{stderr}");
}

#[test]
fn a_base_over_ssh_needs_a_known_host_and_a_key_of_the_home() {
    if !is_installed() {
        return;
    }
    let (host, key) = (KeyFile::make(&["-t", "ed25519"]), KeyFile::make(&["-t", "ed25519"]));
    let sshd = Sshd::start(&[&host]);
    sshd.authorize(&key.public());
    let repository = repository();
    let user = User::naming(&format!("{}//base?ref=main", sshd.url(&repository.path())));
    user.write(".ssh/id_ed25519", &key.private());
    assert_refused(&user.render(&[]), "known");
    user.write(".ssh/known_hosts", &sshd.known_hosts(&[&host]));
    assert_rendered(&user.render(&[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_over_https_needs_an_authority_that_is_trusted() {
    let repository = repository();
    let path = repository.path();
    let server = Server::start(path.parent().expect("a parent")).await;
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let user = User::naming(&format!("{}//base?ref=main", server.url(&name)));
    user.write("authority.pem", &server.authority);
    assert_refused(&user.render(&[]), "certificate");
    let authority = user.home.path().join("authority.pem");
    assert_rendered(&user.render(&[("SSL_CERT_FILE", &authority)]));
}
