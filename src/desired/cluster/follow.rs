//! Follows the resources by watch, and tells what they are together.
use super::{super::Reach, Key, Kind, Resource, State};
use crate::error::Chain;
use futures::StreamExt as _;
use kube::{
    Api, Client,
    core::DynamicObject,
    runtime::{WatchStreamExt as _, watcher},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch as channel};
use tokio_util::sync::CancellationToken;

/// Time over which changes are gathered into one state.
const GATHER: Duration = Duration::from_millis(50);
/// Seconds after which the API server ends a watch, to be begun again: before a connection on which nothing comes counts as broken.
const WATCH_SECONDS: u32 = 90;
/// Changes that wait to be taken in; a watch that is ahead of that waits.
const WAITING: usize = 1024;
/// Time between looks for a kind that the API server does not have.
const UNTIL_DEFINED: Duration = Duration::from_secs(5);

/// One watch: a kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    kind: Kind,
    namespace: Option<String>,
}

/// What a watch says.
enum Heard {
    /// An object is there, or has changed.
    Kept(Box<DynamicObject>),
    /// An object was deleted.
    Deleted(Box<DynamicObject>),
    /// What follows is all that there is.
    Begin,
    /// That was all that there is.
    Complete,
    /// The API server does not have the kind.
    Undefined,
}

/// Follows the resources until cancelled. A kind that the API server does not have is waited for.
pub fn watch(
    client: &Client,
    kinds: &[Kind],
    reach: Reach,
    cancel: &CancellationToken,
) -> channel::Receiver<Arc<State>> {
    let (heard_tx, heard_rx) = mpsc::channel(WAITING);
    let namespaces: Vec<Option<String>> = match &reach {
        Reach::Everywhere => vec![None],
        Reach::Namespaces(namespaces) => namespaces.iter().cloned().map(Some).collect(),
    };
    let scopes: Vec<Scope> = namespaces
        .into_iter()
        .flat_map(|namespace| kinds.iter().map(move |kind| Scope { kind: *kind, namespace: namespace.clone() }))
        .collect();
    for scope in scopes.clone() {
        let (client, heard_tx, cancel) = (client.clone(), heard_tx.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                // Cancel-safe: nothing but the watch is dropped.
                () = listen(client, scope, heard_tx) => {}
                () = cancel.cancelled() => {}
            }
        });
    }
    let (state_tx, state_rx) = channel::channel(Arc::new(State::new(reach.clone())));
    let follower =
        Follower { state: State::new(reach), missing: scopes.into_iter().collect(), listed: BTreeSet::new() };
    tokio::spawn(follower.run(heard_rx, state_tx));
    state_rx
}

/// Passes on what a watch says, until nobody listens.
async fn listen(client: Client, scope: Scope, heard_tx: mpsc::Sender<(Scope, Heard)>) {
    let kind = scope.kind.api_resource();
    let api: Api<DynamicObject> = match &scope.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &kind),
        None => Api::all_with(client, &kind),
    };
    let mut told = None;
    loop {
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut events = watcher(api.clone(), config).default_backoff().boxed();
        while let Some(event) = events.next().await {
            let heard = match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => Heard::Kept(Box::new(object)),
                Ok(watcher::Event::Delete(object)) => Heard::Deleted(Box::new(object)),
                Ok(watcher::Event::Init) => Heard::Begin,
                Ok(watcher::Event::InitDone) => {
                    if told.take().is_some() {
                        tracing::info!(kind = scope.kind.name(), "custom resources are watched");
                    }
                    Heard::Complete
                }
                Err(error) => {
                    let code = code_of(&error);
                    tell(scope.kind, code, &error, &mut told);
                    if code != Some(404) {
                        continue;
                    }
                    Heard::Undefined
                }
            };
            let is_undefined = matches!(heard, Heard::Undefined);
            if heard_tx.send((scope.clone(), heard)).await.is_err() {
                return;
            }
            if is_undefined {
                break;
            }
        }
        tokio::time::sleep(UNTIL_DEFINED).await;
    }
}

/// What the API server answered to a list or a watch.
fn code_of(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status.code),
        watcher::Error::WatchError(status) => Some(status.code),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    }
}

/// Tells a failure once, for as long as it is the same.
fn tell(kind: Kind, code: Option<u16>, error: &watcher::Error, told: &mut Option<Option<u16>>) {
    if *told == Some(code) {
        tracing::debug!(kind = kind.name(), error = %Chain(error), "custom resources are not watched");
        return;
    }
    let (kind, command) = (kind.name(), kind.definition());
    match code {
        Some(404) => tracing::warn!(
            kind,
            "the API server has no such kind, and custom resources of it cannot be made; `{command} | kubectl apply --server-side -f -` defines it"
        ),
        Some(403) => tracing::warn!(
            kind,
            error = %Chain(error),
            "custom resources may not be watched; the agent needs list and watch on them"
        ),
        // A watch that ran out is begun again at once.
        Some(410) => return,
        Some(_) | None => {
            tracing::info!(kind, error = %Chain(error), "watch of custom resources broke off, starting again");
        }
    }
    *told = Some(code);
}

struct Follower {
    state: State,
    /// Watches of which is not known what they hold.
    missing: BTreeSet<Scope>,
    /// What was listed since each watch began, as long as that goes on.
    listed: BTreeSet<Key>,
}

impl Follower {
    async fn run(mut self, mut heard_rx: mpsc::Receiver<(Scope, Heard)>, state_tx: channel::Sender<Arc<State>>) {
        let mut batch = Vec::new();
        while heard_rx.recv_many(&mut batch, WAITING).await > 0 {
            for (scope, heard) in batch.drain(..) {
                self.hear(scope, heard);
            }
            self.state.is_complete = self.missing.is_empty();
            state_tx.send_replace(Arc::new(self.state.clone()));
            tokio::time::sleep(GATHER).await;
        }
    }

    fn hear(&mut self, scope: Scope, heard: Heard) {
        let is_of = |key: &Key| {
            key.kind == scope.kind && scope.namespace.as_ref().is_none_or(|namespace| key.id.namespace == *namespace)
        };
        match heard {
            Heard::Kept(object) => {
                let Some(key) = Key::of(scope.kind, &object) else { return };
                let before = self.state.resources.get(&key).map(AsRef::as_ref);
                let resource = Resource::read(key.clone(), &object, before);
                self.listed.insert(key.clone());
                self.state.resources.insert(key, Arc::new(resource));
            }
            Heard::Deleted(object) => {
                if let Some(key) = Key::of(scope.kind, &object) {
                    self.state.resources.remove(&key);
                }
            }
            Heard::Begin => self.listed.retain(|key| !is_of(key)),
            Heard::Complete => {
                let listed = &self.listed;
                self.state.resources.retain(|key, _| !is_of(key) || listed.contains(key));
                self.listed.retain(|key| !is_of(key));
                self.missing.remove(&scope);
            }
            // What was there before may be there again with its definition: nothing is given up.
            Heard::Undefined => drop(self.missing.insert(scope)),
        }
    }
}
