//! Which configurations there is news of, for whoever passes it on.
use crate::model::configuration::ConfigurationId;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;

/// The configurations of which something changed since somebody looked. Each is kept once.
#[derive(Default)]
pub(super) struct Changes {
    ids: Mutex<BTreeSet<ConfigurationId>>,
    woken: Notify,
}

impl Changes {
    /// Notes that there is news of a configuration.
    pub(super) fn note(&self, id: &ConfigurationId) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        self.woken.notify_one();
    }

    /// Waits for news. Cancel-safe: what nobody took is kept.
    pub(super) async fn wait(&self) {
        self.woken.notified().await;
    }

    /// Takes what there is news of.
    pub(super) fn take(&self) -> BTreeSet<ConfigurationId> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
