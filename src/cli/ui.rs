//! The only place that prints.
use super::Failure;
use std::{
    fmt,
    io::{IsTerminal, Write as _},
};

/// Prints one line to standard output; a closed pipe is fine.
pub fn line(text: fmt::Arguments<'_>) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}

/// Prints a text as it is to standard output; a closed pipe is fine.
pub fn text(text: &str) {
    std::io::stdout().lock().write_all(text.as_bytes()).ok();
}

/// Prints one line to standard error.
pub fn note(text: fmt::Arguments<'_>) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

pub(super) fn failure(failure: &Failure) {
    note(format_args!("Error: {}", failure.message));
    for cause in &failure.causes {
        note(format_args!("Caused by: {cause}"));
    }
    if let Some(hint) = &failure.hint {
        note(format_args!("Hint: {hint}"));
    }
}

/// A number of things: `1 object`, `2 objects`.
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Whether a stream is a terminal that wants colours and pictures: `NO_COLOR` is not set, and it is not dumb.
pub(super) fn is_lively(stream: &impl IsTerminal) -> bool {
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !is_plain && !is_dumb
}

/// Colours, when standard output is a terminal that wants them.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// Looks at the terminal and the environment.
    pub fn detect() -> Self {
        Self(is_lively(&std::io::stdout()))
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For what is well, and what is added.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// For what is wrong, and what is removed.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// For what is on the way, and what changes.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// For headings.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
}

/// Prints rows under a heading, columns aligned; colours come after alignment by `paint`.
pub fn table(heading: &[&str], rows: &[Vec<String>], paint: impl Fn(usize, &str) -> String) {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let pad = |cell: &str, width: usize| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count())));
    let head: Vec<String> = heading.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
    line(format_args!("{}", head.join("  ").trim_end()));
    for row in rows {
        let last = row.len().saturating_sub(1);
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(column, (cell, width))| {
                    if column == last { paint(column, cell) } else { paint(column, &pad(cell, *width)) }
                },
            )
            .collect();
        line(format_args!("{}", cells.join("  ")));
    }
}
