//! Planning: what has to be done so that the cluster matches the manifests. Pure: no I/O, no clock.
pub mod drift;
pub mod health;
pub mod order;
mod steps;

pub use steps::{APPLIED_ANNOTATION, Action, Plan, PlanError, Policy, Refusal, Step, owner_of, plan};
