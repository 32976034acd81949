//! `arcwright validate`: check state files.
use super::{Failure, Outcome, output::Form, ui};
use crate::desired::file;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// State files or directories
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
    /// Print the issues as JSON: --output json
    #[arg(long, hide = true, conflicts_with = "output")]
    json: bool,
}

pub(super) fn run(args: &ValidateArgs) -> Outcome {
    for path in &args.paths {
        if !path.exists() {
            return Err(Failure::new(format!("{} does not exist", path.display()))
                .hint("give YAML files, or directories of them"));
        }
    }
    let state = file::load(&args.paths, &file::SECRETS);
    let errors = state.issues.iter().filter(|issue| issue.is_error()).count();
    let form = if args.json { Form::Json } else { args.output };
    if form.is_machine() {
        form.print(&state.issues)?;
    } else {
        for issue in &state.issues {
            ui::line(format_args!("{issue}"));
        }
        let valid = ui::count(state.configurations.len(), "valid configuration");
        ui::line(format_args!("{valid}, {}", ui::count(errors, "error")));
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
