//! Wakes the visit of a configuration.
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Tells one configuration that something about its objects changed.
#[derive(Default)]
pub struct Signal {
    drifted: AtomicBool,
    asked: AtomicBool,
    woken: Notify,
}

impl Signal {
    /// Waits for the next change. Cancel-safe: a change that nobody waited for is kept.
    pub async fn changed(&self) {
        self.woken.notified().await;
    }

    /// Whether the content of an object changed, rather than only its health, since the last call.
    pub fn take_drifted(&self) -> bool {
        self.drifted.swap(false, Ordering::AcqRel)
    }

    /// Whether somebody asked for a visit, source and all, since the last call.
    pub fn take_asked(&self) -> bool {
        self.asked.swap(false, Ordering::AcqRel)
    }

    /// Wakes whoever waits, as a change of content would.
    pub fn poke(&self) {
        self.drifted.store(true, Ordering::Release);
        self.woken.notify_one();
    }

    /// Asks for a visit that looks at the source too.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.poke();
    }

    /// Wakes whoever waits, where no content changed: health did, or something that was waited for has ended.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}
