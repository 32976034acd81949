//! Figures of a measurement. Pure.
use serde::Serialize;
use std::time::Duration;

/// Durations, in the order that they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations(Vec<Duration>);

/// What is said of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) count: usize,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

impl Durations {
    pub(super) fn add(&mut self, one: Duration) {
        self.0.push(one);
    }

    /// Nearest-rank percentiles.
    pub(super) fn summary(mut self) -> Summary {
        self.0.sort_unstable();
        let count = self.0.len();
        let at = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            self.0.get(rank - 1).map_or(0.0, |one| milliseconds(*one))
        };
        Summary { count, p50: at(50), p99: at(99), max: at(100) }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 100.0
}

/// What a number of agents came to.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) agents: usize,
    /// Seconds of the measurement itself.
    pub(super) seconds: f64,
    /// Agents that were connected in a second, each with its resource, its certificate and its token.
    pub(super) connected_per_second: f64,
    pub(super) heartbeat: Summary,
    /// Asking for something that is not known yet, which is answered at once.
    pub(super) pull: Summary,
    /// From the client's write of a configuration until its agent has it.
    pub(super) change: Summary,
    /// A client's reading of a page of clusters.
    pub(super) list: Summary,
    /// Requests that failed.
    pub(super) failed: usize,
    /// Requests in a second, without those that wait for a change.
    pub(super) requests_per_second: f64,
    /// Memory of the control plane in MiB: at the end, and at most.
    pub(super) memory: f64,
    pub(super) memory_peak: f64,
    /// Part of one core that the control plane took while it was measured.
    pub(super) cores: f64,
    /// Size of the database in MiB; none for one that is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) database: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let mut durations = Durations::default();
        (1..=200).rev().for_each(|ms| durations.add(Duration::from_millis(ms)));
        assert_eq!(durations.summary(), Summary { count: 200, p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Durations::default().summary(), Summary::default());
        let mut one = Durations::default();
        one.add(Duration::from_millis(7));
        assert_eq!(one.summary(), Summary { count: 1, p50: 7.0, p99: 7.0, max: 7.0 });
    }
}
