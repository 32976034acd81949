//! Kubernetes Events about configurations.
use crate::{
    api::API_VERSION,
    error::Chain,
    model::{
        FIELD_MANAGER,
        configuration::{ConfigurationId, ResourceRef},
    },
};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::time::Duration;

/// Longest time for the answer to an Event.
const DEADLINE: Duration = Duration::from_secs(5);

/// Records Events, on the custom resource that a configuration came as, or else on its inventory, which is its one object in the
/// cluster then.
pub struct Events {
    recorder: Recorder,
}

impl Events {
    pub(super) fn new(client: Client) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Records one Event. A failure is logged and goes no further: an Event is never worth a retry.
    pub async fn record(
        &self,
        configuration: &ConfigurationId,
        resource: Option<&ResourceRef>,
        is_warning: bool,
        reason: &str,
        message: &str,
    ) {
        let reference = reference(configuration, resource);
        let mut note = message.to_owned();
        if note.len() > 1000 {
            let end = (0..=997).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
            note.truncate(end);
            note.push_str("...");
        }
        let event = Event {
            type_: if is_warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        match tokio::time::timeout(DEADLINE, self.recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(configuration = %configuration, error = %Chain(&error), "event not recorded");
            }
            Err(_) => tracing::debug!(configuration = %configuration, "event not recorded in time"),
        }
    }
}

fn reference(configuration: &ConfigurationId, resource: Option<&ResourceRef>) -> ObjectReference {
    let namespace = Some(configuration.namespace.clone());
    match resource {
        Some(resource) => ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(resource.kind.clone()),
            name: Some(configuration.name.clone()),
            uid: Some(resource.uid.clone()),
            namespace,
            ..ObjectReference::default()
        },
        None => ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            name: Some(format!("{FIELD_MANAGER}.{}", configuration.name)),
            namespace,
            ..ObjectReference::default()
        },
    }
}
