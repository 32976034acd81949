//! Which of several processes does the work, what each tells of itself, and that its agents go on.
//!
//! ```text
//! Lease --Election::campaign--> held --fence open--> the agents run
//!            ^                    |
//!            +--renewed by `hold`-+--lost--> the fence closes by itself, the process ends
//! ```
mod decide;
mod election;
mod exposition;
mod figures;
mod health;
mod readiness;
mod supervise;

pub use decide::Timing;
pub use election::{Election, Held, Lost};
pub use figures::Figures;
pub use health::{Health, State};
pub use readiness::{Readiness, Stage};
pub use supervise::{Agent, supervise};
