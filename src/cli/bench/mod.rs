//! `arcwright bench`: how much the parts of Arcwright bear, measured on the real thing.
mod agents;
mod figures;
mod hub;
mod process;

use super::Outcome;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How many agents one control plane serves: it is started, and simulated agents connect to it
    Hub(hub::HubBenchArgs),
}

pub(super) async fn run(args: BenchArgs) -> Outcome {
    match args.what {
        What::Hub(args) => hub::run(args).await,
    }
}
