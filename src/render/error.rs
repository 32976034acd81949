//! Why nothing was rendered.
use super::{remote::RemoteError, tree::TreeError};

/// Why nothing was rendered. Names the file; holds none of its content.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what each field is")]
pub enum RenderError {
    /// A file could not be read.
    #[error("{file}: cannot be read")]
    Tree {
        file: String,
        #[source]
        source: TreeError,
    },
    /// The directory to render is not there.
    #[error("{path:?} is not a directory of the repository; correct the kustomization's path")]
    NoDirectory { path: String },
    /// A directory that must have a kustomization has none, or several.
    #[error("{path:?} holds {found} of kustomization.yaml, kustomization.yml and Kustomization, and must hold one")]
    NoKustomization { path: String, found: usize },
    /// A file is not a stream of Kubernetes objects.
    #[error("{file}: {message}")]
    Manifest { file: String, message: String },
    /// A field of a kustomization is wrong.
    #[error("{file}: {field}: {message}")]
    Field { file: String, field: String, message: String },
    /// A field of a kustomization that is not rendered.
    #[error(
        "{file}: field {field} is not rendered by this version; remove it, or render elsewhere and commit the result"
    )]
    Unsupported { file: String, field: String },
    /// Something is outside what may be read.
    #[error("{file}: {path:?} is not in or below {root:?}; move the file there, or make it a base")]
    Restricted { file: String, path: String, root: String },
    /// Something elsewhere could not be brought.
    #[error("{file}: {field}: {url} is not fetched")]
    Fetch {
        file: String,
        field: String,
        url: String,
        #[source]
        source: RemoteError,
    },
    /// Something is wrong in a repository elsewhere.
    #[error("in {url}")]
    Elsewhere {
        url: String,
        #[source]
        source: Box<Self>,
    },
    /// Directories that name each other.
    #[error("cycle: {path:?} is reached from itself, by way of {via}")]
    Cycle { path: String, via: String },
    /// More than is rendered.
    #[error("{path}: more than {limit} {what}")]
    TooMuch { path: String, what: &'static str, limit: usize },
}

impl RenderError {
    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "PathNotFound",
            Self::Tree { .. }
            | Self::NoKustomization { .. }
            | Self::Manifest { .. }
            | Self::Field { .. }
            | Self::Unsupported { .. }
            | Self::Restricted { .. }
            | Self::Fetch { .. }
            | Self::Elsewhere { .. }
            | Self::Cycle { .. }
            | Self::TooMuch { .. } => "BuildFailed",
        }
    }

    pub(super) fn field(file: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field { file: file.to_owned(), field: field.into(), message: message.into() }
    }
}

/// Where something that a kustomization asks for stands, for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) field: &'a str,
}

impl Place<'_> {
    pub(super) fn wrong(&self, message: impl Into<String>) -> RenderError {
        RenderError::field(self.file, self.field, message)
    }
}
