//! Manifests as text, spelt exactly as `kustomize build` spells them.
//!
//! Kustomize prints each object through Go's JSON encoder and then its YAML 1.1 emitter, so nothing
//! of the input's spelling survives: keys are sorted, numbers spelt anew, strings quoted, folded or
//! set as literal blocks by that emitter's rules. Keeping to them byte for byte lets users compare
//! our output with kustomize's, and keeps digests stable over both.
//!
//! ```text
//! Value -> order (keys) -> number / scalar (which style: resolve, timestamp) -> writer (lines, indents, folding)
//! ```
//!
//! Printing never fails; [`check`] says beforehand what kustomize would refuse to print.
mod number;
mod order;
mod printable;
mod resolve;
mod scalar;
mod timestamp;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use number::text as number_text;
pub use printable::{Unprintable, check};
pub(super) use resolve::is_text;

use crate::model::Manifest;
use serde_json::{Map, Value};
use writer::Writer;

/// Prints manifests as one YAML stream: documents joined by `---`, each ending in a newline.
///
/// Empty for no manifests. The documents keep the order that they are given in.
pub fn to_yaml(manifests: &[Manifest]) -> String {
    let documents: Vec<String> = manifests.iter().map(|manifest| object_to_yaml(&manifest.object)).collect();
    documents.join("---\n")
}

/// Prints one value as a YAML document that ends in a newline, without a document marker.
///
/// The same value always gives the same text, whatever the order of its keys.
pub fn value_to_yaml(value: &Value) -> String {
    let mut writer = Writer::default();
    writer.document(value);
    writer.finish()
}

fn object_to_yaml(object: &Map<String, Value>) -> String {
    let mut writer = Writer::default();
    writer.object_document(object);
    writer.finish()
}
