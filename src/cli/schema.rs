//! `arcwright schema` and `arcwright crds`: for tools.
use super::{Failure, Outcome, ui};
use crate::api;
use std::process::ExitCode;

pub(super) fn schema() -> Outcome {
    let text = serde_json::to_string_pretty(&api::state_schema()).map_err(|error| Failure::of(&error))?;
    ui::line(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn crds() -> Outcome {
    ui::text(&api::crds_yaml());
    Ok(ExitCode::SUCCESS)
}
