//! A local door into a running process: one request, one answer, over a Unix socket.
//!
//! The socket lies in the process's data directory and is open to its own user only, so whoever may
//! read the data may ask. Each connection carries one line of JSON each way.
//!
//! ```text
//! call(path, request) --line--> serve --> answer(request).await --line--> call's caller
//! ```
use serde::{Serialize, de::DeserializeOwned};
use std::{
    future::Future,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest request in bytes.
const MAX_REQUEST: u64 = 64 << 10;
/// Longest answer in bytes.
const MAX_ANSWER: u64 = 64 << 20;
/// Requests in work at once; more wait.
const MAX_CALLS: usize = 16;
/// Time that a caller has to send its request, and to take its answer.
const EXCHANGE: Duration = Duration::from_secs(10);

/// Why there is no socket to be asked on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process answers on it.
    #[error("another process already answers on {path}")]
    InUse {
        /// The socket.
        path: String,
    },
    /// It could not be made.
    #[error("the socket {path} cannot be made")]
    Io {
        /// The socket.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("no process answers on {path}")]
    Nobody {
        /// The socket.
        path: String,
    },
    /// The socket is another user's.
    #[error("the socket {path} may not be used by this user")]
    Forbidden {
        /// The socket.
        path: String,
    },
    /// The answer did not come in time.
    #[error("no answer within {seconds} s")]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// The answer is cut off, or cannot be read: the process ended, or is of another version.
    #[error("the process ended, or is of another version, before it had answered")]
    NoAnswer,
    /// The exchange failed.
    #[error("the exchange failed")]
    Io(#[source] io::Error),
}

/// A socket that is listened on. The file is removed when this is dropped.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the socket, with mode 0600 from its first moment on, in place of one that nobody listens on.
    ///
    /// # Errors
    /// When another process answers on it, or it cannot be made, as when the path has over about 90 bytes.
    pub async fn bind(path: &Path) -> Result<Self, BindError> {
        let shown = || path.display().to_string();
        if is_answered(path).await {
            return Err(BindError::InUse { path: shown() });
        }
        let listener = listen(path).map_err(|source| BindError::Io { path: shown(), source })?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Answers requests until cancelled, then waits for those in work.
    ///
    /// A request that cannot be read is dropped with its connection.
    pub async fn serve<Q, A, F>(self, answer: impl Fn(Q) -> F + Send + Sync + 'static, cancel: CancellationToken)
    where
        Q: DeserializeOwned + Send,
        A: Serialize + Send,
        F: Future<Output = A> + Send,
    {
        let answer = Arc::new(answer);
        let calls = Arc::new(Semaphore::new(MAX_CALLS));
        let tracker = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                // Cancel-safe: a connection that was not accepted stays in the queue.
                accepted = self.listener.accept() => accepted,
                () = cancel.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else { continue };
            let (answer, calls, cancel) = (Arc::clone(&answer), Arc::clone(&calls), cancel.clone());
            tracker.spawn(async move {
                let exchange = async {
                    let _slot = calls.acquire().await;
                    if let Err(error) = converse(stream, answer.as_ref()).await {
                        tracing::debug!(error = %error, "control request not answered");
                    }
                };
                tokio::select! {
                    // Not cancel-safe, and need not be: the caller is told nothing when the process ends.
                    () = exchange => {}
                    () = cancel.cancelled() => {}
                }
            });
        }
        tracker.close();
        tracker.wait().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// Whether a process listens on a socket.
pub async fn is_answered(path: &Path) -> bool {
    UnixStream::connect(path).await.is_ok()
}

/// Binds in a directory that only this user may enter, and moves the socket into place when its mode is set.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let private = tempfile::Builder::new().prefix(".").rand_bytes(4).tempdir_in(directory)?;
    let fresh = private.path().join("s");
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}

async fn converse<Q, A, F>(stream: UnixStream, answer: &(impl Fn(Q) -> F + Sync)) -> io::Result<()>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = A>,
{
    let mut stream = BufReader::new(stream);
    let line = tokio::time::timeout(EXCHANGE, line(&mut stream, MAX_REQUEST)).await??;
    let request = serde_json::from_slice(&line)?;
    let mut text = serde_json::to_vec(&answer(request).await)?;
    text.push(b'\n');
    tokio::time::timeout(EXCHANGE, stream.write_all(&text)).await?
}

async fn line(stream: &mut BufReader<UnixStream>, limit: u64) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(limit).read_until(b'\n', &mut line).await?;
    if line.last() == Some(&b'\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Asks the process that listens on a socket, and waits for its answer.
///
/// # Errors
/// When nobody listens, the socket is another user's, or there is no answer in time.
pub async fn call<Q: Serialize, A: DeserializeOwned>(
    path: &Path,
    request: &Q,
    patience: Duration,
) -> Result<A, CallError> {
    let shown = || path.display().to_string();
    let stream = UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => CallError::Nobody { path: shown() },
        io::ErrorKind::PermissionDenied => CallError::Forbidden { path: shown() },
        _ => CallError::Io(error),
    })?;
    let mut stream = BufReader::new(stream);
    let mut text = serde_json::to_vec(request).map_err(|error| CallError::Io(error.into()))?;
    text.push(b'\n');
    let exchange = async {
        stream.write_all(&text).await?;
        line(&mut stream, MAX_ANSWER).await
    };
    let answer = match tokio::time::timeout(patience, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(CallError::NoAnswer),
        Ok(Err(error)) => return Err(CallError::Io(error)),
        Err(_) => return Err(CallError::Timeout { seconds: patience.as_secs() }),
    };
    serde_json::from_slice(&answer).ok().ok_or(CallError::NoAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn doubling(path: &Path, cancel: &CancellationToken) -> tokio::task::JoinHandle<()> {
        let socket = Socket::bind(path).await.expect("a socket");
        tokio::spawn(socket.serve(|number: u32| async move { number * 2 }, cancel.clone()))
    }

    #[tokio::test]
    async fn a_request_is_answered_and_the_socket_goes_with_the_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("control.sock");
        let cancel = CancellationToken::new();
        let server = doubling(&path, &cancel).await;
        assert_eq!(call::<_, u32>(&path, &21, PATIENCE).await.expect("an answer"), 42);
        let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        cancel.cancel();
        server.await.expect("an end");
        assert!(!path.exists());
        assert!(matches!(call::<_, u32>(&path, &1, PATIENCE).await, Err(CallError::Nobody { .. })));
    }

    #[tokio::test]
    async fn a_second_process_is_refused_and_a_dead_one_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket that nobody listens on"));
        let cancel = CancellationToken::new();
        let server = doubling(&path, &cancel).await;
        assert!(matches!(Socket::bind(&path).await, Err(BindError::InUse { .. })));
        assert_eq!(call::<_, u32>(&path, &1, PATIENCE).await.expect("an answer"), 2, "the first goes on");
        cancel.cancel();
        server.await.expect("an end");
    }

    #[tokio::test]
    async fn nonsense_and_endless_requests_are_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("control.sock");
        let cancel = CancellationToken::new();
        let server = doubling(&path, &cancel).await;
        assert!(matches!(call::<_, u32>(&path, &"nonsense", PATIENCE).await, Err(CallError::NoAnswer)));
        let endless = "x".repeat(1 << 20);
        let outcome = call::<_, u32>(&path, &endless, PATIENCE).await;
        assert!(matches!(outcome, Err(CallError::NoAnswer | CallError::Io(_))), "{outcome:?}");
        assert_eq!(call::<_, u32>(&path, &4, PATIENCE).await.expect("an answer"), 8);
        cancel.cancel();
        server.await.expect("an end");
    }
}
