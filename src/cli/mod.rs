//! The command line: one file a subcommand; [`ui`] is the only place that prints.
mod agent;
mod completions;
mod context;
mod plan;
mod render;
mod schema;
mod status;
pub mod ui;
mod validate;

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

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
    /// Run the agent: keep the cluster as the state files say
    Agent(agent::AgentArgs),
    /// Show, per object, what would change and why
    Plan(plan::PlanArgs),
    /// Show the lines that would change, Secret values masked
    Diff(plan::DiffArgs),
    /// Print what `kustomize build DIR` prints
    Render(render::RenderArgs),
    /// Check state files: file, line, column, field, hint
    Validate(validate::ValidateArgs),
    /// Show where the configurations stand
    Status(status::StatusArgs),
    /// Show one configuration in full
    Get(status::GetArgs),
    /// Show the objects of a configuration, with outcome and health
    Tree(status::GetArgs),
    /// Print the JSON Schema of the state file
    Schema,
    /// Print the CustomResourceDefinitions
    Crds,
    /// Print a completion script
    Completions(completions::CompletionsArgs),
    /// Print the version
    Version,
}

/// What a command came to.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: 1 }
    }

    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self::new(crate::error::Chain(error).to_string())
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    // An error means that a provider is installed already, which is as good.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let cli = Cli::parse();
    crate::runtime::telemetry::start(&cli.log, matches!(cli.log_format, LogFormat::Json));
    let data = context::DataDir::new(cli.data_dir);
    let outcome = match cli.command {
        Command::Agent(args) => context::block_on(agent::run(args, data)),
        Command::Plan(args) => context::block_on(plan::plan(args, data)),
        Command::Diff(args) => context::block_on(plan::diff(args, data)),
        Command::Render(args) => render::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Status(args) => status::status(&args, &data),
        Command::Get(args) => status::get(&args, &data),
        Command::Tree(args) => status::tree(&args, &data),
        Command::Schema => schema::schema(),
        Command::Crds => schema::crds(),
        Command::Completions(args) => completions::run(&args),
        Command::Version => {
            ui::line(format_args!("arcwright {}", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|failure| {
        ui::failure(&failure);
        ExitCode::from(failure.code)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
