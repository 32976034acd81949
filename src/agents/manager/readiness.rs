//! Whether the process can do its work: the desired state was read, and the API server answers.
//!
//! Neither a repository nor a remote plane counts: what is applied stays, whether they answer or not.
use crate::runtime::admin::Reply;
use kube::Client;
use std::time::Duration;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

/// Longest wait for the API server.
const PATIENCE: Duration = Duration::from_secs(3);
/// For how long one answer of the API server serves everybody who asks.
const FRESH: Duration = Duration::from_secs(2);

/// How far the process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the lease, ready to take over.
    StandingBy,
    /// It has not read the desired state yet.
    Reading,
    /// It reconciles.
    Working,
}

/// Looks whether the process is ready.
pub struct Readiness {
    client: Client,
    stage: watch::Receiver<Stage>,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    /// Readiness of a process whose stage is told in `stage`.
    pub fn new(client: Client, stage: watch::Receiver<Stage>) -> Self {
        Self { client, stage, last: Mutex::default() }
    }

    /// How far the process has come.
    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Looks, and asks the API server if nobody did in the last two seconds.
    pub async fn look(&self) -> Reply {
        let api_server = self.api_server().await;
        tell(self.stage(), api_server)
    }

    async fn api_server(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            tracing::trace!(age = ?at.elapsed(), "an answer that is fresh enough");
            return answer.clone();
        }
        let answer = match tokio::time::timeout(PATIENCE, self.client.apiserver_version()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("the API server cannot be reached, or refuses".to_owned()),
            Err(_) => Err(format!("the API server does not answer within {} s", PATIENCE.as_secs())),
        };
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

fn tell(stage: Stage, api_server: Result<(), String>) -> Reply {
    if let Err(why) = api_server {
        return Reply::unwell(format!("not ready: {why}\n"));
    }
    match stage {
        Stage::Reading => Reply::unwell("not ready: the desired state is not read yet\n"),
        Stage::StandingBy => Reply::well("ready, standing by for the lease\n"),
        Stage::Working => Reply::well("ready\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_that_stands_by_or_works_while_the_api_server_answers() {
        for (stage, is_ready) in [(Stage::StandingBy, true), (Stage::Reading, false), (Stage::Working, true)] {
            assert_eq!(tell(stage, Ok(())).is_well, is_ready, "{stage:?}");
            let away = tell(stage, Err("away".to_owned()));
            assert_eq!(away, Reply::unwell("not ready: away\n"));
        }
    }
}
