//! Reading, within bounds: how much, how deep, and from where.
use super::{
    RenderError,
    node::{self, Dialect, Map, Node, ParseError, Tag},
    resource::Resource,
    tree::{EntryKind, FileTree},
};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::Arc,
};

/// Deepest chain of directories that name each other.
pub(super) const MAX_DEPTH: usize = 64;
/// Most files that one render reads.
const MAX_FILES: usize = 100_000;
/// Most bytes that one render reads.
const MAX_BYTES: usize = 256 << 20;
/// Deepest list inside a list.
const MAX_LISTS: usize = 16;

/// Texts that are worth a second thread, in bytes.
const MIN_PARALLEL: usize = 64 << 10;

/// Reads files of a tree, and counts them.
pub(super) struct Loader<'a> {
    tree: &'a dyn FileTree,
    is_restricted: bool,
    files: Cell<usize>,
    bytes: Cell<usize>,
    /// What files hold that were read ahead, by path, until it is asked for.
    ahead: RefCell<HashMap<String, Result<Vec<Node>, ParseError>>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(tree: &'a dyn FileTree, is_restricted: bool) -> Self {
        let (files, bytes) = (Cell::new(0), Cell::new(0));
        Self { tree, is_restricted, files, bytes, ahead: RefCell::default() }
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

    /// Reads files that are about to be asked for, all at once. What goes wrong is said when they are asked for.
    pub(super) fn read_ahead(&self, root: &str, paths: &[String], named_by: &str) {
        let mut texts: Vec<(&String, String)> = Vec::with_capacity(paths.len());
        for path in paths {
            if let Ok(Some(EntryKind::File)) = self.kind(path)
                && let Ok(text) = self.text(root, path, named_by)
            {
                texts.push((path, text));
            }
        }
        if texts.iter().map(|(_, text)| text.len()).sum::<usize>() < MIN_PARALLEL {
            let parsed = texts.into_iter().map(|(path, text)| (path.clone(), node::documents(&text)));
            return self.ahead.borrow_mut().extend(parsed);
        }
        let all: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let parsed = node::all_documents(&all);
        let paths = texts.iter().map(|(path, _)| (*path).clone());
        self.ahead.borrow_mut().extend(paths.zip(parsed));
    }

    /// The objects of a file, lists opened.
    pub(super) fn resources(&self, root: &str, path: &str, named_by: &str) -> Result<Vec<Resource>, RenderError> {
        let ahead = self.ahead.borrow_mut().remove(path);
        match ahead {
            Some(documents) => opened(documents, path),
            None => resources(&self.text(root, path, named_by)?, path),
        }
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
    opened(node::documents(text), file)
}

/// The objects of documents. A lone List stands for its items; the items of other lists come after all else.
fn opened(documents: Result<Vec<Node>, ParseError>, file: &str) -> Result<Vec<Resource>, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: file.to_owned(), message };
    let documents = documents.map_err(|error| wrong(error.to_string()))?;
    let origin: Arc<str> = Arc::from(file);
    let is_empty = |node: &Node| node.is_null() || node.as_map().is_some_and(Map::is_empty);
    let mut documents: Vec<Node> = documents.into_iter().filter(|node| !is_empty(node)).collect();
    if let [Node::Map(alone)] = documents.as_mut_slice()
        && matches!(alone.get("kind").and_then(Node::text), Some("List" | "ResourceList"))
        && let Some(items) = alone.remove("items")
    {
        documents = items_of(items).ok_or_else(|| wrong("holds a list whose items are none".to_owned()))?;
    }
    let mut found = Vec::with_capacity(documents.len());
    let mut depth = 0;
    while !documents.is_empty() {
        if depth > MAX_LISTS {
            return Err(RenderError::TooMuch { path: file.to_owned(), what: "lists inside lists", limit: MAX_LISTS });
        }
        let mut later = Vec::new();
        for document in documents.into_iter().filter(|node| !is_empty(node)) {
            match opened_one(document).map_err(wrong)? {
                Opened::Object(object) => found.push(Resource::of_file(object, &origin)),
                Opened::Items(items) => {
                    let items = items.iter().map(reread).collect::<Result<Vec<_>, _>>();
                    later.extend(items.map_err(wrong)?);
                }
            }
        }
        documents = later;
        depth += 1;
    }
    Ok(found)
}

/// An item of a list as kustomize reads it once more, from the JSON that it makes of it. Where a number becomes a text
/// that shows how it is spelt.
fn reread(item: &Node) -> Result<Node, String> {
    let value = item.to_value(Dialect::Manifest).map_err(|error| format!("holds a list of which an item {error}"))?;
    let mut node = Node::from(&value);
    node.each_scalar_mut(&mut |scalar| {
        let whole = scalar.text.strip_suffix(".0").filter(|_| scalar.tag == Tag::Float).map(str::to_owned);
        if let Some(whole) = whole.filter(|whole| whole.parse::<i64>().is_ok()) {
            scalar.set(whole, Tag::Int);
        }
    });
    Ok(node)
}

enum Opened {
    Object(Map),
    Items(Vec<Node>),
}

/// One object, or the items of a list.
fn opened_one(document: Node) -> Result<Opened, String> {
    let Node::Map(mut object) = document else {
        return Err("holds a document that is not a Kubernetes object".to_owned());
    };
    let kind = object.get("kind").filter(|kind| !kind.is_null()).and_then(Node::text).unwrap_or_default().to_owned();
    if kind.is_empty() {
        return Err("holds an object without kind".to_owned());
    }
    if kind.ends_with("List") {
        return match object.remove("items") {
            Some(items) => items_of(items).map(Opened::Items).ok_or("holds a list whose items are none".to_owned()),
            None => Ok(Opened::Object(object)),
        };
    }
    let name = object.get("metadata").and_then(|metadata| metadata.get("name"));
    if name.filter(|name| !name.is_null()).and_then(Node::text).unwrap_or_default().is_empty() {
        return Err(format!("holds a {kind} without metadata.name"));
    }
    Ok(Opened::Object(object))
}

fn items_of(items: Node) -> Option<Vec<Node>> {
    match items {
        Node::List(items) => Some(items),
        null if null.is_null() => Some(Vec::new()),
        Node::Map(_) | Node::Scalar(_) => None,
    }
}
