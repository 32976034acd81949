//! Writing objects: server-side apply and delete, with retries and bounded concurrency.
use super::{
    ClusterError, Live, LiveObject,
    deadline::{WRITE, answered},
    error::is_transient_code,
    impersonate::impersonating,
    limit::Limit,
};
use crate::model::{FIELD_MANAGER, Manifest, ObjectId};
use either::Either;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

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

/// What an apply did, or would do.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Fields that are taken over from other managers.
    pub conflicts: Vec<Conflict>,
    /// Digest of the object that the server made of it, as in [`LiveObject::digest`].
    pub digest: u64,
}

/// What became of an object whose deletion was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Gone,
    /// It is on its way out, and something holds it.
    UnderWay {
        /// Its finalizers, separated by commas; empty when it only takes its time.
        held_by: String,
    },
}

/// Applies and deletes objects. Clones share their bounds.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    limit: Arc<Limit>,
    writes: Arc<AtomicU64>,
}

impl Applier {
    pub(super) fn new(client: Client) -> Self {
        Self { client, limit: Arc::new(Limit::new()), writes: Arc::default() }
    }

    /// The same, whose requests count as made by a service account.
    pub(super) fn in_the_name_of(&self, namespace: &str, account: &str) -> Self {
        Self { client: impersonating(&self.client, namespace, account), ..self.clone() }
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
    /// Idempotent: applying what is there changes nothing.
    ///
    /// # Errors
    /// When the API server refuses the object, or stays unavailable over five tries.
    pub async fn apply(&self, live: &Live, kind: &ApiResource, manifest: &Manifest) -> Result<Applied, ClusterError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let (conflicts, object) = self.patch(kind, manifest, false).await?;
        let digest = object.digest;
        live.learn(manifest.id(), object);
        Ok(Applied { conflicts, digest })
    }

    /// Asks what the server would make of a manifest. Nothing is stored.
    ///
    /// # Errors
    /// As [`Applier::apply`].
    pub async fn dry_run(&self, kind: &ApiResource, manifest: &Manifest) -> Result<Applied, ClusterError> {
        let (conflicts, object) = self.patch(kind, manifest, true).await?;
        Ok(Applied { conflicts, digest: object.digest })
    }

    /// Reads one object; none when it is not there.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn get(&self, kind: &ApiResource, id: &ObjectId) -> Result<Option<LiveObject>, ClusterError> {
        let api = self.api(kind, &id.namespace);
        let found = self.bounded(id, "reading", api.get_opt(&id.name)).await?;
        let found = found.map_err(|error| ClusterError::of(id, "reading", error))?;
        Ok(found.map(|object| LiveObject::read(object, kind)))
    }

    async fn patch(
        &self,
        kind: &ApiResource,
        manifest: &Manifest,
        dry_run: bool,
    ) -> Result<(Vec<Conflict>, LiveObject), ClusterError> {
        let id = manifest.id();
        let api = self.api(kind, manifest.namespace());
        let mut parameters = PatchParams { dry_run, ..PatchParams::apply(FIELD_MANAGER) };
        let mut conflicts = Vec::new();
        let mut attempt = 1;
        loop {
            let patch = Patch::Apply(&manifest.object);
            let answer = self.bounded(&id, "applying", api.patch(manifest.name(), &parameters, &patch)).await?;
            match answer {
                Ok(object) => return Ok((conflicts, LiveObject::read(object, kind))),
                Err(kube::Error::Api(status)) if status.code == 409 && !parameters.force => {
                    conflicts = conflicts_of(&status);
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
    /// An object that is gone already counts as deleted; one that something holds is told apart.
    ///
    /// # Errors
    /// When the API server refuses, or stays unavailable over five tries.
    pub async fn delete(
        &self,
        live: &Live,
        kind: &ApiResource,
        id: &ObjectId,
        uid: &str,
    ) -> Result<Deletion, ClusterError> {
        let api = self.api(kind, &id.namespace);
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut attempt = 1;
        loop {
            match self.bounded(id, "deleting", api.delete(&id.name, &parameters)).await? {
                Ok(Either::Left(object)) if object.metadata.deletion_timestamp.is_some() => {
                    let object = LiveObject::read(object, kind);
                    let held_by = object.finalizers();
                    live.learn(id.clone(), object);
                    return Ok(Deletion::UnderWay { held_by });
                }
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                // Another object of that name took its place: the one to be deleted is gone.
                Err(kube::Error::Api(status)) if status.code == 409 && status.message.contains("Precondition") => break,
                Err(error) if attempt < TRIES && may_retry(&error) => {
                    tokio::time::sleep(pause(attempt, &error)).await;
                    attempt += 1;
                }
                Err(error) => return Err(ClusterError::of(id, "deleting", error)),
            }
        }
        live.forget(id);
        Ok(Deletion::Gone)
    }

    /// Sends one request when a slot is free, and waits for its answer no longer than the deadline.
    async fn bounded<T>(
        &self,
        id: &ObjectId,
        what: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<Result<T, kube::Error>, ClusterError> {
        let _slot = self.limit.enter().await;
        let answer = answered(WRITE, || format!("{what} {id}"), request).await?;
        match &answer {
            Ok(_) => self.limit.note_success(),
            Err(kube::Error::Api(status)) if status.code == 429 => self.limit.note_push_back(),
            Err(_) => {}
        }
        Ok(answer)
    }
}

/// The fields that other managers hold, as the API server tells them.
fn conflicts_of(status: &kube::core::Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Conflict { manager: manager_of(&cause.message), field: cause.field.clone() })
        .collect()
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
