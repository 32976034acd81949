//! `git http-backend` behind a TLS front that can be told to misbehave.
use super::git_command;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header, request::Parts},
    response::IntoResponse as _,
};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};
use tokio::io::AsyncWriteExt as _;

/// Answers a request in place of the repository, or leaves it to that.
type Interceptor = Arc<dyn Fn(&Parts) -> Option<Response<Body>> + Send + Sync>;

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

struct Front {
    root: PathBuf,
    intercept: Mutex<Option<Interceptor>>,
    login: Mutex<Option<String>>,
    seen: Mutex<Vec<Seen>>,
}

/// An authority that signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, for these names.
    pub(crate) fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate").pem(), key.serialize_pem())
    }
}

/// A running server. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) authority: String,
    scheme: &'static str,
    front: Arc<Front>,
    handle: Handle<SocketAddr>,
}

impl Server {
    /// Serves the repositories of a directory by https, as `localhost`.
    pub(crate) async fn start(root: &Path) -> Self {
        let authority = Authority::new();
        let pair = authority.sign(&["localhost", "127.0.0.1"], |_| {});
        Self::start_with(root, authority.pem(), pair).await
    }

    /// Serves with a given certificate and key.
    pub(crate) async fn start_with(root: &Path, authority: String, (certificate, key): (String, String)) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let config = RustlsConfig::from_pem(certificate.into_bytes(), key.into_bytes()).await.expect("a certificate");
        let (front, listener, handle) = parts(root);
        let address = listener.local_addr().expect("an address");
        let server = axum_server::from_tcp_rustls(listener, config).expect("a server").handle(handle.clone());
        let app = app(&front);
        drop(tokio::spawn(async move { server.serve(app.into_make_service()).await.expect("served") }));
        Self { address, authority, scheme: "https", front, handle }
    }

    /// Serves without TLS.
    pub(crate) async fn plain(root: &Path) -> Self {
        let (front, listener, handle) = parts(root);
        let address = listener.local_addr().expect("an address");
        let server = axum_server::from_tcp(listener).expect("a server").handle(handle.clone());
        let app = app(&front);
        drop(tokio::spawn(async move { server.serve(app.into_make_service()).await.expect("served") }));
        handle_is_listening(&handle).await;
        Self { address, authority: String::new(), scheme: "http", front, handle }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}/{path}", self.scheme, self.address.port())
    }

    /// Lets only those in who give this `Authorization`.
    pub(crate) fn require(&self, authorization: &str) {
        *self.front.login.lock().expect("unpoisoned") = Some(authorization.to_owned());
    }

    /// Answers requests in another way, where the function does.
    pub(crate) fn intercept(&self, with: impl Fn(&Parts) -> Option<Response<Body>> + Send + Sync + 'static) {
        *self.front.intercept.lock().expect("unpoisoned") = Some(Arc::new(with));
    }

    /// Behaves again.
    pub(crate) fn behave(&self) {
        *self.front.intercept.lock().expect("unpoisoned") = None;
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.front.seen.lock().expect("unpoisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

async fn handle_is_listening(handle: &Handle<SocketAddr>) {
    handle.listening().await;
}

fn parts(root: &Path) -> (Arc<Front>, TcpListener, Handle<SocketAddr>) {
    let front = Front {
        root: root.to_owned(),
        intercept: Mutex::new(None),
        login: Mutex::new(None),
        seen: Mutex::new(Vec::new()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("nonblocking");
    (Arc::new(front), listener, Handle::new())
}

fn app(front: &Arc<Front>) -> Router {
    Router::new().fallback(serve).with_state(Arc::clone(front))
}

async fn serve(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let authorization =
        parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    front
        .seen
        .lock()
        .expect("unpoisoned")
        .push(Seen { path: parts.uri.path().to_owned(), authorization: authorization.clone() });
    let intercept = front.intercept.lock().expect("unpoisoned").clone();
    if let Some(answer) = intercept.and_then(|intercept| intercept(&parts)) {
        return answer;
    }
    let login = front.login.lock().expect("unpoisoned").clone();
    if login.is_some() && login != authorization {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")], "log in")
            .into_response();
    }
    let body = axum::body::to_bytes(body, 64 << 20).await.expect("a body");
    backend(&front.root, &parts, body).await
}

/// Runs `git http-backend` as a web server does.
///
/// Source: git-http-backend, RFC 3875.
async fn backend(root: &Path, parts: &Parts, body: Bytes) -> Response<Body> {
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = tokio::process::Command::from(git_command());
    let mut child = command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = tokio::spawn(async move { drop(stdin.write_all(&body).await) });
    let output = child.wait_with_output().await.expect("git ends").stdout;
    feeder.await.expect("the request is written");
    let split = output.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
    let mut headers = HeaderMap::new();
    let mut status = StatusCode::OK;
    for line in String::from_utf8_lossy(&output[..split]).lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        if name == "Status" {
            status = value[..3].parse().expect("a status");
        } else {
            headers.insert(
                header::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value.parse().expect("a value"),
            );
        }
    }
    (status, headers, Bytes::copy_from_slice(&output[split + 4..])).into_response()
}

/// An answer of a kind, for interceptors.
pub(crate) fn answer(status: StatusCode, kind: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(body.into()).expect("an answer")
}

/// An answer that sends the client elsewhere.
pub(crate) fn redirect(to: &str) -> Response<Body> {
    Response::builder().status(StatusCode::FOUND).header(header::LOCATION, to).body(Body::empty()).expect("an answer")
}
