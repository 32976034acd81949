//! From documents to objects.
use crate::render::{
    error::RenderError,
    node::{self, Dialect, Map, Node, ParseError, Tag},
    object::resource::Resource,
};
use std::sync::Arc;

/// Deepest list inside a list.
const MAX_LISTS: usize = 16;

/// The objects that a text holds, lists opened.
///
/// # Errors
/// When it is not YAML, or a document is no object.
pub(in crate::render) fn read(text: &str, file: &str) -> Result<Vec<Resource>, RenderError> {
    open(node::documents(text), file, file)
}

/// The objects of documents of a file, which is called otherwise by those who read of it later. A lone List stands for its
/// items; the items of other lists come after all else.
///
/// # Errors
/// When a document is no object.
pub(in crate::render) fn open(
    documents: Result<Vec<Node>, ParseError>,
    file: &str,
    origin: &str,
) -> Result<Vec<Resource>, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: file.to_owned(), message };
    let documents = documents.map_err(|error| wrong(error.to_string()))?;
    let origin: Arc<str> = Arc::from(origin);
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
