//! Planning: what has to be done so that the cluster matches the manifests. Pure: no I/O, no clock.
mod decide;
pub mod drift;
pub mod health;
mod observed;
pub mod order;
mod steps;

pub use decide::{applies_once, plan};
pub use observed::{APPLIED_ANNOTATION, Form, Observed, digest_of, owner_of};
pub use steps::{Action, PRUNE_ANNOTATION, PRUNE_WHEN_EMPTY, Plan, PlanError, Policy, Refusal, Step};
use steps::{KEEP, SKIP};
