//! The command line: one file a subcommand; [`ui`] is the only place that prints.
mod admin;
mod agent;
mod azure;
mod bench;
mod completions;
mod connect;
mod context;
mod control;
mod diff;
mod disconnect;
mod election;
mod events;
mod failure;
mod hub;
mod keygen;
mod link;
mod mask;
mod onboarding;
mod output;
mod plan;
mod preview;
mod progress;
mod prune;
mod remotes;
mod render;
mod schema;
mod status;
mod tree;
pub mod ui;
mod validate;
mod version;

pub(crate) use failure::{Failure, Outcome};

use crate::runtime::telemetry;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A GitOps agent for Kubernetes
#[derive(Debug, Parser)]
#[command(name = "arcwright", version, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    /// Directory for mirrors and status
    #[arg(long, global = true, env = "ARCWRIGHT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What to log, as a tracing filter: error, warn, info, debug, or arcwright=debug
    #[arg(long, global = true, env = "ARCWRIGHT_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
    /// Form of the log
    #[arg(long, global = true, env = "ARCWRIGHT_LOG_FORMAT", default_value = "text", value_name = "FORM")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent: keep the cluster as state files, custom resources and a control plane say
    Agent(Box<agent::AgentArgs>),
    /// Show, per object, what would change and why
    Plan(plan::PlanArgs),
    /// Show the lines that would change, Secret values masked
    Diff(diff::DiffArgs),
    /// Show what would be deleted, with --dry-run
    Prune(prune::PruneArgs),
    /// Ask a running agent to fetch and reconcile a configuration at once
    Reconcile(control::ReconcileArgs),
    /// Ask a running agent to leave a configuration as it is, until it is resumed
    Suspend(control::NamedArgs),
    /// Ask a running agent to go on with a configuration
    Resume(control::NamedArgs),
    /// Print what `kustomize build DIR` prints
    Render(render::RenderArgs),
    /// Check state files: file, line, column, field, hint
    Validate(validate::ValidateArgs),
    /// Show where the configurations stand
    Status(status::StatusArgs),
    /// Show one configuration in full, or all of them
    Get(status::GetArgs),
    /// Show the objects of a configuration, with outcome and health
    Tree(tree::TreeArgs),
    /// Show what the agent told the cluster about its configurations
    Events(events::EventsArgs),
    /// Run a control plane: the resources of Azure Arc-enabled Kubernetes, without Azure
    Hub(hub::HubArgs),
    /// Connect a cluster to a control plane: checks first, then its resource, then the agents
    Connect(Box<connect::ConnectArgs>),
    /// Take the connection away on both sides; what was applied stays
    Disconnect(disconnect::DisconnectArgs),
    /// Make a key pair for a repository that is reached over ssh
    Keygen(keygen::KeygenArgs),
    /// Measure how much the parts of Arcwright bear
    Bench(bench::BenchArgs),
    /// Print the JSON Schema of the state file
    Schema(schema::SchemaArgs),
    /// Print the CustomResourceDefinitions
    Crds(schema::CrdsArgs),
    /// Print a completion script
    Completions(completions::CompletionsArgs),
    /// Print the version
    Version(version::VersionArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if called(&args) == Some(completions::KUBECTL_COMPLETE) {
        return finish(completions::for_kubectl(args.get(1..).unwrap_or_default()));
    }
    let cli = parse(args).unwrap_or_else(|error| error.exit());
    let form = match cli.log_format {
        LogFormat::Json => telemetry::Form::Json,
        LogFormat::Text => telemetry::Form::Text { colours: ui::is_lively(&std::io::stderr()) },
    };
    telemetry::start(&cli.log, form, || progress::LogWriter);
    let data = context::DataDir::new(cli.data_dir);
    finish(run(cli.command, data))
}

/// The exit code of an outcome; a failure is told.
fn finish(outcome: Outcome) -> ExitCode {
    outcome.unwrap_or_else(|failure| {
        ui::failure(&failure);
        ExitCode::from(failure.code)
    })
}

/// The name that the program was called by.
fn called(args: &[OsString]) -> Option<&str> {
    args.first().map(Path::new).and_then(Path::file_stem).and_then(OsStr::to_str)
}

fn run(command: Command, data: context::DataDir) -> Outcome {
    match command {
        Command::Agent(args) => context::block_on(agent::run(*args, data)),
        Command::Plan(args) => context::block_on(plan::plan(args, data)),
        Command::Diff(args) => context::block_on(diff::diff(args, data)),
        Command::Prune(args) => context::block_on(prune::prune(args, data)),
        Command::Reconcile(args) => context::block_on(control::reconcile(args, data)),
        Command::Suspend(args) => context::block_on(control::suspend(args, data)),
        Command::Resume(args) => context::block_on(control::resume(args, data)),
        Command::Render(args) => render::run(&args, &data),
        Command::Validate(args) => validate::run(&args),
        Command::Status(args) => status::status(&args, &data),
        Command::Get(args) => status::get(&args, &data),
        Command::Tree(args) => tree::tree(&args, &data),
        Command::Events(args) => context::block_on(events::events(args)),
        Command::Hub(args) => context::block_on(hub::run(args)),
        Command::Connect(args) => context::block_on(connect::run(*args)),
        Command::Disconnect(args) => context::block_on(disconnect::run(args)),
        Command::Keygen(args) => keygen::keygen(&args),
        Command::Bench(args) => context::block_on(bench::run(args)),
        Command::Schema(args) => schema::schema(&args),
        Command::Crds(args) => schema::crds(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Version(args) => version::version(&args),
    }
}

/// Parses the command line; help and errors call the program as it was called.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    // kubectl runs `kubectl arcwright` as the program kubectl-arcwright.
    if called(&args) == Some("kubectl-arcwright") {
        command = command.bin_name("kubectl arcwright");
    }
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_calls_the_program_as_it_was_called() {
        let usage = |program: &str| {
            let error = parse(vec![program.into(), "status".into(), "--help".into()]).expect_err("help");
            error.to_string().lines().find(|line| line.starts_with("Usage:")).expect("a usage").to_owned()
        };
        assert_eq!(usage("/usr/bin/kubectl-arcwright"), "Usage: kubectl arcwright status [OPTIONS]");
        assert_eq!(usage("target/debug/arcwright"), "Usage: arcwright status [OPTIONS]");
    }
}
