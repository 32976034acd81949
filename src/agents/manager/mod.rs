//! Which of several processes does the work, and what each tells of itself.
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
mod readiness;

pub use decide::Timing;
pub use election::{Election, Held, Lost};
pub use figures::Figures;
pub use readiness::{Readiness, Stage};
