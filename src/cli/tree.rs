//! `arcwright tree`: the objects of a configuration, with outcome and health.
use super::{Outcome, context::DataDir, output::Form, status, ui};
use crate::{
    agents::config::status::{ObjectStatus, Outcome as ObjectOutcome},
    plan::health::Health,
};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct TreeArgs {
    /// Name of the configuration, or namespace/name
    name: String,
    /// Form of the output; table is the tree
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) fn tree(args: &TreeArgs, data: &DataDir) -> Outcome {
    let one = status::read_one(data, &args.name)?.status;
    if args.output.is_machine() {
        args.output.print(&one.kustomizations)?;
        return Ok(ExitCode::SUCCESS);
    }
    let paint = ui::Paint::detect();
    ui::line(format_args!("{}/{}  {}  {}", one.namespace, one.name, one.compliance_state, one.message));
    let last = one.kustomizations.len().saturating_sub(1);
    for (index, kustomization) in one.kustomizations.iter().enumerate() {
        let name = if kustomization.name.is_empty() { "(all)" } else { &kustomization.name };
        let (branch, indent) = if index == last { ("└─", "   ") } else { ("├─", "│  ") };
        ui::line(format_args!("{branch} {name}  {:?}  {}", kustomization.phase, kustomization.message));
        let last = kustomization.objects.len().saturating_sub(1);
        for (index, object) in kustomization.objects.iter().enumerate() {
            let branch = if index == last { "└─" } else { "├─" };
            ui::line(format_args!("{indent}{branch} {}", shown(object, paint)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(object: &ObjectStatus, paint: ui::Paint) -> String {
    let health = match &object.health {
        None => String::new(),
        Some(Health::Current) => paint.green("Current"),
        Some(Health::InProgress(why)) => paint.yellow(&format!("InProgress: {why}")),
        Some(Health::Failed(why)) => paint.red(&format!("Failed: {why}")),
        Some(Health::Terminating) => paint.yellow("Terminating"),
    };
    let outcome = format!("{:?}", object.outcome);
    let outcome = if object.outcome == ObjectOutcome::Failed { paint.red(&outcome) } else { outcome };
    let parts = [object.id.to_string(), outcome, health, object.message.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}
