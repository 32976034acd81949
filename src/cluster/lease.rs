//! A Lease of the cluster, by which one of several processes is told apart from the others.
use super::{
    ClusterError,
    deadline::{READ, WRITE, answered},
};
use crate::model::ObjectId;
use k8s_openapi::{
    api::coordination::v1::{Lease as Stored, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use std::time::Duration;

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// Who holds it; empty where it was given up.
    pub holder: String,
    /// For how long it is held after it was renewed, in whole seconds.
    pub lasts: Duration,
    /// When the holder got it, by the holder's clock.
    pub acquired: jiff::Timestamp,
    /// When the holder last renewed it, by the holder's clock.
    pub renewed: jiff::Timestamp,
    /// How often it went from one holder to another.
    pub transitions: i32,
}

/// A stored record, as one version of the object.
#[derive(Clone, Debug)]
pub struct StoredLease {
    /// What it says.
    pub record: LeaseRecord,
    stored: Box<Stored>,
}

/// One Lease, in the namespace of the client.
pub struct Lease {
    api: Api<Stored>,
    namespace: String,
    name: String,
}

impl Lease {
    /// The Lease of a name. The API server is not contacted yet.
    pub fn new(client: Client, name: &str) -> Self {
        let namespace = client.default_namespace().to_owned();
        Self { api: Api::namespaced(client, &namespace), namespace, name: name.to_owned() }
    }

    /// Its identity, for logs and errors.
    pub fn id(&self) -> ObjectId {
        ObjectId {
            group: "coordination.k8s.io".to_owned(),
            kind: "Lease".to_owned(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// Reads it; `None` when there is none.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn read(&self) -> Result<Option<StoredLease>, ClusterError> {
        let found = answered(READ, || format!("reading {}", self.id()), self.api.get_opt(&self.name)).await?;
        Ok(found.map_err(|error| ClusterError::of(&self.id(), "reading", error))?.map(read))
    }

    /// Makes it; `None` when somebody else did meanwhile.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn create(&self, record: &LeaseRecord) -> Result<Option<StoredLease>, ClusterError> {
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let lease = Stored { metadata, spec: Some(write(record)) };
        let parameters = PostParams::default();
        let done = answered(WRITE, || format!("creating {}", self.id()), self.api.create(&parameters, &lease)).await?;
        let done = unless_code(done, &[409]).map_err(|error| ClusterError::of(&self.id(), "creating", error))?;
        Ok(done.map(read))
    }

    /// Writes a record over a stored one; `None` when that was changed or removed meanwhile.
    ///
    /// # Errors
    /// When the API server does not answer or refuses.
    pub async fn replace(
        &self,
        before: &StoredLease,
        record: &LeaseRecord,
    ) -> Result<Option<StoredLease>, ClusterError> {
        let mut lease = Stored::clone(&before.stored);
        lease.spec = Some(write(record));
        let parameters = PostParams::default();
        let request = self.api.replace(&self.name, &parameters, &lease);
        let done = answered(WRITE, || format!("updating {}", self.id()), request).await?;
        let done = unless_code(done, &[404, 409]).map_err(|error| ClusterError::of(&self.id(), "updating", error))?;
        Ok(done.map(read))
    }
}

/// The answer; `None` where the API server refused with one of some codes.
fn unless_code(done: Result<Stored, kube::Error>, codes: &[u16]) -> Result<Option<Stored>, kube::Error> {
    match done {
        Ok(stored) => Ok(Some(stored)),
        Err(kube::Error::Api(status)) if codes.contains(&status.code) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is missing counts as given up long ago.
fn read(stored: Stored) -> StoredLease {
    let spec = stored.spec.clone().unwrap_or_default();
    let time = |time: Option<MicroTime>| time.map_or(jiff::Timestamp::UNIX_EPOCH, |time| time.0);
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    let record = LeaseRecord {
        holder: spec.holder_identity.unwrap_or_default(),
        lasts: Duration::from_secs(u64::try_from(seconds).unwrap_or_default()),
        acquired: time(spec.acquire_time),
        renewed: time(spec.renew_time),
        transitions: spec.lease_transitions.unwrap_or_default(),
    };
    StoredLease { record, stored: Box::new(stored) }
}

fn write(record: &LeaseRecord) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(record.holder.clone()),
        // At least one: the API server takes no zero.
        lease_duration_seconds: Some(i32::try_from(record.lasts.as_secs()).unwrap_or(i32::MAX).max(1)),
        acquire_time: Some(MicroTime(record.acquired)),
        renew_time: Some(MicroTime(record.renewed)),
        lease_transitions: Some(record.transitions),
        ..LeaseSpec::default()
    }
}
