//! `arcwright prune --dry-run`: what would be deleted.
use super::{
    Failure, Outcome,
    context::{DataDir, TargetArgs},
    output::Form,
    preview::Previews,
    ui,
};
use crate::{model::ObjectId, plan::Action};
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Name of the configuration, or namespace/name
    name: String,
    /// Delete nothing, and show what the agent would
    #[arg(long)]
    dry_run: bool,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

/// An object that would be deleted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Doomed<'a> {
    configuration: &'a str,
    kustomization: &'a str,
    #[serde(flatten)]
    id: &'a ObjectId,
}

pub(super) async fn prune(args: PruneArgs, data: DataDir) -> Outcome {
    if !args.dry_run {
        return Err(Failure::new("prune works only with --dry-run")
            .hint("the agent deletes what left the manifests by itself, in configurations that say prune: true")
            .code(2));
    }
    let previews = Previews::of(&args.target, Some(&args.name), &data).await?;
    previews.note_failures();
    let mut doomed = Vec::new();
    for item in &previews.items {
        let Ok(planned) = &item.outcome else { continue };
        let prunes = planned.plan.steps.iter().filter(|step| step.action == Action::Prune);
        let (configuration, kustomization) = (item.configuration.as_str(), item.kustomization.as_str());
        doomed.extend(prunes.map(|step| Doomed { configuration, kustomization, id: &step.id }));
    }
    if args.output.is_machine() {
        args.output.print(&doomed)?;
    } else {
        let paint = ui::Paint::detect();
        for Doomed { id, .. } in &doomed {
            ui::line(format_args!("{}", paint.red(&format!("prune  {id}"))));
        }
        ui::note(format_args!("{} would be deleted", ui::count(doomed.len(), "object")));
    }
    Ok(if previews.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
