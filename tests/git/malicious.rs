//! Repositories that were made to do harm.
use crate::support::{Cache, Repo, git_command, https::Server, source, text};
use arcwright::source::{
    FetchError,
    git::{EntryKind, GitOptions},
};
use std::io::Write as _;

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_out_or_hide_are_not_there() {
    let repo = Repo::empty();
    let blob = repo.blob(b"colour: red\n");
    let inner = repo.tree(&[("100644", b"passwd", &blob)]);
    let names: [&[u8]; 18] = [
        b"..",
        b".",
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b"GIT~1",
        b".git.",
        ".g\u{200c}it".as_bytes(),
        b"a/../b",
        b"../../etc/passwd",
        b"/etc/passwd",
        b"a\\b",
        b"a\nb.yaml",
        b"\x1b[2J\x1b[31mred.yaml",
        b"\x07",
        b"bad \xff utf-8",
        "a\u{9b}b".as_bytes(),
    ];
    let mut entries: Vec<(&str, &[u8], &str)> =
        names.iter().flat_map(|name| [("100644", *name, blob.as_str()), ("40000", *name, inner.as_str())]).collect();
    entries.push(("100644", b"config.yaml", &blob));
    let app = repo.tree(&entries);
    let root = repo.tree(&[("40000", b"app", &app)]);
    repo.commit_tree("main", &root);
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    let list = artifact.list("app").expect("a directory");
    assert_eq!(list, [("config.yaml".to_owned(), EntryKind::Blob { executable: false })]);
    for path in [
        "app/..",
        "app/../app/config.yaml",
        "app/.git/passwd",
        "app/./config.yaml",
        "/app",
        "app//config.yaml",
        "app/config.yaml/x",
        "../app",
    ] {
        assert!(artifact.entry(path).is_ok_and(|entry| entry.is_none()), "{path}");
        assert!(matches!(artifact.read(path, 1 << 20), Err(FetchError::NoSuchPath { .. })), "{path}");
    }
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: red\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_its_target_and_nothing_of_this_machine_is_read() {
    let repo = Repo::empty();
    let link = |target: &[u8]| repo.blob(target);
    let (out, up, round) = (link(b"/etc/passwd"), link(b"../../../etc/passwd"), link(b"round"));
    let root = repo.tree(&[("120000", b"out", &out), ("120000", b"round", &round), ("120000", b"up", &up)]);
    repo.commit_tree("main", &root);
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, "out"), "/etc/passwd");
    assert_eq!(artifact.entry("up").expect("read").map(|entry| entry.kind), Some(EntryKind::Symlink));
    assert!(artifact.entry("up/x").is_ok_and(|entry| entry.is_none()), "links are not followed here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_inflates_a_thousandfold_is_refused_by_its_size() {
    let repo = Repo::empty();
    let blob = repo.blob(&vec![0; 100 << 20]);
    let root = repo.tree(&[("100644", b"zeros.yaml", &blob)]);
    repo.commit_tree("main", &root);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let artifact = cache.fetch(&server.source()).await.expect("a commit");
    assert!(cache.cache.traffic().bytes < 1 << 20, "it came compressed: {:?}", cache.cache.traffic());
    let error = artifact.read("zeros.yaml", 16 << 20).expect_err("too large");
    assert_eq!(error.to_string(), "zeros.yaml is larger than the 16777216 bytes that are read");
    assert!(!error.is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chain_of_deltas_is_read() {
    let repo = Repo::empty();
    let lines = |number: usize| -> String {
        (0..400).map(|line| format!("line {line} {}\n", if line == number % 400 { number } else { 0 })).collect()
    };
    let files: Vec<(String, String)> = (0..600).map(|number| (format!("f{number:04}"), lines(number))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    repo.commit("main", &files);
    repo.git(&["repack", "-q", "-a", "-d", "-f", "--depth=4095", "--window=10"]);
    repo.git(&["config", "pack.depth", "4095"]);
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, "f0599"), lines(599));
    assert_eq!(text(&artifact, "f0000"), lines(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_repeats_itself_is_fetched_once() {
    let repo = Repo::empty();
    let blob = repo.blob(b"colour: red\n");
    let mut tree = repo.tree(&[("100644", b"config.yaml", &blob)]);
    for _ in 0..40 {
        tree = repo.tree(&[("40000", b"a", &tree), ("40000", b"b", &tree)]);
    }
    repo.commit_tree("main", &tree);
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, &format!("{}config.yaml", "a/".repeat(40))), "colour: red\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_of_two_thousand_levels_is_walked_without_falling_over() {
    let repo = Repo::empty();
    let blob = repo.blob(b"deep\n");
    // Made in one process: a child for each level would take minutes.
    let mut stream = String::new();
    stream.push_str(&format!("commit refs/heads/main\ncommitter t <t@example.org> 0 +0000\ndata 0\nM 100644 {blob} "));
    stream.push_str(&"d/".repeat(2_000));
    stream.push_str("f\n\n");
    repo.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    let server = Server::start(repo.root()).await;
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, &format!("{}f", "d/".repeat(2_000))), "deep\n");
}

/// A pack whose objects are deltas, each with the base that it names.
fn deltas(bases: &[[u8; 20]]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend(u32::try_from(bases.len()).expect("few").to_be_bytes());
    for base in bases {
        // Makes five bytes of five: size of the base, size of the result, copy all.
        let delta = [5, 5, 0x90, 5];
        pack.push(0x70 | 4);
        pack.extend(base);
        let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(&delta).expect("compressed");
        pack.extend(deflated.finish().expect("compressed"));
    }
    let sum = openssl::sha::sha1(&pack);
    pack.extend(sum);
    pack
}

/// An answer with a pack.
fn answer_with(pack: &[u8]) -> Vec<u8> {
    let mut body = format!("0008NAK\n{:04x}\x01", pack.len() + 5).into_bytes();
    body.extend(pack);
    body.extend(b"0000");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_that_end_nowhere_are_refused() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    for bases in [&[[9; 20]][..], &[[1; 20], [2; 20], [1; 20]]] {
        let body = answer_with(&deltas(bases));
        server.intercept(move |parts| {
            let kind = "application/x-git-upload-pack-result";
            let is_fetch = parts.uri.path().ends_with("git-upload-pack");
            is_fetch.then(|| crate::support::https::answer(axum::http::StatusCode::OK, kind, body.clone()))
        });
        let (reason, message) = cache.refusal(&server.source()).await;
        assert_eq!(reason, "GitOperationFailed");
        assert!(message.contains("its pack is damaged"), "{message}");
    }
    server.behave();
    cache.fetch(&server.source()).await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_lacks_objects_is_never_used() {
    let repo = Repo::new();
    let good = repo.git(&["rev-parse", "main"]);
    let server = Server::start(repo.root()).await;
    let cache = Cache::new();
    let artifact = cache.fetch(&server.source()).await.expect("a commit");
    // A commit whose file is nowhere, in a pack that says nothing of that.
    let tree = repo.tree(&[("100644", b"config.yaml", &"1".repeat(40))]);
    let commit = repo.git(&["commit-tree", "-m", "gap", &tree]);
    let mut child = git_command()
        .arg("--git-dir")
        .arg(repo.path())
        .args(["pack-objects", "--stdout", "-q"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("a pipe").write_all(format!("{commit}\n{tree}\n").as_bytes()).expect("written");
    let pack = child.wait_with_output().expect("git ends").stdout;
    let body = answer_with(&pack);
    let lines = [format!("{commit} HEAD\0side-band-64k\n"), format!("{commit} refs/heads/main\n")];
    let lines: String = lines.iter().map(|line| format!("{:04x}{line}", line.len() + 4)).collect();
    let advertisement = format!("001e# service=git-upload-pack\n0000{lines}0000");
    server.intercept(move |parts| {
        use crate::support::https::answer;
        use axum::http::StatusCode;
        Some(if parts.uri.path().ends_with("info/refs") {
            answer(StatusCode::OK, "application/x-git-upload-pack-advertisement", advertisement.clone())
        } else {
            answer(StatusCode::OK, "application/x-git-upload-pack-result", body.clone())
        })
    });
    for _ in 0..2 {
        let (reason, message) = cache.refusal(&server.source()).await;
        assert_eq!(reason, "GitOperationFailed");
        assert!(message.contains("left out objects") && message.contains(&commit), "{message}");
    }
    assert_eq!(artifact.revision.commit, good);
    server.behave();
    assert_eq!(text(&cache.fetch(&server.source()).await.expect("a commit"), "app/config.yaml"), "colour: blue\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_dates_and_odd_messages_are_nobodys_concern() {
    let repo = Repo::new();
    let tree = repo.git(&["rev-parse", "main^{tree}"]);
    for (who, when) in [("t <t@x>", "99999999999999 +0000"), ("\x1b[31m <>", "0 +0000"), ("t <t@x>", "-1 -9999")] {
        let content = format!("tree {tree}\nauthor {who} {when}\ncommitter {who} {when}\n\n\x1b[2J\n");
        let commit =
            repo.git_with(&["hash-object", "-t", "commit", "-w", "--literally", "--stdin"], content.as_bytes());
        repo.git(&["update-ref", "refs/heads/main", &commit]);
        let server = Server::start(repo.root()).await;
        let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
        assert_eq!(artifact.revision.to_string(), format!("main@sha1:{commit}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_something_else_than_a_commit_is_refused() {
    let repo = Repo::new();
    let blob = repo.blob(b"x");
    repo.git(&["tag", "blob", &blob]);
    repo.git(&["tag", "-a", "-m", "m", "tree", "main^{tree}"]);
    let server = Server::start(repo.root()).await;
    for name in ["blob", "tree"] {
        let mut source = server.source();
        source.reference =
            arcwright::model::configuration::Reference { tag: Some(name.to_owned()), ..Default::default() };
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "RevisionNotFound");
        assert!(message.contains(&format!("no commit behind refs/tags/{name}")), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_would_run_or_read_something_are_refused_unasked() {
    let cache = Cache::with(GitOptions::default());
    for url in [
        "ssh://-oProxyCommand=touch%20x/repo",
        "ssh://-l@host/repo",
        "ssh://host/-repo",
        "-oProxyCommand=x:repo",
        "git@-host:repo",
        "git@host:-repo",
        "git@ho st:repo",
        "ext::sh -c touch% x",
        "ext::https://host/repo",
        "fd::17/x",
        "transport::address",
        "ftp://host/repo",
        "javascript://host/x",
        "file:///etc",
        "/etc",
        "../x",
        "https://good.example.org\\@evil.example.org/repo",
        "https://host/repo?x=y",
        "https://host/re\npo",
        "https://host:0/repo",
        "",
    ] {
        let mut source = source(url);
        source.allow_local = false;
        let (reason, message) = cache.refusal(&source).await;
        assert_eq!(reason, "UrlRejected", "{url}");
        assert!(!message.contains('\n'), "{message}");
    }
    assert_eq!(cache.cache.traffic().looks, 0);
}
