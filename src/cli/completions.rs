//! `arcwright completions`: for shells.
use super::Outcome;
use clap::{Args, CommandFactory as _};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell
    shell: clap_complete::Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has this form")]
pub(super) fn run(args: &CompletionsArgs) -> Outcome {
    clap_complete::generate(args.shell, &mut super::Cli::command(), "arcwright", &mut std::io::stdout().lock());
    Ok(ExitCode::SUCCESS)
}
