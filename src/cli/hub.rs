//! `arcwright hub`: the control plane.
mod maintain;
mod user;

use super::{Failure, Outcome, ui};
use crate::{
    hub::{Place, Running, Seal, Settings, Webhook},
    runtime::{clock::SystemClock, limits::raise_open_files},
};
use clap::{Args, Subcommand};
use secrecy::SecretString;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct HubArgs {
    #[command(subcommand)]
    command: Option<HubCommand>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum HubCommand {
    /// Keep the people and programs that may use the control plane
    #[command(subcommand)]
    User(user::UserCommand),
    /// Copy the data while the control plane runs
    Backup(maintain::BackupArgs),
    /// Look whether the data is sound, and whether the key opens it
    Check(maintain::CheckArgs),
}

/// Where the data is.
#[derive(Debug, Args)]
struct DataArgs {
    /// Where its data is: a file of SQLite, or postgres://USER@HOST/NAME
    #[arg(long, env = "ARCWRIGHT_HUB_DATA", value_name = "FILE|URL", hide_env_values = true)]
    data: String,
}

impl DataArgs {
    fn place(&self) -> Place {
        Place::read(&self.data)
    }
}

/// What seals secrets in the data.
#[derive(Debug, Args)]
struct SealArgs {
    /// File with the key that seals secrets in the data, made when missing; FILE.seal by default
    #[arg(long, value_name = "FILE")]
    seal_key: Option<PathBuf>,
    /// That key itself, 32 bytes in base64
    #[arg(long = "seal-key-value", env = "ARCWRIGHT_HUB_SEAL_KEY", hide_env_values = true, hide = true)]
    seal_key_value: Option<SecretString>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Where its data is: a file of SQLite, or postgres://USER@HOST/NAME
    // Not needed beside a subcommand, which has its own.
    #[arg(long, env = "ARCWRIGHT_HUB_DATA", value_name = "FILE|URL", hide_env_values = true, required = true)]
    data: Option<String>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// URL by which clients and clusters reach it; by default that of the address
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Further name or address of its certificate; may be given several times
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// PEM certificate to use instead of one of its own authority
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// PEM key of that certificate
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    #[command(flatten)]
    seal: SealArgs,
    /// Where every change of a cluster's connectivity is told: a POST, signed as Standard Webhooks says
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// File with the secret that signs what the webhook is told
    #[arg(long, value_name = "FILE", requires = "webhook")]
    webhook_secret: Option<PathBuf>,
    /// Let clusters whose identity is lost or has expired enrol again by themselves, instead of waiting for an owner's permission
    #[arg(long)]
    always_allow_enrolment: bool,
    /// Sign-ins and enrolments a second that one address may ask for; ten times as many at once
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    sign_ins_per_second: u32,
    /// Where the first start writes the owner's credential; FILE.bootstrap.json by default
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
}

pub(super) async fn run(args: HubArgs) -> Outcome {
    match args.command {
        Some(HubCommand::User(command)) => user::run(command).await,
        Some(HubCommand::Backup(args)) => maintain::backup(args).await,
        Some(HubCommand::Check(args)) => maintain::check(args).await,
        None => serve(args.serve).await,
    }
}

async fn serve(args: ServeArgs) -> Outcome {
    raise_open_files();
    let place = Place::read(args.data.as_deref().unwrap_or_default());
    let bootstrap_file = args.bootstrap.clone().unwrap_or_else(|| beside(&place, "bootstrap.json"));
    let settings = Settings {
        seal: args.seal.seal(&place)?,
        listen: args.listen,
        endpoint: args.endpoint.clone(),
        names: args.names.clone(),
        certificate: args.certificate.clone().zip(args.key.clone()),
        ca_file: at_ca(&place),
        bootstrap_file: bootstrap_file.clone(),
        webhook: webhook(&args)?,
        may_always_enrol: args.always_allow_enrolment,
        sign_ins: args.sign_ins_per_second,
        place,
    };
    let running = Running::start(settings, Arc::new(SystemClock)).await.map_err(|error| Failure::of(&error))?;
    ui::note(format_args!("control plane at {}, listening on {}", running.endpoint(), running.address()));
    if running.is_first {
        ui::note(format_args!("first start: the owner's credential is in {}", bootstrap_file.display()));
    }
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        super::agent::terminated().await;
        stop.cancel();
    });
    running.serve(cancel).await.map_err(|error| Failure::of(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn webhook(args: &ServeArgs) -> Result<Option<Webhook>, Failure> {
    let Some((url, path)) = args.webhook.as_ref().zip(args.webhook_secret.as_ref()) else { return Ok(None) };
    let secret = std::fs::read_to_string(path).map(SecretString::from);
    let secret =
        secret.map_err(|error| Failure::new(format!("{} cannot be read", path.display())).caused_by(&error))?;
    Webhook::new(url, &secret).map(Some).map_err(|error| Failure::of(&error))
}

impl SealArgs {
    /// The key, made where the data is a file and has none.
    fn seal(&self, place: &Place) -> Result<Seal, Failure> {
        let sealed = match (&self.seal_key_value, self.file(place)) {
            (Some(key), _) => Seal::new(key),
            (None, Some(path)) => Seal::at(&path),
            (None, None) => return Err(needs_key()),
        };
        sealed.map_err(|error| Failure::of(&error))
    }

    /// The key that is there.
    fn existing(&self, place: &Place) -> Result<Seal, Failure> {
        if let (None, Some(path)) = (&self.seal_key_value, self.file(place))
            && !path.exists()
        {
            let failure = Failure::new(format!("the key for sealing is not in {}", path.display()));
            return Err(failure.hint("give --seal-key FILE, or ARCWRIGHT_HUB_SEAL_KEY"));
        }
        self.seal(place)
    }

    fn file(&self, place: &Place) -> Option<PathBuf> {
        match (&self.seal_key, place) {
            (Some(path), _) => Some(path.clone()),
            (None, Place::File(path)) => Some(with_suffix(path, "seal")),
            (None, Place::Postgres(_)) => None,
        }
    }
}

fn needs_key() -> Failure {
    Failure::new("a database of PostgreSQL takes a key that seals secrets, the same in every process")
        .hint("give --seal-key FILE, or ARCWRIGHT_HUB_SEAL_KEY")
}

/// A file beside the data.
fn beside(place: &Place, suffix: &str) -> PathBuf {
    match place {
        Place::File(path) => with_suffix(path, suffix),
        Place::Postgres(_) => PathBuf::from(format!("arcwright-hub.{suffix}")),
    }
}

/// Where the authority's certificate is.
fn at_ca(place: &Place) -> PathBuf {
    beside(place, "ca.pem")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
