//! Why a revision could not be fetched.

/// Why a revision could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not one that is fetched from.
    #[error("repository address {url:?} is not accepted: {why}")]
    UrlRejected {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The remote could not be reached, or broke off.
    #[error("cannot fetch {url}")]
    Transport {
        /// The address, without credentials.
        url: String,
        /// What libgit2 said.
        #[source]
        source: git2::Error,
    },
    /// The remote refused the credentials.
    #[error("{url} refused the credentials; check httpsUser and httpsKey")]
    Authentication {
        /// The address, without credentials.
        url: String,
    },
    /// The remote answered, and has no such branch, tag or commit.
    #[error("{url} has no {what}")]
    NoSuchRevision {
        /// The address, without credentials.
        url: String,
        /// What was asked for.
        what: String,
    },
    /// The fetch took longer than it may.
    #[error("fetching {url} took longer than {seconds} s")]
    Timeout {
        /// The address, without credentials.
        url: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// More was sent than is taken.
    #[error("{what} is larger than the {limit} bytes that are read")]
    TooLarge {
        /// The repository or file.
        what: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The mirror on disk cannot be used.
    #[error("cannot use the mirror of {url}")]
    Mirror {
        /// The address, without credentials.
        url: String,
        /// What was wrong.
        #[source]
        source: git2::Error,
    },
    /// A path is not in the commit.
    #[error("{path} is not in the commit")]
    NoSuchPath {
        /// The path.
        path: String,
    },
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
            Self::UrlRejected { .. } | Self::TooLarge { .. } | Self::NoSuchPath { .. } => false,
            Self::Transport { .. } | Self::Authentication { .. } | Self::NoSuchRevision { .. } | Self::Timeout { .. } | Self::Mirror { .. } | Self::Cancelled => true,
        }
    }
}
