//! What an engine of a `SourceControlConfiguration` makes of the settings that are its own.
use super::{super::Problem, names, reference::ref_name};
use crate::model::configuration::{Engine, Kustomization};
use std::time::Duration;

/// The field with the arguments of the operator.
pub(super) const PARAMS: &str = "spec.operatorParams";

/// What an engine makes of the settings that are its own.
pub(super) struct Work {
    pub(super) engine: Engine,
    pub(super) branch: String,
    /// Longest time for one fetch.
    pub(super) timeout: Duration,
    /// Time between looks at what the objects are made of.
    pub(super) interval: Duration,
    pub(super) kustomizations: Vec<Kustomization>,
    pub(super) ignored: Vec<Ignored>,
}

/// Checks a branch and directories that arguments name.
pub(super) fn check_places(branch: &str, paths: &[String], problems: &mut Vec<Problem>) {
    ref_name(PARAMS, branch, problems);
    for path in paths {
        names::directory(PARAMS, path, problems);
    }
}

/// Something that is said and has no meaning for the engine.
pub(super) struct Ignored {
    pub(super) field: &'static str,
    /// What is said, where the field does not tell.
    pub(super) argument: Option<String>,
    pub(super) why: String,
}

impl Ignored {
    /// For a status, which shows no fields.
    pub(super) fn in_full(&self) -> String {
        let name = self.argument.as_deref().unwrap_or(self.field.trim_start_matches("spec."));
        format!("{name}: {}", self.why)
    }

    pub(super) fn problem(&self) -> Problem {
        let message = if self.argument.is_some() { self.in_full() } else { self.why.clone() };
        Problem::new(self.field, message).warning()
    }
}
