//! The files that a field of a kustomization names.
use super::Loader;
use crate::render::{
    error::{Place, RenderError},
    kustomization::value,
    object::{manifests, resource::Resource},
    tree::join,
};
use serde_json::Value;

/// Reads what a field of a kustomization names, as far as that kustomization may read it.
#[derive(Clone, Copy)]
pub(in crate::render) struct Files<'a> {
    pub(in crate::render) loader: &'a Loader<'a>,
    /// Where the kustomization is.
    pub(in crate::render) directory: &'a str,
    pub(in crate::render) place: Place<'a>,
}

impl Files<'_> {
    /// The path of what is named.
    ///
    /// # Errors
    /// When it leads out of the tree.
    pub(in crate::render) fn path(&self, name: &str) -> Result<String, RenderError> {
        target(&self.place, self.directory, name)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it is not there, or may not be read.
    pub(in crate::render) fn bytes(&self, name: &str) -> Result<Vec<u8>, RenderError> {
        self.loader.bytes(self.directory, &self.path(name)?, self.place.file)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// As [`Files::bytes`], and when it is no text.
    pub(in crate::render) fn text(&self, name: &str) -> Result<String, RenderError> {
        self.loader.text(self.directory, &self.path(name)?, self.place.file)
    }

    /// The first document of a file, and the path of that, as kustomize reads its own.
    ///
    /// # Errors
    /// As [`Files::text`], and when it is not YAML.
    pub(in crate::render) fn value(&self, name: &str) -> Result<(String, Value), RenderError> {
        let path = self.path(name)?;
        let value = value(&self.loader.text(self.directory, &path, self.place.file)?, &path)?;
        Ok((path, value))
    }

    /// The text of a file, or the one that stands in its place.
    ///
    /// # Errors
    /// As [`Files::text`], and when there are both or neither.
    pub(in crate::render) fn text_or(&self, name: &str, text: &str) -> Result<String, RenderError> {
        match (name.is_empty(), text.is_empty()) {
            (false, true) => self.text(name),
            (true, false) => Ok(text.to_owned()),
            (false, false) | (true, true) => Err(self.place.wrong("an entry needs either a path or the patch itself")),
        }
    }

    /// The objects of entries that are texts, or name files.
    ///
    /// # Errors
    /// As [`Files::text`], and when something is no manifest.
    pub(in crate::render) fn resources(&self, entries: &[String]) -> Result<Vec<Resource>, RenderError> {
        let mut all = Vec::new();
        for entry in entries {
            match manifests::read(entry, self.place.file) {
                Ok(resources) if !resources.is_empty() => all.extend(resources),
                Ok(_) | Err(_) => {
                    let path = self.path(entry)?;
                    all.extend(self.loader.resources(self.directory, &path, self.place.file)?);
                }
            }
        }
        Ok(all)
    }
}

/// The path that a field of a kustomization in a directory names.
///
/// # Errors
/// When it leads out of the tree.
pub(in crate::render) fn target(place: &Place<'_>, directory: &str, name: &str) -> Result<String, RenderError> {
    join(directory, name).ok_or_else(|| place.wrong(format!("{name:?} leads out of the repository")))
}
