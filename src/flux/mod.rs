//! What a Flux operator is: the objects that make one, and whether it has come up. Pure: no I/O, no clock.
pub mod install;
pub mod v1;
pub mod v2;

use crate::model::Manifest;
use serde_json::{Map, Value, json};

/// An object with its fields in the usual order.
fn object(origin: &str, api_version: &str, kind: &str, metadata: Value, rest: Value) -> Manifest {
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), json!(api_version));
    map.insert("kind".to_owned(), json!(kind));
    map.insert("metadata".to_owned(), metadata);
    if let Value::Object(rest) = rest {
        map.extend(rest);
    }
    Manifest::new(map, origin)
}
