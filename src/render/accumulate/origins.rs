//! What is said of where resources come from and what changes them, where that is asked for.
use super::{Build, place::Target};
use crate::render::object::resource::{Configured, Provenance, Resource};
use std::sync::Arc;

impl Build<'_> {
    pub(super) fn tells_provenance(&self) -> bool {
        let metadata = self.metadata();
        metadata.origins || metadata.transformations
    }

    /// What is said of a change by a field of a kustomization.
    pub(super) fn built_in(&self, at: &Target<'_>, kind: &str) -> Option<Arc<Provenance>> {
        self.tells_provenance().then(|| {
            let file = at.file.rsplit('/').next().unwrap_or_default();
            let (name, namespace) = (String::new(), String::new());
            let by = Configured { api_version: "builtin".to_owned(), kind: kind.to_owned(), name, namespace };
            Arc::new(Provenance::plugin(at.origin.at(file), by))
        })
    }

    /// What is said of a change by a configuration.
    pub(super) fn configured(&self, config: &Resource) -> Option<Arc<Provenance>> {
        let file = config.provenance.as_ref()?.origin()?;
        let by = Configured {
            api_version: config.api_version().to_owned(),
            kind: config.kind().to_owned(),
            name: config.name().to_owned(),
            namespace: config.namespace().to_owned(),
        };
        Some(Arc::new(Provenance::plugin(file, by)))
    }
}
