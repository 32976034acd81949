//! The time at the control plane, by which the cluster's clock is told to be wrong and what it signs is dated right.
use crate::runtime::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Differences up to this are the network's, and not the clocks'.
const NOISE: SignedDuration = SignedDuration::from_secs(30);
/// Differences above this are not made up for: with such a clock no certificate can be judged.
const MOST: SignedDuration = SignedDuration::from_hours(24);

/// A clock that is put right by what the control plane says.
pub struct HubTime {
    clock: Arc<dyn Clock>,
    /// How much the control plane is ahead, in seconds.
    ahead: AtomicI64,
}

impl HubTime {
    /// The cluster's clock, of which nothing bad is known.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ahead: AtomicI64::new(0) }
    }

    /// The cluster's own time.
    pub fn local(&self) -> Timestamp {
        self.clock.now()
    }

    /// The control plane's time, as far as it is known.
    pub fn now(&self) -> Timestamp {
        self.clock.now() + SignedDuration::from_secs(self.ahead.load(Ordering::SeqCst))
    }

    /// Takes note of what the control plane says the time is, and returns by how much it is ahead of the cluster's clock.
    pub fn learn(&self, theirs: Timestamp) -> SignedDuration {
        let ahead = theirs.duration_since(self.clock.now());
        let correction = if ahead.abs() <= NOISE || ahead.abs() > MOST { 0 } else { ahead.as_secs() };
        self.ahead.store(correction, Ordering::SeqCst);
        ahead
    }
}

impl std::fmt::Debug for HubTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubTime").field("ahead", &self.ahead).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0).expect("a time")
        }
    }

    #[test]
    fn a_clock_that_is_wrong_by_minutes_is_put_right_and_one_by_days_is_not() {
        for (ahead, corrected) in [(5, 0), (-600, -600), (600, 600), (86_401, 0), (-90 * 86_400, 0)] {
            let time = HubTime::new(Arc::new(At(1_000_000_000)));
            assert_eq!(time.learn(At(1_000_000_000 + ahead).now()).as_secs(), ahead);
            assert_eq!(time.now().as_second() - 1_000_000_000, corrected, "{ahead}");
        }
    }
}
