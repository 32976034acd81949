//! What there is to do about the identity certificate, and when to look again. Pure.
use crate::runtime::backoff::backoff;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long after its end a certificate still counts as good: clocks differ, and the control plane has the last word.
pub(super) const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
/// A next try that is further away than this was set by a clock that has been put right since.
const FURTHEST_TRY: SignedDuration = SignedDuration::from_hours(2);

/// How fast things are tried and looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Longest time between two looks at the clock, which may be moved.
    pub look: Duration,
    /// First and longest wait after an enrolment that failed.
    pub enrol: (Duration, Duration),
    /// First and longest wait after a renewal that failed.
    pub renew: (Duration, Duration),
    /// Wait after another enrolment, which the owner has to allow, was refused.
    pub again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(60),
            enrol: (Duration::from_secs(1), Duration::from_secs(300)),
            renew: (Duration::from_secs(60), Duration::from_secs(3600)),
            again: Duration::from_secs(600),
        }
    }
}

/// What a certificate is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) renew_after: Timestamp,
    pub(super) expires: Timestamp,
}

/// What was tried since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    pub(super) failures: u32,
    pub(super) next: Option<Timestamp>,
}

/// Where the identity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// There is none.
    None,
    /// It is good.
    Valid,
    /// It is past its end: every feature that needs the control plane stops.
    Expired,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Trade the onboarding key for a certificate: the first, or another one after the end of one.
    Enrol,
    /// Trade the certificate for the next.
    Renew,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) life: Life,
    /// What is to be done at once.
    pub(super) act: Option<Act>,
    /// When to look again, if nothing is done.
    pub(super) again: Timestamp,
}

/// Decides what there is to do about an identity.
///
/// It is renewed from `renew_after` on, again and again until it has ended, and then enrolment is tried again; so it is
/// when the control plane refuses the identity before its end.
pub(super) fn decide(terms: Option<Terms>, is_refused: bool, tries: &Tries, now: Timestamp) -> Decision {
    let due = tries.next.filter(|next| *next > now && next.duration_since(now) <= FURTHEST_TRY);
    let at_once = |act, life, end: Option<Timestamp>| match due {
        None => Decision { life, act: Some(act), again: now },
        Some(next) => Decision { life, act: None, again: end.map_or(next, |end| next.min(end)) },
    };
    let Some(Terms { renew_after, expires }) = terms else { return at_once(Act::Enrol, Life::None, None) };
    let end = expires + TOLERANCE;
    if now >= end {
        at_once(Act::Enrol, Life::Expired, None)
    } else if is_refused {
        at_once(Act::Enrol, Life::Valid, Some(end))
    } else if now >= renew_after {
        at_once(Act::Renew, Life::Valid, Some(end))
    } else {
        Decision { life: Life::Valid, act: None, again: renew_after }
    }
}

/// How long to wait after something failed so many times; `chance` is from 0 to 1, so that many do not come at once.
pub(super) fn wait(pace: &Pace, act: Act, life: Life, failures: u32, chance: f64) -> Duration {
    let (first, last) = match (act, life) {
        (Act::Enrol, Life::Expired | Life::Valid) => (pace.again, pace.again),
        (Act::Enrol, Life::None) => pace.enrol,
        (Act::Renew, _) => pace.renew,
    };
    backoff(first, failures, last).mul_f64(0.75 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn day(days: i64) -> Timestamp {
        at(days * DAY)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn on(now: Timestamp) -> Decision {
        let terms = Terms { renew_after: day(45), expires: day(90) };
        decide(Some(terms), false, &Tries::default(), now)
    }

    #[test]
    fn without_an_identity_there_is_enrolment_at_once_and_again_when_its_time_has_come() {
        assert_eq!(
            decide(None, false, &Tries::default(), day(0)),
            Decision { life: Life::None, act: Some(Act::Enrol), again: day(0) }
        );
        let failed = Tries { failures: 1, next: Some(at(5)) };
        assert_eq!(decide(None, false, &failed, at(3)), Decision { life: Life::None, act: None, again: at(5) });
        assert_eq!(decide(None, false, &failed, at(5)).act, Some(Act::Enrol));
    }

    #[test]
    fn nothing_is_renewed_before_day_46_begins() {
        assert_eq!(on(at(45 * DAY - 1)), Decision { life: Life::Valid, act: None, again: day(45) });
        assert_eq!((on(day(45)).life, on(day(45)).act), (Life::Valid, Some(Act::Renew)));
    }

    #[test]
    fn a_gap_of_thirty_days_loses_nothing() {
        assert_eq!(on(day(30)).act, None);
        assert_eq!((on(day(44 + 30)).life, on(day(44 + 30)).act), (Life::Valid, Some(Act::Renew)));
    }

    #[test]
    fn it_has_ended_after_90_days_and_is_then_enrolled_anew_as_often_as_allowed() {
        let end = at(90 * DAY + TOLERANCE.as_secs());
        assert_eq!(on(at(90 * DAY + TOLERANCE.as_secs() - 1)).life, Life::Valid);
        assert_eq!((on(end).life, on(end).act), (Life::Expired, Some(Act::Enrol)));
        let terms = Terms { renew_after: day(45), expires: day(90) };
        let failed = Tries { failures: 3, next: Some(end + SignedDuration::from_secs(600)) };
        assert_eq!(decide(Some(terms), false, &failed, end).act, None);
    }

    #[test]
    fn an_identity_that_is_refused_is_asked_for_anew_at_a_slow_pace() {
        let terms = Terms { renew_after: day(45), expires: day(90) };
        let decision = decide(Some(terms), true, &Tries::default(), day(10));
        assert_eq!((decision.life, decision.act), (Life::Valid, Some(Act::Enrol)));
        assert_eq!(wait(&Pace::default(), Act::Enrol, Life::Valid, 1, 0.5).as_secs(), 600);
    }

    #[test]
    fn a_renewal_that_failed_waits_but_the_end_is_not_overslept() {
        let terms = Terms { renew_after: day(45), expires: day(90) };
        let late = at(90 * DAY);
        let failed = Tries { failures: 9, next: Some(late + SignedDuration::from_hours(1)) };
        assert_eq!(decide(Some(terms), false, &failed, late).again, day(90) + TOLERANCE);
    }

    #[test]
    fn a_clock_that_is_wrong_by_minutes_ends_nothing_early_and_one_that_went_back_delays_nothing() {
        assert_eq!(on(at(90 * DAY + 8 * 60)).life, Life::Valid, "ahead by eight minutes");
        assert_eq!(on(at(90 * DAY - 8 * 60)).life, Life::Valid, "behind by eight minutes");
        let set_in_the_future = Tries { failures: 1, next: Some(day(400)) };
        assert_eq!(decide(None, false, &set_in_the_future, day(1)).act, Some(Act::Enrol));
    }

    #[test]
    fn waits_grow_to_their_bound_and_differ() {
        let pace = Pace::default();
        let seconds = |act, life, failures, chance| wait(&pace, act, life, failures, chance).as_secs_f64();
        assert_eq!(seconds(Act::Enrol, Life::None, 1, 0.5), 1.0);
        assert_eq!(seconds(Act::Enrol, Life::None, 30, 0.5), 300.0);
        assert_eq!(seconds(Act::Renew, Life::Valid, 2, 0.0), 90.0);
        assert_eq!(seconds(Act::Renew, Life::Valid, 30, 1.0), 4500.0);
        assert_eq!(seconds(Act::Enrol, Life::Expired, 30, 0.5), 600.0);
    }
}
