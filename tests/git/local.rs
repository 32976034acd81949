//! Repositories of this machine: only where the door allows them.
use crate::support::{Cache, Repo, branch, source, text};
use arcwright::model::configuration::Reference;

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_read_only_where_the_door_allows_it() {
    let repo = Repo::new();
    let path = repo.path().display().to_string();
    for url in [path.clone(), format!("file://{path}"), format!("FILE://{path}")] {
        let mut source = source(&url);
        source.allow_local = false;
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "UrlRejected", "{url}");
        assert!(message.contains("only in a local state file"), "{message}");
    }
    for url in [path.clone(), format!("file://{path}")] {
        let artifact = Cache::new().fetch(&source(&url)).await.expect("a commit");
        assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_tags_and_commits_of_a_path_are_found() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "main"]);
    repo.git(&["tag", "-a", "-m", "annotated", "v1.0.0", "main"]);
    let second = repo.commit("main", &[("app/config.yaml", "colour: green\n")]);
    let cache = Cache::new();
    let mut source = repo.source();
    for (wanted, commit) in [
        (branch("main"), &second),
        (Reference::default(), &second),
        (Reference { tag: Some("v1.0.0".to_owned()), ..Reference::default() }, &first),
        (Reference { semver: Some("^1".to_owned()), ..Reference::default() }, &first),
        (Reference { commit: Some(first.clone()), ..branch("main") }, &first),
    ] {
        source.reference = wanted;
        assert_eq!(&cache.fetch(&source).await.expect("a commit").revision.commit, commit, "{:?}", source.reference);
    }
    source.reference = Reference { commit: Some("a".repeat(40)), ..branch("main") };
    assert_eq!(cache.refusal(&source).await.0, "RevisionNotFound");
    source.reference = branch("gone");
    assert_eq!(cache.refusal(&source).await.0, "RevisionNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_without_a_repository_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("nothing").display().to_string();
    let (reason, message) = Cache::new().refusal(&source(&path)).await;
    assert_eq!(reason, "RepositoryNotFound", "{message}");
    assert!(message.contains(&path), "{message}");
}
