//! Git repositories, mirrored and read from the object database without a check-out.
//!
//! The only module that calls libgit2. An address is checked before it gets there ([`RepoUrl`]), a
//! host or a certificate while it connects (`host`), and what comes is bounded in bytes and time.
mod artifact;
mod error;
mod host;
mod key;
mod mirror;
mod range;
mod remote;
mod url;

pub use artifact::{Artifact, Entry, EntryKind};
pub use error::FetchError;
pub use git2::Oid;
pub use key::{GeneratedKey, KeyError, generate_key, public_key_of};
pub use mirror::{GitCache, Traffic};
pub use range::Range;
pub use url::{RepoUrl, UrlError, redacted};
