//! Name suffixes of generated objects, made from their content.
use crate::render::{
    error::{Place, RenderError},
    node::{Dialect, Map, Node, Unvalued},
    object::resource::Resource,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Digits of the suffix.
const LENGTH: usize = 10;

/// Gives each generated object that wants it a suffix that changes with its content.
pub(in crate::render) fn add_suffixes(place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
    for resource in resources.iter_mut().filter(|resource| resource.needs_hash) {
        let suffix = of(resource.object()).map_err(|error| place.wrong(format!("{}: {error}", resource.shown())))?;
        let name = format!("{}-{suffix}", resource.name());
        resource.remember();
        resource.set_name(&name);
    }
    Ok(())
}

/// The suffix for a content. Neither name nor metadata matter.
fn of(object: &Map) -> Result<String, Unvalued> {
    let mut hashed = serde_json::Map::new();
    let value = |key: &str| {
        let found = object.get(key).map(|value| value.to_value(Dialect::Manifest));
        found.transpose().map(|value| value.as_ref().map_or_else(|| json!(""), sorted))
    };
    match object.get("kind").and_then(Node::text).unwrap_or_default() {
        "ConfigMap" => {
            if object.contains("binaryData") {
                hashed.insert("binaryData".to_owned(), value("binaryData")?);
            }
            hashed.insert("data".to_owned(), value("data")?);
            hashed.insert("kind".to_owned(), json!("ConfigMap"));
            hashed.insert("name".to_owned(), json!(""));
        }
        "Secret" => {
            hashed.insert("data".to_owned(), value("data")?);
            hashed.insert("kind".to_owned(), json!("Secret"));
            hashed.insert("name".to_owned(), json!(""));
            if object.contains("stringData") {
                hashed.insert("stringData".to_owned(), value("stringData")?);
            }
            hashed.insert("type".to_owned(), value("type")?);
        }
        _ => hashed = object.to_object(Dialect::Manifest)?,
    }
    Ok(encode(&Value::Object(hashed)))
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

/// JSON text as Go writes it: `<`, `>`, `&` and the two line separators are escaped.
pub(super) fn escaped(text: &str) -> String {
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
    escaped
}

/// The first digits of the sha256 of the JSON text, in letters that make no words.
fn encode(value: &Value) -> String {
    let escaped = escaped(&value.to_string());
    let digest = crate::hex::hex(&Sha256::digest(escaped)[..LENGTH.div_ceil(2)]);
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
        of(&Map::from(&object)).expect("a suffix")
    }

    #[test]
    fn the_suffix_is_the_one_that_is_known_for_a_content() {
        assert_eq!(suffix(json!({"kind": "ConfigMap", "data": {"a": "<&>"}})), "m9gb99d79d");
        assert_eq!(suffix(json!({"kind": "ConfigMap", "metadata": {"name": "other"}})), "6ct58987ht");
        assert_eq!(suffix(json!({"kind": "Secret", "type": "Opaque", "data": {"a": "Yg=="}})), "k695gkmbtk");
    }
}
