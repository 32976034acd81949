//! Runs an agent for as long as the process does: one that ends is started again, alone.
use super::health::{Health, State};
use crate::runtime::backoff::backoff;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

/// First wait before an agent is started again; it doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait before an agent is started again.
const LAST_WAIT: Duration = Duration::from_secs(300);
/// An agent that ran for so long has recovered.
const RECOVERED: Duration = Duration::from_secs(600);

/// Something that works for as long as the process does.
pub trait Agent: Send + 'static {
    /// Works until dropped, and can be called again then. Every failure is its own to deal with.
    fn run(&mut self) -> impl Future<Output = ()> + Send;
}

/// Runs an agent until cancelled. When it ends, or panics, it is started again after a wait, as it was left.
pub async fn supervise<A: Agent>(name: &'static str, agent: A, health: Health, cancel: CancellationToken) {
    supervise_after(FIRST_WAIT, name, agent, health, cancel).await;
}

async fn supervise_after<A: Agent>(
    first: Duration,
    name: &'static str,
    agent: A,
    health: Health,
    cancel: CancellationToken,
) {
    let agent = Arc::new(Mutex::new(agent));
    let mut failures = 0_u32;
    loop {
        health.set(name, State::Running, "");
        let (began, agent, stop) = (Instant::now(), Arc::clone(&agent), cancel.clone());
        let task = tokio::spawn(async move {
            let mut agent = agent.lock().await;
            tokio::select! {
                // An agent says of itself what it leaves when it is dropped.
                () = agent.run() => {}
                () = stop.cancelled() => {}
            }
        });
        let ended = task.await;
        if cancel.is_cancelled() {
            return;
        }
        failures = if began.elapsed() >= RECOVERED { 1 } else { failures.saturating_add(1) };
        let why = match ended {
            Ok(()) => "it ended by itself",
            Err(_) => "it broke off by a defect",
        };
        let wait = backoff(first, failures, LAST_WAIT);
        tracing::error!(agent = name, failures, wait_secs = wait.as_secs(), "{why}; it is started again");
        health.set(name, State::Failed, format!("{why}; it is started again"));
        tokio::select! {
            // Cancel-safe: nothing is under way.
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemClock;
    use tokio::sync::watch;

    /// Fails twice, and says how often it was started.
    struct Clumsy(watch::Sender<u32>);

    impl Agent for Clumsy {
        async fn run(&mut self) {
            self.0.send_modify(|starts| *starts += 1);
            assert!(*self.0.borrow() > 2, "a defect");
            std::future::pending::<()>().await;
        }
    }

    #[tokio::test]
    async fn an_agent_that_panics_is_started_again_as_it_was_left() {
        let health = Health::new(Arc::new(SystemClock));
        let cancel = CancellationToken::new();
        let (starts_tx, mut starts) = watch::channel(0);
        let work = supervise_after(Duration::ZERO, "sync", Clumsy(starts_tx), health.clone(), cancel.clone());
        let agent = tokio::spawn(work);
        starts.wait_for(|starts| *starts == 3).await.expect("it is started again");
        assert_eq!(health.all()[0].state, "Running");
        cancel.cancel();
        agent.await.expect("it ends");
    }
}
