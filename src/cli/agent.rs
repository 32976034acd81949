//! `arcwright agent`: keep the cluster as the state files say.
use super::{
    Failure, Outcome,
    context::{DataDir, TargetArgs},
    ui,
};
use crate::{
    agents::config::{self, Board},
    desired::file,
};
use clap::Args;
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Reconcile everything once and exit 0 only when all is Compliant
    #[arg(long)]
    once: bool,
    /// With --once, how long to wait for health and to retry, in seconds
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    patience: u64,
}

pub(super) async fn run(args: AgentArgs, data: DataDir) -> Outcome {
    let cancel = CancellationToken::new();
    let loaded = args.target.load()?;
    let ctx = args.target.connect(&data).await?;
    let board = Arc::new(Board::open(data.status_file()));
    let known: Vec<_> = loaded.configurations.iter().map(|one| one.id.clone()).collect();
    board.retain(|id| known.contains(id));
    let stop = cancel.clone();
    tokio::spawn(async move {
        terminated().await;
        stop.cancel();
    });
    let keeper = tokio::spawn(Arc::clone(&board).keep_file(cancel.clone()));
    if args.once {
        let is_clean = !loaded.issues.iter().any(super::super::desired::Issue::is_error);
        let is_compliant = config::run_once(&ctx, &loaded, &board, Duration::from_secs(args.patience), &cancel).await;
        super::status::print_table(&board.all(), false);
        return if cancel.is_cancelled() {
            Err(Failure::new("interrupted; run it again to go on where it stopped"))
        } else if is_compliant && is_clean {
            Ok(ExitCode::SUCCESS)
        } else {
            Err(Failure::new("not everything is Compliant").hint(format!(
                "`arcwright --data-dir {} tree NAME` shows the objects of one configuration",
                data.path().display()
            )))
        };
    }
    ui::note(format_args!("reconciling {} configurations; status in {}", known.len(), data.status_file().display()));
    let desired = file::watch(args.target.state.clone(), Arc::new(file::SECRETS), cancel.clone()).await;
    config::run(ctx, desired, board, cancel).await;
    keeper.await.map_err(|error| Failure::of(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM or an interrupt.
async fn terminated() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        interrupt.await.ok();
        return;
    };
    tokio::select! {
        // Cancel-safe: whichever comes first ends the wait.
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
