//! `arcwright hub backup` and `arcwright hub check`: the data of the control plane.
use super::{DataArgs, SealArgs};
use crate::{
    cli::{Failure, Outcome, ui},
    hub::{MaintenanceError, Place, SealError, StoreError, backup as copy, check as look},
};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(in crate::cli) struct BackupArgs {
    #[command(flatten)]
    data: DataArgs,
    /// File for the backup; it is not overwritten
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    seal: SealArgs,
}

pub(super) async fn backup(args: BackupArgs) -> Outcome {
    let bytes = copy(&args.data.place(), &args.to).await.map_err(|error| failure(&error))?;
    ui::note(format_args!("{} bytes in {}, and they are sound", bytes, args.to.display()));
    ui::note(format_args!(
        "keep the key that seals its secrets too, and elsewhere: without it the backup is of no use"
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn check(args: CheckArgs) -> Outcome {
    let place = args.data.place();
    let seal = args.seal.existing(&place)?;
    let found = look(&place, &seal).await.map_err(|error| failure(&error))?;
    let kind = match place {
        Place::File(_) => "sound",
        Place::Postgres(_) => "reached",
    };
    ui::line(format_args!("the database is {kind}"));
    let form = match found.pending {
        0 => format!("its form is that of this version ({})", found.migrations),
        pending => format!("the next start brings its form up to date ({} to make)", ui::count(pending, "step")),
    };
    ui::line(format_args!("{form}"));
    ui::line(format_args!("the sealing key opens what is sealed ({})", ui::count(found.sealed, "value")));
    Ok(ExitCode::SUCCESS)
}

fn failure(error: &MaintenanceError) -> Failure {
    let hint = match error {
        MaintenanceError::NotAFile => Some("use pg_dump, and keep the key that seals its secrets too"),
        MaintenanceError::Exists(_) => Some("a backup is never written over anything; name another file"),
        MaintenanceError::Store(StoreError::Corrupt { .. }) => {
            Some("arcwright hub backup makes such copies while it runs")
        }
        MaintenanceError::Seal(SealError::Opened { .. }) => Some("give --seal-key FILE, or ARCWRIGHT_HUB_SEAL_KEY"),
        MaintenanceError::Missing(_)
        | MaintenanceError::Write { .. }
        | MaintenanceError::Store(_)
        | MaintenanceError::Seal(_)
        | MaintenanceError::Empty => None,
    };
    let failure = Failure::of(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
