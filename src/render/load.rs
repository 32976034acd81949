//! Reading, within bounds: how much, how deep, and from where.
use super::{
    RenderError,
    resource::Resource,
    tree::{EntryKind, FileTree},
};
use crate::yaml;
use serde_json::Value;
use std::cell::Cell;

/// Deepest chain of directories that name each other.
pub(super) const MAX_DEPTH: usize = 64;
/// Most files that one render reads.
const MAX_FILES: usize = 100_000;
/// Most bytes that one render reads.
const MAX_BYTES: usize = 256 << 20;
/// Deepest list inside a list.
const MAX_LISTS: usize = 16;

/// Reads files of a tree, and counts them.
pub(super) struct Loader<'a> {
    tree: &'a dyn FileTree,
    is_restricted: bool,
    files: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(tree: &'a dyn FileTree, is_restricted: bool) -> Self {
        Self { tree, is_restricted, files: Cell::new(0), bytes: Cell::new(0) }
    }

    pub(super) fn kind(&self, path: &str) -> Result<Option<EntryKind>, RenderError> {
        self.tree.kind(path).map_err(|source| RenderError::Tree { file: path.to_owned(), source })
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, RenderError> {
        self.tree.list(path).map_err(|source| RenderError::Tree { file: path.to_owned(), source })
    }

    /// The path of a directory, with every link followed.
    pub(super) fn real(&self, path: &str) -> Result<String, RenderError> {
        let real = self.tree.real(path).map_err(|source| RenderError::Tree { file: path.to_owned(), source })?;
        Ok(real.unwrap_or_else(|| path.to_owned()))
    }

    /// The bytes of a file that a kustomization in `root` names.
    pub(super) fn bytes(&self, root: &str, path: &str, named_by: &str) -> Result<Vec<u8>, RenderError> {
        if self.is_restricted {
            let (real, root) = (self.real(path)?, self.real(root)?);
            if !root.is_empty() && !real.strip_prefix(&root).is_some_and(|rest| rest.starts_with('/')) {
                return Err(RenderError::Restricted { file: named_by.to_owned(), path: path.to_owned(), root });
            }
        }
        let bytes = self.tree.read(path).map_err(|source| RenderError::Tree { file: path.to_owned(), source })?;
        self.files.set(self.files.get() + 1);
        self.bytes.set(self.bytes.get() + bytes.len());
        for (have, limit, what) in [(self.files.get(), MAX_FILES, "files"), (self.bytes.get(), MAX_BYTES, "bytes")] {
            if have > limit {
                return Err(RenderError::TooMuch { path: path.to_owned(), what, limit });
            }
        }
        Ok(bytes)
    }

    pub(super) fn text(&self, root: &str, path: &str, named_by: &str) -> Result<String, RenderError> {
        let bytes = self.bytes(root, path, named_by)?;
        String::from_utf8(bytes)
            .ok()
            .ok_or_else(|| RenderError::Manifest { file: path.to_owned(), message: "is not UTF-8 text".to_owned() })
    }

    /// The objects of a file, lists opened.
    pub(super) fn resources(&self, root: &str, path: &str, named_by: &str) -> Result<Vec<Resource>, RenderError> {
        resources(&self.text(root, path, named_by)?, path)
    }
}

/// The path that a kustomization in `directory` means; none when it leaves the tree.
pub(super) fn join(directory: &str, path: &str) -> Option<String> {
    let base = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The objects that a text holds, lists opened.
pub(super) fn resources(text: &str, file: &str) -> Result<Vec<Resource>, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: file.to_owned(), message };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = if text.contains("\r\n") {
        yaml::read_manifests(&text.replace("\r\n", "\n"))
    } else {
        yaml::read_manifests(text)
    };
    let documents: Vec<Value> = documents
        .map_err(|error| wrong(error.to_string()))?
        .into_iter()
        .filter(|document| !document.is_null())
        .collect();
    let mut found = Vec::new();
    let mut later = Vec::new();
    let is_alone = documents.len() == 1;
    for document in documents {
        open_list(document, is_alone, 0, file, &mut found, &mut later)?;
    }
    found.extend(later);
    Ok(found)
}

fn open_list(
    document: Value,
    is_alone: bool,
    depth: usize,
    file: &str,
    found: &mut Vec<Resource>,
    later: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let wrong = |message: &str| RenderError::Manifest { file: file.to_owned(), message: message.to_owned() };
    if depth > MAX_LISTS {
        return Err(RenderError::TooMuch { path: file.to_owned(), what: "lists inside lists", limit: MAX_LISTS });
    }
    let Value::Object(mut object) = document else {
        return Err(wrong("holds a document that is not a Kubernetes object"));
    };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind.ends_with("List") && object.contains_key("items") {
        let in_place = is_alone && matches!(kind.as_str(), "List" | "ResourceList");
        let items = match object.shift_remove("items") {
            Some(Value::Array(items)) => items,
            Some(Value::Null) | None => Vec::new(),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                return Err(wrong("holds a list whose items are none"));
            }
        };
        for item in items {
            let mut nested = Vec::new();
            let mut nested_later = Vec::new();
            open_list(item, true, depth + 1, file, &mut nested, &mut nested_later)?;
            nested.extend(nested_later);
            if in_place { found.extend(nested) } else { later.extend(nested) }
        }
        return Ok(());
    }
    if kind.is_empty() {
        return Err(wrong("holds an object without kind"));
    }
    let resource = Resource::new(object, file);
    if resource.name().is_empty() && !kind.ends_with("List") {
        return Err(wrong(&format!("holds a {kind} without metadata.name")));
    }
    found.push(resource);
    Ok(())
}
