//! Connecting a cluster to a control plane, and the way back.
//!
//! ```text
//! check (cluster, plane: everything that is wrong, at once) -> decide (PURE: whose key) -> resource
//!    -> agents by helm, or manifests -> wait until it is Connected, or tell what is wrong (diagnose, PURE)
//! ```
pub mod chart;
pub mod check;
pub mod cluster;
pub mod connection;
pub mod decide;
pub mod diagnose;
pub mod helm;
pub mod key;
pub mod manifests;
pub mod plane;
pub mod remove;

pub use check::{Check, Verdict};
pub use connection::{Connection, Identity, Image, Proxy};
pub use key::OnboardingKey;

/// Namespace of the agents.
pub const NAMESPACE: &str = "azure-arc";
/// Release of the chart.
pub const RELEASE: &str = "azure-arc";
/// ConfigMap of that namespace that says whom the cluster is known as.
pub const CLUSTER_CONFIG: &str = "azure-clusterconfig";
/// Secret of that namespace with the onboarding key.
pub const KEY_SECRET: &str = "azure-arc-connect-privatekey";
/// Where in that Secret.
pub const KEY_ENTRY: &str = "privateKey";
