//! Manifests as text, spelt exactly as `kustomize build` spells them.
//!
//! Kustomize prints each object through Go's JSON encoder and then its YAML 1.1 emitter, so nothing
//! of the input's spelling survives: keys are sorted, numbers spelt anew, strings quoted, folded or
//! set as literal blocks by that emitter's rules. Keeping to them byte for byte lets users compare
//! our output with kustomize's, and keeps digests stable over both.
//!
//! ```text
//! Node -> order (keys) -> number / scalar (which style: resolve, timestamp) -> writer (blocks) -> lines (folding)
//! ```
//!
//! Rendering prints through `print`, which refuses what kustomize refuses. JSON values, which come from a
//! cluster as well, are always printed.
mod lines;
mod number;
mod order;
mod printable;
mod resolve;
mod scalar;
mod timestamp;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use number::{shortest, text as number_text};
pub(super) use printable::Unprintable;
pub(super) use resolve::{is_text, reads_as_text};

use crate::model::Manifest;
use crate::render::node::{Map, Node};
use serde_json::Value;
use writer::Writer;

/// Prints one object as a YAML document that ends in a newline, without a document marker.
///
/// # Errors
/// When kustomize would not print it. `out` then holds a part of it.
pub(super) fn print(object: &Map, out: &mut String) -> Result<(), Unprintable> {
    Writer::strict(out).object_document(object)
}

/// Prints manifests as one YAML stream: documents joined by `---`, each ending in a newline.
///
/// Empty for no manifests. The documents keep the order that they are given in.
pub fn to_yaml(manifests: &[Manifest]) -> String {
    let mut out = String::new();
    for (at, manifest) in manifests.iter().enumerate() {
        if at > 0 {
            out.push_str("---\n");
        }
        // What is not strict refuses nothing.
        Writer::lenient(&mut out).object_document(&Map::from(&manifest.object)).unwrap_or_default();
    }
    out
}

/// Prints one value as a YAML document that ends in a newline, without a document marker.
///
/// The same value always gives the same text, whatever the order of its keys.
pub fn value_to_yaml(value: &Value) -> String {
    let mut out = String::new();
    Writer::lenient(&mut out).document(&Node::from(value)).unwrap_or_default();
    out
}
