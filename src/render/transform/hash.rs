//! Name suffixes of generated objects, made from their content.
use crate::render::resource::Resource;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Digits of the suffix.
const LENGTH: usize = 10;

/// Gives each generated object that wants it a suffix that changes with its content.
pub(in crate::render) fn add_suffixes(resources: &mut [Resource]) {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        let name = format!("{}-{}", resource.name(), of(resource));
        resource.remember();
        resource.set_name(&name);
    }
}

/// The suffix for a content. Neither name nor metadata matter.
fn of(resource: &Resource) -> String {
    let mut hashed = Map::new();
    let object = &resource.object;
    let text = |key: &str| object.get(key).cloned().unwrap_or_else(|| json!(""));
    match resource.kind() {
        "ConfigMap" => {
            if let Some(binary) = object.get("binaryData") {
                hashed.insert("binaryData".to_owned(), sorted(binary));
            }
            hashed.insert("data".to_owned(), sorted(&text("data")));
            hashed.insert("kind".to_owned(), json!("ConfigMap"));
            hashed.insert("name".to_owned(), json!(""));
        }
        "Secret" => {
            hashed.insert("data".to_owned(), sorted(&text("data")));
            hashed.insert("kind".to_owned(), json!("Secret"));
            hashed.insert("name".to_owned(), json!(""));
            if let Some(strings) = object.get("stringData") {
                hashed.insert("stringData".to_owned(), sorted(strings));
            }
            hashed.insert("type".to_owned(), text("type"));
        }
        _ => hashed = object.clone(),
    }
    encode(&Value::Object(hashed))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        other => other.clone(),
    }
}

/// The first digits of the sha256 of the JSON text, in letters that make no words.
///
/// The text is Go's: `<`, `>`, `&` and the two line separators are escaped.
fn encode(value: &Value) -> String {
    let text = value.to_string();
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    let digest: String =
        Sha256::digest(escaped).iter().take(LENGTH.div_ceil(2)).map(|byte| format!("{byte:02x}")).collect();
    digest
        .chars()
        .map(|digit| match digit {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(object: Value) -> String {
        let Value::Object(object) = object else { panic!("an object") };
        of(&Resource::new(object, "a.yaml"))
    }

    #[test]
    fn the_suffix_is_the_one_that_is_known_for_a_content() {
        assert_eq!(suffix(json!({"kind": "ConfigMap", "data": {"a": "<&>"}})), "m9gb99d79d");
        assert_eq!(suffix(json!({"kind": "ConfigMap", "metadata": {"name": "other"}})), "6ct58987ht");
        assert_eq!(suffix(json!({"kind": "Secret", "type": "Opaque", "data": {"a": "Yg=="}})), "k695gkmbtk");
    }
}
