//! `arcwright hub user`: who may use the control plane.
use super::{DataArgs, at_ca};
use crate::{
    cli::{Failure, Outcome, output::Form, ui},
    hub::{Credential, NewUser, User, UserError, UserRole, Users},
    runtime::clock::{Clock as _, SystemClock},
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UserCommand {
    /// Add somebody, and print the credential: its secret is shown this once
    Add(AddArgs),
    /// Show who may use the control plane
    List(ListArgs),
    /// Remove somebody: what was signed in is refused within 5 seconds
    Remove(RemoveArgs),
    /// Refuse the certificates of somebody, who stays
    Revoke(RemoveArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    /// May do everything
    Owner,
    /// May read
    Reader,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What it may do
    #[arg(long)]
    role: RoleArg,
    /// What people call it
    #[arg(long)]
    name: String,
    /// PEM certificate by which it signs in, instead of a secret
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// File for the credential, instead of standard output; it is not overwritten
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// URL of the control plane, for the credential; by default that which it last ran with
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Name or client id
    user: String,
}

pub(super) async fn run(command: UserCommand) -> Outcome {
    match command {
        UserCommand::Add(args) => add(args).await,
        UserCommand::List(args) => list(args).await,
        UserCommand::Remove(args) => remove(args).await,
        UserCommand::Revoke(args) => revoke(args).await,
    }
}

async fn opened(data: &DataArgs) -> Result<Users, Failure> {
    Users::open(&data.place()).await.map_err(|error| failure(&error))
}

fn failure(error: &UserError) -> Failure {
    Failure::of(error)
}

async fn add(args: AddArgs) -> Outcome {
    let read = |path: &PathBuf| {
        let failed = |error| Failure::new(format!("{} cannot be read", path.display())).caused_by(&error);
        std::fs::read_to_string(path).map_err(failed)
    };
    // Before anybody is added whose secret would then go nowhere.
    let to = args.to.as_deref().map(|path| Ok::<_, Failure>((path, made(path)?))).transpose()?;
    let role = match args.role {
        RoleArg::Owner => UserRole::Owner,
        RoleArg::Reader => UserRole::Reader,
    };
    let added = async {
        let certificate = args.certificate.as_ref().map(read).transpose()?;
        let ca_file = at_ca(&args.data.place());
        let user = NewUser { name: args.name.clone(), role, certificate, endpoint: args.endpoint.clone(), ca_file };
        let users = opened(&args.data).await?;
        users.add(&user, SystemClock.now()).await.map_err(|error| failure(&error))
    };
    match (added.await, to) {
        (Ok(credential), None) => ui::text(&credential.text()),
        (Ok(credential), Some((path, file))) => write(&credential, path, file)?,
        (Err(failure), to) => {
            if let Some((path, _)) = to {
                std::fs::remove_file(path).ok();
            }
            return Err(failure);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn made(path: &Path) -> Result<std::fs::File, Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| Failure::new(format!("{} is not written", path.display())).caused_by(&error))
}

fn write(credential: &Credential, path: &Path, mut file: std::fs::File) -> Result<(), Failure> {
    let written = file.write_all(credential.text().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let message = format!("{} is not written, and {} is of no use", path.display(), credential.client_id);
        Failure::new(message).caused_by(&error).hint("remove that user, and add it again")
    })?;
    ui::note(format_args!("{} added; its credential is in {}", credential.client_id, path.display()));
    Ok(())
}

async fn list(args: ListArgs) -> Outcome {
    let users = opened(&args.data).await?.list().await.map_err(|error| failure(&error))?;
    if args.output.is_machine() {
        args.output.print(&users)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |user: &User| {
        let since = format!("{:.0}", user.created_at);
        vec![user.name.clone(), user.role.clone(), user.client_id.clone(), since, user.credentials.join(", ")]
    };
    let rows: Vec<Vec<String>> = users.iter().map(row).collect();
    ui::table(&["NAME", "ROLE", "CLIENT ID", "SINCE", "SIGNS IN BY"], &rows, |_, cell| cell.to_owned());
    Ok(ExitCode::SUCCESS)
}

async fn remove(args: RemoveArgs) -> Outcome {
    let users = opened(&args.data).await?;
    let user = users.remove(&args.user, SystemClock.now()).await.map_err(|error| failure(&error))?;
    ui::note(format_args!("{} ({}) removed; its tokens are refused within 5 seconds", user.name, user.client_id));
    Ok(ExitCode::SUCCESS)
}

async fn revoke(args: RemoveArgs) -> Outcome {
    let users = opened(&args.data).await?;
    let revoked = users.revoke(&args.user, SystemClock.now()).await.map_err(|error| failure(&error))?;
    let count = ui::count(usize::try_from(revoked).unwrap_or(usize::MAX), "certificate");
    ui::note(format_args!("{count} of {} revoked; tokens that they got end within the hour", args.user));
    Ok(ExitCode::SUCCESS)
}
