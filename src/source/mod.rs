//! Where manifests come from: an artifact is bytes and the revision they are of.
pub mod git;

pub use git::{Artifact, FetchError, GitCache};
