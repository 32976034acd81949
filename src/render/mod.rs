//! From files to manifests: what `kustomize build` makes of a directory, and what Flux makes of one without a kustomization.
//!
//! ```text
//! kustomization (fields) -> accumulate: resources, bases -> generators -> components -> transformers
//!     -> once, at the top: hashes -> references -> order -> Vec<Manifest> -> emit (YAML)
//! ```
//!
//! Reads only through a [`tree::FileTree`], which nothing leads out of; runs no program and asks no network.
mod accumulate;
mod configuration;
pub mod emit;
mod error;
mod fieldspec;
mod generate;
mod json6902;
mod kustomization;
mod load;
mod merge;
mod node;
mod order;
mod parallel;
mod patch;
mod plain;
mod reference;
mod resource;
mod schema;
mod selector;
mod substitute;
mod transform;
pub mod tree;

pub use emit::{to_yaml, value_to_yaml};
pub use error::RenderError;
pub use substitute::substitute;

use crate::model::Manifest;
use tree::FileTree;

/// Order of the rendered objects, where the kustomization does not choose one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By kind, as `kustomize build` prints them.
    Legacy,
    /// As they were accumulated, as Flux applies them.
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

/// Renders a directory of a tree; `path` is "" for its root.
///
/// Deterministic: the same tree and options give the same manifests.
///
/// # Errors
/// When the directory, or something that it names, is missing, wrong, outside the tree, or more than is read.
/// The error names the file and the field, and holds none of a file's content.
pub fn build(tree: &dyn FileTree, path: &str, options: &Options) -> Result<Vec<Manifest>, RenderError> {
    let loader = load::Loader::new(tree, options.load_restriction);
    let mut accumulated = accumulate::directory(&loader, path, options.generate)?;
    transform::hash::add_suffixes(&mut accumulated.resources);
    reference::fix(&accumulated.configuration.name_reference, &mut accumulated.resources)?;
    accumulated.resources.retain(|resource| {
        resource.annotation("config.kubernetes.io/local-config").is_none_or(|value| value == "false")
    });
    order::sort(&mut accumulated.resources, accumulated.order.as_ref(), options.order)?;
    if options.managed_by_label || accumulated.managed_by_label {
        accumulated
            .resources
            .iter_mut()
            .for_each(|resource| resource.set_label("app.kubernetes.io/managed-by", "kustomize-v5.8.1"));
    }
    Ok(accumulated.resources.into_iter().map(resource::Resource::into_manifest).collect())
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
