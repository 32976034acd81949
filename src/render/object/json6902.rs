//! JSON patches (RFC 6902), as kustomize's library (`gopkg.in/evanphx/json-patch.v4`) reads them.
//!
//! A key that is not there is as good as null: it can be replaced, copied and tested. An index may count from the end. What
//! stands before the first slash of a path is ignored. An operation that is wrong matters only where the patch is applied.
use crate::render::{
    emit,
    node::{self, Dialect, Map, Tag},
};
use serde_json::Value;

/// Most operations in one patch.
const MAX_OPERATIONS: usize = 10_000;

/// One operation, as it is written.
#[derive(Clone, Debug)]
pub(in crate::render) struct Operation(serde_json::Map<String, Value>);

/// Reads a list of operations; nothing at all is an empty one.
///
/// # Errors
/// Says which operation is none.
fn read(value: Value) -> Result<Vec<Operation>, String> {
    let items = match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err("is not a list of operations".to_owned());
        }
    };
    if items.len() > MAX_OPERATIONS {
        return Err(format!("has more than {MAX_OPERATIONS} operations"));
    }
    let one = |(number, item): (usize, Value)| match item {
        Value::Object(fields) => Ok(Operation(fields)),
        _ => Err(format!("operation {number} is not one of a JSON patch")),
    };
    items.into_iter().enumerate().map(one).collect()
}

/// Reads a list of operations from its text: JSON when it begins with a bracket, else YAML.
///
/// # Errors
/// Says what is wrong with it.
pub(in crate::render) fn read_text(text: &str) -> Result<Vec<Operation>, String> {
    if text.starts_with('[') {
        let is_wrong = |error: serde_json::Error| {
            format!("begins like JSON, but is none at line {} column {}", error.line(), error.column())
        };
        return read(serde_json::from_str(text).map_err(is_wrong)?);
    }
    let node = node::one(text).map_err(|error| error.to_string())?;
    let value =
        node.map(|node| node.to_value(Dialect::Kustomization)).transpose().map_err(|error| error.to_string())?;
    read(value.unwrap_or_default())
}

/// Applies operations to an object, all or none. Numbers become floats on the way.
///
/// # Errors
/// Says which operation fails, and why.
pub(in crate::render) fn apply(object: &Map, operations: &[Operation]) -> Result<Map, String> {
    let mut document = Value::Object(object.to_object(Dialect::Manifest).map_err(|error| error.to_string())?);
    for (number, operation) in operations.iter().enumerate() {
        let path = operation.text("path").unwrap_or_default();
        operation.apply(&mut document).map_err(|error| format!("operation {number} at {path:?}: {error}"))?;
    }
    as_floats(&mut document);
    match document {
        Value::Object(patched) => Ok(spelt(&patched)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("the patch leaves no object".to_owned())
        }
    }
}

impl Operation {
    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str)
    }

    /// A value that is left out is null.
    fn value(&self) -> Value {
        self.0.get("value").cloned().unwrap_or_default()
    }

    fn apply(&self, document: &mut Value) -> Result<(), String> {
        let path = |field: &str| self.text(field).ok_or_else(|| format!("{field} is missing"));
        match self.text("op").unwrap_or_default() {
            "add" => add(document, path("path")?, self.value()),
            "remove" => remove(document, path("path")?).map(drop),
            "replace" => replace(document, path("path")?, self.value()),
            "move" => {
                let moved = remove(document, path("from")?)?;
                add(document, path("path")?, moved)
            }
            "copy" => {
                let copied = get(document, path("from")?)?;
                add(document, path("path")?, copied)
            }
            "test" => {
                let found = if path("path")?.is_empty() { document.clone() } else { get(document, path("path")?)? };
                if found == self.value() { Ok(()) } else { Err("the value is another one".to_owned()) }
            }
            other => Err(format!("{other:?} is no operation")),
        }
    }
}

const NOT_THERE: &str = "there is no such place";

/// The map or list that a path leads into, and its last part.
fn parent<'d>(document: &'d mut Value, path: &str) -> Result<(&'d mut Value, String), String> {
    let parts: Vec<String> = path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let (last, above) = parts.split_last().ok_or(NOT_THERE)?;
    let mut here = document;
    for part in above {
        here = match here {
            Value::Object(map) => map.get_mut(part),
            Value::Array(items) => {
                let at = index(part, items.len(), items.len())?;
                items.get_mut(at)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
        .ok_or(NOT_THERE)?;
    }
    Ok((here, last.clone()))
}

/// An index below `end`; a negative one counts from `length`.
fn index(text: &str, length: usize, end: usize) -> Result<usize, String> {
    let number: i64 = text.parse().ok().ok_or_else(|| format!("{text:?} is no index"))?;
    let from_end = || length.checked_sub(usize::try_from(number.unsigned_abs()).ok()?);
    let at = if number < 0 { from_end() } else { usize::try_from(number).ok() };
    at.filter(|at| *at < end).ok_or_else(|| format!("index {number} of a list of {end}"))
}

fn get(document: &mut Value, path: &str) -> Result<Value, String> {
    match parent(document, path)? {
        (Value::Object(map), key) => Ok(map.get(&key).cloned().unwrap_or_default()),
        (Value::Array(items), key) => Ok(items[index(&key, items.len(), items.len())?].clone()),
        _ => Err(NOT_THERE.to_owned()),
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    match parent(document, path)? {
        (Value::Object(map), key) => drop(map.insert(key, value)),
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => items.insert(index(&key, items.len() + 1, items.len() + 1)?, value),
        _ => return Err(NOT_THERE.to_owned()),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, String> {
    match parent(document, path)? {
        (Value::Object(map), key) => map.shift_remove(&key).ok_or_else(|| NOT_THERE.to_owned()),
        (Value::Array(items), key) => Ok(items.remove(index(&key, items.len(), items.len())?)),
        _ => Err(NOT_THERE.to_owned()),
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    match parent(document, path)? {
        (Value::Object(map), key) => drop(map.insert(key, value)),
        (Value::Array(items), key) => {
            let at = index(&key, items.len(), items.len())?;
            items[at] = value;
        }
        _ => return Err(NOT_THERE.to_owned()),
    }
    Ok(())
}

/// An object whose numbers are spelt as kustomize spells floats. That shows where a number becomes a text.
fn spelt(object: &serde_json::Map<String, Value>) -> Map {
    let mut map = Map::from(object);
    map.each_scalar_mut(&mut |scalar| {
        if matches!(scalar.tag, Tag::Int | Tag::Float)
            && let Some(number) = scalar.text.parse().ok().and_then(serde_json::Number::from_f64)
        {
            let text = emit::shortest(&number);
            let tag = if text.contains(['.', 'e']) { Tag::Float } else { Tag::Int };
            scalar.set(text, tag);
        }
    });
    map
}

/// Makes floats of the integers that floats do not hold exactly.
fn as_floats(value: &mut Value) {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) => {
            let magnitude = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            if magnitude.is_some_and(|magnitude| magnitude > EXACT)
                && let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64)
            {
                *number = float;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_floats),
        Value::Object(map) => map.values_mut().for_each(as_floats),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(object: Value, operations: Value) -> Result<Value, String> {
        let Value::Object(object) = object else { panic!("an object") };
        let patched = apply(&Map::from(&object), &read(operations)?)?;
        Ok(Value::Object(patched.to_object(Dialect::Manifest).expect("an object")))
    }

    #[test]
    fn operations_do_what_the_rfc_and_kustomize_say() {
        let object = || json!({"a": {"b": [1, 2, 3]}, "x/y": 1});
        let cases = [
            (json!([{"op": "add", "path": "/a/b/-", "value": 4}]), json!({"a": {"b": [1, 2, 3, 4]}, "x/y": 1})),
            (
                json!([{"op": "replace", "path": "/a/new", "value": 5}]),
                json!({"a": {"b": [1, 2, 3], "new": 5}, "x/y": 1}),
            ),
            (json!([{"op": "remove", "path": "/a/b/-1"}]), json!({"a": {"b": [1, 2]}, "x/y": 1})),
            (json!([{"op": "replace", "path": "/x~1y", "value": 2}]), json!({"a": {"b": [1, 2, 3]}, "x/y": 2})),
            (json!([{"op": "add", "path": "/a/b/-1", "value": 4}]), json!({"a": {"b": [1, 2, 3, 4]}, "x/y": 1})),
            (
                json!([{"op": "copy", "from": "/gone", "path": "/c"}]),
                json!({"a": {"b": [1, 2, 3]}, "x/y": 1, "c": null}),
            ),
            (json!([{"op": "remove", "path": "any/a"}]), json!({"x/y": 1})),
            (json!([{"op": "move", "from": "/a/b", "path": "/c"}]), json!({"a": {}, "x/y": 1, "c": [1, 2, 3]})),
        ];
        for (operations, wanted) in cases {
            assert_eq!(patched(object(), operations.clone()), Ok(wanted), "{operations}");
        }
        for operations in [
            json!([{"op": "remove", "path": "/gone"}]),
            json!([{"op": "add", "path": "/gone/deeper", "value": 1}]),
            json!([{"op": "add", "path": "/a/b/9", "value": 1}]),
            json!([{"op": "test", "path": "/x~1y", "value": 9}]),
            json!([{"op": "burn", "path": "/a"}]),
            json!([{"op": "copy", "path": "/a"}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!({"op": "add"}),
        ] {
            assert!(patched(object(), operations.clone()).is_err(), "{operations}");
        }
    }

    #[test]
    fn what_begins_like_json_must_be_json() {
        assert!(read_text("[{op: add, path: /a}]").is_err());
        assert!(read_text("[{\"op\": \"add\", \"path\": \"/a\"}]").is_ok_and(|all| all.len() == 1));
        assert!(read_text("- {op: add, path: /a}").is_ok_and(|all| all.len() == 1));
    }
}
