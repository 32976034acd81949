use super::{tree::MemoryTree, *};

fn options() -> Options {
    Options { order: Order::Fifo, load_restriction: true, generate: false, managed_by_label: false }
}

fn built(files: &[(&str, &str)]) -> Result<String, String> {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, *text)));
    build(&tree, "", &options())
        .map(|manifests| to_yaml(&manifests))
        .map_err(|error| crate::error::Chain(&error).to_string())
}
