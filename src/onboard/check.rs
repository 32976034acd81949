//! What was looked at before anything is changed, and what was found.
use serde::Serialize;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It is well.
    Passed,
    /// It may go wrong.
    Warning,
    /// It will go wrong.
    Failed,
    /// It could not be looked at, since something else failed.
    Skipped,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// What was found.
    pub verdict: Verdict,
    /// In words.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, message: impl Into<String>) -> Self {
        Self { name, verdict, message: message.into(), hint: None }
    }

    /// It is well.
    pub fn passed(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Verdict::Passed, message)
    }

    /// It may go wrong.
    pub fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warning, message)
    }

    /// It will go wrong.
    pub fn failed(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Verdict::Failed, message)
    }

    /// It could not be looked at.
    pub fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Verdict::Skipped, message)
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
