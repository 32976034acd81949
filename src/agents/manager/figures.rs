//! The figures of a running agent, as its admin port shows them.
use super::{
    exposition::{Exposition, Kind},
    readiness::Stage,
};
use crate::{
    agents::config::{Board, status::ConfigurationStatus},
    model::configuration::ConfigurationId,
    runtime::process,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// Every compliance state that there is, of both kinds of configuration.
const STATES: [&str; 8] =
    ["Compliant", "Pending", "Non-Compliant", "Noncompliant", "Suspended", "Installed", "Failed", "Unknown"];

/// Counts what the process does.
pub struct Figures {
    board: Arc<Board>,
    is_elected: bool,
    visits: Mutex<Visits>,
}

/// Visits of all configurations that were ever seen, summed up so that the total never falls.
#[derive(Default)]
struct Visits {
    counted: HashMap<ConfigurationId, u64>,
    total: u64,
}

impl Visits {
    fn count(&mut self, begun: impl Iterator<Item = (ConfigurationId, u64)>) -> u64 {
        for (id, begun) in begun {
            let before = self.counted.insert(id, begun).unwrap_or_default();
            self.total = self.total.saturating_add(begun.saturating_sub(before));
        }
        self.total
    }
}

impl Figures {
    /// Figures of the configurations of a board; `is_elected` where there is a lease to hold.
    pub fn new(board: Arc<Board>, is_elected: bool) -> Self {
        Self { board, is_elected, visits: Mutex::default() }
    }

    /// All of them, as Prometheus reads them.
    pub fn text(&self, stage: Stage) -> String {
        let mut text = Exposition::default();
        text.metric("arcwright_build_info", Kind::Gauge, "The version, as a label.");
        text.sample("arcwright_build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1);
        if self.is_elected {
            let is_leader = u8::from(stage != Stage::StandingBy);
            text.single("arcwright_leader", Kind::Gauge, "1 where this process holds the lease.", is_leader);
        }
        let all = self.board.all();
        configurations(&mut text, &all);
        let ids = all.into_iter().map(|one| ConfigurationId { namespace: one.namespace, name: one.name });
        let begun = ids.map(|id| (id.clone(), self.board.begun(&id)));
        let total = self.visits.lock().unwrap_or_else(PoisonError::into_inner).count(begun);
        let help = "Visits to configurations that were begun: fetch, render, compare and apply as needed.";
        text.single("arcwright_visits_total", Kind::Counter, help, total);
        if let Ok(usage) = process::usage() {
            of_process(&mut text, &usage);
        }
        text.into_text()
    }
}

fn configurations(text: &mut Exposition, all: &[ConfigurationStatus]) {
    const NAME: &str = "arcwright_configurations";
    let mut counts: BTreeMap<&str, usize> = STATES.iter().map(|state| (*state, 0)).collect();
    for one in all {
        let state = STATES.iter().find(|state| **state == one.compliance_state).unwrap_or(&"Unknown");
        *counts.entry(state).or_default() += 1;
    }
    text.metric(NAME, Kind::Gauge, "Configurations, by compliance state.");
    for (state, count) in counts {
        text.sample(NAME, Some(("state", state)), count);
    }
}

fn of_process(text: &mut Exposition, usage: &process::Usage) {
    let cpu = format!("{:.2}", usage.cpu.as_secs_f64());
    text.single("process_cpu_seconds_total", Kind::Counter, "Processor time, of user and system, in seconds.", cpu);
    text.single("process_resident_memory_bytes", Kind::Gauge, "Resident memory in bytes.", usage.resident);
    text.single("process_open_fds", Kind::Gauge, "Open file descriptors.", usage.descriptors);
    text.single("process_threads", Kind::Gauge, "Threads.", usage.threads);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_of_what_is_gone_and_comes_again_stay_counted() {
        let id = |name: &str| ConfigurationId { namespace: "apps".to_owned(), name: name.to_owned() };
        let mut visits = Visits::default();
        assert_eq!(visits.count([(id("a"), 2), (id("b"), 3)].into_iter()), 5);
        assert_eq!(visits.count([(id("b"), 4)].into_iter()), 6, "a is gone");
        assert_eq!(visits.count([(id("a"), 3), (id("b"), 4)].into_iter()), 7);
    }

    #[test]
    fn every_state_is_there_from_the_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let board = Arc::new(Board::open(directory.path().join("status.json")));
        let text = Figures::new(Arc::clone(&board), true).text(Stage::StandingBy);
        for state in STATES {
            assert!(text.contains(&format!("arcwright_configurations{{state=\"{state}\"}} 0\n")), "{text}");
        }
        assert!(text.contains("arcwright_leader 0\n") && text.contains("arcwright_visits_total 0\n"), "{text}");
        let working = Figures::new(board, true).text(Stage::Working);
        assert!(working.contains("arcwright_leader 1\n"), "{working}");
    }
}
