//! Repositories by http: what comes in by the cluster may not name a directory of the agent's machine.
#[path = "../git/support/https.rs"]
#[expect(dead_code, reason = "the tests of Git sources use the rest")]
mod https;

pub(crate) use https::Server;

use std::process::Command;

fn git_command() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command
}
