//! Git repositories, mirrored and read from the object database without a check-out.
//!
//! ```text
//! GitCache --> Conversation --look--> advertisement \
//!    |              |                                 wire (https, ssh, git), bounded in time and bytes
//!    |              '-------fetch--> upload_pack    /
//!    |                                   '--pack_guard--> store (libgit2's object database)
//!    '--> Artifact, read object by object
//! ```
//!
//! libgit2 keeps the objects, resolves deltas and reads repositories of this machine. It does not talk to
//! remotes: its own transports cannot be ended while they wait, hand credentials to another port after a
//! redirect, and let the server choose a host key that is not known while another one is. What comes over
//! the network is parsed here, in safe code, and judged before libgit2 sees it.
//!
//! An address is checked before anything is done with it ([`RepoUrl`]), a host or a certificate while it
//! connects (`known_hosts`, `authorities`), and what comes is bounded in bytes and time.
mod advertisement;
mod artifact;
mod authorities;
mod bounds;
mod choice;
mod error;
mod file;
mod key;
mod known_hosts;
mod local;
mod mirror;
mod openssh;
mod pack_guard;
mod packets;
mod range;
mod remote;
mod store;
mod text;
mod upload_pack;
mod url;
mod wire;

pub use artifact::{Artifact, Entry, EntryKind};
pub use error::{Cause, FetchError};
pub use file::read_file;
pub use git2::Oid;
pub use key::{GeneratedKey, KeyError, generate_key, public_key_of};
pub use mirror::{GitCache, Traffic};
pub use range::Range;
pub use remote::GitOptions;
pub use url::{RepoUrl, UrlError, redacted};
pub use wire::ProxySettings;
