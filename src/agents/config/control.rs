//! What a person may ask of a running agent: a visit at once, a rest, an end to that rest.
use super::{
    Board, Context, lookup,
    status::ConfigurationStatus,
    suspensions::{Suspension, Suspensions},
};
use crate::{desired::DesiredState, model::configuration::ConfigurationId, runtime::control::Socket};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Longest name that is looked for, in characters.
const MAX_NAME: usize = 320;
/// Longest "by" that is kept, in characters.
const MAX_BY: usize = 256;
/// Longest time that a visit is waited for.
const MAX_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Longest time for the visit in work to end after a configuration was suspended.
const REST: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
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
}

impl Desk {
    /// A desk for the agent that reconciles `desired` with `suspensions` laid over it.
    pub fn new(
        ctx: Arc<Context>,
        board: Arc<Board>,
        suspensions: Arc<Suspensions>,
        desired: watch::Receiver<Arc<DesiredState>>,
    ) -> Self {
        Self { ctx, board, suspensions, desired }
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
        let (Request::Reconcile { name, .. } | Request::Suspend { name, .. } | Request::Resume { name }) = &request;
        let name: String = name.chars().take(MAX_NAME).collect();
        let state = Arc::clone(&self.desired.borrow());
        let id = match lookup(state.configurations.iter().map(|one| &one.id), &name) {
            Ok(id) => id.clone(),
            Err(error) => return Answer::refused(error.to_string(), error.hint()),
        };
        let is_suspended_by_state = state.configurations.iter().any(|one| one.id == id && one.suspend);
        match request {
            Request::Reconcile { .. } if is_suspended_by_state => suspended_by_state(&id),
            Request::Reconcile { timeout_seconds, .. } => {
                self.reconcile(&id, Duration::from_secs(timeout_seconds).min(MAX_PATIENCE)).await
            }
            Request::Suspend { by, .. } => self.suspend(&id, &by).await,
            Request::Resume { .. } if is_suspended_by_state => suspended_by_state(&id),
            Request::Resume { .. } => self.resume(&id),
        }
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

fn suspended_by_state(id: &ConfigurationId) -> Answer {
    Answer::refused(format!("{id} is suspended by its state file"), "set spec.suspend to false there")
}

fn not_written(id: &ConfigurationId, word: &str, error: &std::io::Error) -> Answer {
    let hint = "make room in the agent's data directory, or correct its permissions";
    Answer::refused(format!("{id} is not {word}, since that could not be written down: {error}"), hint)
}
