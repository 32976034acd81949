//! Why a revision could not be fetched.

/// Why a revision could not be fetched. `url` and `host` never hold credentials.
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
        source: git2::Error,
    },
    /// The remote refused the credentials, or wanted some and there are none.
    #[error("{url} refused {credentials}")]
    Authentication { url: String, credentials: String },
    /// No known_hosts line vouches for the ssh host.
    #[error("host {host} offers {offered}, which the known hosts do not have{why}")]
    HostKeyUnknown { host: String, offered: String, why: String },
    /// The ssh host shows a key that it must not.
    #[error("host {host} offers {offered}: {why}")]
    HostKeyRejected { host: String, offered: String, why: String },
    /// The https server's certificate is not trusted.
    #[error("the certificate of {url} is not trusted; give the authority that signed it in httpsCACert")]
    Certificate {
        url: String,
        #[source]
        source: git2::Error,
    },
    /// The remote answered, and has no such branch, tag or commit.
    #[error("{url} has no {what}{hint}")]
    NoSuchRevision { url: String, what: String, hint: String },
    /// The fetch took longer than it may.
    #[error("fetching {url} took longer than {seconds} s")]
    Timeout { url: String, seconds: u64 },
    /// More was sent than is taken, or a file is larger than is read.
    #[error("{what} is larger than the {limit} bytes that are read")]
    TooLarge { what: String, limit: usize },
    /// The mirror on disk cannot be used.
    #[error("cannot use the mirror of {url}")]
    Mirror {
        url: String,
        #[source]
        source: git2::Error,
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
            Self::Transport { .. } => "GitOperationFailed",
            Self::Authentication { .. } => "AuthenticationFailed",
            Self::HostKeyUnknown { .. } => "HostKeyUnknown",
            Self::HostKeyRejected { .. } => "HostKeyRejected",
            Self::Certificate { .. } => "CertificateUntrusted",
            Self::NoSuchRevision { .. } => "RevisionNotFound",
            Self::Timeout { .. } => "Timeout",
            Self::TooLarge { .. } => "TooLarge",
            Self::Mirror { .. } => "MirrorUnusable",
            Self::NoSuchPath { .. } => "PathNotFound",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether trying again can help when nothing else has changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::UrlRejected { .. }
            | Self::TooLarge { .. }
            | Self::NoSuchPath { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyRejected { .. } => false,
            Self::Transport { .. }
            | Self::Authentication { .. }
            | Self::Certificate { .. }
            | Self::NoSuchRevision { .. }
            | Self::Timeout { .. }
            | Self::Mirror { .. }
            | Self::Cancelled => true,
        }
    }
}
