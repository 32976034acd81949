//! The client of a control plane: Azure, or an Arcwright hub.
//!
//! ```text
//! onboard, agents --call--> arm (resources) --token--> sign_in, azure
//!                             `--request--> http (one client: authorities, proxy, bounds, retries) --> HTTPS
//! ```
pub mod arm;
pub mod azure;
pub mod configurations;
pub mod credential;
pub mod http;
pub mod sign_in;
pub mod trouble;

pub use arm::{Arm, ArmError, Endpoints};
pub use azure::{Cloud, Proof, TokenSource};
pub use configurations::RemoteConfiguration;
pub use credential::{Credential, CredentialError};
pub use http::{CloudError, Http};
pub use sign_in::SignIn;
pub use trouble::Trouble;
