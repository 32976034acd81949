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
