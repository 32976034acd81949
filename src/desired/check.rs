//! Compares a document with the JSON Schema of its kind: types, closed sets, unknown fields; every finding at once.
use super::Problem;
use crate::api::READ_ONLY_PROPERTIES;
use serde_json::{Map, Value};

/// Path of a field inside `parent`.
pub(super) fn child(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// Path of an item inside `parent`.
pub(super) fn item(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// Everything in `value` that `schema` does not allow. Understands what the schema generator writes, no more.
pub(super) fn check(value: &Value, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    if let Some(Value::Array(choices)) = schema.get("anyOf") {
        let null = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("null");
        if value.is_null() && choices.iter().any(null) {
            return;
        }
        if let Some(choice) = choices.iter().find(|choice| !null(choice)) {
            check(value, choice, path, problems);
        }
        return;
    }
    if let Some(wanted) = schema.get("const") {
        closed_set(value, std::slice::from_ref(wanted), path, problems);
        return;
    }
    let choices: Vec<Value> = match (schema.get("enum"), schema.get("oneOf")) {
        (Some(Value::Array(choices)), _) => choices.clone(),
        (_, Some(Value::Array(choices))) => choices.iter().flat_map(members).collect(),
        _ => Vec::new(),
    };
    if !choices.is_empty() {
        closed_set(value, &choices, path, problems);
        return;
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    if !types.iter().any(|wanted| is(value, wanted)) {
        let wanted = types.iter().find(|name| **name != "null").copied().unwrap_or("null");
        let problem = Problem::new(path, format!("must be {}, not {}", article(wanted), article(type_of(value))));
        problems.push(match how_to_write(value, wanted) {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
        return;
    }
    match value {
        Value::Object(map) => check_object(map, schema, path, problems),
        Value::Array(items) => {
            if let Some(of) = schema.get("items") {
                for (index, value) in items.iter().enumerate() {
                    check(value, of, &item(path, index), problems);
                }
            }
        }
        Value::Number(number) => check_range(number.as_f64().unwrap_or(f64::NAN), schema, path, problems),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn check_range(number: f64, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
        let shown = |bound: Option<f64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
        problems.push(Problem::new(path, format!("must be from {} to {}", shown(least), shown(most))));
    }
}

/// How a scalar of the wrong type is written so that it is of the right one.
fn how_to_write(value: &Value, wanted: &str) -> Option<&'static str> {
    match (value, wanted) {
        (Value::Bool(_) | Value::Number(_), "string") => Some("put it in quotes"),
        (Value::String(text), "boolean") if ["true", "false"].contains(&text.to_lowercase().as_str()) => {
            Some("write it without quotes")
        }
        (Value::String(text), "integer") if text.parse::<i64>().is_ok() => Some("write it without quotes"),
        (Value::String(_), "integer") => Some("give whole seconds, as in 600"),
        (Value::Null, "object") => Some("write {} for the defaults"),
        _ => None,
    }
}

fn check_object(map: &Map<String, Value>, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    let known = schema.get("properties").and_then(Value::as_object);
    for (key, value) in map {
        let at = child(path, key);
        match (known.and_then(|known| known.get(key)), schema.get("additionalProperties")) {
            (Some(schema), _) => check(value, schema, &at, problems),
            (None, Some(Value::Bool(false))) => {
                let problem = Problem::new(at, "is not a known field");
                let near =
                    || near(key, known.into_iter().flat_map(Map::keys)).map(|name| format!("did you mean {name}?"));
                problems.push(match unwelcome(path, key).map(str::to_owned).or_else(near) {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
            }
            (None, Some(schema)) => check(value, schema, &at, problems),
            (None, None) => {}
        }
    }
    for key in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(key) {
            problems.push(Problem::new(child(path, key), "is missing"));
        }
    }
}

/// Why a field that the resource has, or had, is not welcome in a document.
fn unwelcome(parent: &str, key: &str) -> Option<&'static str> {
    match (parent, key) {
        ("", "properties") => Some("what the ARM resource has under properties stands under spec"),
        ("spec", key) if READ_ONLY_PROPERTIES.contains(&key) => Some("it is read-only; leave it out"),
        (parent, "validation") if parent.starts_with("spec.kustomizations.") => {
            Some("the resource has it no more, the API server checks every object; leave it out")
        }
        _ => None,
    }
}

fn members(schema: &Value) -> Vec<Value> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => vec![one.clone()],
        (_, Some(Value::Array(several))) => several.clone(),
        _ => Vec::new(),
    }
}

fn closed_set(value: &Value, choices: &[Value], path: &str, problems: &mut Vec<Problem>) {
    if choices.contains(value) {
        return;
    }
    let names: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let problem = Problem::new(path, format!("must be {}", names.join(" or ")));
    problems.push(match value.as_str().and_then(|text| near(text, names.iter().copied())) {
        Some(name) if names.len() > 1 => problem.hint(format!("did you mean {name}?")),
        _ => problem,
    });
}

/// The candidate that `name` is a slip of, if one is near enough.
pub(super) fn near<S: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = S>) -> Option<String> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.as_ref().to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4)
        .map(|(_, candidate)| candidate.as_ref().to_owned())
}

/// Edits (insert, delete, replace) between two words.
fn distance(a: &str, b: &str) -> usize {
    // a key can be as long as a file; a word that long is nobody's slip
    if a.len().max(b.len()) > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn is(value: &Value, wanted: &str) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => type_of(value) == wanted,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn article(name: &str) -> String {
    match name {
        "null" => "empty".to_owned(),
        "array" => "a list".to_owned(),
        "object" | "integer" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}
