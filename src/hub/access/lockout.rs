//! Slows down whoever guesses credentials.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Failures before a client has to wait.
const TOLERATED: u32 = 10;
/// For how long it has to wait then, and after which failures are forgotten.
const WAIT: Duration = Duration::from_secs(60);
/// Clients that are remembered; beyond that, the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// The clients that failed of late. Kept by each process: it guards the processor, and is no truth to share.
#[derive(Default)]
pub(in crate::hub) struct Lockout(Mutex<HashMap<String, (u32, Instant)>>);

impl Lockout {
    /// For how long a client has to wait, if it has to.
    pub(in crate::hub) fn wait(&self, client: &str, now: Instant) -> Option<Duration> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = failed.get(client)?;
        (*count >= TOLERATED)
            .then(|| (*last + WAIT).checked_duration_since(now))
            .flatten()
            .filter(|wait| !wait.is_zero())
    }

    /// Notes a failure.
    pub(in crate::hub) fn note_failure(&self, client: &str, now: Instant) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, (_, last)| *last + WAIT > now);
        if failed.len() >= REMEMBERED
            && let Some(oldest) = failed.iter().min_by_key(|(_, (_, last))| *last).map(|(client, _)| client.clone())
        {
            failed.remove(&oldest);
        }
        let entry = failed.entry(client.to_owned()).or_insert((0, now));
        *entry = (entry.0 + 1, now);
    }

    /// Forgets the failures of a client that got it right.
    pub(in crate::hub) fn forget(&self, client: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_fails_too_often_waits_a_minute() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..TOLERATED {
            assert_eq!(lockout.wait("a", now), None);
            lockout.note_failure("a", now);
        }
        assert_eq!(lockout.wait("a", now), Some(WAIT));
        assert_eq!(lockout.wait("b", now), None);
        assert_eq!(lockout.wait("a", now + WAIT), None);
        lockout.forget("a");
        assert_eq!(lockout.wait("a", now), None);
    }
}
