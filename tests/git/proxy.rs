//! Proxies: named in the environment, spoken to by CONNECT.
use crate::support::{Cache, Repo, https::Server, text};
use arcwright::source::git::ProxySettings;
use base64::Engine as _;
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A proxy that knows CONNECT and requests with whole addresses, and notes the first line of each.
struct Proxy {
    address: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(login: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        drop(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(serve(stream, login, Arc::clone(&seen))));
            }
        }));
        Self { address, lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("unpoisoned").clone()
    }
}

async fn serve(stream: TcpStream, login: Option<&str>, seen: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.is_ok_and(|bytes| bytes == 0) {
            return;
        }
    }
    let first = head.lines().next().expect("a line").to_owned();
    seen.lock().expect("unpoisoned").push(first.clone());
    let given = head
        .lines()
        .find_map(|line| line.to_lowercase().starts_with("proxy-authorization: ").then(|| line[21..].to_owned()));
    let wanted = login.map(|login| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(login)));
    if given != wanted {
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await.ok();
        return;
    }
    let words: Vec<&str> = first.split(' ').collect();
    let target = match words[0] {
        "CONNECT" => words[1].to_owned(),
        _ => words[1].trim_start_matches("http://").split('/').next().expect("a host").to_owned(),
    };
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    if words[0] == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok();
    } else {
        server.write_all(head.as_bytes()).await.ok();
    }
    let early = stream.buffer().to_vec();
    server.write_all(&early).await.ok();
    let mut stream = stream.into_inner();
    tokio::io::copy_bidirectional(&mut stream, &mut server).await.ok();
    stream.shutdown().await.ok();
    drop(stream.read(&mut [0]).await);
}

fn settings(proxy: &Proxy, login: &str) -> ProxySettings {
    let address = Some(format!("http://{login}{}", proxy.address));
    ProxySettings { https: address.clone(), http: address, none_for: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_goes_through_the_proxy_as_a_tunnel() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let proxy = Proxy::start(None).await;
    let artifact = Cache::through(settings(&proxy, "")).fetch(&server.source()).await.expect("a commit");
    assert_eq!(text(&artifact, "app/config.yaml"), "colour: blue\n");
    let connect = format!("CONNECT localhost:{} HTTP/1.1", server.address.port());
    assert!(!proxy.lines().is_empty() && proxy.lines().iter().all(|line| *line == connect), "{:?}", proxy.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn http_goes_through_the_proxy_and_named_hosts_do_not() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let proxy = Proxy::start(None).await;
    Cache::through(settings(&proxy, "")).fetch(&server.source()).await.expect("a commit");
    assert!(proxy.lines()[0].starts_with("GET http://localhost:"), "{:?}", proxy.lines());
    let before = proxy.lines().len();
    let direct = ProxySettings { none_for: Some("example.org,localhost".to_owned()), ..settings(&proxy, "") };
    Cache::through(direct).fetch(&server.source()).await.expect("a commit");
    assert_eq!(proxy.lines().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_a_login_gets_it_and_never_the_servers_own() {
    let repo = Repo::new();
    let server = Server::start(repo.root()).await;
    let proxy = Proxy::start(Some("me:s3cret")).await;
    Cache::through(settings(&proxy, "me:s3cret@")).fetch(&server.source()).await.expect("a commit");
    for login in ["", "me:wr0ng@"] {
        let (reason, message) = Cache::through(settings(&proxy, login)).refusal(&server.source()).await;
        assert_eq!(reason, "ProxyFailed", "{message}");
        assert!(!message.contains("wr0ng"), "{message}");
    }
    let gone = ProxySettings { https: Some("http://127.0.0.1:1".to_owned()), ..ProxySettings::default() };
    let (reason, message) = Cache::through(gone).refusal(&server.source()).await;
    assert_eq!(reason, "ProxyFailed", "{message}");
    assert!(message.contains("refused"), "{message}");
    let bad = ProxySettings { https: Some("http://:x".to_owned()), ..ProxySettings::default() };
    let (reason, message) = Cache::through(bad).refusal(&server.source()).await;
    assert_eq!(reason, "ProxyFailed");
    assert!(message.contains("https_proxy"), "{message}");
}

/// The environment belongs to a process, so this test runs itself again in one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_proxy() {
    if let Some(url) = std::env::var_os("ARCWRIGHT_TEST_URL") {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = arcwright::source::GitCache::new(directory.path().to_owned());
        let source = crate::support::source(&url.into_string().expect("an address"));
        cache
            .fetch(&source, std::time::Duration::ZERO, &tokio_util::sync::CancellationToken::new())
            .await
            .expect("a commit");
        return;
    }
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        let proxy = Proxy::start(None).await;
        let mut child = tokio::process::Command::new(std::env::current_exe().expect("a path"));
        for other in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            child.env_remove(other);
        }
        let done = child
            .args(["--exact", "proxy::the_environment_names_the_proxy"])
            .env("ARCWRIGHT_TEST_URL", server.url("repo.git"))
            .env(name, format!("http://{}", proxy.address))
            .output()
            .await
            .expect("a process");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        assert!(!proxy.lines().is_empty(), "{name}");
    }
}
