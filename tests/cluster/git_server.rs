//! Repositories by http: what comes in by the cluster may not name a directory of the agent's machine.
#[path = "../git/support/https.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod https;

pub(crate) use https::Server;

use arcwright::model::configuration::{Credentials, GitSource, Reference};
use std::{process::Command, time::Duration};

fn git_command() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}

fn source(url: &str) -> GitSource {
    GitSource {
        url: url.to_owned(),
        allow_local: false,
        reference: Reference::default(),
        credentials: Credentials::default(),
        secret_refs: Vec::new(),
        timeout: Duration::from_secs(60),
        interval: Duration::from_secs(600),
    }
}
