//! Simulated agents: each enrols, waits for changes and sends its heartbeats, as a real one does, over the same client.
use super::figures::Durations;
use crate::{
    api::plane::{AgentHealth, Heartbeat},
    cloud::{AccessToken, CertificateKey, CloudError, Identity, OnboardingKey, Plane, PlaneError, Pulled},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// For how long an agent asks the control plane to wait for a change.
const WAIT: Duration = Duration::from_secs(240);

/// What all agents measure together.
#[derive(Default)]
pub(super) struct Measured {
    heartbeats: Mutex<Durations>,
    pulls: Mutex<Durations>,
    requests: AtomicUsize,
    failed: AtomicUsize,
    waiting: AtomicUsize,
}

impl Measured {
    fn add(&self, to: &Mutex<Durations>, since: Instant) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        to.lock().unwrap_or_else(PoisonError::into_inner).add(since.elapsed());
    }

    fn fail(&self, what: &str, error: &CloudError) {
        if self.failed.fetch_add(1, Ordering::Relaxed) < 5 {
            tracing::warn!(error = %crate::error::Chain(error), "{what} failed");
        }
    }

    /// What was measured since this was asked last: heartbeats, pulls, requests, failures.
    pub(super) fn take(&self) -> (Durations, Durations, usize, usize) {
        let taken = |one: &Mutex<Durations>| std::mem::take(&mut *one.lock().unwrap_or_else(PoisonError::into_inner));
        let number = |one: &AtomicUsize| one.swap(0, Ordering::Relaxed);
        (taken(&self.heartbeats), taken(&self.pulls), number(&self.requests), number(&self.failed))
    }

    /// How many agents wait for a change.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// One agent.
pub(super) struct Agent {
    pub(super) plane: Plane,
    token: AccessToken,
}

impl Agent {
    /// Trades the onboarding key for a certificate, and that for a token.
    pub(super) async fn connect(plane: Plane, onboarding: &OnboardingKey) -> Result<Self, PlaneError> {
        let key = CertificateKey::make()?;
        let issued = plane.enrol(onboarding, &key).await?;
        let identity = Identity::issued(plane.cluster(), &key, issued);
        let token = plane.token(&identity, plane.hub()).await?;
        Ok(Self { plane, token })
    }

    /// Lives until cancelled. `seen` is told of each change, with the moment at which it came.
    pub(super) async fn live(
        self,
        every: Duration,
        measured: Arc<Measured>,
        seen: mpsc::UnboundedSender<(usize, Instant)>,
        number: usize,
        cancel: CancellationToken,
    ) {
        tokio::select! {
            // Cancel-safe: the connections are dropped.
            () = self.beat(every, &measured) => {}
            () = self.follow(&measured, &seen, number) => {}
            () = cancel.cancelled() => {}
        }
    }

    async fn beat(&self, every: Duration, measured: &Measured) {
        // Agents begin at any time.
        let mut next = Instant::now() + every.mul_f64(fastrand::f64());
        loop {
            tokio::time::sleep_until(next).await;
            let since = Instant::now();
            match self.plane.post_heartbeat(&self.token.secret, &heartbeat()).await {
                Ok(_) => measured.add(&measured.heartbeats, since),
                Err(error) => measured.fail("a heartbeat", &error),
            }
            next += every;
        }
    }

    async fn follow(&self, measured: &Measured, seen: &mpsc::UnboundedSender<(usize, Instant)>, number: usize) {
        let mut known: Option<String> = None;
        loop {
            let since = Instant::now();
            let is_waiting = known.is_some();
            measured.waiting.fetch_add(usize::from(is_waiting), Ordering::Relaxed);
            let pulled = self.plane.pull(&self.token.secret, known.as_deref(), WAIT).await;
            measured.waiting.fetch_sub(usize::from(is_waiting), Ordering::Relaxed);
            match pulled {
                Ok(Pulled::Changed { etag, .. }) => {
                    if is_waiting {
                        seen.send((number, Instant::now())).ok();
                    } else {
                        measured.add(&measured.pulls, since);
                    }
                    known = etag;
                }
                Ok(Pulled::Unchanged) => {}
                Err(error) => {
                    measured.fail("a pull", &error);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

fn heartbeat() -> Heartbeat {
    let agent = |name: &str| AgentHealth {
        name: name.to_owned(),
        state: "Running".to_owned(),
        message: String::new(),
        since: jiff::Timestamp::UNIX_EPOCH,
    };
    Heartbeat {
        observed_at: jiff::Timestamp::UNIX_EPOCH,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        kubernetes_version: Some("1.37.0".to_owned()),
        total_node_count: Some(3),
        total_core_count: Some(12),
        distribution: Some("k3s".to_owned()),
        infrastructure: Some("generic".to_owned()),
        agents: ["identity", "config", "metadata", "sync"].map(agent).to_vec(),
        waiting: 0,
    }
}
