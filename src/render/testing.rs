//! Renders files in memory, for the tests of several modules.
use super::{Options, Order, build, to_yaml};
use crate::render::tree::MemoryTree;

/// What a directory of a few files comes to, as YAML in the order of accumulation, or the error's chain.
pub(super) fn rendered(path: &str, files: &[(&str, &str)]) -> Result<String, String> {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, *text)));
    let options = Options { order: Order::Fifo, ..Options::of_kustomize() };
    build(&tree, path, &options)
        .map(|manifests| to_yaml(&manifests))
        .map_err(|error| crate::error::Chain(&error).to_string())
}
