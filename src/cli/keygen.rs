//! `arcwright keygen`: a key pair for a repository that is reached over ssh.
use super::{Failure, Outcome, output::Form, ui};
use crate::source::git::generate_key;
use clap::Args;
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// File for the private half; the public half goes beside it, with .pub
    file: PathBuf,
    /// Comment on the public half
    #[arg(short = 'C', long, default_value = "arcwright")]
    comment: String,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) fn keygen(args: &KeygenArgs) -> Outcome {
    if args.comment.chars().any(char::is_control) {
        return Err(Failure::new("a comment is one line of text").code(2));
    }
    let key = generate_key(&args.comment).map_err(|error| Failure::of(&error))?;
    let public_file = with_pub(&args.file);
    write_new(&args.file, key.private.expose_secret(), 0o600)?;
    if let Err(failure) = write_new(&public_file, &format!("{}\n", key.public), 0o644) {
        // Half a pair is of no use, and the file is this command's own.
        std::fs::remove_file(&args.file).ok();
        return Err(failure);
    }
    if args.output.is_machine() {
        let value = json!({"privateKeyFile": args.file, "publicKeyFile": public_file, "publicKey": key.public});
        args.output.print(&value)?;
    } else {
        ui::line(format_args!("{}", key.public));
        ui::note(format_args!(
            "private key in {}; give the line above to the repository's host as a read-only deploy key",
            args.file.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn with_pub(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::new(format!("{} is not written", path.display())).caused_by(&error);
        match error.kind() {
            io::ErrorKind::AlreadyExists => failure.hint("a key is never overwritten; name another file, or remove it"),
            io::ErrorKind::NotFound => failure.hint("make its directory first"),
            _ => failure,
        }
    })
}
