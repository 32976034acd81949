//! `arcwright status` and `get`: what the agent wrote down.
use super::{Failure, Outcome, context::DataDir, output::Form, ui};
use crate::{
    agents::config::{
        self, lookup,
        status::ConfigurationStatus,
        suspensions::{self, Suspended, Suspension},
    },
    model::configuration::ConfigurationId,
};
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
    /// Show the agents of the running process instead
    #[arg(long)]
    agents: bool,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Name of the configuration, or namespace/name; all of them without it
    name: Option<String>,
    /// Form of the output [default: yaml for one, table for all]
    #[arg(short, long)]
    output: Option<Form>,
}

/// The status of a configuration, and who suspended it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) status: ConfigurationStatus,
    /// Who suspended it by command, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suspended: Option<Suspension>,
}

impl Shown {
    /// Puts together what is known of one configuration.
    pub(super) fn new(status: ConfigurationStatus, suspended: &Suspended) -> Self {
        let id = ConfigurationId { namespace: status.namespace.clone(), name: status.name.clone() };
        Self { suspended: suspended.get(&id).cloned(), status }
    }

    fn id(&self) -> ConfigurationId {
        ConfigurationId { namespace: self.status.namespace.clone(), name: self.status.name.clone() }
    }

    fn message(&self) -> String {
        match &self.suspended {
            Some(Suspension { by, since, .. }) => format!("suspended by {by} since {since:.0}"),
            None => self.status.message.clone(),
        }
    }
}

/// Reads what the agent wrote down in the data directory.
pub(super) fn read(data: &DataDir) -> Result<Vec<Shown>, Failure> {
    let path = data.status_file();
    let file = config::status_file(&path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Failure::new(format!("there is no status in {}", data.path().display()))
                .hint("run `arcwright agent` first, or give the --data-dir that it runs with");
        }
        Failure::new(format!("{} cannot be read", path.display()))
            .caused_by(&error)
            .hint("run this as the agent's user, and with its version of arcwright")
    })?;
    let suspended = suspensions::read(&data.suspensions_file()).map_err(|error| {
        Failure::new(format!("{} cannot be read", data.suspensions_file().display()))
            .caused_by(&error)
            .hint("correct it, or remove it to resume what was suspended by command")
    })?;
    Ok(file.configurations.into_iter().map(|status| Shown::new(status, &suspended)).collect())
}

/// Reads the status of the one configuration that a person calls `name`.
pub(super) fn read_one(data: &DataDir, name: &str) -> Result<Shown, Failure> {
    let all = read(data)?;
    let ids: Vec<ConfigurationId> = all.iter().map(Shown::id).collect();
    let id = lookup(&ids, name).map_err(|error| Failure::new(error.to_string()).hint(error.hint()))?;
    let found = all.into_iter().find(|one| one.id() == *id);
    found.ok_or_else(|| Failure::new(format!("no configuration is named {name}")))
}

pub(super) fn status(args: &StatusArgs, data: &DataDir) -> Outcome {
    if args.agents {
        return super::context::block_on(super::control::agents(args.output, data));
    }
    print(&read(data)?, args.output)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn get(args: &GetArgs, data: &DataDir) -> Outcome {
    match &args.name {
        None => print(&read(data)?, args.output.unwrap_or(Form::Table))?,
        Some(name) => print_one(&read_one(data, name)?, args.output.unwrap_or(Form::Yaml))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one configuration: an object for programs, or a table of one row.
pub(super) fn print_one(one: &Shown, form: Form) -> Result<(), Failure> {
    if form.is_machine() { form.print(one) } else { print(std::slice::from_ref(one), form) }
}

/// Prints configurations: a list for programs, or a table.
pub(super) fn print(all: &[Shown], form: Form) -> Result<(), Failure> {
    if form.is_machine() {
        return form.print(all);
    }
    if all.is_empty() {
        ui::note(format_args!("there are no configurations"));
        return Ok(());
    }
    let is_wide = form == Form::Wide;
    let mut heading = vec!["NAMESPACE", "NAME", "COMPLIANCE", "REVISION", "OBJECTS"];
    if is_wide {
        heading.extend(["ENGINE", "LAST APPLIED", "URL"]);
    }
    heading.push("MESSAGE");
    let rows: Vec<Vec<String>> = all.iter().map(|one| row(one, is_wide)).collect();
    let paint = ui::Paint::detect();
    ui::table(&heading, &rows, |column, cell| match (column, cell.trim_end()) {
        (2, "Compliant" | "Installed") => paint.green(cell),
        (2, "Pending" | "Suspended") => paint.yellow(cell),
        (2, _) => paint.red(cell),
        _ => cell.to_owned(),
    });
    Ok(())
}

fn row(one: &Shown, is_wide: bool) -> Vec<String> {
    let status = &one.status;
    let objects: usize = status.kustomizations.iter().map(|kustomization| kustomization.objects.len()).sum();
    let mut row = vec![
        status.namespace.clone(),
        status.name.clone(),
        status.compliance_state.clone(),
        status.last_applied_revision.as_deref().map_or_else(|| "-".to_owned(), short),
        objects.to_string(),
    ];
    if is_wide {
        let last_applied = status.last_config_applied.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
        row.extend([status.engine.clone(), last_applied, status.url.clone()]);
    }
    row.push(one.message());
    row
}

/// `main@sha1:<40 digits>` with twelve of its digits.
fn short(revision: &str) -> String {
    match revision.rsplit_once("sha1:") {
        Some((before, commit)) => format!("{before}sha1:{}", commit.chars().take(12).collect::<String>()),
        None => revision.to_owned(),
    }
}
