//! The nouns, as plain values: no I/O, no clock, no client.
mod account;
pub mod configuration;
pub mod distribution;
mod door;
pub mod flux;
mod manifest;
mod object_id;
pub mod operator;
mod revision;

pub use account::Account;
pub use door::Door;
pub use manifest::Manifest;
pub use object_id::ObjectId;
pub use revision::Revision;

/// Field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "arcwright";
/// Label that names the configuration that owns an object.
pub const OWNER_NAME_LABEL: &str = "clusterconfig.azure.com/name";
/// Label that names the namespace of the configuration that owns an object.
pub const OWNER_NAMESPACE_LABEL: &str = "clusterconfig.azure.com/namespace";
/// Label of the workloads of an operator, and of their pods: the status of what carries it is followed too. Its value
/// is the workload's part, as in `flux` or `memcached`.
pub const OPERATOR_LABEL: &str = "clusterconfig.azure.com/operator";
