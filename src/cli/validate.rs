//! `arcwright validate`: check state files.
use super::{Failure, Outcome, ui};
use crate::desired::file;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// State files or directories
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print the issues as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ValidateArgs) -> Outcome {
    for path in &args.paths {
        if !path.exists() {
            return Err(Failure::new(format!("{} does not exist", path.display())));
        }
    }
    let state = file::load(&args.paths, &file::SECRETS);
    let errors = state.issues.iter().filter(|issue| issue.is_error()).count();
    if args.json {
        ui::line(format_args!("{}", serde_json::to_string_pretty(&state.issues).unwrap_or_default()));
    } else {
        for issue in &state.issues {
            ui::line(format_args!("{issue}"));
        }
        ui::line(format_args!("{} configurations are valid, {errors} errors", state.configurations.len()));
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
