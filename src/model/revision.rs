//! What was fetched, by name.
use serde::{Deserialize, Serialize};
use std::fmt;

/// A fetched commit and the reference that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Branch or tag; empty when only a commit was asked for.
    pub reference: String,
    /// Commit, 40 hexadecimal digits.
    pub commit: String,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reference.is_empty() {
            write!(f, "sha1:{}", self.commit)
        } else {
            write!(f, "{}@sha1:{}", self.reference, self.commit)
        }
    }
}
