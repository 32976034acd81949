//! `arcwright plan`: per object, what would change and why.
use super::{
    Outcome,
    context::{DataDir, TargetArgs},
    output::Form,
    preview::{Item, Planned, Previews},
    ui,
};
use crate::plan::{Action, Step};
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only this configuration: its name, or namespace/name
    name: Option<String>,
    /// Show also what stays as it is
    #[arg(long)]
    all: bool,
    /// Form of the output; wide is table with --all
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) async fn plan(args: PlanArgs, data: DataDir) -> Outcome {
    let previews = Previews::of(&args.target, args.name.as_deref(), &data).await?;
    previews.note_failures();
    if args.output.is_machine() {
        let all: Vec<Value> = previews.items.iter().map(for_programs).collect();
        args.output.print(&all)?;
    } else {
        let shows_all = args.all || args.output == Form::Wide;
        for item in &previews.items {
            if let Ok(planned) = &item.outcome {
                print(&item.title(), planned, shows_all);
            }
        }
    }
    let mut planned = previews.items.iter().filter_map(|item| item.outcome.as_ref().ok());
    let has_changes = planned.any(|planned| planned.plan.changes());
    Ok(previews.compared(has_changes))
}

fn for_programs(item: &Item) -> Value {
    let Item { configuration, kustomization, outcome } = item;
    match outcome {
        Ok(Planned { plan, preview }) => json!({
            "configuration": configuration, "kustomization": kustomization,
            "revision": preview.revision, "plan": plan, "unknown": preview.unknown,
        }),
        Err(message) => json!({"configuration": configuration, "kustomization": kustomization, "error": message}),
    }
}

fn print(title: &str, Planned { plan, preview }: &Planned, shows_all: bool) {
    let paint = ui::Paint::detect();
    let writes = plan.writes().count();
    let kept = plan.steps.len() - writes;
    let heading = format!("{title} at {}: {writes} to change, {kept} to keep", preview.revision);
    ui::line(format_args!("{}", paint.bold(&heading)));
    for step in plan.steps.iter().filter(|step| shows_all || is_change(step)) {
        let text = step.to_string();
        let shown = match step.action {
            Action::Create => paint.green(&text),
            Action::Prune => paint.red(&text),
            Action::Update { .. } | Action::Correct { .. } | Action::ReportDrift { .. } => paint.yellow(&text),
            Action::Keep | Action::Skip => text,
        };
        ui::line(format_args!("  {shown}"));
    }
    for refusal in plan.refusals.iter().map(ToString::to_string).chain(preview.unknown.iter().cloned()) {
        ui::line(format_args!("  {}", paint.red(&format!("refused  {refusal}"))));
    }
}

/// Whether a step is about a difference.
pub(super) fn is_change(step: &Step) -> bool {
    !matches!(step.action, Action::Keep | Action::Skip)
}
