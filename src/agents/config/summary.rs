//! From what a pass came to, to the status of a configuration. Pure.
use super::{
    engine,
    status::{Condition, ConfigurationStatus, Phase, Report},
};
use crate::model::configuration::{Configuration, Generation};

/// Makes the status of a configuration from what a pass came to and from the status before.
///
/// Pure. The same report on the status that it made gives that same status: transition times move
/// only when a condition's status does.
pub(super) fn status_of(
    configuration: &Configuration,
    report: &Report,
    before: Option<&ConfigurationStatus>,
    now: jiff::Timestamp,
) -> ConfigurationStatus {
    let is = |yes: bool| if yes { "True" } else { "False" }.to_owned();
    let wanted = [
        (
            "Ready",
            if report.phase == Phase::Progressing { "Unknown".to_owned() } else { is(report.phase == Phase::Ready) },
        ),
        ("Reconciling", is(matches!(report.phase, Phase::Progressing | Phase::Failing))),
        ("Stalled", is(report.phase == Phase::Stalled)),
    ];
    let conditions = wanted
        .into_iter()
        .map(|(kind, status)| {
            let old = before.and_then(|before| before.conditions.iter().find(|condition| condition.kind == kind));
            let last_transition_time =
                old.filter(|old| old.status == status).map_or(now, |old| old.last_transition_time);
            Condition {
                kind: kind.to_owned(),
                status,
                reason: report.reason.clone(),
                message: report.message.clone(),
                last_transition_time,
            }
        })
        .collect();
    let all_applied = report.phase == Phase::Ready;
    ConfigurationStatus {
        namespace: configuration.id.namespace.clone(),
        name: configuration.id.name.clone(),
        kind: match configuration.generation {
            Generation::SourceControl => "SourceControlConfiguration",
            Generation::Flux => "FluxConfiguration",
        }
        .to_owned(),
        engine: configuration.engine.name().to_owned(),
        url: crate::source::git::redacted(&configuration.source.url),
        compliance_state: engine::compliance_state(configuration, report.phase, &report.reason).to_owned(),
        install_state: engine::install_state(
            configuration,
            report.phase,
            &report.reason,
            before.and_then(|before| before.install_state),
        ),
        message: report.message.clone(),
        message_level: match report.phase {
            Phase::Ready | Phase::Progressing | Phase::Suspended => "Information",
            Phase::Failing => "Warning",
            Phase::Stalled => "Error",
        }
        .to_owned(),
        last_config_applied: if report.has_written {
            Some(now)
        } else {
            before.and_then(|before| before.last_config_applied)
        },
        last_applied_revision: if all_applied {
            report.revision.clone()
        } else {
            before.and_then(|before| before.last_applied_revision.clone())
        },
        last_attempted_revision: report
            .revision
            .clone()
            .or_else(|| before.and_then(|before| before.last_attempted_revision.clone())),
        repository_public_key: report.public_key.clone(),
        conditions,
        kustomizations: report.kustomizations.clone(),
        observed_generation: configuration
            .resource
            .as_ref()
            .map(|resource| resource.generation)
            .or(configuration.revision),
        ignored: configuration.ignored.clone(),
    }
}
