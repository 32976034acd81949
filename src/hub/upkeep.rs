//! What a control plane does by itself: it sees who is absent, counts, tells, and forgets what is old.
use super::{Hub, store::StoreError, webhook::Webhook};
use crate::error::Chain;
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;

/// Time between looks for clusters that went offline or expired.
const ABSENT: Duration = Duration::from_secs(5);
/// Time between countings; each is noted for the moment that it is of, rounded.
const SAMPLE: Duration = Duration::from_secs(900);
/// Time between looks for whether it is time to count.
const SAMPLE_LOOK: Duration = Duration::from_secs(30);
/// Time between sweeps.
const SWEEP: Duration = Duration::from_secs(3600);

/// Starts everything; it ends when the hub is told to stop.
pub(super) fn start(hub: &Arc<Hub>, webhook: Option<Webhook>) -> TaskTracker {
    let tasks = TaskTracker::new();
    let store = hub.store.clone();
    let stopping = hub.stopping.clone();
    tasks.spawn(async move { store.follow_changes(stopping).await });
    every(&tasks, hub, "absent clusters are not noted", ABSENT, |hub| async move {
        hub.store.note_absent(hub.clock.now()).await
    });
    every(&tasks, hub, "compliance is not counted", SAMPLE_LOOK, |hub| async move {
        let second = hub.clock.now().as_second();
        let rounded = second - second.rem_euclid(i64::try_from(SAMPLE.as_secs()).unwrap_or(1));
        let at = jiff::Timestamp::from_second(rounded).unwrap_or_else(|_| hub.clock.now());
        hub.store.sample(at).await
    });
    every(
        &tasks,
        hub,
        "what is old is not deleted",
        SWEEP,
        |hub| async move { hub.store.sweep(hub.clock.now()).await },
    );
    if let Some(webhook) = webhook {
        let hub = Arc::clone(hub);
        tasks.spawn(async move { webhook.deliver(&hub).await });
    }
    tasks.close();
    tasks
}

/// Does something again and again; a failure is told, and it is tried again the next time.
fn every<F: Future<Output = Result<(), StoreError>> + Send>(
    tasks: &TaskTracker,
    hub: &Arc<Hub>,
    failing: &'static str,
    period: Duration,
    work: impl Fn(Arc<Hub>) -> F + Send + 'static,
) {
    let hub = Arc::clone(hub);
    tasks.spawn(async move {
        loop {
            if let Err(error) = work(Arc::clone(&hub)).await {
                tracing::warn!(error = %Chain(&error), "{failing}");
            }
            tokio::select! {
                // Cancel-safe: nothing is under way.
                () = tokio::time::sleep(period) => {}
                () = hub.stopping.cancelled() => return,
            }
        }
    });
}
