//! Git repositories, mirrored and read from the object database without a check-out.
mod artifact;
mod cache;
mod error;

pub use artifact::{Artifact, Entry, EntryKind};
pub use cache::GitCache;
pub use error::FetchError;

/// An address without user, password, query and fragment: fit for logs and statuses.
pub fn redacted(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
        }
        None => bare.to_owned(),
    }
}

/// The public half of a private key, in OpenSSH's form.
///
/// # Errors
/// When the text is no unencrypted key.
pub fn public_key_of(private: &secrecy::SecretString) -> Result<String, ssh_key::Error> {
    use secrecy::ExposeSecret as _;
    ssh_key::PrivateKey::from_openssh(private.expose_secret())?.public_key().to_openssh()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_is_shown_without_its_secrets() {
        assert_eq!(super::redacted("https://u:p@host:1/a/b?token=x#y"), "https://host:1/a/b");
        assert_eq!(super::redacted("git@host:a/b"), "git@host:a/b");
    }
}
