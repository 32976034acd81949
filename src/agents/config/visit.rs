//! Visits a configuration again and again: when it is time, when its objects change, when somebody asks.
use super::{
    Board, Context, Memory, engine,
    reconcile::reconcile,
    revision::jittered,
    status::{Phase, Report},
    summary::status_of,
};
use crate::{model::configuration::Configuration, runtime::backoff::backoff};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// First wait after a failed visit; it doubles up to the retry interval, with jitter.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait while objects are on the way: their health wakes the visit, this ends their time.
const WHILE_PROGRESSING: Duration = Duration::from_secs(5);

/// Visits one configuration until `is_enough` says so of its phase, or stopped.
///
/// Ends between two writes when stopped, so that nothing is in flight when this returns.
pub(super) async fn until(
    ctx: &Arc<Context>,
    configuration: &Configuration,
    board: &Arc<Board>,
    stop: &CancellationToken,
    is_enough: impl Fn(Phase) -> bool,
) {
    let signal = ctx.cluster.live.signal(&configuration.id);
    let mut memory = Memory::default();
    while !stop.is_cancelled() {
        board.begin(&configuration.id);
        if !configuration.suspend || engine::tells_of_rest(&configuration.engine) {
            Box::pin(memory.source.look(ctx, configuration, signal.take_asked(), stop)).await;
        }
        let has_drifted = signal.take_drifted();
        let report = Box::pin(reconcile(ctx, configuration, &mut memory, has_drifted, stop)).await;
        if stop.is_cancelled() {
            return;
        }
        tell(ctx, configuration, board, &report);
        if is_enough(report.phase) {
            return;
        }
        let wait = next_visit(configuration, &report, &mut memory, fastrand::f64());
        tokio::select! {
            // Cancel-safe: a signal that was not received is kept for the next wait.
            () = signal.changed() => {}
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// How long to wait until the next visit, when nothing happens before.
fn next_visit(configuration: &Configuration, report: &Report, memory: &mut Memory, chance: f64) -> Duration {
    let interval =
        configuration.kustomizations.iter().map(|one| one.interval).min().unwrap_or(Duration::from_secs(600));
    let retry = configuration.kustomizations.iter().filter_map(|one| one.retry_interval).min().unwrap_or(interval);
    let own = match report.phase {
        Phase::Ready | Phase::Suspended => {
            memory.failures = 0;
            interval
        }
        Phase::Progressing => WHILE_PROGRESSING.min(interval),
        Phase::Stalled => retry,
        Phase::Failing => {
            memory.failures = memory.failures.saturating_add(1);
            backoff(FIRST_RETRY, memory.failures, retry)
        }
    };
    let rests = configuration.suspend && !engine::tells_of_rest(&configuration.engine);
    let source = if rests { interval } else { memory.source.until_next_look() };
    jittered(own, chance).min(source)
}

/// Status, event and log line, all from one report.
fn tell(ctx: &Arc<Context>, configuration: &Configuration, board: &Board, report: &Report) {
    let id = &configuration.id;
    let before = board.get(id);
    let status = status_of(configuration, report, before.as_ref(), ctx.clock.now());
    // A commit that changes nothing here changes the revision in the message, and that is no news.
    let is_news = |text: &str| report.phase != Phase::Ready && text != status.message;
    let has_moved = before
        .as_ref()
        .is_none_or(|before| before.compliance_state != status.compliance_state || is_news(&before.message));
    let is_event = has_moved || report.has_written;
    let is_warning = matches!(report.phase, Phase::Failing | Phase::Stalled);
    if is_event {
        let (state, reason, message) = (&status.compliance_state, &report.reason, &report.message);
        if is_warning {
            tracing::warn!(configuration = %id, %state, %reason, %message, "reconciled");
        } else {
            tracing::info!(configuration = %id, %state, %reason, %message, "reconciled");
        }
    }
    board.set(id, status);
    // By itself, so that neither the status nor the next visit waits for an API server that is busy or away.
    if is_event && report.phase != Phase::Progressing {
        let (teller, id, resource) = (Arc::clone(ctx), id.clone(), configuration.resource.clone());
        let (reason, message) = (report.reason.clone(), report.message.clone());
        let told = async move {
            teller.cluster.events.record(&id, resource.as_ref(), is_warning, &reason, &message).await;
        };
        ctx.tellers.spawn(told);
    }
}
