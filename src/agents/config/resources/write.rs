//! The writes to a resource. None of them makes an object, or touches one that came after it by the same name.
use super::super::Context;
use crate::{
    api::API_VERSION,
    desired::cluster::{FINALIZER, Resource},
    model::FIELD_MANAGER,
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest time for the answer to a write.
const DEADLINE: Duration = Duration::from_secs(30);

/// What is written.
pub(super) enum Write {
    /// Our finalizer is added.
    Hold,
    /// Our finalizer is removed.
    Release,
    /// The status becomes this one.
    Status(Value),
}

/// What came of it.
pub(super) enum Written {
    /// It is stored.
    Stored {
        /// The version of the resource after that.
        version: u64,
        /// The status that was written, if one was.
        status: Option<Value>,
    },
    /// The resource has changed since, or is gone: the watch tells.
    Stale,
    /// It is not stored.
    Failed(WriteError),
}

/// Why a resource was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The API server refused, or could not be reached.
    #[error("the API server did not take it")]
    Refused(#[source] Box<kube::Error>),
    /// There was no answer.
    #[error("no answer from the API server within {} s", DEADLINE.as_secs())]
    NoAnswer,
}

/// Carries a write out.
pub(super) async fn carry_out(ctx: &Context, resource: &Resource, write: Write) -> Written {
    let kind = resource.key.kind.api_resource();
    let id = &resource.key.id;
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.cluster.client.clone(), &id.namespace, &kind);
    let manager = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let work = async {
        match &write {
            Write::Hold => {
                let all = resource.finalizers.iter().map(String::as_str).chain([FINALIZER]).collect::<Vec<_>>();
                api.patch(&id.name, &manager, &Patch::Merge(finalizers(resource, &all))).await
            }
            Write::Release => {
                let others: Vec<_> =
                    resource.finalizers.iter().map(String::as_str).filter(|one| *one != FINALIZER).collect();
                api.patch(&id.name, &manager, &Patch::Merge(finalizers(resource, &others))).await
            }
            Write::Status(status) => {
                let body = json!({
                    "apiVersion": API_VERSION,
                    "kind": resource.key.kind.name(),
                    "metadata": {"name": id.name, "namespace": id.namespace, "uid": resource.uid},
                    "status": stamped(status, ctx.clock.now()),
                });
                api.patch_status(&id.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(body)).await
            }
        }
    };
    let stored = match tokio::time::timeout(DEADLINE, work).await {
        Ok(Ok(stored)) => stored,
        Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => return Written::Stale,
        Ok(Err(error)) => return Written::Failed(WriteError::Refused(Box::new(error))),
        Err(_) => return Written::Failed(WriteError::NoAnswer),
    };
    let version = stored.metadata.resource_version.and_then(|version| version.parse().ok()).unwrap_or(0);
    let status = if let Write::Status(status) = write { Some(status) } else { None };
    Written::Stored { version, status }
}

/// Conditional on the version that was seen, since the list is written as a whole.
fn finalizers(resource: &Resource, finalizers: &[&str]) -> Value {
    json!({"metadata": {"finalizers": finalizers, "resourceVersion": resource.resource_version, "uid": resource.uid}})
}

/// A status with the moment at which it is written, where the resource has a field for that.
fn stamped(status: &Value, now: jiff::Timestamp) -> Value {
    let mut status = status.clone();
    if let Value::Object(fields) = &mut status
        && fields.contains_key("complianceState")
    {
        fields.insert("statusUpdatedAt".to_owned(), format!("{now:.0}").into());
    }
    status
}
