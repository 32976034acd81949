//! The client of a control plane: Azure, or an Arcwright hub.
//!
//! ```text
//! agents --call--> plane --+--request--> http (one client: authorities, proxy, bounds, retries) --> HTTPS
//!          tokens --^      |         ^-- assertion (what is signed), hub_time (by which clock)
//! onboarding --> arm ------+  <-- sign_in (an owner's token)
//!          outbox (what waits for delivery, on disk)
//! ```
mod access_token;
pub mod arm;
mod assertion;
pub mod azure;
pub mod credential;
pub mod http;
mod hub_time;
mod identity;
mod outbox;
mod plane;
pub mod sign_in;
mod tokens;
pub mod trouble;

pub use access_token::AccessToken;
pub use arm::{Arm, ArmError, Endpoints};
pub use assertion::{CertificateKey, KeyError, OnboardingKey};
pub use azure::{AzureCloud, AzureCredential, AzureReader};
pub use credential::{Credential, CredentialError};
pub use http::{CloudError, Http};
pub use hub_time::HubTime;
pub use identity::Identity;
pub use outbox::{Outbox, OutboxError};
pub use plane::{Plane, PlaneError, Pulled};
pub use sign_in::SignIn;
pub use tokens::{Standing, TokenError, TokenSource};
pub use trouble::Trouble;
