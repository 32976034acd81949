//! The door to a control plane: configurations as ARM resources, pulled by long-poll.
//!
//! ```text
//! Plane::pull (ETag, waits for a change) --> follow --> read (pure: ARM resource -> Resource) --> State --> watch channel
//!                        last state <--store--^
//! ```
//!
//! Nothing that was good is lost: while the control plane is out of reach, refuses, or knows no such cluster any more, what
//! it wanted last stays wanted, also over a restart; a resource that cannot be used as it stands keeps its last good form.
mod follow;
mod read;
mod state;
mod store;

pub use follow::Puller;
pub use read::Resource;
pub use state::State;
pub use store::is_part;
