//! Every form in which people have private keys, each used to log in to a real sshd.
use crate::support::{
    Cache, Repo, source,
    sshd::{KeyFile, Sshd, is_installed},
    text,
};
use arcwright::source::git::{generate_key, public_key_of};
use std::process::Command;

struct Bed {
    repo: Repo,
    host: KeyFile,
    sshd: Sshd,
}

impl Bed {
    fn new() -> Self {
        let host = KeyFile::make(&["-t", "ed25519"]);
        let sshd = Sshd::start(&[&host]);
        Self { repo: Repo::new(), host, sshd }
    }

    fn source(&self, private: &str) -> arcwright::model::configuration::GitSource {
        let mut source = source(&self.sshd.url(&self.repo.path()));
        source.credentials.known_hosts = Some(self.sshd.known_hosts(&[&self.host]));
        source.credentials.ssh_private_key = Some(private.to_owned().into());
        source
    }

    /// Logs in with a key, and reads a file.
    async fn works(&self, what: &str, private: &str, public: &str) {
        self.sshd.authorize(public);
        let artifact = Cache::new().fetch(&self.source(private)).await;
        let artifact = artifact.expect(what);
        assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
        let own = public_key_of(&private.to_owned().into()).expect("a public key");
        let words = |key: &str| key.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&own), words(public), "{what}");
    }
}

/// What `openssl` makes of its input.
fn openssl(args: &[&str]) -> String {
    let done = Command::new("openssl").args(args).output().expect("openssl runs");
    assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_ecdsa_and_ed25519_keys_log_in_in_every_form() {
    if !is_installed() {
        return;
    }
    let bed = Bed::new();
    for kind in [
        &["-t", "rsa", "-b", "2048"][..],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
    ] {
        let key = KeyFile::make(kind);
        bed.works(&format!("{kind:?} OpenSSH"), &key.private(), &key.public()).await;
        for form in ["PEM", "PKCS8"] {
            let key = KeyFile::with_options(kind, &["-N", "", "-m", form]);
            bed.works(&format!("{kind:?} {form}"), &key.private(), &key.public()).await;
        }
    }
    let key = KeyFile::make(&["-t", "ed25519"]);
    bed.works("ed25519 OpenSSH", &key.private(), &key.public()).await;
    let pkcs8 = openssl(&["genpkey", "-algorithm", "ed25519"]);
    let public = public_key_of(&pkcs8.clone().into()).expect("a public key");
    bed.works("ed25519 PKCS#8", &pkcs8, &public).await;
    // `openssl ecparam -genkey` writes the curve before the key.
    let sec1 = openssl(&["ecparam", "-name", "prime256v1", "-genkey"]);
    let public = public_key_of(&sec1.clone().into()).expect("a public key");
    bed.works("SEC1 with parameters", &sec1, &public).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_do_not_matter_and_a_generated_key_logs_in() {
    if !is_installed() {
        return;
    }
    let bed = Bed::new();
    for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048", "-m", "PEM"]] {
        let key = KeyFile::make(kind);
        bed.works("CRLF", &key.private().replace('\n', "\r\n"), &key.public()).await;
        bed.works("no last newline", key.private().trim_end(), &key.public()).await;
        bed.works("space around", &format!("\n  {}\n\n", key.private()), &key.public()).await;
    }
    let key = generate_key("shop").expect("a key");
    let private = secrecy::ExposeSecret::expose_secret(&key.private).to_owned();
    bed.works("generated", &private, &key.public).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_is_named_before_anyone_is_asked() {
    if !is_installed() {
        return;
    }
    let bed = Bed::new();
    let encrypted = KeyFile::with_options(&["-t", "ed25519"], &["-N", "passphrase"]).private();
    let old = KeyFile::with_options(&["-t", "rsa", "-b", "2048"], &["-N", "passphrase", "-m", "PEM"]).private();
    let weak = KeyFile::make(&["-t", "rsa", "-b", "1024"]).private();
    let public = KeyFile::make(&["-t", "ed25519"]).public();
    for (key, says) in [
        (encrypted, "encrypted"),
        (old, "encrypted"),
        (weak, "1024 bits"),
        (public, "public half"),
        ("x".repeat(1 << 20), "1048576 bytes"),
        ("garbage".to_owned(), "cannot be read"),
    ] {
        let (reason, message) = Cache::new().refusal(&bed.source(&key)).await;
        assert_eq!(reason, "PrivateKeyInvalid", "{says}");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_server_does_not_know_is_told_with_the_half_to_add() {
    if !is_installed() {
        return;
    }
    let bed = Bed::new();
    let (known, unknown) = (KeyFile::make(&["-t", "ed25519"]), KeyFile::make(&["-t", "ecdsa", "-b", "384"]));
    bed.sshd.authorize(&known.public());
    let (reason, message) = Cache::new().refusal(&bed.source(&unknown.private())).await;
    assert_eq!(reason, "AuthenticationFailed");
    let public = unknown.public();
    let words: Vec<&str> = public.split(' ').take(2).collect();
    assert!(message.contains(&words.join(" ")), "{message}");
    let mut source = bed.source("");
    source.credentials.ssh_private_key = None;
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "AuthenticationFailed");
    assert!(message.contains("sshPrivateKey"), "{message}");
}
