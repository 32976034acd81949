//! Whether a cluster is there, by what was heard of it. Pure.
use std::time::Duration;

/// Without a sign of life for so long, a cluster is offline.
///
/// Source: the connectivity modes of Azure Arc-enabled Kubernetes.
pub(super) const OFFLINE_AFTER: Duration = Duration::from_secs(15 * 60);

/// Whether a cluster is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Connectivity {
    /// It has never called.
    Connecting,
    /// It called within the last 15 minutes.
    Connected,
    /// It has not called for 15 minutes or more.
    Offline,
    /// Its certificate has run out.
    Expired,
}

impl Connectivity {
    /// Every state.
    pub(super) const ALL: [Self; 4] = [Self::Connecting, Self::Connected, Self::Offline, Self::Expired];

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Connected => "Connected",
            Self::Offline => "Offline",
            Self::Expired => "Expired",
        }
    }

    /// The state of a word.
    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Where a cluster stands that was last heard at `last_seen` and whose certificate is good until `not_after`, both by
    /// the control plane's own clock.
    pub(super) fn of(
        last_seen: Option<jiff::Timestamp>,
        not_after: Option<jiff::Timestamp>,
        now: jiff::Timestamp,
    ) -> Self {
        match (last_seen, not_after) {
            (_, Some(end)) if end <= now => Self::Expired,
            (None, _) => Self::Connecting,
            (Some(seen), _) if now < seen + OFFLINE_AFTER => Self::Connected,
            (Some(_), _) => Self::Offline,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn each_rule_has_its_moment() {
        let issued = Some(at(90 * DAY));
        let cases = [
            (None, None, at(0), Connectivity::Connecting),
            (None, issued, at(0), Connectivity::Connecting),
            (Some(at(0)), issued, at(15 * MINUTE - 1), Connectivity::Connected),
            (Some(at(0)), issued, at(15 * MINUTE), Connectivity::Offline),
            (Some(at(0)), issued, at(30 * DAY), Connectivity::Offline),
            (Some(at(90 * DAY - 60)), issued, at(90 * DAY - 1), Connectivity::Connected),
            (Some(at(90 * DAY - 60)), issued, at(90 * DAY), Connectivity::Expired),
            (None, issued, at(90 * DAY), Connectivity::Expired),
        ];
        for (seen, not_after, now, wanted) in cases {
            assert_eq!(Connectivity::of(seen, not_after, now), wanted, "{seen:?} {not_after:?} {now}");
        }
    }

    proptest! {
        #[test]
        fn time_alone_never_brings_a_cluster_back(seen in proptest::option::of(0..100 * DAY), end in 0..200 * DAY, now in 0..200 * DAY, more in 0..200 * DAY) {
            let of = |now| Connectivity::of(seen.map(at), Some(at(end)), at(now));
            let (before, after) = (of(now), of(now + more));
            prop_assert!(after >= before || before == Connectivity::Connecting);
        }
    }
}
