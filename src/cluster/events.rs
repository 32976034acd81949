//! Kubernetes Events about configurations.
use crate::{error::Chain, model::configuration::ConfigurationId};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use std::time::Duration;

/// Longest time for the answer to an Event.
const DEADLINE: Duration = Duration::from_secs(5);

/// Records Events on the configuration's inventory, which is its one object in the cluster.
pub struct Events {
    recorder: Recorder,
}

impl Events {
    pub(super) fn new(client: Client) -> Self {
        let reporter = Reporter { controller: crate::model::FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// Records one Event. A failure is logged and goes no further: an Event is never worth a retry.
    pub async fn record(&self, configuration: &ConfigurationId, is_warning: bool, reason: &str, message: &str) {
        let reference = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            name: Some(format!("arcwright.{}", configuration.name)),
            namespace: Some(configuration.namespace.clone()),
            ..ObjectReference::default()
        };
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
