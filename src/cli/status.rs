//! `arcwright status`, `get` and `tree`: what the agent wrote down.
use super::{Failure, Outcome, context::DataDir, ui};
use crate::{
    agents::config::{
        self,
        status::{ConfigurationStatus, Outcome as ObjectOutcome},
    },
    plan::health::Health,
};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Name of the configuration, or namespace/name
    name: String,
    /// Form of the output
    #[arg(short, long, default_value = "yaml")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Wide,
    Json,
    Yaml,
}

fn read(data: &DataDir) -> Result<Vec<ConfigurationStatus>, Failure> {
    let path = data.status_file();
    config::status_file(&path).map(|file| file.configurations).map_err(|error| {
        Failure::new(format!("no status in {}: {error}", path.display()))
            .hint("run `arcwright agent` first, or give the --data-dir that it runs with")
    })
}

fn print<T: serde::Serialize>(value: &T, form: Form) -> Result<(), Failure> {
    let json = serde_json::to_value(value).map_err(|error| Failure::of(&error))?;
    if form == Form::Yaml {
        ui::text(&crate::render::value_to_yaml(&json));
    } else {
        ui::line(format_args!("{}", serde_json::to_string_pretty(&json).map_err(|error| Failure::of(&error))?));
    }
    Ok(())
}

pub(super) fn status(args: &StatusArgs, data: &DataDir) -> Outcome {
    let all = read(data)?;
    match args.output {
        Form::Table => print_table(&all, false),
        Form::Wide => print_table(&all, true),
        Form::Json | Form::Yaml => print(&all, args.output)?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_table(all: &[ConfigurationStatus], is_wide: bool) {
    let paint = ui::Paint::detect();
    let mut heading = vec!["NAMESPACE", "NAME", "COMPLIANCE", "REVISION", "OBJECTS"];
    if is_wide {
        heading.push("URL");
    }
    heading.push("MESSAGE");
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            let objects: usize = one.kustomizations.iter().map(|kustomization| kustomization.objects.len()).sum();
            let revision = one.last_applied_revision.as_deref().map_or_else(|| "-".to_owned(), short);
            let mut row = vec![
                one.namespace.clone(),
                one.name.clone(),
                one.compliance_state.clone(),
                revision,
                objects.to_string(),
            ];
            if is_wide {
                row.push(one.url.clone());
            }
            row.push(one.message.clone());
            row
        })
        .collect();
    ui::table(&heading, &rows, |column, cell| match (column, cell.trim_end()) {
        (2, "Compliant") => paint.green(cell),
        (2, "Pending" | "Suspended") => paint.yellow(cell),
        (2, _) => paint.red(cell),
        _ => cell.to_owned(),
    });
}

/// `main@sha1:<40 digits>` with twelve of its digits.
fn short(revision: &str) -> String {
    match revision.rsplit_once("sha1:") {
        Some((before, commit)) => format!("{before}sha1:{}", commit.chars().take(12).collect::<String>()),
        None => revision.to_owned(),
    }
}

fn find(args: &GetArgs, data: &DataDir) -> Result<ConfigurationStatus, Failure> {
    let all = read(data)?;
    let found: Vec<&ConfigurationStatus> = all
        .iter()
        .filter(|one| one.name == args.name || format!("{}/{}", one.namespace, one.name) == args.name)
        .collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::new(format!("no configuration is named {}", args.name))
            .hint(format!("there are: {}", all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")))),
        _ => Err(Failure::new(format!("{} is in several namespaces", args.name)).hint("give namespace/name")),
    }
}

pub(super) fn get(args: &GetArgs, data: &DataDir) -> Outcome {
    let one = find(args, data)?;
    match args.output {
        Form::Table | Form::Wide => print_table(std::slice::from_ref(&one), args.output == Form::Wide),
        Form::Json | Form::Yaml => print(&one, args.output)?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn tree(args: &GetArgs, data: &DataDir) -> Outcome {
    let one = find(args, data)?;
    if args.output == Form::Json {
        print(&one.kustomizations, Form::Json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let paint = ui::Paint::detect();
    ui::line(format_args!("{}/{}  {}  {}", one.namespace, one.name, one.compliance_state, one.message));
    for kustomization in &one.kustomizations {
        let name = if kustomization.name.is_empty() { "(all)" } else { &kustomization.name };
        ui::line(format_args!("└─ {name}  {:?}  {}", kustomization.phase, kustomization.message));
        let last = kustomization.objects.len().saturating_sub(1);
        for (index, object) in kustomization.objects.iter().enumerate() {
            let branch = if index == last { "└─" } else { "├─" };
            let health = match &object.health {
                None => String::new(),
                Some(Health::Current) => paint.green("Current"),
                Some(Health::InProgress(why)) => paint.yellow(&format!("InProgress: {why}")),
                Some(Health::Failed(why)) => paint.red(&format!("Failed: {why}")),
                Some(Health::Terminating) => paint.yellow("Terminating"),
            };
            let outcome = format!("{:?}", object.outcome);
            let outcome = if matches!(object.outcome, ObjectOutcome::Failed) { paint.red(&outcome) } else { outcome };
            ui::line(format_args!("   {branch} {}  {outcome}  {health}  {}", object.id, object.message));
        }
    }
    Ok(ExitCode::SUCCESS)
}
