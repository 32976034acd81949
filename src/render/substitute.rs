//! Post-build substitution: `${name}` in rendered manifests becomes the value of a variable.
//!
//! The syntax and its operators are those of Flux (`template`, `evaluate`). Flux substitutes in the
//! printed YAML and parses it again, so that a value with `: ` or a line break can add fields to an
//! object. Here each key and each string is substituted on its own: a value never changes the
//! structure. What users rely on is kept by one rule (`place`):
//!
//! - a string that is exactly one expression, `replicas: ${n}`, is read as YAML reads that scalar: a
//!   number, a boolean, null when it is empty, or the text inside quotes;
//! - except where the API wants strings, such as labels, annotations, the data of a ConfigMap, the
//!   value of an environment variable: there `"${n}"` stays a string, which takes a quoting trick in Flux;
//! - a string with anything beside the expression, `port-${n}`, stays a string.
//!
//! Objects with the label or annotation `kustomize.toolkit.fluxcd.io/substitute: disabled` are left alone.
mod evaluate;
mod glob;
mod place;
mod template;

#[cfg(test)]
mod tests;

use super::error::RenderError;
use crate::model::Manifest;
use evaluate::Evaluator;
use place::Place;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Label or annotation that turns substitution off for one object, by the value `disabled`.
const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Replaces every expression in the keys and strings of a manifest.
///
/// Line feeds are taken out of the values of variables, as Flux does.
///
/// # Errors
/// When a variable without a default is not given, an expression is not closed or not known, two keys
/// become one, or the work exceeds its bounds (32 MiB read and written, 32 levels of expressions). The error
/// names the object, the field and the variable, never a value.
pub fn substitute(manifest: Manifest, variables: &BTreeMap<String, String>) -> Result<Manifest, RenderError> {
    if is_disabled(&manifest) {
        return Ok(manifest);
    }
    let id = manifest.id();
    let Manifest { object, origin } = manifest;
    let mut walk = Walk { evaluator: Evaluator::new(variables), path: Vec::new(), place: Place::root(&object) };
    match walk.map(object) {
        Ok(object) => Ok(Manifest::new(object, origin)),
        Err(error) => {
            let message = format!("{id}: {}: {error}", walk.path.concat().trim_start_matches('.'));
            Err(RenderError::Manifest {
                file: if origin.is_empty() { "generated".to_owned() } else { origin },
                message,
            })
        }
    }
}

fn is_disabled(manifest: &Manifest) -> bool {
    ["labels", "annotations"].iter().any(|map| {
        let metadata = manifest.object.get("metadata").and_then(|metadata| metadata.get(map));
        metadata.and_then(|map| map.get(SWITCH)).is_some_and(|value| value == "disabled")
    })
}

/// Why a key or a string was not substituted. Holds no value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Problem {
    #[error(transparent)]
    Syntax(#[from] template::SyntaxError),
    #[error(transparent)]
    Evaluation(#[from] evaluate::EvaluationError),
    #[error("two keys are the same after substitution; give the variables different values")]
    RepeatedKey,
}

/// The walk through one object; when it fails, `path` leads to the place.
struct Walk<'v> {
    evaluator: Evaluator<'v>,
    /// `.key` and `[index]` of the values around.
    path: Vec<String>,
    place: Place,
}

impl Walk<'_> {
    fn value(&mut self, value: Value) -> Result<Value, Problem> {
        match value {
            Value::String(text) if text.contains('$') => self.string(&text),
            Value::Array(items) => self.list(items).map(Value::Array),
            Value::Object(map) => self.map(map).map(Value::Object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value),
        }
    }

    fn list(&mut self, items: Vec<Value>) -> Result<Vec<Value>, Problem> {
        let mut done = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.path.push(format!("[{index}]"));
            done.push(self.value(item)?);
            self.path.pop();
        }
        Ok(done)
    }

    fn map(&mut self, map: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
        let mut done = Map::with_capacity(map.len());
        for (key, value) in map {
            self.path.push(format!(".{key}"));
            let key = if key.contains('$') { self.expand(&key)?.0 } else { key };
            self.place.enter(&key);
            let value = self.value(value)?;
            self.place.leave();
            if done.insert(key, value).is_some() {
                return Err(Problem::RepeatedKey);
            }
            self.path.pop();
        }
        Ok(done)
    }

    fn string(&mut self, text: &str) -> Result<Value, Problem> {
        let (expanded, is_whole) = self.expand(text)?;
        Ok(if is_whole && !self.place.wants_string() { place::read(expanded) } else { Value::String(expanded) })
    }

    /// The text with its expressions replaced, and whether it was one expression and nothing else.
    fn expand(&mut self, text: &str) -> Result<(String, bool), Problem> {
        let pieces = template::parse(text)?;
        let is_whole = matches!(pieces.as_slice(), [template::Piece::Expression(_)]);
        Ok((self.evaluator.expand(&pieces)?, is_whole))
    }
}
