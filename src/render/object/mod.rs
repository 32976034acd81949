//! One object: what it is, where its fields are, and how fields are laid over each other. Nothing here reads a file.
pub(super) mod fieldspec;
pub(super) mod json6902;
pub(super) mod manifests;
pub(super) mod merge;
pub(super) mod path;
pub(super) mod resource;
pub(super) mod schema;
pub(super) mod written;
