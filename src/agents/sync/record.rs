//! From what is known of configurations to statuses in the outbox, each only when it says something else.
use super::{
    NAME, Sync,
    say::{Ownership, Say, View, say},
};
use crate::{
    agents::{config::Standing, manager::State},
    api::plane::ReportedStatus,
    desired::azure,
    error::Chain,
    model::configuration::ConfigurationId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Time over which changes are gathered.
const GATHER: Duration = Duration::from_millis(500);
/// Time after which a revision whose first visit has not ended is told to be on the way.
const UNTIL_TOLD: Duration = Duration::from_secs(2);

/// Since when a revision of a resource is known, by the resource's ARM id in lower case.
type Seen = BTreeMap<String, (i64, Instant)>;

impl Sync {
    /// Records until dropped.
    pub(super) async fn record(&self) {
        let news = self.parts.board.listen();
        let mut standing = self.parts.standing.clone();
        let mut now = Arc::clone(&standing.borrow_and_update());
        let mut seen = Seen::new();
        let mut waiting = self.look(&now, None, &mut seen).await;
        loop {
            tokio::select! {
                // Cancel-safe: news that was not taken is kept.
                () = news.wait() => {}
                // Cancel-safe: a change that was not seen stays marked as changed.
                changed = standing.changed() => if changed.is_err() { return std::future::pending().await },
                () = tokio::time::sleep(UNTIL_TOLD), if !waiting.is_empty() => {}
            }
            tokio::time::sleep(GATHER).await;
            let is_other = standing.has_changed().unwrap_or(false);
            let before = Arc::clone(&now);
            now = Arc::clone(&standing.borrow_and_update());
            let mut due = news.take();
            due.append(&mut waiting);
            let is_same = !is_other && Arc::ptr_eq(&before, &now);
            waiting = self.look(&now, Some(&due).filter(|_| is_same), &mut seen).await;
        }
    }

    /// Looks at resources, those of some configurations or all, and returns the configurations to look at again soon.
    async fn look(
        &self,
        standing: &Standing,
        due: Option<&BTreeSet<ConfigurationId>>,
        seen: &mut Seen,
    ) -> BTreeSet<ConfigurationId> {
        let mut waiting = BTreeSet::new();
        let Some(azure) = &standing.azure else { return waiting };
        seen.retain(|key, _| azure.resources.contains_key(key));
        let mut told = Vec::new();
        for (key, resource) in &azure.resources {
            if due.is_some_and(|due| !due.contains(&resource.id)) {
                continue;
            }
            let since = seen.entry(key.clone()).or_insert((resource.revision, Instant::now()));
            if since.0 != resource.revision {
                *since = (resource.revision, Instant::now());
            }
            let before = self.before(key);
            let said = say(&View {
                resource,
                ownership: ownership(standing, azure, resource),
                status: self.parts.board.get(&resource.id).as_ref(),
                before: before.as_ref(),
                has_waited: since.1.elapsed() >= UNTIL_TOLD,
                now: self.parts.clock.now(),
            });
            match said {
                Say::Nothing => {}
                Say::Wait => drop(waiting.insert(resource.id.clone())),
                Say::Status(status) => told.push(status),
            }
        }
        let known: Option<BTreeSet<String>> = azure.is_complete.then(|| azure.resources.keys().cloned().collect());
        self.keep(told, known).await;
        waiting
    }

    fn before(&self, key: &str) -> Option<ReportedStatus> {
        self.post.outbox.lock().unwrap_or_else(PoisonError::into_inner).latest(key).cloned()
    }

    /// Puts statuses into the outbox, and forgets configurations that are not known any more.
    async fn keep(&self, told: Vec<ReportedStatus>, known: Option<BTreeSet<String>>) {
        let count = told.len();
        let kept = self.post.with(move |outbox| {
            if let Some(known) = known {
                outbox.retain(|key| known.contains(key));
            }
            told.into_iter().map(|status| outbox.push(status)).find_map(Result::err)
        });
        if let Some(Some(error)) = kept.await {
            tracing::error!(error = %Chain(&error), "a status is not kept for delivery; it is told again when it changes");
            self.parts.health.set(NAME, State::Degraded, Chain(&error).to_string());
        }
        if count > 0 {
            self.post.filled.notify_one();
        }
    }
}

/// Whose the configuration of a resource is.
fn ownership<'a>(standing: &'a Standing, azure: &'a azure::State, resource: &azure::Resource) -> Ownership<'a> {
    match azure.holder(&resource.id) {
        Some(holder) if holder.arm_id != resource.arm_id => return Ownership::Beside(&holder.arm_id),
        Some(_) | None => {}
    }
    match standing.merged.refused.get(&(azure.door.clone(), resource.id.clone())) {
        Some(owner) => Ownership::Elsewhere(owner),
        None => Ownership::Own,
    }
}
