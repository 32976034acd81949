//! Known hosts and repositories over a real sshd.
use crate::support::{
    Cache, Repo, source,
    sshd::{KeyFile, Sshd, hashed, is_installed},
    text,
};
use arcwright::{model::configuration::GitSource, source::FetchError};

struct Bed {
    repo: Repo,
    user: KeyFile,
    sshd: Sshd,
}

impl Bed {
    fn new(host_keys: &[&KeyFile]) -> Self {
        let user = KeyFile::make(&["-t", "ed25519"]);
        let sshd = Sshd::start(host_keys);
        sshd.authorize(&user.public());
        Self { repo: Repo::new(), user, sshd }
    }

    fn source(&self, known_hosts: &str) -> GitSource {
        let mut source = source(&self.sshd.url(&self.repo.path()));
        source.credentials.known_hosts = Some(known_hosts.to_owned());
        source.credentials.ssh_private_key = Some(self.user.private().into());
        source
    }

    async fn works(&self, known_hosts: &str) {
        let artifact = Cache::new().fetch(&self.source(known_hosts)).await;
        let artifact = artifact.expect(known_hosts);
        assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    }

    async fn refuses(&self, known_hosts: &str, reason: &str, says: &str) {
        let (found, message) = Cache::new().refusal(&self.source(known_hosts)).await;
        assert_eq!(found, reason, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

fn ed25519() -> KeyFile {
    KeyFile::make(&["-t", "ed25519"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_known_by_name_and_port_plain_or_hashed() {
    if !is_installed() {
        return;
    }
    let host = ed25519();
    let bed = Bed::new(&[&host]);
    let known = bed.sshd.known_hosts(&[&host]);
    bed.works(&known).await;
    bed.works(&hashed(&known)).await;
    bed.works(&format!("# a comment\n\n{}", known.replace('\n', "\r\n"))).await;
    bed.works(&known.replacen('[', "other.example.org,[", 1)).await;
    bed.refuses("", "HostKeyUnknown", "none are given").await;
    bed.refuses("\n# nothing\n", "HostKeyUnknown", "none are given").await;
    // The same key on another port is another server.
    bed.refuses(&known.replace(&format!("]:{}", bed.sshd.port), "]:1"), "HostKeyUnknown", "SHA256:").await;
    bed.refuses(&known.replace(&format!("]:{}", bed.sshd.port), "").replace('[', ""), "HostKeyUnknown", "").await;
    let mut none = bed.source("");
    none.credentials.known_hosts = None;
    assert_eq!(Cache::new().refusal(&none).await.0, "HostKeyUnknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_asked_for_a_key_that_is_known() {
    if !is_installed() {
        return;
    }
    let keys: Vec<KeyFile> = [
        &["-t", "ed25519"][..],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "ecdsa", "-b", "521"],
        &["-t", "rsa", "-b", "2048"],
    ]
    .iter()
    .map(|kind| KeyFile::make(kind))
    .collect();
    // sshd offers one ECDSA key only, the first.
    let all: Vec<&KeyFile> = keys.iter().collect();
    let bed = Bed::new(&all);
    for key in [&keys[0], &keys[1], &keys[4]] {
        let known = bed.sshd.known_hosts(&[key]);
        bed.works(&known).await;
        bed.works(&hashed(&known)).await;
    }
    bed.works(&bed.sshd.known_hosts(&all)).await;
    for key in [&keys[2], &keys[3]] {
        let bed = Bed::new(&[key]);
        bed.works(&bed.sshd.known_hosts(&[key])).await;
    }
    // A host that has none of the known types is unknown, not changed.
    let bed = Bed::new(&[&keys[0]]);
    bed.refuses(&bed.sshd.known_hosts(&[&keys[4]]), "HostKeyUnknown", "they have ssh-rsa for it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_is_rejected_and_what_was_fetched_stays() {
    if !is_installed() {
        return;
    }
    let (host, other) = (ed25519(), ed25519());
    let mut bed = Bed::new(&[&host]);
    let source = bed.source(&bed.sshd.known_hosts(&[&host]));
    let cache = Cache::new();
    let good = cache.fetch(&source).await.expect("a commit");
    bed.sshd.restart(&[&other]);
    let error = cache.fetch(&source).await.err().expect("refused");
    assert!(matches!(error, FetchError::HostKeyRejected { .. }) && !error.is_transient(), "{error}");
    assert_eq!(text(&good, "app/config.yaml"), "colour: blue\n");
    bed.sshd.restart(&[&host]);
    assert_eq!(cache.fetch(&source).await.expect("a commit").revision, good.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn markers_and_patterns_are_refused_with_their_reason() {
    if !is_installed() {
        return;
    }
    let host = ed25519();
    let bed = Bed::new(&[&host]);
    let known = bed.sshd.known_hosts(&[&host]);
    let key = host.public().split(' ').take(2).collect::<Vec<_>>().join(" ");
    bed.refuses(&format!("{known}@revoked * {key}\n"), "HostKeyRejected", "@revoked").await;
    bed.refuses(&format!("@revoked [127.0.0.1]:{} {key}\n{known}", bed.sshd.port), "HostKeyRejected", "@revoked").await;
    bed.refuses(&format!("@cert-authority * {key}\n"), "HostKeyUnknown", "@cert-authority").await;
    bed.refuses(&format!("[127.0.0.*]:{} {key}\n", bed.sshd.port), "HostKeyUnknown", "patterns").await;
    bed.refuses(&format!("!{known}"), "HostKeyUnknown", "patterns").await;
    bed.refuses("garbage\n\u{0}\n|1|x|y\n", "HostKeyUnknown", "").await;
    bed.works(&format!("garbage\n@cert-authority *.example.org {key}\n{known}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_brings_nothing_and_a_change_only_itself() {
    if !is_installed() {
        return;
    }
    let host = ed25519();
    let bed = Bed::new(&[&host]);
    let noise: String = (0..20_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    bed.repo.commit("main", &[("big", &noise), ("app/config.yaml", "colour: blue\n")]);
    let source = bed.source(&bed.sshd.known_hosts(&[&host]));
    let cache = Cache::new();
    cache.fetch(&source).await.expect("a commit");
    let first = cache.cache.traffic();
    assert_eq!((first.looks, first.fetches), (1, 1));
    assert!(first.bytes > 100_000, "{first:?}");
    cache.fetch(&source).await.expect("a commit");
    let second = cache.cache.traffic();
    assert_eq!((second.looks, second.fetches, second.bytes), (2, 1, first.bytes));
    bed.repo.commit("main", &[("big", &noise), ("app/config.yaml", "colour: green\n")]);
    assert_eq!(text(&cache.fetch(&source).await.expect("a commit"), "app/config.yaml"), "colour: green\n");
    let third = cache.cache.traffic();
    assert!(third.fetches == 2 && third.bytes - second.bytes < 5_000, "{third:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_far_shell_says_is_told_on_one_line() {
    if !is_installed() {
        return;
    }
    let host = ed25519();
    let bed = Bed::new(&[&host]);
    let mut source = bed.source(&bed.sshd.known_hosts(&[&host]));
    source.url = source.url.replace("repo.git", "no such'repo; echo $HOME.git");
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.contains("no such'repo; echo $HOME.git") && !message.contains('\n'), "{message}");
}
