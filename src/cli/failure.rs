//! Why a command failed, and how that is told.
use std::{error::Error, process::ExitCode};

/// What a command came to.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(super) message: String,
    /// What led to it, each by the next.
    pub(super) causes: Vec<String>,
    /// What to do about it.
    pub(super) hint: Option<String>,
    /// The exit code: 1 failed, 2 wrong usage or, for a comparison, an error.
    pub(super) code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hint: None, code: 1 }
    }

    /// The failure that an error is, with its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let failure = Self::new(error.to_string());
        match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }

    /// Adds an error, and what caused that.
    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        // An error that passes its source's text on says nothing twice.
        self.causes.dedup();
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}
