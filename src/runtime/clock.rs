//! The wall clock, as something that can be handed in.

/// The wall clock. Timers use `tokio::time`, which a test pauses by itself.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> jiff::Timestamp;
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// The machine's clock, moved: for finding out what happens in ninety days.
#[derive(Debug, Default)]
pub struct MovedClock(std::sync::atomic::AtomicI64);

impl MovedClock {
    /// Moves it by so many seconds, further than it is.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> jiff::Timestamp {
        let moved = jiff::SignedDuration::from_secs(self.0.load(std::sync::atomic::Ordering::SeqCst));
        SystemClock.now() + moved
    }
}
