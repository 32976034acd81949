//! The process's own log.
use std::io;
use tracing_subscriber::EnvFilter;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For programs: an object a line.
    Json,
    /// For people.
    Text {
        /// Whether the words are coloured.
        colours: bool,
    },
}

/// Starts logging to what `writer` makes.
///
/// `filter` is a tracing filter such as `info` or `arcwright=debug`; a wrong one counts as `info`.
pub fn start<W: io::Write + 'static>(filter: &str, form: Form, writer: impl Fn() -> W + Send + Sync + 'static) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second start, as in tests, keeps the first.
    match form {
        Form::Json => log.json().flatten_event(true).try_init().ok(),
        Form::Text { colours } => log.with_target(false).with_ansi(colours).try_init().ok(),
    };
}
