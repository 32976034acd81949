//! How far the clearing away has come of configurations whose resource waits for it.
use super::{changes::Changes, remove::Left};
use crate::model::configuration::ConfigurationId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How far the clearing away of one configuration has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Departure {
    /// It has begun.
    #[default]
    Begun,
    /// Something was left; it is tried again.
    Left(Left),
    /// Nothing is left.
    Done,
}

/// The configurations that are given up, as long as somebody waits for their end.
pub(super) struct Departures {
    known: Mutex<BTreeMap<ConfigurationId, Departure>>,
    changes: Arc<Changes>,
}

impl Departures {
    /// None yet; what happens to them is noted in `changes`.
    pub(super) fn new(changes: Arc<Changes>) -> Self {
        Self { known: Mutex::default(), changes }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, Departure>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that a configuration leaves, and says whether that is news.
    pub(super) fn begin(&self, id: &ConfigurationId) -> bool {
        let mut known = self.known();
        let is_new = !known.contains_key(id);
        if is_new {
            known.insert(id.clone(), Departure::default());
        }
        is_new
    }

    /// Takes note of how far it has come, when somebody waits for that.
    pub(super) fn note(&self, id: &ConfigurationId, departure: Departure) {
        let has_changed = match self.known().get_mut(id) {
            Some(known) => std::mem::replace(known, departure) != departure,
            None => false,
        };
        if has_changed {
            self.changes.note(id);
        }
    }

    /// How far it has come; none when it does not leave.
    pub(super) fn get(&self, id: &ConfigurationId) -> Option<Departure> {
        self.known().get(id).copied()
    }

    /// Keeps only the configurations for which `keep` is true.
    pub(super) fn retain(&self, keep: impl Fn(&ConfigurationId) -> bool) {
        self.known().retain(|id, _| keep(id));
    }
}
