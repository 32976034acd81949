//! How long and how much one conversation with a remote may be.
use super::FetchError;
use std::{
    future::Future,
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Deadline, cancellation and the count of what came. Shared by everything that reads from the remote.
pub(super) struct Bounds {
    url: String,
    timeout: Duration,
    end: Instant,
    cancel: CancellationToken,
    max_bytes: u64,
    received: AtomicU64,
}

impl Bounds {
    /// Bounds that begin to count at once. `url` is for the errors, without credentials.
    pub(super) fn new(url: String, timeout: Duration, cancel: CancellationToken, max_bytes: u64) -> Self {
        Self { url, timeout, end: Instant::now() + timeout, cancel, max_bytes, received: AtomicU64::new(0) }
    }

    /// The address that the errors name.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn timed_out(&self) -> FetchError {
        FetchError::Timeout { url: self.url.clone(), seconds: self.timeout.as_secs() }
    }

    /// Fails when the time is over or the work was ended.
    pub(super) fn check(&self) -> Result<(), FetchError> {
        if self.cancel.is_cancelled() {
            Err(FetchError::Cancelled)
        } else if Instant::now() >= self.end {
            Err(self.timed_out())
        } else {
            Ok(())
        }
    }

    /// Counts bytes that came; fails when they are too many, or the time is over.
    pub(super) fn count(&self, bytes: usize) -> Result<(), FetchError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > self.max_bytes {
            return Err(FetchError::TooLarge { what: format!("what {} sends", self.url), limit: self.max_bytes });
        }
        self.check()
    }

    /// Waits for work, and no longer than to the deadline or the cancellation.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, FetchError> {
        tokio::select! {
            // The end first: when the runtime itself ends, neither work nor timers may be touched any more.
            biased;
            () = self.cancel.cancelled() => Err(FetchError::Cancelled),
            // Cancel-safe: after any of the others nothing is read from this remote any more.
            done = work => Ok(done),
            () = tokio::time::sleep_until(self.end) => Err(self.timed_out()),
        }
    }

    /// Waits until the conversation must end. Outlives these bounds.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let (end, cancel) = (self.end, self.cancel.clone());
        async move {
            tokio::select! {
                biased;
                // Cancel-safe: neither holds anything.
                () = cancel.cancelled() => {}
                () = tokio::time::sleep_until(end) => {}
            }
        }
    }
}

/// A reader whose bytes are counted, and whose failures are told as what ended it.
pub(super) struct Metered<'a, R> {
    from: R,
    bounds: &'a Bounds,
}

impl<'a, R> Metered<'a, R> {
    pub(super) fn new(from: R, bounds: &'a Bounds) -> Self {
        Self { from, bounds }
    }
}

impl<R> Metered<'_, R> {
    pub(super) fn get_mut(&mut self) -> &mut R {
        &mut self.from
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bounds.check()?;
        match self.from.read(buffer) {
            Ok(bytes) => {
                self.bounds.count(bytes)?;
                Ok(bytes)
            }
            Err(error) => {
                // The watch closes a connection whose time is over: then that is the reason.
                self.bounds.check()?;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_at_the_cap_the_deadline_and_the_cancellation() {
        let (cancel, hour) = (CancellationToken::new(), Duration::from_secs(3600));
        let read = |timeout, max_bytes| {
            let bounds = Bounds::new("https://example.org/a".to_owned(), timeout, cancel.clone(), max_bytes);
            let outcome = Metered::new([0_u8; 10].as_slice(), &bounds).read_to_end(&mut Vec::new());
            outcome.map_err(|error| error.to_string())
        };
        assert_eq!(read(hour, 10), Ok(10));
        let too_large = "what https://example.org/a sends is larger than the 9 bytes that are read";
        assert_eq!(read(hour, 9), Err(too_large.to_owned()));
        assert_eq!(read(Duration::ZERO, 10), Err("fetching https://example.org/a took longer than 0 s".to_owned()));
        cancel.cancel();
        assert_eq!(read(hour, 10), Err("fetching was ended".to_owned()));
    }
}
