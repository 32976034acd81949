//! Who waits for a change of what is wanted of a cluster, and how they are told.
//!
//! A write in this process wakes those who wait for it at once; one of another process is found by looking at the numbers
//! of changes, which are given out in the order of commits.
use super::{Store, StoreError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Time between looks for changes of other processes.
const LOOK: Duration = Duration::from_millis(500);

/// Those who wait, by the key of the cluster.
#[derive(Debug, Default)]
pub(in crate::hub) struct Waiters(Mutex<HashMap<String, Arc<Notify>>>);

/// One who waits; leaves when dropped.
pub(in crate::hub) struct Waiter<'a> {
    waiters: &'a Waiters,
    key: &'a str,
    notify: Option<Arc<Notify>>,
}

impl Waiters {
    /// Begins to wait: what changes after this wakes.
    pub(in crate::hub) fn enter<'a>(&'a self, key: &'a str) -> Waiter<'a> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(all.entry(key.to_owned()).or_default());
        Waiter { waiters: self, key, notify: Some(notify) }
    }

    /// Wakes everybody who waits for a cluster.
    pub(super) fn wake(&self, key: &str) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = all.get(key) {
            notify.notify_waiters();
        }
    }

    /// Wakes everybody.
    fn wake_all(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().for_each(|notify| notify.notify_waiters());
    }

    /// How many are waited for.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Waiter<'_> {
    /// A future that ends with the next change after this call.
    pub(in crate::hub) fn changed(&self) -> tokio::sync::futures::OwnedNotified {
        let notify = self.notify.clone().unwrap_or_default();
        notify.notified_owned()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut all = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.notify = None;
        if all.get(self.key).is_some_and(|notify| Arc::strong_count(notify) == 1) {
            all.remove(self.key);
        }
    }
}

impl Store {
    /// Tells those who wait of changes that other processes made, until cancelled.
    pub(in crate::hub) async fn follow_changes(&self, cancel: CancellationToken) {
        let mut known: Option<i64> = None;
        loop {
            tokio::select! {
                // Cancel-safe: what was not looked at is found by the next look.
                () = tokio::time::sleep(LOOK) => {}
                () = cancel.cancelled() => return,
            }
            match self.changes_after(known).await {
                Ok(changes) => {
                    if known.is_none() {
                        // What changed before this look is not known to have: whoever waits already looks again.
                        self.waiters.wake_all();
                    }
                    for (key, number) in changes {
                        known = Some(known.unwrap_or_default().max(number));
                        self.waiters.wake(&key);
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %crate::error::Chain(&error), "changes of other processes are not seen");
                }
            }
        }
    }

    /// The clusters of which something changed after a number; at first only the last number.
    async fn changes_after(&self, known: Option<i64>) -> Result<Vec<(String, i64)>, StoreError> {
        match known {
            Some(known) => {
                let select = "SELECT key, change_number FROM clusters WHERE change_number > $1";
                Ok(sqlx::query_as(select).bind(known).fetch_all(&self.pool).await?)
            }
            None => {
                let last = "SELECT '' AS key, value FROM counters WHERE name = 'changes'";
                Ok(sqlx::query_as(last).fetch_all(&self.pool).await?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_wakes_those_who_wait_for_it_and_nobody_is_remembered() {
        let waiters = Waiters::default();
        let (north, again, south) = (waiters.enter("north"), waiters.enter("north"), waiters.enter("south"));
        let (first, second, third) = (north.changed(), again.changed(), south.changed());
        waiters.wake("north");
        first.await;
        second.await;
        let elsewhere = tokio::time::timeout(Duration::ZERO, third).await;
        assert!(elsewhere.is_err(), "nothing changed there");
        assert_eq!(waiters.count(), 2);
        drop((north, south));
        assert_eq!(waiters.count(), 1, "one still waits");
        drop(again);
        assert_eq!(waiters.count(), 0);
    }
}
