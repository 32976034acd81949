//! `arcwright plan` and `arcwright diff`: what would change.
use super::{
    Failure, Outcome,
    context::{DataDir, TargetArgs},
    ui,
};
use crate::{
    agents::config::{self, Preview},
    model::Manifest,
    plan::{APPLIED_ANNOTATION, Action},
    render,
};
use clap::Args;
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only this configuration
    name: Option<String>,
    /// Show also what stays as it is
    #[arg(long)]
    all: bool,
    /// Form of the output
    #[arg(short, long, default_value = "text")]
    output: Form,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only this configuration
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Text,
    Json,
}

/// One configuration and what would happen to it, or why that is not known.
type Previewed = (String, Result<Vec<Preview>, String>);

async fn previews(target: &TargetArgs, name: Option<&str>, data: &DataDir) -> Result<(Vec<Previewed>, bool), Failure> {
    let state = target.load().map_err(|failure| failure.code(2))?;
    let ctx = target.connect(data).await.map_err(|failure| failure.code(2))?;
    let chosen: Vec<_> =
        state.configurations.iter().filter(|one| name.is_none_or(|name| one.id.name == name)).collect();
    if let (Some(name), true) = (name, chosen.is_empty()) {
        let names: Vec<&str> = state.configurations.iter().map(|one| one.id.name.as_str()).collect();
        return Err(Failure::new(format!("no configuration is named {name}"))
            .hint(format!("there are: {}", names.join(", ")))
            .code(2));
    }
    let cancel = CancellationToken::new();
    let mut all = Vec::new();
    for configuration in chosen {
        all.push((configuration.id.to_string(), config::preview(&ctx, configuration, &cancel).await));
    }
    Ok((all, state.issues.iter().any(super::super::desired::Issue::is_error)))
}

/// 0 nothing to change, 1 changes, 2 an error.
fn exit(has_changes: bool, has_errors: bool) -> ExitCode {
    ExitCode::from(if has_errors { 2 } else { u8::from(has_changes) })
}

pub(super) async fn plan(args: PlanArgs, data: DataDir) -> Outcome {
    let paint = ui::Paint::detect();
    let (all, mut has_errors) = previews(&args.target, args.name.as_deref(), &data).await?;
    let mut has_changes = false;
    let mut machine = Vec::new();
    for (id, previews) in all {
        let previews = match previews {
            Ok(previews) => previews,
            Err(message) => {
                has_errors = true;
                ui::note(format_args!("{id}: {message}"));
                machine.push(json!({"configuration": id, "error": message}));
                continue;
            }
        };
        for preview in previews {
            let title =
                if preview.kustomization.is_empty() { id.clone() } else { format!("{id} {}", preview.kustomization) };
            let plan = match preview.plan {
                Ok(plan) => plan,
                Err(message) => {
                    has_errors = true;
                    ui::note(format_args!("{title}: {message}"));
                    machine
                        .push(json!({"configuration": id, "kustomization": preview.kustomization, "error": message}));
                    continue;
                }
            };
            has_changes |= plan.changes();
            has_errors |= !plan.refusals.is_empty() || !preview.unknown.is_empty();
            if args.output == Form::Json {
                machine.push(json!({"configuration": id, "kustomization": preview.kustomization, "revision": preview.revision, "plan": plan, "unknown": preview.unknown}));
                continue;
            }
            let kept = plan.steps.len() - plan.writes().count();
            ui::line(format_args!(
                "{}",
                paint.bold(&format!(
                    "{title} at {}: {} to change, {kept} to keep",
                    preview.revision,
                    plan.writes().count()
                ))
            ));
            for step in plan.steps.iter().filter(|step| args.all || !matches!(step.action, Action::Keep | Action::Skip))
            {
                let text = step.to_string();
                let shown = match step.action {
                    Action::Create => paint.green(&text),
                    Action::Prune => paint.red(&text),
                    Action::Update { .. } | Action::Correct { .. } | Action::ReportDrift { .. } => paint.yellow(&text),
                    Action::Keep | Action::Skip => text,
                };
                ui::line(format_args!("  {shown}"));
            }
            for refusal in plan.refusals.iter().map(ToString::to_string).chain(preview.unknown) {
                ui::line(format_args!("  {}", paint.red(&format!("refused  {refusal}"))));
            }
        }
    }
    if args.output == Form::Json {
        ui::line(format_args!("{}", serde_json::to_string_pretty(&machine).unwrap_or_default()));
    }
    Ok(exit(has_changes, has_errors))
}

pub(super) async fn diff(args: DiffArgs, data: DataDir) -> Outcome {
    let paint = ui::Paint::detect();
    let (all, mut has_errors) = previews(&args.target, args.name.as_deref(), &data).await?;
    let mut has_changes = false;
    for (id, previews) in all {
        let previews = match previews {
            Ok(previews) => previews,
            Err(message) => {
                has_errors = true;
                ui::note(format_args!("{id}: {message}"));
                continue;
            }
        };
        for preview in previews {
            let plan = match preview.plan {
                Ok(plan) => plan,
                Err(message) => {
                    has_errors = true;
                    ui::note(format_args!("{id} {}: {message}", preview.kustomization));
                    continue;
                }
            };
            has_errors |= !plan.refusals.is_empty() || !preview.unknown.is_empty();
            for (step, (manifest, live)) in plan.steps.iter().zip(&preview.sides) {
                if matches!(step.action, Action::Keep | Action::Skip) {
                    continue;
                }
                has_changes = true;
                let (before, after) = sides(manifest.as_deref(), live.as_ref(), &step.action);
                ui::line(format_args!("{}", paint.bold(&format!("--- live {0}\n+++ {id} {0}", step.id))));
                for change in
                    similar::TextDiff::from_lines(&before, &after).unified_diff().context_radius(3).iter_hunks()
                {
                    for line in change.to_string().lines() {
                        let shown = match line.as_bytes().first() {
                            Some(b'+') => paint.green(line),
                            Some(b'-') => paint.red(line),
                            _ => line.to_owned(),
                        };
                        ui::line(format_args!("{shown}"));
                    }
                }
            }
        }
    }
    Ok(exit(has_changes, has_errors))
}

/// The two texts to compare: what the manifest states, on the live side and on the wanted side.
fn sides(manifest: Option<&Manifest>, live: Option<&Map<String, Value>>, action: &Action) -> (String, String) {
    let mut after = manifest.map(|manifest| manifest.object.clone());
    let mut before = live.cloned().map(|mut live| {
        if let Some(Value::Object(metadata)) = live.get_mut("metadata") {
            metadata.remove("uid");
        }
        match &after {
            Some(wanted) if *action != Action::Prune => stated(wanted, &live),
            _ => live,
        }
    });
    for side in [&mut before, &mut after].into_iter().flatten() {
        if let Some(Value::Object(annotations)) =
            side.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"))
        {
            annotations.remove(APPLIED_ANNOTATION);
        }
    }
    mask(&mut before, &mut after);
    let text = |side: Option<Map<String, Value>>| {
        side.map_or_else(String::new, |object| render::to_yaml(&[Manifest::new(object, "")]))
    };
    (text(before), text(after))
}

/// Of the live object, only the fields that the manifest states.
fn stated(wanted: &Map<String, Value>, live: &Map<String, Value>) -> Map<String, Value> {
    let both = |key: &String, value: &Value| {
        let have = live.get(key)?;
        Some((
            key.clone(),
            match (value, have) {
                (Value::Object(value), Value::Object(have)) => Value::Object(stated(value, have)),
                (Value::Array(value), Value::Array(have)) => Value::Array(
                    have.iter()
                        .enumerate()
                        .map(|(index, have)| match (value.get(index), have) {
                            (Some(Value::Object(value)), Value::Object(have)) => Value::Object(stated(value, have)),
                            _ => have.clone(),
                        })
                        .collect(),
                ),
                _ => have.clone(),
            },
        ))
    };
    wanted.iter().filter_map(|(key, value)| both(key, value)).collect()
}

/// Replaces every value of a Secret, on both sides, so that equal ones still look equal.
fn mask(before: &mut Option<Map<String, Value>>, after: &mut Option<Map<String, Value>>) {
    let is_secret = |side: &Option<Map<String, Value>>| {
        side.as_ref().is_some_and(|side| side.get("kind").is_some_and(|kind| kind == "Secret"))
    };
    if !is_secret(before) && !is_secret(after) {
        return;
    }
    for field in ["data", "stringData"] {
        let values = |side: &Option<Map<String, Value>>| {
            side.as_ref().and_then(|side| side.get(field)).and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let (old, new) = (values(before), values(after));
        for (side, own, other, word) in
            [(&mut *before, &old, &new, "*** (before)"), (&mut *after, &new, &old, "*** (after)")]
        {
            let Some(Value::Object(data)) = side.as_mut().and_then(|side| side.get_mut(field)) else { continue };
            for (key, value) in data.iter_mut() {
                *value = json!(if own.get(key) == other.get(key) { "***" } else { word });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_that_it_changed_and_not_what_it_holds() {
        let object = |value: &str| {
            let Value::Object(object) = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"same": "c2FtZQ==", "key": value}})
            else {
                unreachable!("an object")
            };
            object
        };
        let (before, after) =
            sides(Some(&Manifest::new(object("bmV3"), "")), Some(&object("b2xk")), &Action::Update { paths: vec![] });
        assert!(before.contains("*** (before)") && after.contains("*** (after)"), "{before}{after}");
        for text in [before, after] {
            assert!(!text.contains("bmV3") && !text.contains("b2xk") && !text.contains("c2FtZQ"), "{text}");
        }
    }
}
