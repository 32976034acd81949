//! What a person may ask of a running agent: a visit at once, a rest, an end to that rest.
use super::{
    Board, Context, lookup,
    status::ConfigurationStatus,
    suspensions::{Suspension, Suspensions},
};
use crate::{
    agents::manager::Health,
    api::plane::AgentHealth,
    desired::DesiredState,
    model::{Door, configuration::ConfigurationId},
    runtime::control::Socket,
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longest name that is looked for, in characters.
const MAX_NAME: usize = 320;
/// Longest "by" that is kept, in characters.
const MAX_BY: usize = 256;
/// The agent that answers.
const CONFIG: &str = "config";
/// Longest time that a visit is waited for.
const MAX_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Longest time for the visit in work to end after a configuration was suspended.
const REST: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Which agents does the process run?
    Agents,
    /// Fetch and reconcile at once, and answer when that is settled.
    Reconcile {
        /// `name` or `namespace/name`.
        name: String,
        /// How long to wait for that, in seconds.
        timeout_seconds: u64,
    },
    /// Leave everything as it is from now on.
    Suspend {
        /// `name` or `namespace/name`.
        name: String,
        /// Who asks: `user@host`.
        by: String,
    },
    /// Go on.
    Resume {
        /// `name` or `namespace/name`.
        name: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// The process and its agents.
    Agents(Process),
    /// The visit ended, or did not in time.
    Reconciled {
        /// Where the configuration stands.
        status: Box<ConfigurationStatus>,
        /// Whether it is ready or has failed; otherwise it is still on the way.
        is_settled: bool,
    },
    /// It rests.
    Suspended(Suspension),
    /// It goes on.
    Resumed {
        /// `namespace/name`.
        configuration: String,
        /// Who had suspended it; none when it was not suspended.
        by: Option<String>,
    },
    /// It was not done.
    Refused {
        /// Why.
        message: String,
        /// What to do about it.
        hint: String,
    },
}

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Its agents.
    pub agents: Vec<AgentStatus>,
}

/// One agent of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// Its name, as in `config`.
    pub name: String,
    /// `Running`, `Degraded`, `Failed` or `Disabled`.
    pub state: String,
    /// Since when.
    pub since: jiff::Timestamp,
    /// For a person.
    pub message: String,
}

impl Answer {
    fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }
}

/// Where requests are answered.
pub struct Desk {
    ctx: Arc<Context>,
    board: Arc<Board>,
    suspensions: Arc<Suspensions>,
    /// As the door gives it, without the suspensions laid over it.
    desired: watch::Receiver<Arc<DesiredState>>,
    /// How the other agents of the process are, where there are any.
    siblings: Option<Health>,
    since: jiff::Timestamp,
}

impl Desk {
    /// A desk for the agent that reconciles `desired` with `suspensions` laid over it.
    pub fn new(
        ctx: Arc<Context>,
        board: Arc<Board>,
        suspensions: Arc<Suspensions>,
        desired: watch::Receiver<Arc<DesiredState>>,
        siblings: Option<Health>,
    ) -> Self {
        let since = ctx.clock.now();
        Self { ctx, board, suspensions, desired, siblings, since }
    }

    /// Answers what is asked on a socket, until cancelled.
    pub async fn serve(self, socket: Socket, cancel: CancellationToken) {
        let desk = Arc::new(self);
        let answer = move |request| {
            let desk = Arc::clone(&desk);
            async move { desk.answer(request).await }
        };
        socket.serve(answer, cancel).await;
    }

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Agents => self.agents(),
            Request::Reconcile { name, timeout_seconds } => match self.find(&name) {
                Ok(id) if self.is_suspended_by_state(&id) => self.suspended_by_state(&id),
                Ok(id) => self.reconcile(&id, Duration::from_secs(timeout_seconds).min(MAX_PATIENCE)).await,
                Err(refused) => refused,
            },
            Request::Suspend { name, by } => match self.find(&name) {
                Ok(id) => self.suspend(&id, &by).await,
                Err(refused) => refused,
            },
            Request::Resume { name } => match self.find(&name) {
                Ok(id) if self.is_suspended_by_state(&id) => self.suspended_by_state(&id),
                Ok(id) => self.resume(&id),
                Err(refused) => refused,
            },
        }
    }

    fn find(&self, name: &str) -> Result<ConfigurationId, Answer> {
        let name: String = name.chars().take(MAX_NAME).collect();
        let state = self.desired.borrow();
        let found = lookup(state.configurations.iter().map(|one| &one.id), &name);
        found.cloned().map_err(|error| Answer::refused(error.to_string(), error.hint()))
    }

    fn is_suspended_by_state(&self, id: &ConfigurationId) -> bool {
        self.desired.borrow().configuration(id).is_some_and(|one| one.suspend)
    }

    fn suspended_by_state(&self, id: &ConfigurationId) -> Answer {
        let door = self.desired.borrow().configuration(id).map(|one| one.door.clone()).unwrap_or_default();
        let place = match door {
            Door::Cluster => "custom resource",
            Door::Azure(_) => "configuration at the control plane",
            Door::Files(_) | Door::Unknown => "state file",
        };
        Answer::refused(format!("{id} is suspended by its {place}"), "set spec.suspend to false there")
    }

    fn agents(&self) -> Answer {
        let all = self.board.all();
        let ready = all.iter().filter(|status| status.is_ready()).count();
        let config = AgentStatus {
            name: CONFIG.to_owned(),
            state: "Running".to_owned(),
            since: self.since,
            message: format!("{ready} of {} configurations are Ready", all.len()),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let siblings = self.siblings.iter().flat_map(Health::all).filter(|agent| agent.name != CONFIG);
        let siblings =
            siblings.map(|AgentHealth { name, state, since, message }| AgentStatus { name, state, since, message });
        let agents = std::iter::once(config).chain(siblings).collect();
        Answer::Agents(Process { version, pid: std::process::id(), agents })
    }

    async fn reconcile(&self, id: &ConfigurationId, patience: Duration) -> Answer {
        if let Some(Suspension { by, since, .. }) = self.suspensions.get(id) {
            let hint = format!("`arcwright resume {id}` ends that, and reconciles");
            return Answer::refused(format!("{id} is suspended by {by} since {since}"), hint);
        }
        let before = self.board.begun(id);
        self.ctx.cluster.live.signal(id).ask();
        let is_settled = tokio::time::timeout(patience, self.settled(id, before)).await.is_ok();
        match self.board.get(id) {
            Some(status) => Answer::Reconciled { status: Box::new(status), is_settled },
            None => Answer::refused(
                format!("{id} was not visited within {} s", patience.as_secs()),
                "the log of the agent says what it waits for",
            ),
        }
    }

    /// Waits for a visit that began after `begun` others and ended ready or failed.
    async fn settled(&self, id: &ConfigurationId, mut begun: u64) {
        loop {
            self.board.visited(id, begun).await;
            if self.board.get(id).is_some_and(|status| !status.is_progressing()) {
                return;
            }
            begun = self.board.begun(id);
        }
    }

    /// Suspends a configuration, and answers when nothing more is written for it.
    async fn suspend(&self, id: &ConfigurationId, by: &str) -> Answer {
        let by: String = by.chars().filter(|c| !c.is_control()).take(MAX_BY).collect();
        let before = self.board.begun(id);
        let is_new = self.suspensions.get(id).is_none();
        let suspension = match self.suspensions.suspend(id, &by, self.ctx.clock.now()) {
            Ok(suspension) => suspension,
            Err(error) => return not_written(id, "suspended", &error),
        };
        if is_new {
            tracing::info!(configuration = %id, by = %suspension.by, "suspended");
            // A write in flight ends by itself; a configuration that is not visited has none.
            tokio::time::timeout(REST, self.board.visited(id, before)).await.ok();
        }
        Answer::Suspended(suspension)
    }

    fn resume(&self, id: &ConfigurationId) -> Answer {
        match self.suspensions.resume(id) {
            Ok(suspension) => {
                let by = suspension.map(|suspension| suspension.by);
                if let Some(by) = &by {
                    tracing::info!(configuration = %id, suspended_by = %by, "resumed");
                }
                Answer::Resumed { configuration: id.to_string(), by }
            }
            Err(error) => not_written(id, "resumed", &error),
        }
    }
}

fn not_written(id: &ConfigurationId, word: &str, error: &std::io::Error) -> Answer {
    let hint = "make room in the agent's data directory, or correct its permissions";
    Answer::refused(format!("{id} is not {word}, since that could not be written down: {error}"), hint)
}
