//! Whether those whose tokens come are still there.
use crate::hub::store::{Principal, Store, StoreError};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// For how long an answer of the store is believed: so long does a removed client still get in.
const TRUST: Duration = Duration::from_secs(5);
/// Most clients that are remembered.
const REMEMBERED: usize = 20_000;

/// The clients that were there a moment ago.
#[derive(Default)]
pub(in crate::hub) struct Known(Mutex<HashMap<String, (Principal, Instant)>>);

impl Known {
    /// The principal of a client id, as the store has it or had it 5 s ago; none when it is not there.
    pub(in crate::hub) async fn principal(
        &self,
        store: &Store,
        client_id: &str,
    ) -> Result<Option<Principal>, StoreError> {
        let now = Instant::now();
        if let Some(remembered) = self.remembered(client_id, now) {
            return Ok(Some(remembered));
        }
        let found = store.principal(client_id).await?;
        if let Some(principal) = &found {
            self.remember(principal, now);
        }
        Ok(found)
    }

    fn remembered(&self, client_id: &str, now: Instant) -> Option<Principal> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (principal, since) = known.get(client_id)?;
        (now < *since + TRUST).then(|| principal.clone())
    }

    fn remember(&self, principal: &Principal, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, since)| now < *since + TRUST);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(principal.client_id.clone(), (principal.clone(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::store::{Place, Role};

    #[tokio::test]
    async fn who_was_removed_is_known_for_five_seconds_more() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&Place::File(directory.path().join("hub.db"))).await.expect("opened");
        let (known, now) = (Known::default(), jiff::Timestamp::UNIX_EPOCH);
        let me = Principal { client_id: "a".into(), role: Role::Reader, cluster: String::new(), name: "me".into() };
        assert_eq!(known.principal(&store, "a").await.expect("asked"), None);
        store.add_principal(&me, Some("secret:none"), now).await.expect("added");
        assert_eq!(known.principal(&store, "a").await.expect("asked"), Some(me.clone()), "absence is not remembered");
        assert!(store.remove_principal("a").await.expect("removed"));
        let (remembered, since) = (known.remembered("a", Instant::now()), Instant::now());
        assert_eq!(remembered, Some(me));
        assert_eq!(known.remembered("a", since + TRUST), None);
    }
}
