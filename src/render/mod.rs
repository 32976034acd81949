//! From files to manifests: what `kustomize build` makes of a directory, and what Flux makes of one without a kustomization.
//!
//! ```text
//! accumulate   kustomization (fields) -> resources, bases -> generators -> components -> transformers
//!     -> once, at the top: hashes -> references -> order -> Vec<Manifest> -> emit (YAML)
//! ```
//!
//! | layer | what | reads files |
//! |---|---|---|
//! | `accumulate` | one kustomization after another, and what their fields ask for | through `load` |
//! | `generate` | ConfigMaps, Secrets, charts | through `load` |
//! | `load` | within bounds, once, and not at all what a cache knows | a [`tree::FileTree`] |
//! | `transform` | what changes many objects | no |
//! | `kustomization` | the fields as they are written | no |
//! | `object` | one object: its fields, patches, schema | no |
//! | `node`, `emit` | YAML in, YAML out | no |
//!
//! # Guarantees
//!
//! - The same tree and [`Options`] give the same bytes, whatever the number of cores.
//! - All of a directory is rendered, or an error says which file, line and field is wrong. It holds no content of a manifest.
//! - Nothing is read but through the tree, which nothing leads out of; no program is run, except `helm` where [`Options::helm`]
//!   allows it; nobody is asked, except whoever [`Options::remotes`] names.
//! - Files, bytes, depth and patterns are bounded, whatever the input.
//! - A result that is given as a resource renders to itself.
mod accumulate;
pub mod emit;
mod error;
mod generate;
pub mod helm;
mod kustomization;
mod load;
mod node;
mod object;
mod options;
mod parallel;
pub mod remote;
mod substitute;
mod transform;
pub mod tree;

pub use emit::{to_yaml, value_to_yaml};
pub use error::RenderError;
pub use load::cache::{self, Cache};
pub use options::{Options, SchemaUse};
pub use substitute::substitute;
pub use transform::order::Order;

use crate::model::Manifest;
use error::Place;
use object::resource::Resource;
use std::collections::HashSet;
use tree::FileTree;

/// Objects that are printed at a time.
const AT_ONCE: usize = 32;

/// Renders a directory of a tree; `path` is "" for its root. Where nothing is called so and [`Options::remotes`] brings what
/// is elsewhere, it may be the address of a directory in a repository.
///
/// Deterministic: the same tree and options give the same manifests.
///
/// # Errors
/// When the directory, or something that it names, is missing, wrong, outside the tree, or more than is read.
/// The error names the file and the field, and holds none of a file's content.
pub fn build(tree: &dyn FileTree, path: &str, options: &Options) -> Result<Vec<Manifest>, RenderError> {
    let resources = resources(tree, path, options)?;
    let manifests = parallel::map(&resources, |resource| {
        let object = resource.object().to_object(node::Dialect::Manifest);
        let object = object.map_err(|error| unprintable(resource, &error))?;
        Ok(Manifest::new(object, &*resource.origin))
    });
    manifests.into_iter().collect()
}

/// Renders a directory of a tree as YAML, byte for byte as `kustomize build` prints it.
///
/// # Errors
/// As [`build`].
pub fn build_yaml(tree: &dyn FileTree, path: &str, options: &Options) -> Result<String, RenderError> {
    let mut yaml = Vec::new();
    write_yaml(tree, path, options, &mut yaml)?;
    String::from_utf8(yaml).map_err(|error| RenderError::Output { source: std::io::Error::other(error) })
}

/// Renders a directory of a tree as YAML, as [`build_yaml`] does, into a writer. Nothing is written unless all of it is
/// printed.
///
/// # Errors
/// As [`build`], and when writing fails.
pub fn write_yaml(
    tree: &dyn FileTree,
    path: &str,
    options: &Options,
    out: &mut dyn std::io::Write,
) -> Result<(), RenderError> {
    let mut resources = resources(tree, path, options)?;
    let print = |resource: &Resource| {
        let mut text = String::new();
        emit::print(resource.object(), &mut text).map_err(|error| unprintable(resource, &error))?;
        Ok(text)
    };
    let mut documents: Vec<String> = Vec::with_capacity(resources.len());
    // Some at a time, so that what is printed makes room for what is not yet.
    while !resources.is_empty() {
        let some: Vec<Resource> = resources.drain(..resources.len().min(AT_ONCE)).collect();
        for document in parallel::map(&some, print) {
            documents.push(document?);
        }
    }
    for (at, document) in documents.iter().enumerate() {
        let separator = if at > 0 { "---\n" } else { "" };
        let written = out.write_all(separator.as_bytes()).and_then(|()| out.write_all(document.as_bytes()));
        written.map_err(|source| RenderError::Output { source })?;
    }
    Ok(())
}

fn unprintable(resource: &Resource, error: &dyn std::fmt::Display) -> RenderError {
    RenderError::Manifest { file: resource.origin.to_string(), message: format!("{}: {error}", resource.shown()) }
}

/// The steps of a render, up to what is printed.
fn resources(tree: &dyn FileTree, path: &str, options: &Options) -> Result<Vec<Resource>, RenderError> {
    let build =
        accumulate::Build::new(load::Loader::new(tree, options.load_restriction, options.cache.as_deref()), options);
    let mut accumulated = build.directory(path)?;
    let resources = &mut accumulated.resources;
    transform::hash::add_suffixes(&Place { file: path, field: "name suffix" }, resources)?;
    transform::reference::fix(&accumulated.configuration.name_reference, resources)?;
    resources.iter_mut().for_each(Resource::settle_links);
    transform::vars::resolve(&accumulated.vars, &accumulated.configuration.var_reference, resources)?;
    resources.iter_mut().for_each(Resource::settle_links);
    resources.retain(|resource| {
        resource.annotation("config.kubernetes.io/local-config").is_none_or(|value| value == "false")
    });
    check(resources)?;
    transform::order::sort(resources, accumulated.order.as_ref(), options.order)?;
    let metadata = build.metadata();
    if options.managed_by_label || metadata.managed_by_label {
        resources
            .iter_mut()
            .for_each(|resource| resource.set_label("app.kubernetes.io/managed-by", "kustomize-v5.8.1"));
    }
    transform::provenance::annotate(resources, metadata.origins, metadata.transformations);
    for resource in resources.iter_mut() {
        resource.tidy_annotations();
        if !resource.object().contains("metadata") {
            // Lists, which need not have any.
            resource.metadata_mut();
        }
    }
    Ok(accumulated.resources)
}

/// Patches and replacements may have left an object without a name, or two with the same one.
fn check(resources: &[Resource]) -> Result<(), RenderError> {
    let mut seen = HashSet::with_capacity(resources.len());
    for resource in resources {
        let wrong = |message: &str| {
            let message = format!("{}: {message}", resource.shown());
            Err(RenderError::Manifest { file: resource.origin.to_string(), message })
        };
        if resource.kind().is_empty() || resource.name().is_empty() && !resource.kind().ends_with("List") {
            return wrong("something took away its kind or its name");
        }
        if !seen.insert((resource.api_version(), resource.current())) {
            return wrong("something gave another object the same name");
        }
    }
    Ok(())
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
