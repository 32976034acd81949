//! Whose turn it is, by what a Lease says and for how long it has said so. Pure.
//!
//! The clocks of two machines are never compared: a lease has run out when its record has not changed for as long
//! as the record says, by the clock of whoever looks.
use crate::cluster::LeaseRecord;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lease lasts, and when it is renewed.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For how long others leave a lease alone that is not renewed; whole seconds.
    pub lease: Duration,
    /// For how long the holder goes on without having renewed it. The difference to `lease` is what two clocks may
    /// differ by, and the time that the last write has to arrive.
    pub deadline: Duration,
    /// Wait between two looks or renewals.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { lease: Duration::from_secs(10), deadline: Duration::from_secs(7), retry: Duration::from_secs(2) }
    }
}

impl Timing {
    /// The wait before the next look, up to a fifth longer by `chance` (0 to 1), so that candidates do not look together.
    pub(super) fn next_look(&self, chance: f64) -> Duration {
        self.retry.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 5.0)
    }
}

/// A record, and since when it was seen to be so.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) record: LeaseRecord,
    pub(super) since: Instant,
}

impl Seen {
    /// What is known after a look. A record that did not change is as old as before.
    pub(super) fn again(before: Option<Self>, record: LeaseRecord, now: Instant) -> Self {
        match before {
            Some(before) if before.record == record => before,
            Some(_) | None => Self { record, since: now },
        }
    }

    /// When it runs out, unless it is renewed.
    fn end(&self) -> Instant {
        self.since + self.record.lasts
    }
}

/// What a candidate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make the Lease, or write itself into it.
    Take,
    /// Leave it to its holder, and look again after at most this long.
    Wait(Duration),
}

/// Decides what a candidate does about what it sees; `next_look` is the longest wait.
pub(super) fn decide(own: &str, seen: Option<&Seen>, now: Instant, next_look: Duration) -> Step {
    match seen {
        None => Step::Take,
        Some(seen) if seen.record.holder.is_empty() || seen.record.holder == own || seen.end() <= now => Step::Take,
        // Right when it runs out: that is when the cluster is without a holder.
        Some(seen) => Step::Wait(next_look.min(seen.end() - now)),
    }
}

/// The record by which a process takes a lease, or renews it.
pub(super) fn held(own: &str, before: Option<&LeaseRecord>, lasts: Duration, now: jiff::Timestamp) -> LeaseRecord {
    let is_own = before.is_some_and(|before| before.holder == own);
    let transitions = before.map_or(0, |before| before.transitions.saturating_add(i32::from(!is_own)));
    let acquired = before.filter(|_| is_own).map_or(now, |before| before.acquired);
    LeaseRecord { holder: own.to_owned(), lasts, acquired, renewed: now, transitions }
}

/// The record by which a holder gives a lease up.
pub(super) fn released(before: &LeaseRecord, now: jiff::Timestamp) -> LeaseRecord {
    LeaseRecord { holder: String::new(), lasts: Duration::from_secs(1), renewed: now, ..before.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).expect("a time")
    }

    fn record(holder: &str) -> LeaseRecord {
        held(holder, None, 10 * SECOND, at(100))
    }

    #[test]
    fn what_nobody_holds_is_taken() {
        let now = Instant::now();
        assert_eq!(decide("a", None, now, SECOND), Step::Take);
        let free = Seen { record: released(&record("b"), at(101)), since: now };
        assert_eq!(decide("a", Some(&free), now, SECOND), Step::Take);
        let own = Seen { record: record("a"), since: now };
        assert_eq!(decide("a", Some(&own), now, SECOND), Step::Take, "its answer was lost");
    }

    #[test]
    fn what_another_renews_is_left_alone_and_taken_at_once_when_it_runs_out() {
        let start = Instant::now();
        let seen = Seen::again(None, record("b"), start);
        assert_eq!(decide("a", Some(&seen), start, 2 * SECOND), Step::Wait(2 * SECOND));
        let late = start + 9 * SECOND;
        let same = Seen::again(Some(seen.clone()), record("b"), late);
        assert_eq!(decide("a", Some(&same), late, 2 * SECOND), Step::Wait(SECOND), "no longer than it lasts");
        assert_eq!(decide("a", Some(&same), start + 10 * SECOND, SECOND), Step::Take);
        let renewed = held("b", Some(&record("b")), 10 * SECOND, at(109));
        let renewed = Seen::again(Some(seen), renewed, late);
        assert_eq!(decide("a", Some(&renewed), start + 10 * SECOND, SECOND), Step::Wait(SECOND));
    }

    #[test]
    fn a_holder_whose_clock_is_wrong_is_believed_for_as_long_as_it_renews() {
        let start = Instant::now();
        let ancient = LeaseRecord { renewed: at(0), ..record("b") };
        let seen = Seen::again(None, ancient, start);
        assert_eq!(decide("a", Some(&seen), start, SECOND), Step::Wait(SECOND));
    }

    #[test]
    fn renewing_keeps_when_it_was_taken_and_taking_counts() {
        let first = record("a");
        let renewed = held("a", Some(&first), 10 * SECOND, at(105));
        assert_eq!((renewed.acquired, renewed.renewed, renewed.transitions), (at(100), at(105), 0));
        let taken = held("b", Some(&renewed), 10 * SECOND, at(120));
        assert_eq!((taken.acquired, taken.renewed, taken.transitions), (at(120), at(120), 1));
    }

    #[test]
    fn the_holder_stops_before_others_may_begin() {
        let timing = Timing::default();
        assert!(timing.deadline + SECOND < timing.lease && timing.retry * 2 < timing.deadline);
        assert!(timing.next_look(0.0) == timing.retry && timing.next_look(1.0) < timing.deadline);
    }
}
