//! Which configurations there is news of, for whoever passes it on.
use crate::model::configuration::ConfigurationId;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::Notify;

/// Tells everyone who listens of which configurations something changed.
#[derive(Default)]
pub(super) struct Changes(Mutex<Vec<Weak<News>>>);

/// The configurations of which something changed since a listener looked. Each is kept once.
#[derive(Default)]
pub(crate) struct News {
    ids: Mutex<BTreeSet<ConfigurationId>>,
    woken: Notify,
}

impl Changes {
    /// Listens from here on, until what is returned is dropped.
    pub(super) fn listen(&self) -> Arc<News> {
        let news = Arc::<News>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&news));
        news
    }

    /// Notes that there is news of a configuration.
    pub(super) fn note(&self, id: &ConfigurationId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|news| {
            let Some(news) = news.upgrade() else { return false };
            news.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
            news.woken.notify_one();
            true
        });
    }
}

impl News {
    /// Waits for news. Cancel-safe: what nobody took is kept.
    pub(crate) async fn wait(&self) {
        self.woken.notified().await;
    }

    /// Takes what there is news of.
    pub(crate) fn take(&self) -> BTreeSet<ConfigurationId> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
