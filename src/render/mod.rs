//! From files to manifests: rendering of the directories that a kustomization names.
pub mod emit;
mod substitute;
pub mod tree;

pub use emit::{to_yaml, value_to_yaml};
pub use substitute::substitute;

use crate::{model::Manifest, yaml};
use serde_json::Value;
use tree::{EntryKind, FileTree, TreeError};

/// Deepest nesting of directories that is walked.
const MAX_DEPTH: usize = 64;
/// Most files that one render reads.
const MAX_FILES: usize = 100_000;

/// Order of the rendered objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By kind, as `kustomize build` prints them.
    Legacy,
    /// As they were loaded.
    Fifo,
}

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// Order of the objects.
    pub order: Order,
    /// Whether files must be in or below the directory of the kustomization that names them.
    pub load_restriction: bool,
    /// Whether a directory without a kustomization is rendered as all the manifests below it.
    pub generate: bool,
    /// Whether each object gets the label `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
}

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A file could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The directory is not there.
    #[error("{path:?} is not a directory of the repository; correct the kustomization's path")]
    NoDirectory {
        /// The path asked for.
        path: String,
    },
    /// A file is not a stream of Kubernetes objects.
    #[error("{file}: {message}")]
    Manifest {
        /// The file.
        file: String,
        /// What is wrong, without any of its text.
        message: String,
    },
    /// Something that this build cannot render.
    #[error("{file}: {what} is not rendered by this build")]
    Unsupported {
        /// The file.
        file: String,
        /// The field.
        what: String,
    },
    /// More than is rendered.
    #[error("{path}: more than {limit} {what}")]
    TooMuch {
        /// Where the limit was met.
        path: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl RenderError {
    /// The condition's reason, and the metric's label: a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoDirectory { .. } => "PathNotFound",
            Self::Tree(_) | Self::Manifest { .. } | Self::Unsupported { .. } | Self::TooMuch { .. } => "BuildFailed",
        }
    }
}

const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Renders a directory: the resources of its kustomization, or every manifest below it.
///
/// # Errors
/// When the directory is missing, a file is not a stream of Kubernetes objects, or a limit is met.
pub fn build(tree: &dyn FileTree, path: &str, options: &Options) -> Result<Vec<Manifest>, RenderError> {
    if tree.kind(path)?.is_none_or(|kind| kind != EntryKind::Directory) {
        return Err(RenderError::NoDirectory { path: path.to_owned() });
    }
    let mut found = Vec::new();
    let mut files = 0;
    directory(tree, path, options, 0, &mut files, &mut found)?;
    Ok(found)
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn directory(
    tree: &dyn FileTree,
    path: &str,
    options: &Options,
    depth: usize,
    files: &mut usize,
    found: &mut Vec<Manifest>,
) -> Result<(), RenderError> {
    if depth > MAX_DEPTH {
        return Err(RenderError::TooMuch { path: path.to_owned(), what: "levels of directories", limit: MAX_DEPTH });
    }
    let entries = tree.list(path)?;
    if let Some((name, _)) = entries.iter().find(|(name, _)| KUSTOMIZATIONS.contains(&name.as_str())) {
        return kustomization(tree, path, name, options, depth, files, found);
    }
    if !options.generate {
        return Err(RenderError::Manifest {
            file: path.to_owned(),
            message: "there is no kustomization.yaml".to_owned(),
        });
    }
    for (name, kind) in entries {
        let at = join(path, &name);
        match kind {
            EntryKind::Directory => directory(tree, &at, options, depth + 1, files, found)?,
            EntryKind::File if name.ends_with(".yaml") || name.ends_with(".yml") => file(tree, &at, files, found)?,
            EntryKind::File => {}
        }
    }
    Ok(())
}

fn kustomization(
    tree: &dyn FileTree,
    path: &str,
    name: &str,
    options: &Options,
    depth: usize,
    files: &mut usize,
    found: &mut Vec<Manifest>,
) -> Result<(), RenderError> {
    let at = join(path, name);
    let documents = read(tree, &at)?;
    let Some(Value::Object(fields)) = documents.first() else {
        return Err(RenderError::Manifest { file: at, message: "is empty".to_owned() });
    };
    if let Some((field, _)) =
        fields.iter().find(|(field, _)| !matches!(field.as_str(), "apiVersion" | "kind" | "resources"))
    {
        return Err(RenderError::Unsupported { file: at, what: format!("field {field}") });
    }
    for resource in fields.get("resources").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let target = normalise(path, resource).ok_or_else(|| TreeError::Escapes { path: resource.to_owned() })?;
        match tree.kind(&target)? {
            Some(EntryKind::Directory) => directory(tree, &target, options, depth + 1, files, found)?,
            Some(EntryKind::File) => file(tree, &target, files, found)?,
            None => {
                return Err(RenderError::Manifest {
                    file: at,
                    message: format!("resource {resource:?} is neither a file nor a directory of the repository"),
                });
            }
        }
    }
    Ok(())
}

/// A path relative to a directory, without `.` and `..`; none when it leaves the root.
fn normalise(directory: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn read(tree: &dyn FileTree, path: &str) -> Result<Vec<Value>, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
    let text = String::from_utf8(tree.read(path)?).ok().ok_or_else(|| wrong("is not UTF-8".to_owned()))?;
    yaml::read(&text).map_err(|error| wrong(error.to_string()))
}

fn file(tree: &dyn FileTree, path: &str, files: &mut usize, found: &mut Vec<Manifest>) -> Result<(), RenderError> {
    *files += 1;
    if *files > MAX_FILES {
        return Err(RenderError::TooMuch { path: path.to_owned(), what: "files", limit: MAX_FILES });
    }
    for document in read(tree, path)? {
        let items = match &document {
            Value::Object(object) if object.get("kind").is_some_and(|kind| kind == "List") => {
                object.get("items").and_then(Value::as_array).cloned().unwrap_or_default()
            }
            _ => vec![document],
        };
        for item in items {
            let Value::Object(object) = item else {
                return Err(RenderError::Manifest {
                    file: path.to_owned(),
                    message: "holds a document that is not a Kubernetes object".to_owned(),
                });
            };
            let manifest = Manifest::new(object, path);
            if manifest.kind().is_empty() || manifest.api_version().is_empty() || manifest.name().is_empty() {
                return Err(RenderError::Manifest {
                    file: path.to_owned(),
                    message: "holds an object without apiVersion, kind or metadata.name".to_owned(),
                });
            }
            found.push(manifest);
        }
    }
    Ok(())
}
