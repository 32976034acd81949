//! Which requests meet a fault, and which fault.
use super::request::{Seen, Verb};
use std::{fmt, sync::Arc, time::Duration};

/// What a rule does to a request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is answered with a Status of this code, and not carried out.
    Answer {
        /// HTTP status.
        code: u16,
        /// Seconds that the client is asked to wait.
        retry_after: Option<u32>,
    },
    /// A list is answered with 410; a watch with an event that says so.
    Gone,
    /// The connection is closed, and it is not carried out.
    Refuse,
    /// It is carried out after a while.
    Delay(Duration),
    /// It is carried out, and the connection is closed before the answer.
    LoseAnswer,
    /// It is carried out, and its answer broken off after so many bytes of the body.
    Cut {
        /// Bytes that get through.
        bytes: usize,
    },
    /// A watch is broken off after so many events.
    CutWatch {
        /// Events that get through.
        events: usize,
    },
    /// A watch is opened, and never delivers.
    Silent,
    /// The hook is called, and the connection closed: it is not carried out.
    Before(Hook),
    /// It is carried out, the hook is called, and the connection closed.
    After(Hook),
}

/// Something that a test does at the moment of a request.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer { .. } => "Answer",
            Self::Gone => "Gone",
            Self::Refuse => "Refuse",
            Self::Delay(_) => "Delay",
            Self::LoseAnswer => "LoseAnswer",
            Self::Cut { .. } => "Cut",
            Self::CutWatch { .. } => "CutWatch",
            Self::Silent => "Silent",
            Self::Before(_) => "Before",
            Self::After(_) => "After",
        })
    }
}

/// Which of the requests that match meet the fault.
enum When {
    Always,
    Nth(usize),
    First(usize),
    Share(f64, fastrand::Rng),
}

/// A fault and the requests that meet it.
pub(crate) struct Rule {
    fault: Fault,
    matches: Box<dyn Fn(&Seen) -> bool + Send>,
    when: When,
    met: usize,
}

impl Rule {
    /// The fault for every request for which `matches` is true.
    pub(crate) fn new(fault: Fault, matches: impl Fn(&Seen) -> bool + Send + 'static) -> Self {
        Self { fault, matches: Box::new(matches), when: When::Always, met: 0 }
    }

    /// The fault for every request of a verb.
    pub(crate) fn on(verb: Verb, fault: Fault) -> Self {
        Self::new(fault, move |seen| seen.verb == verb)
    }

    /// Only for the n-th of them, counted from 1.
    pub(crate) fn nth(self, n: usize) -> Self {
        Self { when: When::Nth(n), ..self }
    }

    /// Only for the first `n` of them.
    pub(crate) fn first(self, n: usize) -> Self {
        Self { when: When::First(n), ..self }
    }

    /// Only for a random share of them, the same for the same seed and order.
    pub(crate) fn share(self, share: f64, seed: u64) -> Self {
        Self { when: When::Share(share, fastrand::Rng::with_seed(seed)), ..self }
    }

    fn meets(&mut self, seen: &Seen) -> bool {
        if !(self.matches)(seen) {
            return false;
        }
        self.met += 1;
        match &mut self.when {
            When::Always => true,
            When::Nth(n) => self.met == *n,
            When::First(n) => self.met <= *n,
            When::Share(share, chance) => chance.f64() < *share,
        }
    }
}

/// The rules of a proxy.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault of the first rule that fires.
    pub(super) fn decide(&mut self, seen: &Seen) -> Option<Fault> {
        self.0.iter_mut().find_map(|rule| rule.meets(seen).then(|| rule.fault.clone()))
    }
}
