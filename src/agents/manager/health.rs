//! How each agent of the process is.
use crate::{api::plane::AgentHealth, runtime::clock::Clock};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 500;

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It runs, and something that it needs is not to be had.
    Degraded,
    /// It does not do its work.
    Failed,
    /// It was switched off.
    Disabled,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Degraded => "Degraded",
            Self::Failed => "Failed",
            Self::Disabled => "Disabled",
        }
    }
}

/// The health of every agent. Clones are the same board.
#[derive(Clone)]
pub struct Health {
    agents: Arc<watch::Sender<BTreeMap<&'static str, AgentHealth>>>,
    clock: Arc<dyn Clock>,
}

impl Health {
    /// A board of no agents.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { agents: Arc::default(), clock }
    }

    /// Says how an agent is. Saying the same again is no change.
    pub fn set(&self, name: &'static str, state: State, message: impl Into<String>) {
        let (word, message) = (state.word(), message.into());
        let message: String = message.chars().take(MAX_MESSAGE).collect();
        self.agents.send_if_modified(|agents| {
            let before = agents.get(name);
            if before.is_some_and(|before| before.state == word && before.message == message) {
                return false;
            }
            let since =
                before.filter(|before| before.state == word).map_or_else(|| self.clock.now(), |before| before.since);
            agents.insert(name, AgentHealth { name: name.to_owned(), state: word.to_owned(), message, since });
            true
        });
    }

    /// Says that an agent runs, or why its work is not done for now.
    pub fn tell(&self, name: &'static str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.set(name, State::Running, ""),
            Err(why) => self.set(name, State::Degraded, why),
        }
    }

    /// How every agent is, sorted by name.
    pub fn all(&self) -> Vec<AgentHealth> {
        self.agents.borrow().values().cloned().collect()
    }

    /// Waits for changes of what is told.
    pub fn changes(&self) -> watch::Receiver<BTreeMap<&'static str, AgentHealth>> {
        self.agents.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::MovedClock;

    #[test]
    fn the_same_again_is_no_news_and_a_new_reason_keeps_the_time() {
        let clock = Arc::new(MovedClock::default());
        let health = Health::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let mut changes = health.changes();
        health.set("sync", State::Degraded, "a");
        assert!(changes.has_changed().expect("open"));
        let first = changes.borrow_and_update()["sync"].since;
        clock.advance(60);
        health.set("sync", State::Degraded, "a");
        assert!(!changes.has_changed().expect("open"));
        health.set("sync", State::Degraded, "b");
        assert_eq!(health.all()[0].since, first);
        health.tell("sync", Ok(()));
        assert!(health.all()[0].since > first && health.all()[0].message.is_empty());
    }
}
