//! The agent that stands for the cluster: its identity certificate, and the tokens that are had for it.
//!
//! ```text
//! onboarding key --enrol--> certificate (90 days) --renewed from day 46--> certificate ... --expired--> enrol, when allowed
//!                               |
//!                               +--> TokenSource --> siblings
//!                                              '--> requests: AzureClusterIdentityRequest -> Secret with a token
//! ```
mod decide;
mod keeper;
mod requests;
mod store;

pub use decide::Pace;
pub use keeper::Keeper;
pub use requests::Requests;
pub use store::{ONBOARDING_SECRET, Onboarding, SECRET};
