//! The language of Azure Resource Manager: paths, versions, resources, errors. Pure.
//!
//! Source: the resource provider contract of Azure Resource Manager, and the public REST specifications of
//! `Microsoft.Kubernetes` and `Microsoft.KubernetesConfiguration`.
mod body;
mod error;
mod path;
mod version;

pub(super) use body::{Kept, Stamp, kept, patched, shown};
pub(super) use error::ArmError;
pub(super) use path::{ConfigurationKind, IdentityAct, Target, key};
pub(super) use version::{Provider, checked_version, providers};

/// Type of a cluster.
pub(super) const CLUSTER_TYPE: &str = "Microsoft.Kubernetes/connectedClusters";
/// Longest name of a cluster; also of a configuration.
pub(super) const MAX_NAME: usize = 63;
