//! Where a string that is one expression stays a string, and how it is read elsewhere.
use crate::{render::emit, yaml};
use serde_json::{Map, Value};

/// Maps whose values are strings wherever they stand in the Kubernetes API.
const STRING_MAPS: [&str; 6] = ["labels", "annotations", "matchLabels", "nodeSelector", "selector", "stringData"];
/// Lists whose items are strings, or objects whose `value` or `values` are.
const STRING_LISTS: [&str; 8] =
    ["args", "command", "env", "tolerations", "httpHeaders", "sysctls", "matchExpressions", "matchFields"];
/// Fields that are strings wherever they stand in the Kubernetes API.
const STRING_FIELDS: [&str; 5] = ["apiVersion", "kind", "name", "namespace", "image"];

/// The place that a walk is at: the keys around it, and the kind of the object.
pub(super) struct Place {
    /// Whether `data` and `binaryData` of the object hold strings.
    has_data: bool,
    keys: Vec<String>,
}

impl Place {
    /// The place of an object itself.
    pub(super) fn root(object: &Map<String, Value>) -> Self {
        let is = |key: &str, value: &str| object.get(key).is_some_and(|found| found == value);
        let has_data = is("apiVersion", "v1") && (is("kind", "ConfigMap") || is("kind", "Secret"));
        Self { has_data, keys: Vec::new() }
    }

    pub(super) fn enter(&mut self, key: &str) {
        self.keys.push(key.to_owned());
    }

    pub(super) fn leave(&mut self) {
        self.keys.pop();
    }

    /// Whether the API wants a string here.
    ///
    /// Custom resources have such places that are not known here; a variable's value in quotes
    /// (`'"8080"'`) stays a string there.
    pub(super) fn wants_string(&self) -> bool {
        let key = |from_end: usize| {
            let at = self.keys.len().checked_sub(from_end)?;
            self.keys.get(at).map(String::as_str)
        };
        let last = key(1).unwrap_or_default();
        let parent = key(2).unwrap_or_default();
        STRING_FIELDS.contains(&last)
            || STRING_LISTS.contains(&last)
            || STRING_MAPS.contains(&parent)
            || (STRING_LISTS.contains(&parent) && matches!(last, "value" | "values"))
            || (self.has_data && self.keys.len() == 2 && matches!(parent, "data" | "binaryData"))
    }
}

/// Reads a text as YAML reads a scalar: null, a boolean, a number, a quoted text, or the text itself.
///
/// A float whose digits would change stays text: `1.10` and `12e3` are rather a version and a digest
/// than numbers, and no field of the Kubernetes API is a float. Never gives a list or a map.
pub(super) fn read(text: String) -> Value {
    let quoted = ['"', '\''].iter().any(|quote| text.len() > 1 && text.starts_with(*quote) && text.ends_with(*quote));
    if !quoted && emit::is_text(&text) {
        return Value::String(text);
    }
    let scalar = match yaml::read(&text) {
        Ok(documents) => documents.into_iter().next().unwrap_or(Value::Null),
        Err(_) => return Value::String(text),
    };
    match scalar {
        Value::Null | Value::Bool(_) if !quoted => scalar,
        Value::Number(number) if !number.is_f64() || emit::number_text(&number) == text => Value::Number(number),
        Value::String(content) if quoted => Value::String(content),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Value::String(text)
        }
    }
}
