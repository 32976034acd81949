//! The client of a control plane: Azure, or an Arcwright hub.
//!
//! ```text
//! agents --call--> plane, resources --request--> http (one client: authorities, proxy, bounds, retries) --> HTTPS
//! ```
pub mod http;

pub use http::{CloudError, Http};
