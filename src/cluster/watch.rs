//! One watch: follows the objects of a kind that carry an owner label, and feeds the store.
use super::{
    ClusterError,
    deadline::READ,
    store::{Key, Shared},
};
use crate::{error::Chain, model::OWNER_NAME_LABEL};
use futures::StreamExt as _;
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, Status},
    runtime::{WatchStreamExt as _, watcher},
};
use std::sync::Arc;
use tokio::sync::watch;

/// How far a watch has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It was not answered yet.
    Awaited,
    /// Everything that there is has been delivered.
    Done,
    /// The API server does not let the agent watch, with these words; the watch goes on asking.
    Denied(String),
}

impl Delivery {
    /// What an error of a watch says of its delivery, where it is that it may not be.
    pub(super) fn denied(error: &watcher::Error) -> Option<Self> {
        match refusal(error) {
            Some(status) if status.code == 403 => Some(Self::Denied(status.message.clone())),
            Some(_) | None => None,
        }
    }
}

/// Waits until a watch has been answered, and returns why not where the agent may not follow the kind.
///
/// # Errors
/// When there is no answer within 15 s, or the watch has ended.
pub(super) async fn delivered(
    mut delivery: watch::Receiver<Delivery>,
    kind: impl FnOnce() -> String,
) -> Result<Option<String>, ClusterError> {
    let answered = tokio::time::timeout(READ, delivery.wait_for(|delivery| *delivery != Delivery::Awaited)).await;
    match answered.ok().and_then(Result::ok).as_deref() {
        Some(Delivery::Done) => Ok(None),
        Some(Delivery::Denied(message)) => Ok(Some(message.clone())),
        Some(Delivery::Awaited) | None => Err(ClusterError::WatchTimeout { kind: kind(), seconds: READ.as_secs() }),
    }
}

/// Starts a watch, and tells how far it has come.
///
/// Ends by itself when the API server does not have the kind any more.
pub(super) fn start(client: Client, kind: ApiResource, shared: Arc<Shared>) -> watch::Receiver<Delivery> {
    let (ready_tx, ready_rx) = watch::channel(Delivery::Awaited);
    tokio::spawn(async move { follow(client, kind, &shared, &ready_tx).await });
    ready_rx
}

async fn follow(client: Client, kind: ApiResource, shared: &Arc<Shared>, ready_tx: &watch::Sender<Delivery>) {
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
                ready_tx.send_replace(Delivery::Done);
                return;
            }
            Err(error) => {
                if let Some(denied) = Delivery::denied(&error) {
                    // The API server did answer.
                    ready_tx.send_replace(denied);
                    continue;
                }
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
                ready_tx.send_replace(Delivery::Done);
            }
        }
    }
}

/// Whether the API server says that the kind itself is not there.
fn is_gone(error: &watcher::Error) -> bool {
    refusal(error).is_some_and(|status| status.code == 404)
}

/// What the API server said when it did not let a watch begin.
fn refusal(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}
