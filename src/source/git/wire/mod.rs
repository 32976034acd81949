//! Connections to a Git server, each bounded in time and bytes.
//!
//! Nothing here knows what is said over them: that is in `advertisement` and `upload_pack`.
mod http;
mod proxy;
mod ssh;
mod stream;

use super::{FetchError, bounds::Bounds, url::RepoUrl, url::Scheme};
use crate::model::configuration::Credentials;
pub(super) use http::failed;
pub use proxy::ProxySettings;
use std::io::{self, Read};

/// A connection to the `git-upload-pack` of one repository.
///
/// It ends when it is dropped, at the deadline, and when the work is cancelled, whatever the other side does.
pub(super) trait Wire {
    /// What the server says first. Where it [speaks first](Wire::speaks_first) this has to be read before anything is asked.
    fn advertisement(&mut self) -> io::Result<Box<dyn Read + '_>>;

    /// Sends a request, and gives the answer.
    fn ask(&mut self, request: Vec<u8>) -> io::Result<Box<dyn Read + '_>>;

    /// Whether the server advertises on every connection, asked or not.
    fn speaks_first(&self) -> bool;

    /// Where the repository turned out to be, when the server redirected; to connect to directly next time.
    fn moved_to(&self) -> Option<String> {
        None
    }
}

/// Connects to a remote, and makes sure that it is the right one.
///
/// `moved_to` is what an earlier connection said.
///
/// # Errors
/// When it cannot be reached, is not trusted or refuses the credentials.
pub(super) fn connect<'a>(
    url: &'a RepoUrl,
    credentials: &'a Credentials,
    proxy: &ProxySettings,
    moved_to: Option<&str>,
    bounds: &'a Bounds,
) -> io::Result<Box<dyn Wire + 'a>> {
    match url.scheme() {
        Scheme::Https | Scheme::Http => Ok(Box::new(http::HttpWire::new(url, credentials, proxy, moved_to, bounds)?)),
        Scheme::Ssh => Ok(Box::new(ssh::connect(url, credentials, bounds)?)),
        Scheme::Git => Ok(Box::new(stream::connect_git(url, bounds)?)),
        Scheme::Local => Err(FetchError::Unsupported {
            url: url.to_string(),
            what: "is on this machine, and is read from there".to_owned(),
        }
        .into()),
    }
}
