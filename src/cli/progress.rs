//! Progress of long work, on a terminal only.
use super::ui;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{self, Write},
    sync::LazyLock,
    time::Duration,
};

/// Time between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// Where progress is drawn: standard error, when that is a terminal that wants it.
static SCREEN: LazyLock<MultiProgress> = LazyLock::new(|| {
    let is_wanted = ui::is_lively(&io::stderr());
    MultiProgress::with_draw_target(if is_wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() })
});

/// What is under way. It leaves the screen when this is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Work of which the end is not known.
    pub(super) fn spinner(message: &str) -> Self {
        Self::start(ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}", message)
    }

    /// Work of so many parts.
    pub(super) fn bar(parts: usize, message: &str) -> Self {
        let bar = ProgressBar::new(u64::try_from(parts).unwrap_or(u64::MAX));
        Self::start(bar, "{spinner} {msg} {wide_bar} {pos}/{len} {elapsed}", message)
    }

    fn start(bar: ProgressBar, template: &str, message: &str) -> Self {
        let bar = SCREEN.add(bar);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        if !SCREEN.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    /// So many parts are done.
    pub(super) fn set(&self, done: usize) {
        self.0.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// One more part is done.
    pub(super) fn advance(&self) {
        self.0.inc(1);
    }

    /// Something else is under way.
    pub(super) fn tell(&self, message: &str) {
        self.0.set_message(message.to_owned());
    }

    /// Leaves the screen.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        SCREEN.remove(&self.0);
    }
}

/// Standard error for the log: its lines go above the progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SCREEN.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
