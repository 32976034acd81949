//! `arcwright version`.
use super::{Outcome, output::Form, ui};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) fn version(args: &VersionArgs) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    if args.output.is_machine() {
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        args.output.print(&json!({"version": version, "platform": platform}))?;
    } else {
        ui::line(format_args!("arcwright {version}"));
    }
    Ok(ExitCode::SUCCESS)
}
