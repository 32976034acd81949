//! The schema that a render goes by: the built-in one, or the one that a kustomization asks for.
use super::{Build, place::Target};
use crate::render::{
    error::RenderError,
    kustomization::value,
    object::{resource::Resource, schema::Schema},
    options::SchemaUse,
};
use smol_str::SmolStr;
use std::sync::Arc;

impl Build<'_> {
    /// Takes note of the kinds that there are.
    pub(super) fn meet(&self, resources: &[Resource]) {
        let kind = |one: &Resource| (SmolStr::new(one.api_version()), SmolStr::new(one.kind()));
        self.kinds.borrow_mut().extend(resources.iter().map(kind));
    }

    pub(super) fn schema(&self) -> Arc<Schema> {
        self.schema.borrow().clone().unwrap_or_else(Schema::built_in)
    }

    /// Whether there were objects of kinds that are not built in. Kustomize then has its built-in schema loaded, and keeps it.
    pub(super) fn has_met_other_kinds(&self) -> bool {
        let built_in = Schema::built_in();
        self.kinds.borrow().iter().any(|(api_version, kind)| !built_in.kind(api_version, kind).is_known())
    }

    /// Takes the schema that a kustomization asks for, unless one above it did.
    pub(super) fn use_schema(&self, target: &Target<'_>) -> Result<(), RenderError> {
        let files = target.files("openapi");
        let wrong = |message: &str| Err(files.place.wrong(message));
        match (target.fields.openapi.get("path"), target.fields.openapi.get("version")) {
            (None, None) => Ok(()),
            (Some(_), Some(_)) => wrong("has both path and version"),
            (None, Some(version)) if version == "v1.21.2" => {
                self.schema.borrow_mut().get_or_insert_with(Schema::built_in);
                Ok(())
            }
            (None, Some(_)) => wrong("the one version that is known is v1.21.2"),
            (Some(path), None) => {
                let text = files.text(path)?;
                if self.schema.borrow().is_none() {
                    let adds = self.options.schema == SchemaUse::Add || self.has_met_other_kinds();
                    let path = files.path(path)?;
                    let schema = Schema::of_document(&value(&text, &path)?, adds.then(Schema::built_in));
                    let schema = schema.map_err(|message| files.place.wrong(format!("{path} {message}")))?;
                    *self.schema.borrow_mut() = Some(Arc::new(schema));
                }
                Ok(())
            }
        }
    }
}
