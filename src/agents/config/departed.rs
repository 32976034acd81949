//! Configurations that left the state: what they had applied is cleared away.
use super::{
    Board, Context,
    departures::Departure,
    remove::{Left, remove},
};
use crate::{
    desired::DesiredState,
    error::Chain,
    model::{Door, configuration::ConfigurationId},
    runtime::backoff::backoff,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// First wait after a removal that failed.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait after a removal that failed.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Configurations that came in by one of the doors before and are not wanted any more.
///
/// Nothing is left behind for sure while it is not known what a door does not hold.
pub(super) async fn left_behind(ctx: &Context, state: &DesiredState, doors: &[&Door]) -> Vec<ConfigurationId> {
    if let Err(error) = ctx.cluster.inventories.load().await {
        tracing::warn!(error = %Chain(&error), "inventories not read; configurations that are gone are not looked for");
        return Vec::new();
    }
    let is_left = |id: &ConfigurationId| !state.states(id) && !state.leaving.contains(id);
    let mut gone = Vec::new();
    for (id, inventory) in ctx.cluster.inventories.all().into_iter().filter(|(id, _)| is_left(id)) {
        let reach = state.certain.get(&inventory.door).filter(|_| doors.contains(&&inventory.door));
        if reach.is_some_and(|reach| reach.covers(&id)) {
            gone.push(id);
        } else if !inventory.is_empty() {
            tracing::info!(configuration = %id, door = %inventory.door, "the cluster has an inventory of a configuration that is not in the state; it is left alone");
        }
    }
    gone
}

/// Clears a configuration away, again and again until nothing is left or stopped.
pub(super) async fn keep_clearing_away(ctx: &Context, board: &Board, id: &ConfigurationId, stop: &CancellationToken) {
    for attempt in 1.. {
        let left = clear_away(ctx, id, stop).await;
        if left == Some(Left::default()) && !stop.is_cancelled() {
            board.departures.note(id, Departure::Done);
            return;
        }
        board.departures.note(id, left.map_or(Departure::Begun, Departure::Left));
        tokio::select! {
            // Cancel-safe: nothing is under way.
            () = tokio::time::sleep(backoff(FIRST_RETRY, attempt, LAST_RETRY)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Deletes what a configuration that is gone had applied, and says what is left; none when that is not known.
pub(super) async fn clear_away(ctx: &Context, id: &ConfigurationId, stop: &CancellationToken) -> Option<Left> {
    match remove(ctx, id, stop).await {
        Ok(left) => {
            if left == Left::default() {
                tracing::info!(configuration = %id, "configuration removed");
            } else if left.failed == 0 {
                tracing::info!(configuration = %id, going = left.going, "configuration removed; some of its objects are still being deleted");
            } else {
                tracing::warn!(configuration = %id, left = left.failed, "configuration removed, but not all of its objects; they stay in its inventory");
            }
            Some(left)
        }
        Err(error) => {
            tracing::warn!(configuration = %id, error = %Chain(&error), "configuration removed, but not its objects; they stay in its inventory");
            None
        }
    }
}
