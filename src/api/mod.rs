//! The two configuration kinds as they are written: custom resources, documents of a state file, CRDs and JSON Schema.
//!
//! Property names, enums and defaults are those of the public ARM resources; a few fields are Arcwright's own (`engine`,
//! `drift`, `allowEmpty`, `protectedSettingsFrom`, `installState`). Nothing is checked here beyond types:
//! [`crate::desired`] does that.
mod arc;
mod flux;
mod flux_status;
mod historical;
pub mod plane;
mod schema;
mod shared;
mod source;
mod source_control;

pub use arc::*;
pub use flux::*;
pub use flux_status::*;
pub use historical::*;
pub use schema::{crds, crds_yaml, state_schema};
pub use shared::*;
pub use source::*;
pub use source_control::*;

/// API group of the kinds.
pub const GROUP: &str = "clusterconfig.azure.com";
/// `apiVersion` of the kinds.
pub const API_VERSION: &str = "clusterconfig.azure.com/v1beta1";
/// Properties of ARM resources of the kinds that clients read, and nobody but their cluster writes.
pub const READ_ONLY_PROPERTIES: [&str; 9] = [
    "complianceStatus",
    "complianceState",
    "statuses",
    "repositoryPublicKey",
    "sourceSyncedCommitId",
    "sourceUpdatedAt",
    "statusUpdatedAt",
    "provisioningState",
    "errorMessage",
];
