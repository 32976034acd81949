//! A recording, fault-injecting proxy in front of a real API server.
//!
//! The agent's kubeconfig points at the proxy, over plain HTTP/1.1 on loopback (all that its client
//! speaks there); the proxy forwards to the API server, the bearer token included, and streams
//! bodies, so that watches work. It records every request, and does what its rules say to some.
mod request;
mod rule;

pub(crate) use request::{Seen, Verb};
pub(crate) use rule::{Fault, Rule};

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{
    Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use rule::Rules;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Longest wait for a request that a test expects.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of bodies that went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// From the client to the API server.
    pub(crate) sent: u64,
    /// From the API server to the client.
    pub(crate) received: u64,
}

/// A running proxy. It ends, with every connection through it, when it is dropped.
pub(crate) struct Proxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Rules>,
    seen: Mutex<Vec<Seen>>,
    arrived: Condvar,
    sent: AtomicU64,
    received: AtomicU64,
    is_down: AtomicBool,
    /// Cancelled to break off whatever is streaming.
    streams: Mutex<CancellationToken>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Starts a proxy to the API server of `kubeconfig`, and writes `proxied.kubeconfig` into `directory`.
    pub(crate) fn start(kubeconfig: &Path, directory: &Path) -> Self {
        let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let shared = Arc::new(Shared::default());
        let stop = CancellationToken::new();
        let (address_tx, address_rx) = std::sync::mpsc::channel();
        let (state, ended, upstream) = (Arc::clone(&shared), stop.clone(), file.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                address_tx.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    // Cancel-safe: the runtime ends with it, and every connection with the runtime.
                    () = listen(listener, upstream, state) => {}
                    () = ended.cancelled() => {}
                }
            });
        });
        let address = address_rx.recv().expect("the proxy listens");
        let path = directory.join("proxied.kubeconfig");
        write_kubeconfig(file, &format!("http://{address}"), &path);
        Self { kubeconfig: path, shared, stop }
    }

    /// The kubeconfig to give to the agent.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Adds a rule; of several that match a request, the first that fires decides.
    pub(crate) fn rule(&self, rule: Rule) {
        locked(&self.shared.rules).add(rule);
    }

    /// Takes all rules away.
    pub(crate) fn heal(&self) {
        locked(&self.shared.rules).clear();
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }

    /// Forgets what was recorded, and returns it.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut locked(&self.shared.seen))
    }

    /// Requests so far, by verb.
    pub(crate) fn counts(&self) -> BTreeMap<Verb, usize> {
        let mut counts = BTreeMap::new();
        for seen in locked(&self.shared.seen).iter() {
            *counts.entry(seen.verb).or_default() += 1;
        }
        counts
    }

    /// Bytes of bodies so far.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.shared.sent.load(Ordering::Relaxed),
            received: self.shared.received.load(Ordering::Relaxed),
        }
    }

    /// Waits until the record satisfies `is_so`; says what was waited for when it does not come to that.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&[Seen]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = locked(&self.shared.seen);
        while !is_so(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} within {PATIENCE:?}; seen: {seen:#?}");
            (seen, _) = self.shared.arrived.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuses every connection's requests from here on, and breaks off those under way; or ends that.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
        if is_down {
            self.cut_streams();
        }
    }

    /// Breaks off every answer that is being streamed: all watches.
    pub(crate) fn cut_streams(&self) {
        std::mem::take(&mut *locked(&self.shared.streams)).cancel();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn write_kubeconfig(mut file: Kubeconfig, server: &str, path: &Path) {
    for cluster in file.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.server = Some(server.to_owned());
        cluster.certificate_authority = None;
    }
    // JSON is YAML, and this keeps the token, which a typed kubeconfig would not print.
    let mut value = serde_json::to_value(&file).expect("a kubeconfig is JSON");
    for (index, user) in file.auth_infos.iter().enumerate() {
        use secrecy::ExposeSecret;
        let token = user.auth_info.as_ref().and_then(|info| info.token.as_ref()).map(ExposeSecret::expose_secret);
        value["users"][index]["user"]["token"] = token.into();
    }
    std::fs::write(path, value.to_string()).expect("a kubeconfig is written");
}

async fn listen(listener: TcpListener, file: Kubeconfig, shared: Arc<Shared>) {
    // An error means that a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.expect("a kubeconfig");
    // The caller's own token goes through, and every failure is the caller's to see.
    config.auth_info = AuthInfo::default();
    config.default_retry = false;
    let upstream = kube::Client::try_from(config).expect("a client");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).ok();
        let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| serve(Arc::clone(&shared), upstream.clone(), request));
            // A connection that was broken off on purpose ends with an error.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

/// Why a connection is closed instead of answered.
fn broken(why: &'static str) -> BoxError {
    why.into()
}

async fn serve(shared: Arc<Shared>, upstream: kube::Client, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let mut seen = Seen::of(&request);
    let fault =
        if shared.is_down.load(Ordering::SeqCst) { Some(Fault::Refuse) } else { locked(&shared.rules).decide(&seen) };
    seen.is_faulted = fault.is_some();
    let verb = seen.verb;
    locked(&shared.seen).push(seen);
    shared.arrived.notify_all();
    match fault {
        None => forward(&shared, &upstream, request).await.map(|answer| stream(&shared, answer, None)),
        Some(Fault::Answer { code, retry_after }) => Ok(status(code, retry_after)),
        Some(Fault::Gone) if verb == Verb::Watch => Ok(whole(200, gone_event(), None)),
        Some(Fault::Gone) => Ok(status(410, None)),
        Some(Fault::Refuse) => Err(broken("refused")),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time).await;
            forward(&shared, &upstream, request).await.map(|answer| stream(&shared, answer, None))
        }
        Some(Fault::LoseAnswer) => {
            forward(&shared, &upstream, request).await?.into_body().collect().await?;
            Err(broken("answer lost"))
        }
        Some(Fault::Before(hook)) => {
            hook();
            Err(broken("refused"))
        }
        Some(Fault::After(hook)) => {
            forward(&shared, &upstream, request).await?.into_body().collect().await?;
            hook();
            Err(broken("answer lost"))
        }
        Some(Fault::Cut { bytes }) => {
            forward(&shared, &upstream, request).await.map(|answer| stream(&shared, answer, Some(Limit::Bytes(bytes))))
        }
        Some(Fault::CutWatch { events }) => {
            forward(&shared, &upstream, request).await.map(|answer| stream(&shared, answer, Some(Limit::Lines(events))))
        }
        Some(Fault::Silent) => {
            let answer = forward(&shared, &upstream, request).await?;
            let (parts, body) = answer.into_parts();
            // Held, so that the API server sees a client that listens.
            let silence = futures::stream::once(async move {
                let _held = body;
                std::future::pending::<Result<Frame<Bytes>, BoxError>>().await
            });
            Ok(Response::from_parts(parts, StreamBody::new(silence).boxed_unsync()))
        }
    }
}

async fn forward(
    shared: &Shared,
    upstream: &kube::Client,
    request: Request<Incoming>,
) -> Result<Response<kube::client::Body>, BoxError> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    shared.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
    parts.headers.remove(hyper::header::HOST);
    parts.headers.remove(hyper::header::CONTENT_LENGTH);
    parts.headers.remove(hyper::header::TRANSFER_ENCODING);
    parts.headers.remove(hyper::header::CONNECTION);
    let mut answer = upstream.send(Request::from_parts(parts, kube::client::Body::from(body))).await?;
    answer.headers_mut().remove(hyper::header::TRANSFER_ENCODING);
    Ok(answer)
}

/// Where an answer is broken off.
#[derive(Clone, Copy)]
enum Limit {
    Bytes(usize),
    Lines(usize),
}

/// The answer, streamed, counted, and broken off at the limit or when all streams are.
fn stream(shared: &Arc<Shared>, answer: Response<kube::client::Body>, limit: Option<Limit>) -> Answer {
    let (parts, body) = answer.into_parts();
    let cut = locked(&shared.streams).clone();
    let shared = Arc::clone(shared);
    let mut left = limit;
    let frames = body
        .into_data_stream()
        .map(move |data| data.map_err(BoxError::from).map(|data| within(data, &mut left)))
        .flat_map(|part| {
            futures::stream::iter(match part {
                Ok((data, false)) => vec![Ok(data)],
                Ok((data, true)) => vec![Ok(data), Err(broken("cut"))],
                Err(error) => vec![Err(error)],
            })
        })
        .inspect(move |data| {
            let bytes = data.as_ref().map_or(0, Bytes::len);
            shared.received.fetch_add(bytes as u64, Ordering::Relaxed);
        })
        .map(|data| data.map(Frame::data));
    let cut = futures::stream::once(async move {
        cut.cancelled_owned().await;
        Err(broken("cut"))
    });
    let body = StreamBody::new(until_error(frames, cut));
    Response::from_parts(parts, body.boxed_unsync())
}

/// The frames, until they end or `cut` has something to say.
fn until_error(
    frames: impl futures::Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static,
    cut: impl futures::Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static,
) -> impl futures::Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static {
    let ended = frames.map(Some).chain(futures::stream::once(async { None }));
    futures::stream::select(ended, cut.map(Some))
        .take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
}

/// The part of `data` before the limit, and whether the limit is reached.
fn within(data: Bytes, left: &mut Option<Limit>) -> (Bytes, bool) {
    let end = match left {
        None => None,
        Some(Limit::Bytes(bytes)) => {
            let end = (*bytes <= data.len()).then_some(*bytes);
            *bytes = bytes.saturating_sub(data.len());
            end
        }
        Some(Limit::Lines(lines)) => {
            let mut ends = data.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
            let end = if *lines == 0 { Some(0) } else { ends.nth(*lines - 1) };
            *lines = lines.saturating_sub(data.iter().filter(|byte| **byte == b'\n').count());
            end
        }
    };
    match end {
        Some(end) => (data.slice(..end), true),
        None => (data, false),
    }
}

fn whole(code: u16, body: String, retry_after: Option<u32>) -> Answer {
    let mut answer = Response::builder().status(code).header("content-type", "application/json");
    if let Some(seconds) = retry_after {
        answer = answer.header("retry-after", seconds.to_string());
    }
    answer.body(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()).expect("an answer")
}

/// What the API server itself would say with this code.
fn status(code: u16, retry_after: Option<u32>) -> Answer {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("injected fault {code}"),
        "details": {"retryAfterSeconds": retry_after.unwrap_or(0)},
    });
    whole(code, body.to_string(), retry_after)
}

fn gone_event() -> String {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version",
    });
    format!("{}\n", serde_json::json!({"type": "ERROR", "object": status}))
}
