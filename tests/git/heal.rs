//! A mirror that was damaged is made anew, without anyone's help.
use crate::support::{Cache, Repo, eventually, git_command, https::Server, text};
use arcwright::source::FetchError;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files of the only mirror, by the end of their names.
fn files(cache: &Cache, under: &str, end: &str) -> Vec<PathBuf> {
    let mirrors = fs::read_dir(cache.directory.path().join("mirrors")).expect("a directory");
    let mirror = mirrors.flatten().map(|entry| entry.path()).find(|path| path.is_dir()).expect("a mirror");
    let entries = fs::read_dir(mirror.join(under)).expect("a directory").flatten().map(|entry| entry.path());
    entries.filter(|path| path.to_string_lossy().ends_with(end)).collect()
}

fn overwrite(path: &Path, with: &[u8]) {
    fs::remove_file(path).expect("removed");
    fs::write(path, with).expect("written");
}

/// Damages a mirror, and fetches as a process that starts after that.
async fn heals_after(damage: impl Fn(&Cache)) {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    cache.fetch(&server.source()).await.expect("a commit");
    damage(&cache);
    let again = cache.again();
    let cancel = tokio_util::sync::CancellationToken::new();
    let source = server.source();
    let fetch = || again.fetch(&source, std::time::Duration::ZERO, &cancel);
    let artifact = fetch().await.expect("a commit");
    let Err(error) = artifact.read("app/config.yaml", 1 << 20) else {
        assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
        return;
    };
    // What is only found when it is read is mended by the fetch after that.
    assert!(matches!(error, FetchError::Mirror { .. }) && error.is_transient(), "{error}");
    assert_eq!(text(&fetch().await.expect("a commit"), "app/config.yaml"), "colour: blue\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_mended() {
    heals_after(|cache| files(cache, "objects/pack", ".pack").iter().for_each(|path| overwrite(path, b"PACK"))).await;
    heals_after(|cache| {
        files(cache, "objects/pack", ".pack").iter().for_each(|path| fs::remove_file(path).expect("removed"));
    })
    .await;
    heals_after(|cache| {
        files(cache, "objects/pack", ".idx").iter().for_each(|path| fs::remove_file(path).expect("removed"));
    })
    .await;
    heals_after(|cache| files(cache, "objects/pack", ".idx").iter().for_each(|path| overwrite(path, &[0; 2000]))).await;
    heals_after(|cache| files(cache, "", "HEAD").iter().for_each(|path| overwrite(path, b"nonsense"))).await;
    heals_after(|cache| files(cache, "", "config").iter().for_each(|path| overwrite(path, b"[[["))).await;
    heals_after(|cache| files(cache, "", "objects").iter().for_each(|path| fs::remove_dir_all(path).expect("removed")))
        .await;
    heals_after(|cache| {
        for path in files(cache, "objects/pack", ".pack") {
            let mut bytes = fs::read(&path).expect("a pack");
            for byte in bytes.iter_mut().skip(12) {
                *byte ^= 0x55;
            }
            overwrite(&path, &bytes);
        }
    })
    .await;
    heals_after(|cache| {
        let mirrors = cache.directory.path().join("mirrors");
        for entry in fs::read_dir(&mirrors).expect("a directory").flatten().filter(|entry| entry.path().is_dir()) {
            fs::remove_dir_all(entry.path()).expect("removed");
            fs::write(entry.path(), "a file where a mirror should be").expect("written");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_half_written_is_swept_away() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    cache.fetch(&server.source()).await.expect("a commit");
    let packs = files(&cache, "objects/pack", ".pack");
    let left = packs[0].with_file_name("pack_git2_abcdef");
    fs::write(&left, vec![0; 1000]).expect("written");
    repo.commit("main", &[("app/config.yaml", "colour: green\n")]);
    let artifact = cache.fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: green\n");
    assert!(!left.exists());
    assert!(packs[0].exists(), "what is good stays");
}

/// Fetches in a process of its own, which is killed in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_in_the_middle_of_a_fetch_leaves_a_mirror_that_can_be_used() {
    use axum::{
        body::{Body, Bytes},
        http::StatusCode,
    };
    use futures::StreamExt as _;
    if let Some(url) = std::env::var_os("ARCWRIGHT_TEST_URL") {
        let cache =
            arcwright::source::GitCache::new(std::env::var_os("ARCWRIGHT_TEST_DIRECTORY").expect("a directory").into());
        let source = crate::support::source(&url.into_string().expect("an address"));
        drop(cache.fetch(&source, std::time::Duration::ZERO, &tokio_util::sync::CancellationToken::new()).await);
        return;
    }
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let commit = repo.git(&["rev-parse", "main"]);
    let output =
        git_command().arg("--git-dir").arg(repo.path()).args(["pack-objects", "--all", "--stdout", "-q"]).output();
    let pack = output.expect("git runs").stdout;
    let half = pack[..pack.len() - 30].to_vec();
    server.intercept(move |parts| {
        parts.uri.path().ends_with("git-upload-pack").then(|| {
            let mut begin = format!("0008NAK\n{:04x}\x01", half.len() + 5).into_bytes();
            begin.extend(&half);
            let begin = futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from(begin)) });
            let body = Body::from_stream(begin.chain(futures::stream::pending()));
            crate::support::https::answer(StatusCode::OK, "application/x-git-upload-pack-result", body)
        })
    });
    let cache = Cache::new();
    let mirrors = cache.directory.path().join("mirrors");
    let name = "heal::a_process_that_is_killed_in_the_middle_of_a_fetch_leaves_a_mirror_that_can_be_used";
    let mut child = std::process::Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", name])
        .env("ARCWRIGHT_TEST_URL", server.url("repo.git"))
        .env("ARCWRIGHT_TEST_DIRECTORY", &mirrors)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a process");
    let half_written = || {
        let mirror = fs::read_dir(&mirrors).ok()?.flatten().map(|entry| entry.path()).find(|path| path.is_dir())?;
        let mut packs = fs::read_dir(mirror.join("objects/pack")).ok()?.flatten();
        packs.find(|entry| entry.metadata().is_ok_and(|data| data.len() > 0))
    };
    eventually("half a pack", || half_written().is_some()).await;
    child.kill().expect("killed");
    child.wait().expect("ended");
    server.behave();
    let artifact = cache.fetch(&server.source()).await.expect("a commit");
    assert_eq!(artifact.revision.commit, commit);
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    assert!(files(&cache, "objects/pack", "").iter().all(|path| path.to_string_lossy().contains("/pack-")));
}
