//! Why a revision could not be fetched.
use super::KeyError;

/// What a lower layer said. Its text holds no credentials.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a revision could not be fetched. `url` and `host` never hold credentials; what a remote said is one
/// line without control characters.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each field is")]
pub enum FetchError {
    /// The address is not one that is fetched from.
    #[error("repository address {url:?} is not accepted")]
    UrlRejected {
        url: String,
        #[source]
        source: super::UrlError,
    },
    /// The remote could not be reached, or broke off.
    #[error("cannot fetch {url}")]
    Transport {
        url: String,
        #[source]
        source: Cause,
    },
    /// The remote answered, but not as a Git server does.
    #[error("{url} does not answer as a Git server does: {what}")]
    Protocol { url: String, what: String },
    /// The remote answered with an HTTP status that is no success.
    #[error("{url} answered {status}")]
    Status { url: String, status: String },
    /// The remote said why it does not serve the repository.
    #[error("{url} refused: {message}")]
    Refused { url: String, message: String },
    /// There is no such repository, as far as these credentials show.
    #[error("{url} is not found: the repository does not exist, or {credentials} may not read it")]
    RepositoryNotFound { url: String, credentials: String },
    /// The remote wants to send the client elsewhere.
    #[error("{url} redirects to {to}, and credentials are never taken there; if that is right, use that address")]
    Redirect { url: String, to: String },
    /// The remote has something that this agent cannot read.
    #[error("{url} {what}")]
    Unsupported { url: String, what: String },
    /// The remote refused the credentials, or wanted some and there are none.
    #[error("{url} refused {credentials}")]
    Authentication { url: String, credentials: String },
    /// The ssh key cannot be used.
    #[error("the private key for {url} cannot be used")]
    Key {
        url: String,
        #[source]
        source: KeyError,
    },
    /// No known_hosts line vouches for the ssh host.
    #[error("host {host} offers {offered}, which the known hosts do not have{why}")]
    HostKeyUnknown { host: String, offered: String, why: String },
    /// The ssh host shows a key that it must not.
    #[error("host {host} offers {offered}: {why}")]
    HostKeyRejected { host: String, offered: String, why: String },
    /// The https server's certificate is not trusted.
    #[error("the certificate of {url} is not trusted: {why}")]
    Certificate { url: String, why: String },
    /// The certificates given as authorities cannot be read.
    #[error("the authorities for {url} cannot be used: {why}")]
    Authorities { url: String, why: String },
    /// The proxy cannot be used.
    #[error("the proxy for {url} cannot be used: {why}")]
    Proxy { url: String, why: String },
    /// The remote answered, and has no such branch, tag or commit.
    #[error("{url} has no {what}{hint}")]
    NoSuchRevision { url: String, what: String, hint: String },
    /// The fetch took longer than it may.
    #[error("fetching {url} took longer than {seconds} s")]
    Timeout { url: String, seconds: u64 },
    /// More was sent than is taken, or a file is larger than is read.
    #[error("{what} is larger than the {limit} bytes that are read")]
    TooLarge { what: String, limit: u64 },
    /// The remote advertises more references than are taken.
    #[error("{url} advertises more than {limit} references; hide those that are not needed (uploadpack.hideRefs)")]
    TooManyReferences { url: String, limit: usize },
    /// The mirror on disk cannot be used.
    #[error("cannot use the mirror of {url}")]
    Mirror {
        url: String,
        #[source]
        source: Cause,
    },
    /// A path is not in the commit.
    #[error("{path} is not in the commit")]
    NoSuchPath { path: String },
    /// The work was ended.
    #[error("fetching was ended")]
    Cancelled,
}

impl FetchError {
    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UrlRejected { .. } => "UrlRejected",
            Self::Transport { .. } | Self::Protocol { .. } | Self::Status { .. } | Self::Refused { .. } => {
                "GitOperationFailed"
            }
            Self::RepositoryNotFound { .. } => "RepositoryNotFound",
            Self::Redirect { .. } => "RedirectRefused",
            Self::Unsupported { .. } => "Unsupported",
            Self::Authentication { .. } => "AuthenticationFailed",
            Self::Key { .. } => "PrivateKeyInvalid",
            Self::HostKeyUnknown { .. } => "HostKeyUnknown",
            Self::HostKeyRejected { .. } => "HostKeyRejected",
            Self::Certificate { .. } => "CertificateUntrusted",
            Self::Authorities { .. } => "AuthoritiesInvalid",
            Self::Proxy { .. } => "ProxyFailed",
            Self::NoSuchRevision { .. } => "RevisionNotFound",
            Self::Timeout { .. } => "Timeout",
            Self::TooLarge { .. } | Self::TooManyReferences { .. } => "TooLarge",
            Self::Mirror { .. } => "MirrorUnusable",
            Self::NoSuchPath { .. } => "PathNotFound",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether trying again can help when nothing in the configuration has changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::UrlRejected { .. }
            | Self::Redirect { .. }
            | Self::Unsupported { .. }
            | Self::Key { .. }
            | Self::Authorities { .. }
            | Self::TooLarge { .. }
            | Self::TooManyReferences { .. }
            | Self::NoSuchPath { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyRejected { .. } => false,
            Self::Transport { .. }
            | Self::Protocol { .. }
            | Self::Status { .. }
            | Self::Refused { .. }
            | Self::RepositoryNotFound { .. }
            | Self::Authentication { .. }
            | Self::Certificate { .. }
            | Self::Proxy { .. }
            | Self::NoSuchRevision { .. }
            | Self::Timeout { .. }
            | Self::Mirror { .. }
            | Self::Cancelled => true,
        }
    }
}

/// So that a reader can say more than that it could not read.
impl From<FetchError> for std::io::Error {
    fn from(error: FetchError) -> Self {
        Self::other(error)
    }
}
