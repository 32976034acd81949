//! Hides what Secrets hold.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Annotation in which kubectl keeps a copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Stands for a value that is the same on both sides.
const SAME: &str = "***";

/// Replaces every value of a Secret on both sides, so that equal ones still look equal and others do not.
///
/// `stringData` is put into `data` first, as the API server does. An object that is no Secret on either
/// side is left alone.
pub(super) fn mask(before: &mut Option<Map<String, Value>>, after: &mut Option<Map<String, Value>>) {
    let is_secret = |side: &Option<Map<String, Value>>| {
        side.as_ref().and_then(|side| side.get("kind")).is_some_and(|kind| kind == "Secret")
    };
    if !is_secret(before) && !is_secret(after) {
        return;
    }
    [&mut *before, &mut *after].into_iter().flatten().for_each(encode);
    let (old, new) = (values(before.as_ref()), values(after.as_ref()));
    for (side, own, other, word) in [(before, &old, &new, "*** (before)"), (after, &new, &old, "*** (after)")] {
        let Some(side) = side else { continue };
        if !own.is_empty() {
            let masked = own
                .iter()
                .map(|(key, value)| (key.clone(), json!(if other.get(key) == Some(value) { SAME } else { word })));
            side.insert("data".to_owned(), Value::Object(masked.collect()));
        } else if side.get("data").is_some_and(|data| !data.is_object() && !data.is_null()) {
            side.insert("data".to_owned(), json!(word));
        }
        hide_copy(side, word);
    }
}

fn values(side: Option<&Map<String, Value>>) -> Map<String, Value> {
    side.and_then(|side| side.get("data")).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Moves `stringData` into `data`.
fn encode(secret: &mut Map<String, Value>) {
    let Some(stated) = secret.remove("stringData") else { return };
    let mut data = values(Some(secret));
    match stated {
        Value::Object(stated) => data.extend(stated.into_iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            (key, json!(STANDARD.encode(text)))
        })),
        // Not a Secret that the server would take; what it says stays hidden all the same.
        other => drop(data.insert("stringData".to_owned(), other)),
    }
    secret.insert("data".to_owned(), Value::Object(data));
}

fn hide_copy(secret: &mut Map<String, Value>, word: &str) {
    let annotations = secret.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(copy) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
        *copy = json!(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(before: Value, after: Value) -> (Value, Value) {
        let object = |value: Value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        };
        let (mut before, mut after) = (object(before), object(after));
        mask(&mut before, &mut after);
        (json!(before), json!(after))
    }

    #[test]
    fn values_are_hidden_on_both_sides_and_compared_first() {
        let (before, after) = masked(
            json!({"kind": "Secret", "data": {"same": "YQ==", "moved": "Yg==", "old": "eA=="}}),
            json!({"kind": "Secret", "data": {"same": "YQ=="}, "stringData": {"moved": "b", "new": "secret"}}),
        );
        assert_eq!(before, json!({"kind": "Secret", "data": {"same": "***", "moved": "***", "old": "*** (before)"}}));
        assert_eq!(after, json!({"kind": "Secret", "data": {"same": "***", "moved": "***", "new": "*** (after)"}}));
    }

    #[test]
    fn copies_in_annotations_and_malformed_secrets_are_hidden() {
        let (before, after) = masked(
            json!({"kind": "Secret", "metadata": {"annotations": {LAST_APPLIED: "{\"data\":\"hunter2\"}", "a": "b"}}}),
            json!({"kind": "Secret", "data": "hunter2", "stringData": ["hunter2"]}),
        );
        let text = format!("{before}{after}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(before["metadata"]["annotations"]["a"], "b");
    }

    #[test]
    fn an_object_that_becomes_a_secret_or_was_one_is_hidden() {
        let (before, _) = masked(json!({"kind": "Secret", "data": {"a": "YQ=="}}), Value::Null);
        assert_eq!(before, json!({"kind": "Secret", "data": {"a": "*** (before)"}}));
        let (before, after) = masked(json!({"kind": "ConfigMap", "data": {"a": "b"}}), Value::Null);
        assert_eq!((before, after), (json!({"kind": "ConfigMap", "data": {"a": "b"}}), Value::Null));
    }
}
