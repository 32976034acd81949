//! The process's own log.
use std::io;
use tracing_subscriber::EnvFilter;

/// Starts logging to what `writer` makes: JSON lines, or text when `json` is false.
///
/// `filter` is a tracing filter such as `info` or `arcwright=debug`; a wrong one counts as `info`.
pub fn start<W: io::Write + 'static>(filter: &str, json: bool, writer: impl Fn() -> W + Send + Sync + 'static) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second start, as in tests, keeps the first.
    if json {
        log.json().flatten_event(true).try_init().ok();
    } else {
        log.with_target(false).try_init().ok();
    }
}
