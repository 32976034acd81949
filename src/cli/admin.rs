//! The admin port of `arcwright agent --listen`: what its pages say.
use super::{Failure, Outcome, ui};
use crate::{
    agents::{
        config::{Board, Context},
        manager::{Figures, Readiness, Stage},
    },
    runtime::admin::{AdminPort, Page, Reply},
};
use std::{net::SocketAddr, process::ExitCode, sync::Arc};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// An admin port, if one was asked for. It outlives the work, so that its end can be watched.
pub(super) struct Port {
    served: Option<JoinHandle<()>>,
    cancel: CancellationToken,
}

impl Port {
    /// Listens and answers, where an address is given.
    pub(super) async fn open(
        address: Option<SocketAddr>,
        ctx: &Context,
        board: &Arc<Board>,
        stage: watch::Receiver<Stage>,
        is_elected: bool,
    ) -> Result<Self, Failure> {
        let cancel = CancellationToken::new();
        let Some(address) = address else { return Ok(Self { served: None, cancel }) };
        let port = AdminPort::bind(address).await;
        let port = port.map_err(|error| Failure::of(&error).hint("give another address with --listen"))?;
        if let Ok(address) = port.address() {
            ui::note(format_args!("admin port at http://{address}"));
        }
        let readiness = Arc::new(Readiness::new(ctx.cluster.client.clone(), stage));
        let figures = Arc::new(Figures::new(Arc::clone(board), is_elected));
        let answer = move |page| {
            let (readiness, figures) = (Arc::clone(&readiness), Arc::clone(&figures));
            async move {
                match page {
                    Page::Health => Reply::well("alive\n"),
                    Page::Readiness => readiness.look().await,
                    Page::Metrics => Reply::well(figures.text(readiness.stage())),
                }
            }
        };
        Ok(Self { served: Some(tokio::spawn(port.serve(answer, cancel.clone()))), cancel })
    }

    /// Stops listening, when the requests in work are answered.
    pub(super) async fn close(self) -> Outcome {
        self.cancel.cancel();
        if let Some(served) = self.served {
            served.await.map_err(|error| Failure::of(&error))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
