//! Between nodes and JSON values.
use super::{Entry, Map, Node, Resolved, Scalar, Style, Tag, Unresolvable};
use crate::render::emit::is_text;
use serde_json::{Number, Value};

/// Whose reader is followed where readers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render) enum Dialect {
    /// Kustomize's reader of manifests: a repeated key, and a key that is no text, are errors.
    Manifest,
    /// Its reader of a chart's values: as that of manifests, and a key that is no text is the text it is written as.
    Values,
    /// Kustomize's reader of its own file: `yes` and `on` are booleans, and of a repeated key the last one counts.
    Kustomization,
}

/// Why a node is no JSON value, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::render) enum Unvalued {
    #[error("{path} {source}")]
    Scalar { path: String, source: Unresolvable },
    #[error("{path} has a key that is not a text; put it in quotes")]
    Key { path: String },
    #[error("{path} has the key {key:?} twice")]
    Twice { path: String, key: String },
}

impl Unvalued {
    /// The same, seen from a map that holds the value under a key.
    pub(in crate::render) fn under(self, key: &str) -> Self {
        let join = |path: String| match path.as_str() {
            "" => key.to_owned(),
            path if path.starts_with('[') => format!("{key}{path}"),
            path => format!("{key}.{path}"),
        };
        match self {
            Self::Scalar { path, source } => Self::Scalar { path: join(path), source },
            Self::Key { path } => Self::Key { path: join(path) },
            Self::Twice { path, key } => Self::Twice { path: join(path), key },
        }
    }
}

impl Node {
    /// The JSON value of it.
    ///
    /// # Errors
    /// When a scalar has no place in JSON, or a key is no text or there twice.
    pub(in crate::render) fn to_value(&self, dialect: Dialect) -> Result<Value, Unvalued> {
        match self {
            Self::Scalar(scalar) => scalar.to_value(dialect),
            Self::List(items) => {
                let item = |(at, item): (usize, &Self)| {
                    item.to_value(dialect).map_err(|error| error.under(&format!("[{at}]")))
                };
                Ok(Value::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?))
            }
            Self::Map(map) => Ok(Value::Object(map.to_object(dialect)?)),
        }
    }
}

impl Map {
    /// The JSON object of it.
    ///
    /// # Errors
    /// As [`Node::to_value`].
    pub(in crate::render) fn to_object(&self, dialect: Dialect) -> Result<serde_json::Map<String, Value>, Unvalued> {
        let mut object = serde_json::Map::with_capacity(self.len());
        for Entry { key, value } in &self.entries {
            if dialect == Dialect::Manifest && key.tag() != Tag::Str {
                return Err(Unvalued::Key { path: String::new() });
            }
            let value = value.to_value(dialect).map_err(|error| error.under(&key.text))?;
            let name = match key.to_value(dialect) {
                Ok(Value::Bool(is_true)) if dialect == Dialect::Kustomization => is_true.to_string(),
                _ => key.text.to_string(),
            };
            if object.insert(name, value).is_some() && dialect != Dialect::Kustomization {
                return Err(Unvalued::Twice { path: String::new(), key: key.text.to_string() });
            }
        }
        Ok(object)
    }
}

impl Scalar {
    fn to_value(&self, dialect: Dialect) -> Result<Value, Unvalued> {
        if dialect == Dialect::Kustomization && self.tag == Tag::Implied && self.style == Style::Plain {
            match self.text.as_str() {
                "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Ok(Value::Bool(true)),
                "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Ok(Value::Bool(false)),
                text if self.tag() == Tag::Timestamp || self.tag() != Tag::Null && is_text(text) => {
                    return Ok(Value::String(text.to_owned()));
                }
                _ => {}
            }
        }
        // This file is not printed before it is read.
        let unprinted = match self.style {
            Style::EmptyInFlow => Some(Style::Plain),
            Style::Folded => Some(Style::Quoted),
            Style::Plain | Style::Quoted => None,
        };
        if let (Dialect::Kustomization, Some(style)) = (dialect, unprinted) {
            return Self { style, ..self.clone() }.to_value(dialect);
        }
        match self.resolve() {
            Ok(Resolved::Null) => Ok(Value::Null),
            Ok(Resolved::Bool(value)) => Ok(Value::Bool(value)),
            Ok(Resolved::Number(number)) => Ok(Value::Number(number)),
            Ok(Resolved::Text(text)) => Ok(Value::String(text.into_owned())),
            Err(source) => Err(Unvalued::Scalar { path: String::new(), source }),
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::null(),
            Value::Bool(value) => {
                Self::Scalar(Scalar { tag: Tag::Bool, ..Scalar::plain(if *value { "true" } else { "false" }) })
            }
            Value::Number(number) => Self::from(number),
            Value::String(text) => Self::string(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(object) => Self::Map(object.into()),
        }
    }
}

impl From<&Number> for Node {
    fn from(number: &Number) -> Self {
        let tag = if number.is_f64() { Tag::Float } else { Tag::Int };
        Self::Scalar(Scalar { tag, ..Scalar::plain(number.to_string()) })
    }
}

impl From<&serde_json::Map<String, Value>> for Map {
    fn from(object: &serde_json::Map<String, Value>) -> Self {
        object.iter().map(|(key, value)| Entry { key: Scalar::string(key), value: value.into() }).collect()
    }
}
