//! A directory without a kustomization: every manifest below it, as Flux would list them.
use crate::render::{
    error::RenderError,
    kustomization::NAMES,
    load::{Loader, MAX_DEPTH},
    tree::EntryKind,
};

/// What is rendered of such a directory.
pub(in crate::render) enum Found {
    /// A file of manifests.
    File(String),
    /// A directory that has a kustomization of its own.
    Kustomization(String),
}

impl Found {
    /// The path of a file of manifests.
    pub(in crate::render) fn file(&self) -> Option<&String> {
        match self {
            Self::File(path) => Some(path),
            Self::Kustomization(_) => None,
        }
    }
}

/// Files and directories to render, in the order of their paths.
pub(in crate::render) fn resources(loader: &Loader<'_>, directory: &str) -> Result<Vec<Found>, RenderError> {
    let mut found = Vec::new();
    walk(loader, directory, 0, &mut found)?;
    Ok(found)
}

/// Names that are no manifests in any repository.
///
/// Source: the default exclusions of Flux's source controller.
fn is_excluded(name: &str) -> bool {
    matches!(
        name,
        ".git"
            | ".github"
            | ".circleci"
            | ".travis.yml"
            | ".gitlab-ci.yml"
            | "appveyor.yml"
            | ".drone.yml"
            | "cloudbuild.yaml"
            | "codeship-services.yml"
            | "codeship-steps.yml"
            | ".goreleaser.yml"
            | ".sops.yaml"
            | ".flux.yaml"
    )
}

fn walk(loader: &Loader<'_>, directory: &str, depth: usize, found: &mut Vec<Found>) -> Result<(), RenderError> {
    if depth > MAX_DEPTH {
        return Err(RenderError::TooMuch {
            path: directory.to_owned(),
            what: "directories inside directories",
            limit: MAX_DEPTH,
        });
    }
    for (name, kind) in loader.list(directory)?.into_iter().filter(|(name, _)| !is_excluded(name)) {
        let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        match kind {
            EntryKind::Directory => {
                if loader.list(&path)?.iter().any(|(name, _)| NAMES.contains(&name.as_str())) {
                    found.push(Found::Kustomization(path));
                } else {
                    walk(loader, &path, depth + 1, found)?;
                }
            }
            EntryKind::File if name.ends_with(".yaml") || name.ends_with(".yml") => found.push(Found::File(path)),
            EntryKind::File => {}
        }
    }
    Ok(())
}
