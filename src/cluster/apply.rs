//! Writing objects: server-side apply and delete, with retries and bounded concurrency.
use super::{ClusterError, Live, error::is_transient_code};
use crate::model::{FIELD_MANAGER, Manifest, ObjectId};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Writes in flight at once, over all configurations.
const IN_FLIGHT: usize = 24;
/// Tries of one write, the first included.
const TRIES: u32 = 5;

/// A field that another manager had set to another value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Conflict {
    /// The other field manager.
    pub manager: String,
    /// The field, as the API server writes it.
    pub field: String,
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Fields that were taken over from other managers.
    pub conflicts: Vec<Conflict>,
}

/// Applies and deletes objects.
pub struct Applier {
    client: Client,
    slots: Semaphore,
    writes: AtomicU64,
}

impl Applier {
    pub(super) fn new(client: Client) -> Self {
        Self { client, slots: Semaphore::new(IN_FLIGHT), writes: AtomicU64::new(0) }
    }

    /// Requests that wrote, or tried to, since the start.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn api(&self, kind: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), kind)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, kind)
        }
    }

    /// Applies a manifest as the field manager `arcwright`.
    ///
    /// Fields that another manager set to another value are taken over, and named in the answer.
    /// With `dry_run` nothing is stored. Idempotent: applying what is there writes nothing.
    ///
    /// # Errors
    /// When the API server refuses the object, or stays unavailable over five tries.
    pub async fn apply(
        &self,
        live: &Live,
        kind: &ApiResource,
        manifest: &Manifest,
        dry_run: bool,
    ) -> Result<Applied, ClusterError> {
        let id = manifest.id();
        let api = self.api(kind, manifest.namespace());
        let mut parameters = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER) };
        let mut conflicts = Vec::new();
        let mut attempt = 1;
        loop {
            let answer = {
                // The semaphore is never closed, so a failure to enter it cannot be.
                let _slot = self.slots.acquire().await;
                self.writes.fetch_add(1, Ordering::Relaxed);
                api.patch(manifest.name(), &parameters, &Patch::Apply(&manifest.object)).await
            };
            match answer {
                Ok(object) => {
                    if !dry_run {
                        live.learn(object, kind);
                    }
                    return Ok(Applied { conflicts });
                }
                Err(kube::Error::Api(status)) if status.code == 409 && !parameters.force => {
                    conflicts = status
                        .details
                        .iter()
                        .flat_map(|details| &details.causes)
                        .filter(|cause| cause.reason == "FieldManagerConflict")
                        .map(|cause| Conflict { manager: manager_of(&cause.message), field: cause.field.clone() })
                        .collect();
                    parameters.force = true;
                }
                Err(error) if attempt < TRIES && may_retry(&error) => {
                    tokio::time::sleep(pause(attempt, &error)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ClusterError::of(&id, "applying", error)),
            }
        }
    }

    /// Deletes an object, in the background, if it is still the one with `uid`.
    ///
    /// An object that is gone already counts as deleted.
    ///
    /// # Errors
    /// When the API server refuses, or stays unavailable over five tries.
    pub async fn delete(
        &self,
        live: &Live,
        kind: &ApiResource,
        id: &ObjectId,
        uid: Option<&str>,
    ) -> Result<(), ClusterError> {
        let api = self.api(kind, &id.namespace);
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let mut attempt = 1;
        loop {
            let answer = {
                let _slot = self.slots.acquire().await;
                self.writes.fetch_add(1, Ordering::Relaxed);
                api.delete(&id.name, &parameters).await
            };
            match answer {
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(error) if attempt < TRIES && may_retry(&error) => {
                    tokio::time::sleep(pause(attempt, &error)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ClusterError::of(id, "deleting", error)),
            }
        }
        live.forget(id);
        Ok(())
    }
}

/// `conflict with "kubectl-edit" using v1` names the manager in quotes.
fn manager_of(message: &str) -> String {
    message.split('"').nth(1).unwrap_or("another manager").to_owned()
}

fn may_retry(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => is_transient_code(status.code) || status.code == 409,
        _ => true,
    }
}

/// Doubles from 100 ms, with jitter, and at least what the server asked for (at most 30 s).
pub(super) fn pause(attempt: u32, error: &kube::Error) -> Duration {
    let asked = match error {
        kube::Error::Api(status) => status.details.as_ref().map_or(0, |details| details.retry_after_seconds.min(30)),
        _ => 0,
    };
    let base = Duration::from_millis(100) * 2_u32.saturating_pow(attempt - 1);
    base.mul_f64(0.5 + fastrand::f64()).max(Duration::from_secs(asked.into()))
}
