//! JSON patches (RFC 6902), with what kustomize's library allows besides.
use super::node::{self, Dialect, Map};
use json_patch::{PatchOperation, jsonptr::PointerBuf};
use serde_json::Value;

/// Most operations in one patch.
const MAX_OPERATIONS: usize = 10_000;

/// Reads a list of operations.
///
/// # Errors
/// Says which operation is none.
pub(super) fn read(value: Value) -> Result<Vec<PatchOperation>, String> {
    let Value::Array(items) = value else { return Err("is not a list of operations".to_owned()) };
    if items.len() > MAX_OPERATIONS {
        return Err(format!("has more than {MAX_OPERATIONS} operations"));
    }
    let one = |(number, mut item): (usize, Value)| {
        // A value that is left out is null.
        if let Value::Object(map) = &mut item
            && matches!(map.get("op").and_then(Value::as_str), Some("add" | "replace" | "test"))
        {
            map.entry("value").or_insert(Value::Null);
        }
        serde_json::from_value(item).ok().ok_or_else(|| format!("operation {number} is not one of a JSON patch"))
    };
    items.into_iter().enumerate().map(one).collect()
}

/// Reads a list of operations from its text.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn read_text(text: &str) -> Result<Vec<PatchOperation>, String> {
    let node = node::one(text).map_err(|error| error.to_string())?;
    let value =
        node.map(|node| node.to_value(Dialect::Kustomization)).transpose().map_err(|error| error.to_string())?;
    read(value.unwrap_or_default())
}

/// Applies operations to an object, all or none.
///
/// `replace` of a key that is missing adds it, and an index may count from the end. Numbers become floats on the way.
///
/// # Errors
/// Says which operation fails, and why.
pub(super) fn apply(object: &Map, operations: &[PatchOperation]) -> Result<Map, String> {
    let mut document = Value::Object(object.to_object(Dialect::Manifest).map_err(|error| error.to_string())?);
    for (number, operation) in operations.iter().enumerate() {
        let operation = adapted(operation.clone(), &document);
        let path = operation.path().to_string();
        json_patch::patch(&mut document, &[operation])
            .map_err(|error| format!("operation {number} at {path:?}: {}", error.kind))?;
    }
    as_floats(&mut document);
    match document {
        Value::Object(patched) => Ok(Map::from(&patched)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("the patch leaves no object".to_owned())
        }
    }
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

/// The operation in the words of the RFC.
fn adapted(operation: PatchOperation, document: &Value) -> PatchOperation {
    let counted = |path: &PointerBuf| from_start(path, document);
    match operation {
        PatchOperation::Add(mut add) => {
            add.path = counted(&add.path);
            PatchOperation::Add(add)
        }
        PatchOperation::Remove(mut remove) => {
            remove.path = counted(&remove.path);
            PatchOperation::Remove(remove)
        }
        PatchOperation::Replace(mut replace) => {
            replace.path = counted(&replace.path);
            let parent = replace.path.parent().and_then(|parent| parent.resolve(document).ok());
            let is_missing = replace.path.resolve(document).is_err();
            if is_missing && parent.is_some_and(Value::is_object) {
                return PatchOperation::Add(json_patch::AddOperation { path: replace.path, value: replace.value });
            }
            PatchOperation::Replace(replace)
        }
        PatchOperation::Test(mut test) => {
            test.path = counted(&test.path);
            PatchOperation::Test(test)
        }
        PatchOperation::Move(mut moved) => {
            moved.from = counted(&moved.from);
            moved.path = counted(&moved.path);
            PatchOperation::Move(moved)
        }
        PatchOperation::Copy(mut copy) => {
            copy.from = counted(&copy.from);
            copy.path = counted(&copy.path);
            PatchOperation::Copy(copy)
        }
    }
}

/// A path whose indices that count from the end are counted from the start.
fn from_start(path: &PointerBuf, document: &Value) -> PointerBuf {
    let mut made = PointerBuf::new();
    let mut here = Some(document);
    for token in path.tokens() {
        let text = token.decoded();
        let mut own = text.to_string();
        if let (Some(Value::Array(items)), Some(back)) =
            (here, text.strip_prefix('-').and_then(|text| text.parse::<usize>().ok()))
            && let Some(at) = items.len().checked_sub(back)
        {
            own = at.to_string();
        }
        here = here.and_then(|value| match value {
            Value::Object(map) => map.get(&own),
            Value::Array(items) => items.get(own.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        });
        made.push_back(own.as_str());
    }
    made
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
            json!({"op": "add"}),
        ] {
            assert!(patched(object(), operations.clone()).is_err(), "{operations}");
        }
    }
}
