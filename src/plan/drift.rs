//! Where a live object differs from its manifest.
use serde_json::{Map, Value};

/// Most field paths that one difference names.
const MAX_PATHS: usize = 20;

/// The paths at which `live` lacks something that `desired` states, in the order of the manifest.
///
/// Pure. An empty answer means that every field of the manifest has its value in the live object.
/// Fields that only the live object has belong to others and are not drift. A list must have as
/// many entries as the manifest gives, or be one whose entries have keys (`name`, `containerPort`,
/// `port`, `key`, `type`, `ip`, `mountPath`), where each wanted entry must be found. `status`, and
/// the metadata that the server owns, are left out. At most 20 paths are given.
///
/// A quantity that the server writes another way (`1000m` as `1`) shows as a difference here; the
/// server's own answer to an apply settles it.
pub fn paths(desired: &Map<String, Value>, live: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in desired {
        if key == "status" {
            continue;
        }
        if key == "metadata" {
            metadata(value, live.get(key), &mut found);
        } else {
            compare(value, live.get(key), key, &mut found);
        }
    }
    found.truncate(MAX_PATHS);
    found
}

fn metadata(desired: &Value, live: Option<&Value>, found: &mut Vec<String>) {
    for (key, value) in desired.as_object().into_iter().flatten() {
        if !matches!(
            key.as_str(),
            "creationTimestamp" | "resourceVersion" | "uid" | "generation" | "managedFields" | "selfLink"
        ) {
            compare(value, live.and_then(|live| live.get(key)), &format!("metadata.{key}"), found);
        }
    }
}

fn compare(desired: &Value, live: Option<&Value>, path: &str, found: &mut Vec<String>) {
    if found.len() >= MAX_PATHS {
        return;
    }
    match (desired, live) {
        (Value::Null, None | Some(Value::Null)) => {}
        (Value::Object(wanted), None) if wanted.is_empty() => {}
        (Value::Array(wanted), None) if wanted.is_empty() => {}
        (Value::Object(wanted), Some(Value::Object(have))) => {
            for (key, value) in wanted {
                compare(value, have.get(key), &format!("{path}.{key}"), found);
            }
        }
        (Value::Array(wanted), Some(Value::Array(have))) => list(wanted, have, path, found),
        (wanted, Some(have)) if equal(wanted, have) => {}
        _ => found.push(path.to_owned()),
    }
}

fn equal(wanted: &Value, have: &Value) -> bool {
    wanted == have || matches!((wanted.as_f64(), have.as_f64()), (Some(a), Some(b)) if a.to_bits() == b.to_bits())
}

fn list(wanted: &[Value], have: &[Value], path: &str, found: &mut Vec<String>) {
    let key = ["name", "containerPort", "port", "key", "type", "ip", "mountPath"]
        .into_iter()
        .find(|key| !wanted.is_empty() && wanted.iter().chain(have).all(|entry| entry.get(key).is_some()));
    match key {
        Some(key) => {
            for entry in wanted {
                let name = &entry[key];
                let matches: Vec<&Value> = have.iter().filter(|other| &other[key] == name).collect();
                let at = format!("{path}[{key}={}]", name.as_str().map_or_else(|| name.to_string(), str::to_owned));
                match matches.as_slice() {
                    [one] => compare(entry, Some(one), &at, found),
                    [] => found.push(at),
                    several if several.iter().any(|other| contains(entry, other)) => {}
                    _ => found.push(at),
                }
            }
        }
        None if wanted.len() == have.len() => {
            for (index, (entry, other)) in wanted.iter().zip(have).enumerate() {
                compare(entry, Some(other), &format!("{path}[{index}]"), found);
            }
        }
        None => found.push(path.to_owned()),
    }
}

fn contains(wanted: &Value, have: &Value) -> bool {
    let mut found = Vec::new();
    compare(wanted, Some(have), "", &mut found);
    found.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn drift(desired: &Value, live: &Value) -> Vec<String> {
        paths(desired.as_object().expect("object"), live.as_object().expect("object"))
    }

    #[test]
    fn names_the_fields_that_differ_and_only_those() {
        let desired =
            json!({"spec": {"replicas": 2, "containers": [{"name": "a", "image": "x:1"}], "args": ["-v"], "gone": 1}});
        let live = json!({"spec": {"replicas": 3, "containers": [{"name": "side"}, {"name": "a", "image": "x:2", "tty": false}], "args": ["-v", "-x"]}, "status": {}});
        assert_eq!(
            drift(&desired, &live),
            ["spec.replicas", "spec.containers[name=a].image", "spec.args", "spec.gone"]
        );
        assert_eq!(drift(&desired, &desired), Vec::<String>::new());
    }
}
