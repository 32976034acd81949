//! No server can hold a fetch longer, or send it more, than the configuration allows.
use crate::support::{
    Cache, DEADLINE, Repo, eventually,
    https::{Server, answer},
    source,
    sshd::{KeyFile, Sshd, is_installed},
};
use arcwright::source::git::GitOptions;
use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use futures::{StreamExt as _, stream};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
const RESULT: &str = "application/x-git-upload-pack-result";

/// Says when it is dropped: when the client has gone away.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A body that begins well and then gives a byte now and then, for ever.
fn dripping(begin: &'static [u8], gone: &Arc<AtomicBool>) -> Body {
    let gone = Gone(Arc::clone(gone));
    let drip = stream::unfold(gone, |gone| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b"0")), gone))
    });
    Body::from_stream(stream::once(async move { Ok(Bytes::from_static(begin)) }).chain(drip))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drips_is_left_at_the_deadline() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    for (path, kind, begin) in [
        ("info/refs", ADVERTISEMENT, &b"001e# service=git-upload-pack\n0000ffe0"[..]),
        ("git-upload-pack", RESULT, b"ffe0"),
    ] {
        let gone = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&gone);
        server.intercept(move |parts| {
            parts.uri.path().ends_with(path).then(|| answer(StatusCode::OK, kind, dripping(begin, &own)))
        });
        let mut source = server.source();
        source.timeout = Duration::from_secs(1);
        let began = Instant::now();
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "Timeout", "{message}");
        assert!(message.contains("took longer than 1 s"), "{message}");
        assert!(began.elapsed() < DEADLINE);
        eventually("end of the connection", || gone.load(Ordering::SeqCst)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_fetch_hangs_up() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let (gone, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (own, told) = (Arc::clone(&gone), Arc::clone(&asked));
    server.intercept(move |_| {
        told.store(true, Ordering::SeqCst);
        Some(answer(StatusCode::OK, ADVERTISEMENT, dripping(b"ffe0", &own)))
    });
    let (cache, source, cancel) = (Cache::new(), server.source(), CancellationToken::new());
    let fetch = cache.cache.fetch(&source, Duration::ZERO, &cancel);
    let end = async {
        eventually("request", || asked.load(Ordering::SeqCst)).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(fetch, end);
    assert_eq!(outcome.err().map(|error| error.reason()), Some("Cancelled"));
    eventually("end of the connection", || gone.load(Ordering::SeqCst)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_nobody_waits_for_any_more_hangs_up() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let gone = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&gone);
    let asked = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&asked);
    server.intercept(move |_| {
        told.notify_one();
        Some(answer(StatusCode::OK, ADVERTISEMENT, dripping(b"ffe0", &own)))
    });
    let (cache, source) = (Cache::new(), server.source());
    tokio::select! {
        _ = cache.fetch(&source) => {}
        () = asked.notified() => {}
    }
    eventually("end of the connection", || gone.load(Ordering::SeqCst)).await;
}

/// A listener that takes connections, says `hello`, and never anything more.
fn silent(hello: &'static [u8]) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    drop(std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, count): (TcpStream, _) = (stream.expect("a connection"), Arc::clone(&count));
            drop(std::thread::spawn(move || {
                stream.write_all(hello).ok();
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
                count.fetch_add(1, Ordering::SeqCst);
            }));
        }
    }));
    (port, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_left_at_the_deadline_whatever_it_speaks() {
    let key = KeyFile::make(&["-t", "ed25519"]);
    for (url, hello) in [
        ("ssh://git@127.0.0.1:PORT/repo.git", &b""[..]),
        ("ssh://git@127.0.0.1:PORT/repo.git", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("git://127.0.0.1:PORT/repo.git", b""),
        ("git://127.0.0.1:PORT/repo.git", b"ffe0aaaa"),
        ("https://127.0.0.1:PORT/repo.git", b""),
        ("http://127.0.0.1:PORT/repo.git", b""),
    ] {
        let (port, ended) = silent(hello);
        let mut source = source(&url.replace("PORT", &port.to_string()));
        source.credentials.ssh_private_key = Some(key.private().into());
        source.credentials.known_hosts = Some(format!("[127.0.0.1]:{port} {}", key.public()));
        source.timeout = Duration::from_millis(300);
        let (reason, message) = Cache::new().refusal(&source).await;
        assert_eq!(reason, "Timeout", "{url}: {message}");
        eventually("end of the connection", || ended.load(Ordering::SeqCst) > 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_bytes_than_the_cap_are_not_taken() {
    let repo = Repo::new();
    let noise: String = (0..20_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    repo.commit("main", &[("big", &noise)]);
    let server = Server::start(repo.root()).await;
    let small = || Cache::with(GitOptions { max_bytes: 50_000, ..GitOptions::default() });
    let (reason, message) = small().refusal(&server.source()).await;
    assert_eq!(reason, "TooLarge");
    assert!(message.contains("50000 bytes"), "{message}");
    // What never ends is no different.
    server.intercept(|_| {
        let more = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 8192])));
        Some(answer(StatusCode::OK, ADVERTISEMENT, Body::from_stream(more)))
    });
    assert_ne!(small().refusal(&server.source()).await.0, "Timeout");
}

/// A packet of what the server says besides.
fn progress() -> Bytes {
    let text = "\x1b[2J\x1b[31mcounting\r".repeat(3000);
    Bytes::from(format!("{:04x}\x02{text}", text.len() + 5))
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_without_end_is_counted_and_kept_nowhere() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    server.intercept(|parts| {
        parts.uri.path().ends_with("git-upload-pack").then(|| {
            let begin = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"0008NAK\n")) });
            let body = begin.chain(stream::repeat_with(|| Ok(progress())));
            answer(StatusCode::OK, RESULT, Body::from_stream(body))
        })
    });
    let cache = Cache::with(GitOptions { max_bytes: 5_000_000, ..GitOptions::default() });
    let (reason, message) = cache.refusal(&server.source()).await;
    assert_eq!(reason, "TooLarge");
    assert!(!message.contains("counting"), "{message}");
}

/// An advertisement of a repository with so many references besides `main`.
fn many(references: usize, commit: &str) -> Body {
    let head = format!("{commit} HEAD\0side-band-64k shallow\n");
    let begin = format!("001e# service=git-upload-pack\n0000{:04x}{head}", head.len() + 4);
    let main = format!("{commit} refs/heads/main\n");
    let begin = format!("{begin}{:04x}{main}", main.len() + 4);
    let commit = commit.to_owned();
    let parts = stream::iter((0..references / 1000).map(move |part| {
        let line = |number: usize| {
            let line = format!("{commit} refs/pull/{part}-{number}/head\n");
            format!("{:04x}{line}", line.len() + 4)
        };
        Ok::<_, std::io::Error>(Bytes::from((0..1000).map(line).collect::<String>()))
    }));
    let end = stream::once(async { Ok(Bytes::from_static(b"0000")) });
    Body::from_stream(stream::once(async { Ok(Bytes::from(begin)) }).chain(parts).chain(end))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_references_are_read_and_more_than_the_cap_are_refused() {
    let repo = Repo::new();
    let commit = repo.git(&["rev-parse", "main"]);
    let server = Server::start(repo.root()).await;
    let own = commit.clone();
    server.intercept(move |parts| {
        parts.uri.path().ends_with("info/refs").then(|| answer(StatusCode::OK, ADVERTISEMENT, many(100_000, &own)))
    });
    let artifact = Cache::new().fetch(&server.source()).await.expect("a commit");
    assert_eq!(artifact.revision.commit, commit);
    let cache = Cache::with(GitOptions { max_references: 99_999, ..GitOptions::default() });
    let (reason, message) = cache.refusal(&server.source()).await;
    assert_eq!(reason, "TooLarge");
    assert!(message.contains("more than 99999 references"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_is_cut_off_or_damaged_leaves_nothing_behind() {
    let repo = Repo::new();
    let noise: String = (0..5_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    repo.commit("main", &[("big", &noise)]);
    let server = Server::start(repo.root()).await;
    let pack = |change: &dyn Fn(&mut Vec<u8>)| {
        let commit = repo.git(&["rev-parse", "main"]);
        let mut pack = std::process::Command::new("git");
        let pack = pack.arg("--git-dir").arg(repo.path()).args(["pack-objects", "--revs", "--stdout", "-q"]);
        let mut child =
            pack.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().expect("git");
        child.stdin.take().expect("a pipe").write_all(format!("{commit}\n").as_bytes()).expect("written");
        let mut bytes = child.wait_with_output().expect("git ends").stdout;
        change(&mut bytes);
        let mut answer = b"0008NAK\n".to_vec();
        for part in bytes.chunks(60_000) {
            answer.extend(format!("{:04x}\x01", part.len() + 5).into_bytes());
            answer.extend(part);
        }
        answer.extend(b"0000");
        answer
    };
    let cache = Cache::new();
    for (change, what) in [
        (&(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2)) as &dyn Fn(&mut Vec<u8>), "cut"),
        (&|bytes| bytes.truncate(10), "cut in the header"),
        (
            &|bytes| {
                let at = bytes.len() - 1;
                bytes[at] ^= 1;
            },
            "another checksum",
        ),
        (
            &|bytes| {
                let at = bytes.len() / 2;
                bytes[at] ^= 0xff;
            },
            "another content",
        ),
        (&|bytes| bytes[11] += 1, "one object more claimed"),
        (&|bytes| bytes[8] = 0xff, "billions of objects claimed"),
    ] {
        let body = pack(change);
        server.intercept(move |parts| {
            parts.uri.path().ends_with("git-upload-pack").then(|| answer(StatusCode::OK, RESULT, body.clone()))
        });
        let (reason, message) = cache.refusal(&server.source()).await;
        assert_eq!(reason, "GitOperationFailed", "{what}: {message}");
        assert!(message.contains("its pack"), "{what}: {message}");
    }
    server.behave();
    cache.fetch(&server.source()).await.expect("a commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_off_is_told_and_tried_again() {
    if !is_installed() {
        return;
    }
    let (host, user) = (KeyFile::make(&["-t", "ed25519"]), KeyFile::make(&["-t", "ed25519"]));
    let sshd = Sshd::start(&[&host]);
    let mut source = source(&sshd.url(std::path::Path::new("/repo.git")));
    source.credentials.known_hosts = Some(sshd.known_hosts(&[&host]));
    source.credentials.ssh_private_key = Some(user.private().into());
    drop(sshd);
    let (reason, message) = Cache::new().refusal(&source).await;
    assert_eq!(reason, "GitOperationFailed");
    assert!(message.contains("refused"), "{message}");
}
