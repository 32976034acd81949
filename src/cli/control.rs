//! `arcwright reconcile`, `suspend` and `resume`: what a running agent is asked to do.
//!
//! The agent is found by its data directory: on its own machine, or in its pod by `kubectl exec`.
use super::{
    Failure, Outcome,
    context::DataDir,
    output::Form,
    progress::Progress,
    status::{self, Shown},
    ui,
};
use crate::{
    agents::config::{
        control::{AgentStatus, Answer, Request},
        suspensions::Suspended,
    },
    runtime::control::{CallError, call},
};
use clap::Args;
use serde_json::json;
use std::{process::ExitCode, time::Duration};

/// How long an agent has to answer what it can answer at once.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    #[command(flatten)]
    target: NamedArgs,
    /// How long to wait for the outcome, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

#[derive(Debug, Args)]
pub(super) struct NamedArgs {
    /// Name of the configuration, or namespace/name
    name: String,
    /// Form of the output
    #[arg(short, long, default_value = "table")]
    output: Form,
}

pub(super) async fn reconcile(args: ReconcileArgs, data: DataDir) -> Outcome {
    let ReconcileArgs { target: NamedArgs { name, output }, timeout } = args;
    let progress = Progress::spinner(&format!("reconciling {name}"));
    let request = Request::Reconcile { name: name.clone(), timeout_seconds: timeout };
    let answer = ask(&data, &request, Duration::from_secs(timeout) + PATIENCE).await;
    progress.end();
    let Answer::Reconciled { status, is_settled } = answer? else { return Err(unexpected()) };
    let is_ready = status.is_ready();
    status::print_one(&Shown::new(*status, &Suspended::new()), output)?;
    match (is_ready, is_settled) {
        (true, _) => Ok(ExitCode::SUCCESS),
        (false, true) => {
            Err(Failure::new(format!("{name} is not Ready")).hint(format!("`arcwright tree {name}` shows its objects")))
        }
        (false, false) => Err(Failure::new(format!("{name} is not Ready within {timeout} s"))
            .hint(format!("`arcwright tree {name}` shows what it waits for; --timeout waits longer"))),
    }
}

pub(super) async fn suspend(args: NamedArgs, data: DataDir) -> Outcome {
    let answer = ask(&data, &Request::Suspend { name: args.name, by: whoami() }, PATIENCE).await?;
    let Answer::Suspended(suspension) = answer else { return Err(unexpected()) };
    if args.output.is_machine() {
        args.output.print(&suspension)?;
    } else {
        let crate::agents::config::suspensions::Suspension { namespace, name, by, since } = suspension;
        ui::line(format_args!("{namespace}/{name} is suspended by {by} since {since:.0}"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn resume(args: NamedArgs, data: DataDir) -> Outcome {
    let answer = ask(&data, &Request::Resume { name: args.name }, PATIENCE).await?;
    let Answer::Resumed { configuration, by } = answer else { return Err(unexpected()) };
    if args.output.is_machine() {
        args.output.print(&json!({"configuration": configuration, "suspendedBy": by}))?;
    } else {
        match by {
            Some(by) => ui::line(format_args!("{configuration} goes on; it was suspended by {by}")),
            None => ui::line(format_args!("{configuration} was not suspended")),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the agents of the running process.
pub(super) async fn agents(output: Form, data: &DataDir) -> Outcome {
    let Answer::Agents(process) = ask(data, &Request::Agents, PATIENCE).await? else { return Err(unexpected()) };
    if output.is_machine() {
        output.print(&process)?;
    } else {
        let row = |agent: &AgentStatus| {
            let AgentStatus { name, state, since, message } = agent.clone();
            vec![name, state, format!("{since:.0}"), process.version.clone(), process.pid.to_string(), message]
        };
        let rows: Vec<Vec<String>> = process.agents.iter().map(row).collect();
        let heading = ["AGENT", "STATE", "SINCE", "VERSION", "PID", "MESSAGE"];
        ui::table(&heading, &rows, |_, cell| cell.to_owned());
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(data: &DataDir, request: &Request, patience: Duration) -> Result<Answer, Failure> {
    let answer = call(&data.control_socket(), request, patience).await.map_err(|error| {
        let failure = Failure::of(&error);
        match error {
            CallError::Nobody { .. } => Failure::new(format!("no agent runs with the data directory {}", data.path().display()))
                .hint("start `arcwright agent`, or give the --data-dir that it runs with; in a cluster, run this in its pod with `kubectl exec`"),
            CallError::Forbidden { .. } => failure.hint("run this as the user that the agent runs as"),
            CallError::Timeout { .. } => failure.hint("the log of the agent says what it waits for"),
            CallError::NoAnswer | CallError::Io(_) => failure.hint("check that the agent still runs, and is of this version"),
        }
    })?;
    match answer {
        Answer::Refused { message, hint } => Err(Failure::new(message).hint(hint)),
        answer => Ok(answer),
    }
}

fn unexpected() -> Failure {
    Failure::new("the agent's answer is to another question").hint("check that the agent is of this version")
}

/// `user@host`, as far as the environment tells.
fn whoami() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(std::env::var_os);
    let user = user.map_or_else(|| "somebody".to_owned(), |user| user.to_string_lossy().into_owned());
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(host) => format!("{user}@{}", host.trim()),
        Err(_) => user,
    }
}
