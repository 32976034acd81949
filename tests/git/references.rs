//! Which commit is meant, over a real https server.
use crate::support::{Cache, Repo, branch, https::Server, text};
use arcwright::model::configuration::Reference;

/// The reference and the commit that come of asking for `wanted`.
async fn fetched(cache: &Cache, server: &Server, wanted: Reference) -> (String, String) {
    let mut source = server.source();
    source.reference = wanted;
    let revision = cache.fetch(&source).await.expect("a commit").revision;
    (revision.reference, revision.commit)
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_tags_and_ranges_lead_to_their_commits() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "main"]);
    repo.git(&["tag", "v1.0.0", "main"]);
    let second = repo.commit("main", &[("app/config.yaml", "colour: green\n")]);
    repo.git(&["tag", "-a", "-m", "annotated", "v1.1.0", "main"]);
    repo.git(&["tag", "-a", "-m", "twice", "twice", "v1.1.0"]);
    let next = repo.commit("next", &[("app/config.yaml", "colour: red\n")]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let tag = |name: &str| Reference { tag: Some(name.to_owned()), ..Reference::default() };
    let range = |range: &str| Reference { semver: Some(range.to_owned()), ..Reference::default() };
    for (wanted, reference, commit) in [
        (branch("main"), "main", &second),
        (branch("next"), "next", &next),
        (Reference::default(), "main", &second),
        (tag("v1.0.0"), "v1.0.0", &first),
        (tag("v1.1.0"), "v1.1.0", &second),
        (tag("twice"), "twice", &second),
        (range("^1"), "v1.1.0", &second),
        (range("1.0.x"), "v1.0.0", &first),
    ] {
        let shown = format!("{wanted:?}");
        assert_eq!(fetched(&cache, &server, wanted).await, (reference.to_owned(), commit.clone()), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_behind_the_tip_is_found_in_the_history_of_its_branch() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "main"]);
    repo.commit("main", &[("app/config.yaml", "colour: green\n")]);
    let elsewhere = repo.commit("other", &[("app/config.yaml", "colour: red\n")]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let at = |commit: &str| Reference { commit: Some(commit.to_owned()), ..branch("main") };
    assert_eq!(fetched(&cache, &server, at(&first)).await, (String::new(), first.clone()));
    let mut source = server.source();
    source.reference = at(&elsewhere);
    let (reason, message) = cache.refusal(&source).await;
    assert_eq!(reason, "RevisionNotFound");
    assert!(message.contains(&elsewhere) && message.contains("on main"), "{message}");
    source.reference = Reference { commit: Some(first), ..branch("gone") };
    let (reason, message) = cache.refusal(&source).await;
    assert_eq!(reason, "RevisionNotFound");
    assert!(message.contains("no branch gone; it has main, other"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_single_commits_is_asked_for_one() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "main"]);
    for number in 0..5 {
        repo.commit("main", &[("big", &"x".repeat(10_000 + number))]);
    }
    repo.git(&["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let mut source = server.source();
    source.reference = Reference { commit: Some(first), ..branch("main") };
    let artifact = cache.fetch(&source).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    let posts = server.seen().iter().filter(|seen| seen.path.ends_with("git-upload-pack")).count();
    assert_eq!(posts, 1);
    assert!(cache.cache.traffic().bytes < 2_000, "{:?}", cache.cache.traffic());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_commit_that_is_here_costs_no_look() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let mut source = server.source();
    source.reference = Reference { commit: Some(repo.git(&["rev-parse", "main"])), ..branch("main") };
    cache.fetch(&source).await.expect("a commit");
    let before = (cache.cache.traffic(), server.seen().len());
    cache.fetch(&source).await.expect("a commit");
    assert_eq!((cache.cache.traffic(), server.seen().len()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_deleted_or_renamed_is_named() {
    let repo = Repo::new();
    repo.commit("next", &[("a", "b")]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    cache.fetch(&server.source()).await.expect("a commit");
    repo.git(&["branch", "-m", "main", "trunk"]);
    let (reason, message) = cache.refusal(&server.source()).await;
    assert_eq!(reason, "RevisionNotFound");
    assert!(message.contains("has no branch main; it has next, trunk"), "{message}");
    // The default branch is whatever the repository says it is.
    repo.git(&["symbolic-ref", "HEAD", "refs/heads/next"]);
    assert_eq!(fetched(&cache, &server, Reference::default()).await.0, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_push_to_an_unrelated_history_is_followed() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    cache.fetch(&server.source()).await.expect("a commit");
    repo.git(&["update-ref", "-d", "refs/heads/main"]);
    let unrelated = repo.commit("main", &[("app/config.yaml", "colour: grey\n")]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    let artifact = cache.fetch(&server.source()).await.expect("a commit");
    assert_eq!(artifact.revision.commit, unrelated);
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: grey\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_and_a_sha256_one_are_told_apart() {
    let empty = Repo::empty();
    let server = Server::start(empty.root()).await;
    let (reason, message) = Cache::new().refusal(&server.source()).await;
    assert_eq!(reason, "RevisionNotFound");
    assert!(message.contains("the repository is empty"), "{message}");

    let sha256 = Repo::init(&["--object-format=sha256"]);
    sha256.commit("main", &[("a", "b")]);
    let server = Server::start(sha256.root()).await;
    let (reason, message) = Cache::new().refusal(&server.source()).await;
    assert_eq!(reason, "Unsupported");
    assert!(message.contains("only SHA-1 repositories"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_are_left_out_and_lfs_pointers_stay_pointers() {
    let repo = Repo::empty();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let blob = repo.blob(pointer.as_bytes());
    let modules = repo.blob(b"[submodule \"x\"]\n\tpath = x\n\turl = http://169.254.169.254/latest\n");
    let tree = repo.tree(&[
        ("100644", b".gitmodules", &modules),
        ("100644", b"big.bin", &blob),
        ("160000", b"x", &"1".repeat(40)),
    ]);
    repo.commit_tree("main", &tree);
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, "big.bin"), pointer);
    assert!(artifact.read("x", 10).is_err());
    assert!(artifact.entry("x/y").is_ok_and(|entry| entry.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_the_user_chose_are_never_options() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let mut source = server.source();
    for name in ["-upload-pack=touch /tmp/x", "--exec=x", "../../x", "main@{0}", "a b"] {
        source.reference = branch(name);
        let (reason, message) = cache.refusal(&source).await;
        assert_eq!(reason, "RevisionNotFound", "{name}");
        assert!(message.contains("cannot be called so"), "{message}");
    }
}
