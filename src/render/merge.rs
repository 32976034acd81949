//! Strategic merge: a patch laid over an object, lists by the keys that Kubernetes' types give them.
//!
//! Works as kustomize does, which differs from the API server: elements of the patch come first, and `$retainKeys` and its
//! like mean nothing.
use super::schema::{Field, Type};
use serde_json::{Map, Value, json};

/// The directive that says how a map or a list is patched.
const DIRECTIVE: &str = "$patch";

/// What became of a patched map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It stays.
    Kept,
    /// The patch deletes it.
    Deleted,
}

/// Lays a patch over an object of a type.
///
/// # Errors
/// Says what does not go together, and where, without any of the values.
pub(super) fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>, of: Type) -> Result<Outcome, String> {
    map(target, patch, of, "")
}

fn map(target: &mut Map<String, Value>, mut patch: Map<String, Value>, of: Type, at: &str) -> Result<Outcome, String> {
    match directive(&mut patch, at)? {
        Directive::Delete => return Ok(Outcome::Deleted),
        Directive::Replace => {
            *target = patch;
            return Ok(Outcome::Kept);
        }
        Directive::Merge => {}
    }
    for (key, value) in patch {
        let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        let field = of.field(&key);
        let inner = field.map_or_else(Type::unknown, Field::inner);
        match (target.get_mut(&key), value) {
            (_, Value::Null) => drop(target.shift_remove(&key)),
            (Some(Value::Object(old)), Value::Object(new)) => {
                if map(old, new, inner, &path)? == Outcome::Deleted {
                    target.shift_remove(&key);
                }
            }
            (Some(Value::Array(old)), Value::Array(new)) => match field.filter(|field| field.is_merged()) {
                Some(field) => {
                    if list(old, new, field, &path)? == Outcome::Deleted {
                        target.shift_remove(&key);
                    }
                }
                None => *old = new,
            },
            (None | Some(Value::Null), value) => {
                if let Some(value) = added(value, field, &path)? {
                    target.insert(key, value);
                }
            }
            (Some(Value::Object(_) | Value::Array(_)), _) | (Some(_), Value::Object(_) | Value::Array(_)) => {
                return Err(format!("{path}: the patch and the object hold values of different shapes"));
            }
            (Some(old), value) => *old = value,
        }
    }
    Ok(Outcome::Kept)
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &mut Map<String, Value>, at: &str) -> Result<Directive, String> {
    let Some(value) = patch.shift_remove(DIRECTIVE) else { return Ok(Directive::Merge) };
    match value.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => Err(format!("{at}: {DIRECTIVE} must be merge, replace or delete")),
    }
}

/// A value that the object does not have yet: without nulls and directives. None when the patch would only delete it.
fn added(value: Value, field: Option<&Field>, at: &str) -> Result<Option<Value>, String> {
    match value {
        Value::Object(patch) => {
            let mut made = Map::new();
            let of = field.map_or_else(Type::unknown, Field::inner);
            let outcome = map(&mut made, patch, of, at)?;
            Ok((outcome == Outcome::Kept).then_some(Value::Object(made)))
        }
        Value::Array(patch) => match field.filter(|field| field.is_merged()) {
            Some(field) => {
                let mut made = Vec::new();
                let outcome = list(&mut made, patch, field, at)?;
                Ok((outcome == Outcome::Kept).then_some(Value::Array(made)))
            }
            None => Ok(Some(Value::Array(patch))),
        },
        other => Ok(Some(other)),
    }
}

/// Lays a list over another: what the patch has comes first, in its order, then what only the object has.
fn list(target: &mut Vec<Value>, patch: Vec<Value>, field: &Field, at: &str) -> Result<Outcome, String> {
    let bare = |element: &Value| {
        let map = element.as_object().filter(|map| map.len() == 1)?;
        map.get(DIRECTIVE)?.as_str().map(str::to_owned)
    };
    let directives: Vec<String> = patch.iter().filter_map(bare).collect();
    let patch: Vec<Value> = patch.into_iter().filter(|element| bare(element).is_none()).collect();
    if directives.iter().any(|directive| directive == "delete") {
        return Ok(Outcome::Deleted);
    }
    if directives.iter().any(|directive| directive == "replace") {
        *target = patch;
        return Ok(Outcome::Kept);
    }
    if patch.is_empty() {
        return Ok(Outcome::Kept);
    }
    let is_map = |value: &Value| value.is_object();
    if field.keys.is_empty() || !patch.iter().chain(target.iter()).all(is_map) {
        let rest: Vec<Value> = std::mem::take(target);
        for value in patch.into_iter().chain(rest) {
            if !target.contains(&value) {
                target.push(value);
            }
        }
        return Ok(Outcome::Kept);
    }
    keyed(target, patch, field, at)?;
    Ok(Outcome::Kept)
}

fn keyed(target: &mut Vec<Value>, patch: Vec<Value>, field: &Field, at: &str) -> Result<(), String> {
    let has = |element: &Value, key: &str| element.get(key).is_some_and(|value| !value.is_null());
    let is_used = |key: &&String| patch.iter().chain(target.iter()).any(|element| has(element, key));
    let keys: Vec<&String> = field.keys.iter().filter(is_used).collect();
    let lacks_one = |element: &Value| keys.is_empty() || keys.iter().any(|key| !has(element, key));
    if field.keys.len() == 1 && patch.iter().any(lacks_one) {
        // An element that cannot be told apart empties the list.
        target.clear();
        return Ok(());
    }
    let same = |a: &Value, b: &Value| keys.iter().all(|key| a.get(*key) == b.get(*key));
    let alike =
        |a: &Value, b: &Value| keys.iter().all(|key| !has(a, key) || !has(b, key) || a.get(*key) == b.get(*key));
    let mut rest: Vec<Value> = std::mem::take(target);
    let mut done: Vec<Value> = Vec::new();
    for element in patch {
        if done.iter().any(|other| same(other, &element)) {
            continue;
        }
        done.push(Value::Object(
            keys.iter().filter_map(|key| Some(((*key).clone(), element.get(*key)?.clone()))).collect(),
        ));
        let Value::Object(mut element) = element else { continue };
        let position = rest.iter().position(|old| same(old, &Value::Object(element.clone())));
        match position {
            Some(position) => {
                let Value::Object(mut old) = rest.remove(position) else { continue };
                let is_ignored = element.get(DIRECTIVE).is_some_and(|directive| directive == "replace");
                if is_ignored || map(&mut old, element, field.inner(), at)? == Outcome::Kept {
                    target.push(Value::Object(old));
                }
            }
            // The object has it with a key more or less: taken for the same, and left as it is.
            None if keys.len() > 1 && rest.iter().any(|old| alike(old, &Value::Object(element.clone()))) => {}
            None => {
                element.entry(DIRECTIVE).or_insert_with(|| json!("merge"));
                target.extend(added(Value::Object(element), Some(field), at)?);
            }
        }
    }
    target.append(&mut rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(kind: &str, target: Value, patch: Value) -> Value {
        let (Value::Object(mut target), Value::Object(patch)) = (target, patch) else { panic!("two objects") };
        let outcome = merge(&mut target, patch, Type::of("apps/v1", kind)).expect("merged");
        if outcome == Outcome::Deleted { Value::Null } else { Value::Object(target) }
    }

    fn pod(containers: Value) -> Value {
        let spec = serde_json::Map::from_iter([("containers".to_owned(), containers)]);
        json!({"spec": {"template": {"spec": spec}}})
    }

    #[test]
    fn containers_are_merged_by_name_those_of_the_patch_first() {
        let target = pod(json!([{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}, {"name": "c"}]));
        let patch = pod(json!([{"name": "c", "image": "c:2"}, {"name": "new"}, {"name": "a", "image": "a:2"}]));
        let wanted = pod(
            json!([{"name": "c", "image": "c:2"}, {"name": "new"}, {"name": "a", "image": "a:2"}, {"name": "b", "image": "b:1"}]),
        );
        assert_eq!(merged("Deployment", target.clone(), patch.clone()), wanted);
        assert_eq!(merged("Unknown", target, patch.clone()), patch, "lists of an unknown kind are replaced");
    }

    #[test]
    fn directives_delete_and_replace() {
        let target = || pod(json!([{"name": "a", "env": [{"name": "x", "value": "1"}]}, {"name": "b"}]));
        let removed = merged("Deployment", target(), pod(json!([{"name": "b", "$patch": "delete"}])));
        assert_eq!(removed, pod(json!([{"name": "a", "env": [{"name": "x", "value": "1"}]}])));
        let replaced = merged("Deployment", target(), pod(json!([{"$patch": "replace"}, {"name": "c"}])));
        assert_eq!(replaced, pod(json!([{"name": "c"}])));
        assert_eq!(merged("Deployment", target(), json!({"$patch": "delete"})), Value::Null);
        let gone = merged("Deployment", target(), json!({"spec": {"template": {"$patch": "delete"}}}));
        assert_eq!(gone, json!({"spec": {}}));
        let whole =
            merged("Deployment", json!({"spec": {"a": 1, "b": 2}}), json!({"spec": {"$patch": "replace", "c": 3}}));
        assert_eq!(whole, json!({"spec": {"c": 3}}));
    }

    #[test]
    fn a_null_deletes_and_is_not_added() {
        let target = json!({"a": {"b": 1, "keep": null}, "c": [1]});
        let patch = json!({"a": {"b": null, "new": {"x": null, "y": 1}}, "c": [null], "gone": null});
        assert_eq!(merged("Any", target, patch), json!({"a": {"keep": null, "new": {"y": 1}}, "c": [null]}));
    }

    #[test]
    fn ports_are_told_apart_by_two_keys() {
        let service = |ports: Value| json!({"spec": {"ports": ports}});
        let lay = |target: Value, patch: Value| {
            let (Value::Object(mut target), Value::Object(patch)) = (service(target), service(patch)) else {
                panic!("two objects")
            };
            merge(&mut target, patch, Type::of("v1", "Service")).expect("merged");
            target["spec"]["ports"].clone()
        };
        let full = json!([{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]);
        let patch = json!([{"port": 80, "protocol": "UDP", "nodePort": 3}]);
        let wanted = json!([{"port": 80, "protocol": "UDP", "nodePort": 3}, {"port": 80, "protocol": "TCP"}]);
        assert_eq!(lay(full, patch), wanted);
        let lost = lay(json!([{"port": 80, "protocol": "TCP"}]), json!([{"port": 80, "nodePort": 3}]));
        assert_eq!(lost, json!([{"port": 80, "protocol": "TCP"}]));
        assert_eq!(lay(json!([{"port": 80}]), json!([{"port": 80, "name": "x"}])), json!([{"port": 80, "name": "x"}]));
    }

    #[test]
    fn shapes_that_do_not_fit_are_an_error_that_shows_no_value() {
        let (Value::Object(mut target), Value::Object(patch)) =
            (json!({"data": {"a": "secret"}}), json!({"data": "other"}))
        else {
            panic!("two objects")
        };
        let error = merge(&mut target, patch, Type::of("v1", "Secret")).expect_err("an error");
        assert!(error.starts_with("data: ") && !error.contains("secret"), "{error}");
    }
}
