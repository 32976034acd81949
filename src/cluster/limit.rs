//! How many writes are in flight: as many as the API server takes without pushing back.
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Fewest writes in flight.
const LEAST: usize = 2;
/// Writes in flight at the start, and again after the API server pushed back.
const START: usize = 24;
/// Most writes in flight.
const MOST: usize = 48;
/// Writes that must go through before one more may be in flight.
const STREAK: usize = 64;

/// A limit that is halved when the API server pushes back, and grows while it does not.
pub(super) struct Limit {
    slots: Semaphore,
    width: Mutex<usize>,
    streak: AtomicUsize,
}

impl Limit {
    pub(super) fn new() -> Self {
        Self { slots: Semaphore::new(START), width: Mutex::new(START), streak: AtomicUsize::new(0) }
    }

    /// Waits until one more write may be in flight. None when the limit was closed, which it never is.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// Notes that a write went through.
    pub(super) fn note_success(&self) {
        if self.streak.fetch_add(1, Ordering::Relaxed) + 1 >= STREAK {
            self.streak.store(0, Ordering::Relaxed);
            let mut width = self.width.lock().unwrap_or_else(PoisonError::into_inner);
            if *width < MOST {
                *width += 1;
                self.slots.add_permits(1);
            }
        }
    }

    /// Notes that the API server asked for less.
    pub(super) fn note_push_back(&self) {
        self.streak.store(0, Ordering::Relaxed);
        let mut width = self.width.lock().unwrap_or_else(PoisonError::into_inner);
        let less = (*width / 2).max(LEAST);
        // Slots that are taken cannot be withdrawn; those that are free are.
        *width -= self.slots.forget_permits(*width - less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fewer_writes_after_a_push_back_and_more_after_a_streak() {
        let limit = Limit::new();
        limit.note_push_back();
        assert_eq!(limit.slots.available_permits(), START / 2);
        for _ in 0..10 {
            limit.note_push_back();
        }
        assert_eq!(limit.slots.available_permits(), LEAST, "never none");
        let slot = limit.enter().await;
        (0..STREAK * 2).for_each(|_| limit.note_success());
        drop(slot);
        assert_eq!(limit.slots.available_permits(), LEAST + 2);
        (0..STREAK * 100).for_each(|_| limit.note_success());
        assert_eq!(limit.slots.available_permits(), MOST, "never too many");
    }
}
