//! One watch: follows the objects of a kind that carry an owner label, and feeds the store.
use super::store::{Key, Shared};
use crate::{error::Chain, model::OWNER_NAME_LABEL};
use futures::StreamExt as _;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
    runtime::{WatchStreamExt as _, watcher},
};
use std::sync::Arc;
use tokio::sync::watch;

/// Starts a watch. The answer becomes true when everything that there is has been delivered.
///
/// Ends by itself when the API server does not have the kind any more.
pub(super) fn start(client: Client, kind: ApiResource, shared: Arc<Shared>) -> watch::Receiver<bool> {
    let (ready_tx, ready_rx) = watch::channel(false);
    tokio::spawn(async move { follow(client, kind, &shared, &ready_tx).await });
    ready_rx
}

async fn follow(client: Client, kind: ApiResource, shared: &Arc<Shared>, ready_tx: &watch::Sender<bool>) {
    let key: Key = (kind.group.clone(), kind.kind.clone());
    let api: Api<DynamicObject> = Api::all_with(client, &kind);
    let config = watcher::Config::default().labels(OWNER_NAME_LABEL);
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut round = 0;
    let mut has_failed = false;
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) if is_gone(&error) => {
                tracing::info!(kind = %kind.kind, group = %kind.group, "the API server has no such kind any more");
                shared.lock().drop_kind(&key);
                ready_tx.send_replace(true);
                return;
            }
            Err(error) => {
                if has_failed {
                    tracing::debug!(kind = %kind.kind, error = %Chain(&error), "watch broke off again");
                } else {
                    tracing::info!(kind = %kind.kind, error = %Chain(&error), "watch broke off, starting again");
                }
                has_failed = true;
                shared.note_failure(&key);
                continue;
            }
        };
        let mut state = shared.lock();
        if has_failed && !matches!(event, watcher::Event::Init) {
            has_failed = false;
            state.note_answer(&key);
        }
        match event {
            watcher::Event::Apply(object) | watcher::Event::InitApply(object) => {
                state.keep_and_tell(object, &kind, round);
            }
            watcher::Event::Delete(object) => state.remove(&object, &kind),
            watcher::Event::Init => round = state.begin_round(),
            watcher::Event::InitDone => {
                state.end_round(&key, round);
                ready_tx.send_replace(true);
            }
        }
    }
}

/// Whether the API server says that the kind itself is not there.
fn is_gone(error: &watcher::Error) -> bool {
    let cause = match error {
        watcher::Error::InitialListFailed(cause) | watcher::Error::WatchStartFailed(cause) => cause,
        watcher::Error::WatchError(_) | watcher::Error::WatchFailed(_) | watcher::Error::NoResourceVersion => {
            return false;
        }
    };
    matches!(cause, kube::Error::Api(status) if status.code == 404)
}
