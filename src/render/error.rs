//! Why nothing was rendered.
use crate::render::{remote::RemoteError, tree::TreeError};
use crate::yaml;

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
    #[error("{file}{}: {field}: {message}", at_line(*line))]
    Field { file: String, line: Option<usize>, field: String, message: String },
    /// Something is outside what may be read.
    #[error("{file}: {path:?} is not in or below {root:?}; move the file there, or make it a base")]
    Restricted { file: String, path: String, root: String },
    /// Something elsewhere could not be brought.
    #[error("{}{url} is not fetched", asked_by(named_by.as_ref()))]
    Fetch {
        /// The file and the field; none when the caller named it.
        named_by: Option<(String, String)>,
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
    /// The result could not be written.
    #[error("the rendered manifests cannot be written")]
    Output {
        #[source]
        source: std::io::Error,
    },
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
            | Self::Restricted { .. }
            | Self::Fetch { .. }
            | Self::Elsewhere { .. }
            | Self::Cycle { .. }
            | Self::Output { .. }
            | Self::TooMuch { .. } => "BuildFailed",
        }
    }

    pub(super) fn field(file: &str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field { file: file.to_owned(), line: None, field: field.into(), message: message.into() }
    }

    /// A kustomization that is not of its form; the message begins with the path of what is wrong.
    pub(super) fn misread(file: &str, text: &str, message: String) -> Self {
        let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        match message.split_once(": ").filter(|(path, _)| !path.contains(' ')) {
            Some((path, rest)) => {
                let positions = yaml::positions(text).unwrap_or_default();
                let line = positions.first().and_then(|all| all.get(path)).and_then(|at| usize::try_from(at.0).ok());
                let rest = rest.split(", expected one of `apiVersion`").next().unwrap_or(rest);
                Self::Field { file: file.to_owned(), line, field: path.to_owned(), message: rest.to_owned() }
                    .located(file, text)
            }
            None => match unknown {
                Some(field) => Self::field(file, field, "is not a field of a kustomization").located(file, text),
                None => Self::Manifest { file: file.to_owned(), message },
            },
        }
    }

    /// The same with the line of the kustomization that it is about: that of the entry which its message quotes, or that of
    /// the field.
    pub(super) fn located(self, kustomization: &str, text: &str) -> Self {
        match self {
            Self::Field { file, line: None, field, message } if file == kustomization => {
                let line = line_of(text, &field, &message);
                Self::Field { file, line, field, message }
            }
            other => other,
        }
    }
}

fn asked_by(named_by: Option<&(String, String)>) -> String {
    named_by.map_or_else(String::new, |(file, field)| format!("{file}: {field}: "))
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}

/// The line, from 1, of a field in a kustomization, or of what a message quotes below it.
fn line_of(text: &str, field: &str, message: &str) -> Option<usize> {
    let name = field.split(['.', '[', ' ']).next()?;
    let begins = |line: &str| {
        line.trim_start_matches(['"', '\''])
            .strip_prefix(name)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).starts_with(':'))
    };
    let at = text.lines().position(begins)?;
    let quoted = message.split('"').nth(1).filter(|quoted| !quoted.is_empty());
    let is_inside = |line: &&str| !line.starts_with(|c: char| c.is_ascii_alphabetic());
    let below = text.lines().skip(at + 1).take_while(is_inside);
    let entry = quoted.and_then(|quoted| below.into_iter().position(|line| line.contains(quoted)));
    Some(entry.map_or(at, |entry| at + 1 + entry) + 1)
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
