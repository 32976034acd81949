//! Keeps an agent that may no longer write from writing, whatever it was about to do.
//!
//! Every request that changes something passes the fence of its client. It is open until a moment that whoever
//! holds the lease moves on; a process that was frozen, or cut off, finds it closed when it goes on.
use http::{Method, Request};
use kube::client::Body;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use tower::{BoxError, filter::FilterLayer};

/// Why a request was not sent.
#[derive(Debug, thiserror::Error)]
#[error("this agent does not hold the lease, so it writes nothing")]
struct NotHeld;

/// Until when this process may write. Clones are the same fence.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Option<Instant>>>);

impl Fence {
    /// Opens it until a moment, or moves that moment on.
    pub fn open_until(&self, moment: Instant) {
        self.set(Some(moment));
    }

    /// Closes it.
    pub fn close(&self) {
        self.set(None);
    }

    /// Whether writing is allowed at a moment.
    pub fn is_open(&self, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// What a client puts its requests through.
    pub(super) fn layer(
        &self,
    ) -> FilterLayer<impl Fn(Request<Body>) -> Result<Request<Body>, BoxError> + Clone + Send + 'static> {
        let fence = self.clone();
        FilterLayer::new(move |request: Request<Body>| {
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            if is_read || fence.is_open(Instant::now()) { Ok(request) } else { Err(NotHeld.into()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tower::{Layer as _, Service as _, service_fn};

    async fn is_sent(fence: &Fence, method: Method) -> bool {
        let server = service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(()) });
        let request = Request::builder().method(method).body(Body::empty()).expect("a request");
        let mut client = fence.layer().layer(server);
        std::future::poll_fn(|context| client.poll_ready(context)).await.expect("ready");
        client.call(request).await.is_ok()
    }

    #[tokio::test]
    async fn reads_always_pass_and_writes_only_in_time() {
        let fence = Fence::default();
        let writes = [Method::PATCH, Method::POST, Method::PUT, Method::DELETE];
        assert!(is_sent(&fence, Method::GET).await && !is_sent(&fence, Method::PATCH).await, "closed at first");
        fence.open_until(Instant::now() + Duration::from_secs(600));
        for method in writes.clone() {
            assert!(is_sent(&fence, method).await);
        }
        fence.open_until(Instant::now());
        for method in writes {
            assert!(!is_sent(&fence, method).await, "closed by time alone");
        }
        assert!(is_sent(&fence, Method::GET).await);
    }

    #[test]
    fn it_is_open_until_its_moment_and_not_at_it() {
        let (fence, moment) = (Fence::default(), Instant::now() + Duration::from_secs(7));
        fence.open_until(moment);
        assert!(fence.is_open(moment - Duration::from_nanos(1)) && !fence.is_open(moment));
        fence.close();
        assert!(!fence.is_open(Instant::now()));
    }
}
