//! The doors by which configurations come in, and the one check behind them.
//!
//! Whatever the door, a document is read, compared with the schema, validated, and becomes a
//! [`Configuration`]; what cannot be used becomes an [`Issue`] and leaves the others alone.
//! Several doors at once are made one state by [`doors`]. Nothing here talks to a repository, nor writes to a cluster.
pub mod arm;
pub mod azure;
mod check;
pub mod cluster;
pub mod doors;
pub mod file;
mod operator_params;
mod parse;
mod secrets;
mod shape;
mod stamp;
mod validate;

use crate::model::{
    Door,
    configuration::{Configuration, ConfigurationId},
};
use serde::{Serialize, Serializer};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use secrets::{ProcessSecrets, SecretSource};

/// What one door holds, or all of them together.
#[derive(Clone, Debug, Default)]
pub struct DesiredState {
    /// The door that holds it; not known where there are several.
    pub door: Door,
    /// What is wanted; sorted by id, ids unique.
    pub configurations: Vec<Arc<Configuration>>,
    /// What could not be used, or needs attention; sorted by place.
    pub issues: Vec<Issue>,
    /// Configurations that are stated, and not, or not yet, in a form that can be used: what they applied stays.
    pub held: BTreeSet<ConfigurationId>,
    /// Configurations that are given up: what they applied is to go, and that is waited for.
    pub leaving: BTreeSet<ConfigurationId>,
    /// Configurations of state files that belong to a door which is not open here, with that door; sorted by id.
    pub refused: Vec<(Arc<Configuration>, Door)>,
    /// The doors of which is known what they do not hold, and for which part of the cluster.
    pub certain: BTreeMap<Door, Reach>,
}

impl DesiredState {
    /// The configuration of a name.
    pub fn configuration(&self, id: &ConfigurationId) -> Option<&Arc<Configuration>> {
        let at = self.configurations.binary_search_by(|one| one.id.cmp(id)).ok()?;
        self.configurations.get(at)
    }

    /// Whether a configuration is stated, usable or not.
    pub fn states(&self, id: &ConfigurationId) -> bool {
        self.configuration(id).is_some() || self.held.contains(id)
    }
}

/// The part of a cluster that a door is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Everywhere,
    /// Some namespaces.
    Namespaces(BTreeSet<String>),
}

impl Reach {
    /// Whether a configuration can come in by the door.
    pub fn covers(&self, id: &ConfigurationId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Namespaces(namespaces) => namespaces.contains(&id.namespace),
        }
    }
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is not used.
    Error,
    /// The document is used.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Something about one place of one file that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Issue {
    /// The file, or the kind, namespace and name of a custom resource.
    pub file: PathBuf,
    /// 1-based line; 0 when the issue is about the file as a whole.
    pub line: u64,
    /// 1-based column; 0 when the issue is about the file as a whole.
    pub column: u64,
    /// Number of the document in its file, from 0, when the issue is about one.
    pub document: Option<usize>,
    /// Path of the field, as in `spec.gitRepository.url`; empty for the document as a whole.
    pub field: String,
    /// The configuration that the document describes, as far as it is known.
    #[serde(serialize_with = "shown")]
    pub object: Option<ConfigurationId>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How bad it is.
    pub severity: Severity,
}

impl Issue {
    /// Whether the document, or the file, is not used because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn shown<S: Serializer>(id: &Option<ConfigurationId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.as_ref().map(ToString::to_string).serialize(serializer)
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}: ", self.severity)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", OneLine(&self.field))?;
        }
        OneLine(&self.message).fmt(f)?;
        match &self.hint {
            Some(hint) => write!(f, " ({})", OneLine(hint)),
            None => Ok(()),
        }
    }
}

/// A text with its control characters escaped: a key of a document must not write lines of a log or move a cursor.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") })
    }
}

/// An issue before its place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    field: String,
    message: String,
    hint: Option<String>,
    severity: Severity,
}

impl Problem {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: None, severity: Severity::Error }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The issue of something that is no file: `place` says what it is.
    fn of_object(self, place: &Path, id: &ConfigurationId) -> Issue {
        Issue {
            file: place.to_owned(),
            line: 0,
            column: 0,
            document: None,
            field: self.field,
            object: Some(id.clone()),
            message: self.message,
            hint: self.hint,
            severity: self.severity,
        }
    }

    fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}
