//! The cluster door: configurations as custom resources, watched.
//!
//! ```text
//! one watch a kind (and namespace) --> follow --> read (pure: object -> Resource) --> State --> watch channel
//! ```
//!
//! A resource meets the checks of a document of a state file. What the API server and the agent themselves keep in it
//! (bookkeeping, finalizers, status) is no part of the document, so that a status that is written is no change.
mod follow;
mod kind;
mod read;
mod state;

pub use follow::watch;
pub use kind::Kind;
pub use read::{FINALIZER, Key, REQUESTED_AT, Resource};
pub use state::State;
