//! One mirror for each address and credential, whoever asks for it, and however many at once.
use crate::support::{Cache, Repo, branch, https::Server, text};
use futures::future::join_all;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_cost_one_look_and_one_fetch() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let (cache, source) = (Cache::new(), server.source());
    let (minute, cancel) = (Duration::from_secs(60), CancellationToken::new());
    let callers = join_all((0..100).map(|_| cache.cache.fetch(&source, minute, &cancel))).await;
    assert!(callers.into_iter().all(|artifact| artifact.is_ok()));
    let traffic = cache.cache.traffic();
    assert_eq!((traffic.looks, traffic.fetches), (1, 1));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_serves_every_branch_and_each_branch_is_fetched_once() {
    let repo = Repo::new();
    repo.commit("next", &[("app/config.yaml", "colour: red\n")]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let cancel = CancellationToken::new();
    let mut source = server.source();
    for (name, colour) in [("main", "blue"), ("next", "red"), ("main", "blue"), ("next", "red")] {
        source.reference = branch(name);
        let artifact = cache.cache.fetch(&source, Duration::from_secs(60), &cancel).await.expect("a commit");
        assert_eq!(text(&artifact, "app/config.yaml"), format!("colour: {colour}\n"));
    }
    let traffic = cache.cache.traffic();
    assert_eq!((traffic.looks, traffic.fetches), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_what_another_credential_fetched() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    server.require("Basic dXNlcjp0b2tlbg==");
    let cache = Cache::new();
    let mut source = server.source();
    source.credentials.user = Some("user".to_owned());
    source.credentials.password = Some("token".to_owned().into());
    cache.fetch(&source).await.expect("a commit");
    source.credentials.password = Some("other".to_owned().into());
    assert_eq!(cache.refusal(&source).await.0, "AuthenticationFailed");
    source.credentials.password = None;
    assert_eq!(cache.refusal(&source).await.0, "AuthenticationFailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_commit_is_brought() {
    let repo = Repo::new();
    for number in 0..20_u64 {
        let noise: String =
            (0..2000).map(|n| format!("{:x}", (n + number * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        repo.commit("main", &[("big", &noise)]);
    }
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    cache.fetch(&server.source()).await.expect("a commit");
    // One of twenty versions of about 16 kB each, compressed.
    assert!(cache.cache.traffic().bytes < 30_000, "{:?}", cache.cache.traffic());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_data_directory() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let (cache, source, cancel) = (Cache::new(), server.source(), CancellationToken::new());
    let others: Vec<_> = (0..4).map(|_| cache.again()).collect();
    for number in 0..5 {
        let commit = repo.commit("main", &[("app/config.yaml", &format!("number: {number}\n"))]);
        let all = join_all(others.iter().map(|one| one.fetch(&source, Duration::ZERO, &cancel))).await;
        for artifact in all {
            let artifact = artifact.expect("a commit");
            assert_eq!(artifact.revision.commit, commit);
            assert_eq!(text(&artifact, "app/config.yaml"), format!("number: {number}\n"));
        }
    }
    let fetches: u64 = others.iter().map(|one| one.traffic().fetches).sum();
    assert_eq!(fetches, 5, "what one process fetched the others found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_does_not_grow_without_end() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    for number in 0..80 {
        repo.commit("main", &[("app/config.yaml", &format!("number: {number}\n"))]);
        cache.fetch(&server.source()).await.expect("a commit");
    }
    let mirrors = std::fs::read_dir(cache.directory.path().join("mirrors")).expect("a directory");
    let packs: usize = mirrors
        .flatten()
        .filter_map(|mirror| std::fs::read_dir(mirror.path().join("objects/pack")).ok())
        .map(|packs| packs.flatten().filter(|pack| pack.path().extension().is_some_and(|kind| kind == "pack")).count())
        .sum();
    assert!((1..=66).contains(&packs), "{packs} packs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_nobody_uses_any_more_is_removed_and_others_stay() {
    let (old, new) = (Repo::new(), Repo::new());
    let cache = Cache::new();
    let mirrors = cache.directory.path().join("mirrors");
    let locks = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(&mirrors).expect("a directory").flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|kind| kind == "lock")).collect()
    };
    cache.fetch(&old.source()).await.expect("a commit");
    let lock = locks().remove(0);
    assert!(lock.with_extension("").is_dir());
    let age = |days: u64| {
        let file = std::fs::File::options().write(true).open(&lock).expect("a file");
        let modified = file.metadata().and_then(|data| data.modified()).expect("a time");
        file.set_modified(modified - Duration::from_secs(days * 24 * 3600)).expect("aged");
    };
    age(6);
    cache.fetch(&new.source()).await.expect("a commit");
    assert!(lock.with_extension("").is_dir(), "it may be used again");
    // A look counts as use.
    cache.fetch(&old.source()).await.expect("a commit");
    age(6);
    new.commit("main", &[("a", "b")]);
    cache.fetch(&new.source()).await.expect("a commit");
    assert!(lock.with_extension("").is_dir());
    age(8);
    new.commit("main", &[("a", "c")]);
    cache.fetch(&new.source()).await.expect("a commit");
    assert_eq!(locks().len(), 1);
    assert!(!lock.with_extension("").exists());
    assert_eq!(text(&cache.fetch(&old.source()).await.expect("a commit"), "app/config.yaml"), "colour: blue\n");
}
