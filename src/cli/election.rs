//! `arcwright agent --leader-elect`: several agents, of which one works at a time.
use super::{Failure, Outcome, context::ClusterArgs};
use crate::{
    agents::{
        config::Context,
        manager::{Election, Held, Timing},
    },
    cluster::{self, Fence, Lease},
};
use clap::Args;
use std::{future::Future, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Where the name of the machine stands; in a pod it is the pod's.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

#[derive(Clone, Debug, Args)]
pub(super) struct ElectionArgs {
    /// Work only while holding a Lease in the agent's own namespace, so that another agent can stand by
    #[arg(long, conflicts_with = "once")]
    leader_elect: bool,
    /// With --leader-elect, name of the Lease
    #[arg(long, value_name = "NAME", default_value = "arcwright", requires = "leader_elect")]
    lease: String,
}

impl ElectionArgs {
    pub(super) fn is_wanted(&self) -> bool {
        self.leader_elect
    }

    /// Enters the election, by a client of its own that the fence does not stand before.
    pub(super) async fn enter(self, args: &ClusterArgs, fence: Fence, ctx: &Context) -> Result<Election, Failure> {
        let client = cluster::connect(args.kubeconfig.as_deref()).await.map_err(|error| Failure::of(&error))?;
        let lease = Lease::new(client, &self.lease);
        Ok(Election::new(lease, fence, Arc::clone(&ctx.clock), identity(), Timing::default()))
    }
}

/// The machine, for people, and something that no other process has.
fn identity() -> String {
    let machine = std::fs::read_to_string(HOSTNAME).unwrap_or_default();
    let machine: String = machine.trim().chars().take(63).collect();
    format!("{machine}_{:016x}", fastrand::u64(..))
}

/// Works for as long as the lease is held, and gives it up when the work has ended by itself.
///
/// Where the lease is lost, the work is dropped where it stands: the fence lets nothing through any more.
pub(super) async fn while_held(held: Held, work: impl Future<Output = Outcome>) -> Outcome {
    let let_go = CancellationToken::new();
    let kept = held.keep(let_go.clone());
    tokio::pin!(kept);
    let outcome = tokio::select! {
        // Not cancel-safe on purpose: what is dropped must not write, and the process ends.
        outcome = work => outcome,
        lost = kept.as_mut() => {
            let failure = Failure::new("this agent stopped, since another may work in its place");
            return Err(match lost {
                Ok(()) => failure,
                Err(lost) => failure.caused_by(&lost).hint("start it again to stand by"),
            });
        }
    };
    let_go.cancel();
    kept.await.ok();
    outcome
}
