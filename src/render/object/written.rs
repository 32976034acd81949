//! Texts that kustomize writes itself.
use crate::render::{
    emit::reads_as_text,
    node::{Scalar, Style},
};

/// A text where something else may be written over it. One that others would not read as a text is quoted, and stays so.
pub(in crate::render) fn written(text: impl AsRef<str>) -> Scalar {
    let scalar = Scalar::string(text);
    let style = if reads_as_text(&scalar.text) { Style::Plain } else { Style::Quoted };
    Scalar { style, ..scalar }
}
