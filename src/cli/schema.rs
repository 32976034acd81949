//! `arcwright schema` and `arcwright crds`: for tools.
use super::{Failure, Outcome, ui};
use crate::api;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Print the OpenAPI document of what agents and a control plane say to each other instead
    #[arg(long)]
    data_plane: bool,
}

pub(super) fn schema(args: &SchemaArgs) -> Outcome {
    let schema = if args.data_plane { api::plane::openapi() } else { api::state_schema() };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::of(&error))?;
    ui::line(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Print those of the kinds of the first agents, GitConfig and FluxConfig, instead
    #[arg(long)]
    historical: bool,
}

pub(super) fn crds(args: &CrdsArgs) -> Outcome {
    let crds = if args.historical { api::historical_crds() } else { api::crds() };
    ui::text(&api::crds_yaml(&crds));
    Ok(ExitCode::SUCCESS)
}
