//! The admin port: is the process alive, is it ready, and its figures, over plain HTTP.
//!
//! It tells nothing that is secret and changes nothing. What a page says is up to whoever serves it.
//!
//! ```text
//! connection (one request, 10 s) --Page--> answer(page) --Reply--> text
//! ```
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once; those beyond wait in the system's queue.
const MAX_CONNECTIONS: usize = 32;
/// Time that a connection has from its first byte to its last.
const EXCHANGE: Duration = Duration::from_secs(10);
/// Time that a caller has to send the head of its request.
const HEAD: Duration = Duration::from_secs(5);
/// Longest head of a request in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Wait after a connection that could not be accepted, as when there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/healthz`: whether the process is alive.
    Health,
    /// `/readyz`: whether it can do its work.
    Readiness,
    /// `/metrics`: figures in the text format of Prometheus.
    Metrics,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/healthz" | "/livez" => Some(Self::Health),
            "/readyz" => Some(Self::Readiness),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }

    /// Source: the Prometheus text exposition format 0.0.4.
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Self::Health | Self::Readiness => "text/plain; charset=utf-8",
        })
    }
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status 200 if so, and otherwise 503.
    pub is_well: bool,
    /// The text.
    pub text: String,
}

impl Reply {
    /// A reply that all is well.
    pub fn well(text: impl Into<String>) -> Self {
        Self { is_well: true, text: text.into() }
    }

    /// A reply that something is not, and what.
    pub fn unwell(text: impl Into<String>) -> Self {
        Self { is_well: false, text: text.into() }
    }
}

/// Why there is no admin port.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A port that is listened on.
pub struct AdminPort(TcpListener);

impl AdminPort {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is in use or not of this machine.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        TcpListener::bind(address).await.map(Self).map_err(|source| ListenError { address, source })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until cancelled, then for as long as connections take that are open: 10 s at most.
    pub async fn serve<F>(self, answer: impl Fn(Page) -> F + Send + Sync + 'static, cancel: CancellationToken)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let answer = Arc::new(answer);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let tracker = TaskTracker::new();
        while let Some((slot, stream)) = self.next(&slots, &cancel).await {
            let (answer, cancel) = (Arc::clone(&answer), cancel.clone());
            tracker.spawn(async move {
                let _slot = slot;
                converse(stream, answer, &cancel).await;
            });
        }
        tracker.close();
        tracker.wait().await;
    }

    /// The next connection, once there is room for it; `None` when cancelled.
    async fn next(
        &self,
        slots: &Arc<Semaphore>,
        cancel: &CancellationToken,
    ) -> Option<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
        let next = async {
            let slot = Arc::clone(slots).acquire_owned().await.ok()?;
            loop {
                match self.0.accept().await {
                    Ok((stream, _)) => return Some((slot, stream)),
                    Err(error) => {
                        tracing::debug!(error = %error, "connection to the admin port not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            // Cancel-safe: a connection that was not accepted is not answered by a process that ends.
            next = next => next,
            () = cancel.cancelled() => None,
        }
    }
}

async fn converse<F>(stream: TcpStream, answer: Arc<impl Fn(Page) -> F>, cancel: &CancellationToken)
where
    F: Future<Output = Reply>,
{
    let service = service_fn(|request| respond(request, answer.as_ref()));
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let exchange = async {
        tokio::select! {
            // Cancel-safe: the connection is pinned outside.
            done = connection.as_mut() => return done,
            () = cancel.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    match tokio::time::timeout(EXCHANGE, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %crate::error::Chain(&error), "request to the admin port broke off"),
        Err(_) => tracing::debug!("request to the admin port took too long"),
    }
}

/// The body of a request is not read: the connection ends with the answer.
async fn respond<F>(
    request: Request<Incoming>,
    answer: &impl Fn(Page) -> F,
) -> Result<Response<Full<Bytes>>, Infallible>
where
    F: Future<Output = Reply>,
{
    let plain = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n".to_owned()));
    }
    let Some(page) = Page::at(request.uri().path()) else {
        return Ok(plain(StatusCode::NOT_FOUND, "here are /healthz, /readyz and /metrics\n".to_owned()));
    };
    let Reply { is_well, text } = answer(page).await;
    let mut response = plain(if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text);
    response.headers_mut().insert(CONTENT_TYPE, page.content_type());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn serve(cancel: &CancellationToken) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let port = AdminPort::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let address = port.address().expect("an address");
        let answer = |page| async move {
            match page {
                Page::Health => Reply::well("alive\n"),
                Page::Readiness => Reply::unwell("not yet\n"),
                Page::Metrics => Reply::well("up 1\n"),
            }
        };
        (address, tokio::spawn(port.serve(answer, cancel.clone())))
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").ok();
        answer
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    #[tokio::test]
    async fn pages_are_answered_each_with_its_status_and_type() {
        let cancel = CancellationToken::new();
        let (address, server) = serve(&cancel).await;
        let health = get(address, "/healthz").await;
        assert!(health.starts_with("HTTP/1.1 200 ") && health.ends_with("alive\n"), "{health}");
        let readiness = get(address, "/readyz?verbose").await;
        assert!(readiness.starts_with("HTTP/1.1 503 ") && readiness.ends_with("not yet\n"), "{readiness}");
        let metrics = get(address, "/metrics").await;
        assert!(metrics.contains("text/plain; version=0.0.4") && metrics.ends_with("up 1\n"), "{metrics}");
        assert!(get(address, "/debug").await.starts_with("HTTP/1.1 404 "));
        assert!(ask(address, "POST /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 405 "));
        cancel.cancel();
        server.await.expect("an end");
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }

    #[tokio::test]
    async fn long_heads_are_refused_and_silent_callers_do_not_hold_up_the_end() {
        let cancel = CancellationToken::new();
        let (address, server) = serve(&cancel).await;
        let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(64 << 10));
        let answer = ask(address, &long).await;
        assert!(!answer.contains("200 OK"), "{answer}");
        let _silent = TcpStream::connect(address).await.expect("a connection");
        assert!(get(address, "/healthz").await.ends_with("alive\n"));
        cancel.cancel();
        tokio::time::timeout(PATIENCE, server).await.expect("an end in time").expect("an end");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let cancel = CancellationToken::new();
        let (address, _server) = serve(&cancel).await;
        let error = AdminPort::bind(address).await.err().expect("taken").to_string();
        assert_eq!(error, format!("cannot listen on {address}"));
        cancel.cancel();
    }
}
