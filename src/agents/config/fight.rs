//! Notices that something else keeps changing what is corrected.
use crate::model::ObjectId;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// Corrections of one object within [`WINDOW`] that are taken for a fight.
const LIMIT: u32 = 6;
/// Time over which corrections are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Time for which a fought-over object is left alone.
const PAUSE: Duration = Duration::from_secs(300);

/// Corrections of the objects of one configuration, counted.
#[derive(Default)]
pub(super) struct Fights {
    seen: BTreeMap<ObjectId, (Instant, u32)>,
    writers: BTreeMap<ObjectId, String>,
}

impl Fights {
    /// Notes who had changed what was corrected.
    pub(super) fn note_writer(&mut self, id: &ObjectId, manager: &str) {
        self.writers.insert(id.clone(), manager.to_owned());
    }

    /// Who changed an object that was corrected, as far as the API server told.
    pub(super) fn writer(&self, id: &ObjectId) -> &str {
        self.writers.get(id).map_or("something else", String::as_str)
    }

    /// Counts a correction of an object; false while it should be left alone.
    pub(super) fn may_correct(&mut self, id: &ObjectId, now: Instant) -> bool {
        let (start, count) = self.seen.entry(id.clone()).or_insert((now, 0));
        let age = now.duration_since(*start);
        if age > if *count >= LIMIT { PAUSE } else { WINDOW } {
            *start = now;
            *count = 0;
        }
        if *count >= LIMIT {
            return false;
        }
        *count += 1;
        if *count == LIMIT {
            *start = now;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_fought_over_is_left_alone_for_a_while() {
        let id = ObjectId { group: String::new(), kind: "ConfigMap".into(), namespace: "a".into(), name: "b".into() };
        let mut fights = Fights::default();
        let start = Instant::now();
        let allowed = (0..20).filter(|second| fights.may_correct(&id, start + Duration::from_secs(*second))).count();
        assert_eq!(allowed, 6);
        assert!(fights.may_correct(&id, start + Duration::from_secs(400)), "after the pause");
        let slow = (1..20).all(|minute| fights.may_correct(&id, start + Duration::from_secs(400 + minute * 61)));
        assert!(slow, "rare corrections are no fight");
    }
}
