//! The doors of a running agent, followed as one desired state.
use super::Context;
use crate::{
    desired::{
        DesiredState, azure, cluster,
        doors::{Merged, merge},
    },
    error::Chain,
};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::sync::watch::{self, Receiver};
use tokio_util::sync::CancellationToken;

/// Time between looks whether what is refused was handed over.
const WHILE_REFUSED: Duration = Duration::from_secs(10);

/// The doors that are open.
#[derive(Default)]
pub struct Doors {
    /// State files.
    pub files: Option<Receiver<Arc<DesiredState>>>,
    /// Custom resources.
    pub cluster: Option<Receiver<Arc<cluster::State>>>,
    /// A control plane.
    pub azure: Option<Receiver<Arc<azure::State>>>,
}

/// Custom resources and those of a control plane, and what became of them among the doors.
pub struct Standing {
    /// The custom resources; none where that door is not open.
    pub(super) resources: Arc<cluster::State>,
    /// Those of a control plane.
    pub azure: Option<Arc<azure::State>>,
    /// The state that they are part of.
    pub merged: Merged,
}

impl Doors {
    /// Follows the doors until cancelled: the desired state that they are together, and where each resource stands.
    pub async fn follow(
        self,
        ctx: Arc<Context>,
        cancel: CancellationToken,
    ) -> (Receiver<Arc<DesiredState>>, Receiver<Arc<Standing>>) {
        // Whose a configuration is stands in the inventories; while they cannot be read nothing is applied either.
        if let Err(error) = ctx.cluster.inventories.load().await {
            tracing::warn!(error = %Chain(&error), "inventories not read; what another door owns is not known yet");
        }
        let mut follower = Follower { doors: self, ctx, merged: Merged::default() };
        let standing = follower.look();
        let (state_tx, state_rx) = watch::channel(Arc::clone(&follower.merged.state));
        let (standing_tx, standing_rx) = watch::channel(Arc::new(standing));
        tokio::spawn(async move {
            tokio::select! {
                // Cancel-safe: nothing but the channels is dropped.
                () = follower.run(state_tx, standing_tx) => {}
                () = cancel.cancelled() => {}
            }
        });
        (state_rx, standing_rx)
    }
}

struct Follower {
    doors: Doors,
    ctx: Arc<Context>,
    merged: Merged,
}

impl Follower {
    /// Merges what the doors hold, and returns where the resources among that stand.
    fn look(&mut self) -> Standing {
        let files = self.doors.files.as_mut().map(|files| Arc::clone(&files.borrow_and_update()));
        let resources = self.doors.cluster.as_mut().map(|cluster| Arc::clone(&cluster.borrow_and_update()));
        let azure = self.doors.azure.as_mut().map(|azure| Arc::clone(&azure.borrow_and_update()));
        let of_cluster = resources.as_ref().map(|resources| resources.desired());
        let of_azure = azure.as_ref().map(|azure| azure.desired());
        let doors: Vec<&DesiredState> = files.as_deref().into_iter().chain(&of_cluster).chain(&of_azure).collect();
        let inventories = &self.ctx.cluster.inventories;
        self.merged = merge(&doors, &self.merged.owners, |id| inventories.door_of(id));
        Standing { resources: resources.unwrap_or_default(), azure, merged: self.merged.clone() }
    }

    async fn run(mut self, state_tx: watch::Sender<Arc<DesiredState>>, standing_tx: watch::Sender<Arc<Standing>>) {
        loop {
            let is_refused = !self.merged.refused.is_empty();
            tokio::select! {
                // Cancel-safe: a change that was not seen stays marked as changed.
                () = changed(self.doors.files.as_mut()) => {}
                () = changed(self.doors.cluster.as_mut()) => {}
                () = changed(self.doors.azure.as_mut()) => {}
                () = tokio::time::sleep(WHILE_REFUSED), if is_refused => {}
            }
            let before = Arc::clone(&self.merged.state);
            let standing = self.look();
            if is_different(&before, &self.merged.state) {
                state_tx.send_replace(Arc::clone(&self.merged.state));
            }
            standing_tx.send_replace(Arc::new(standing));
        }
    }
}

/// Waits for a change; for ever, where there is no door or it was closed.
async fn changed<T>(door: Option<&mut Receiver<T>>) {
    let is_changed = match door {
        Some(door) => door.changed().await.is_ok(),
        None => false,
    };
    if !is_changed {
        pending::<()>().await;
    }
}

/// Whether there is something to do. A configuration that did not change is the same value.
fn is_different(before: &DesiredState, now: &DesiredState) -> bool {
    let is_same = |(a, b): (&Arc<_>, &Arc<_>)| Arc::ptr_eq(a, b);
    before.configurations.len() != now.configurations.len()
        || !before.configurations.iter().zip(&now.configurations).all(is_same)
        || before.held != now.held
        || before.leaving != now.leaving
        || before.certain != now.certain
        || before.issues != now.issues
        || before.refused.len() != now.refused.len()
}
