//! The client of a control plane: Azure, or an Arcwright hub.
//!
//! ```text
//! agents --call--> plane, resources --request--> http (one client: authorities, proxy, bounds, retries) --> HTTPS
//!          tokens --^                  ^-- assertion (what is signed), hub_time (by which clock)
//!          outbox (what waits for delivery, on disk)
//! ```
mod assertion;
pub mod http;
mod hub_time;
mod identity;
mod outbox;
mod plane;
mod tokens;

pub use assertion::{CertificateKey, KeyError, OnboardingKey};
pub use http::{CloudError, Http};
pub use hub_time::HubTime;
pub use identity::Identity;
pub use outbox::{Outbox, OutboxError};
pub use plane::{Plane, PlaneError, Pulled};
pub use tokens::{AccessToken, Standing, TokenError, TokenSource};
