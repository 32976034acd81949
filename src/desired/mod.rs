//! The doors by which configurations come in. Nothing here talks to a repository or a cluster.
pub mod file;

use crate::model::configuration::Configuration;
use serde::Serialize;
use std::{fmt, path::PathBuf};

/// What one door holds.
#[derive(Clone, Debug, Default)]
pub struct DesiredState {
    /// What is wanted; sorted by id, ids unique.
    pub configurations: Vec<Configuration>,
    /// What could not be used; the others are unaffected.
    pub issues: Vec<Issue>,
}

/// Something about one document that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The file.
    pub file: PathBuf,
    /// 1-based line and column, where known.
    pub location: Option<(u64, u64)>,
    /// Number of the document in its file, from 0.
    pub document: Option<usize>,
    /// What is wrong and where in the document.
    pub message: String,
}

impl Issue {
    /// Whether the document is not used.
    pub fn is_error(&self) -> bool {
        true
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.location {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " error: ")?;
        if let Some(document) = self.document {
            write!(f, "document {document}: ")?;
        }
        f.write_str(&self.message)
    }
}
