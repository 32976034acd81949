//! What was good stays when something bad takes its place.
use super::DesiredState;
use crate::model::configuration::ConfigurationId;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// What a load found, and where: enough to tell what was removed from what is only broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub(super) state: DesiredState,
    /// The file that each configuration came from.
    pub(super) origins: BTreeMap<ConfigurationId, PathBuf>,
    /// Configurations whose document is there but cannot be used.
    pub(super) broken_ids: BTreeSet<ConfigurationId>,
    /// Files of which some document could not be told apart: unreadable, no YAML, or a document without a name.
    pub(super) broken_files: BTreeSet<PathBuf>,
    /// Whether a directory could not be listed, so that nothing can be said to be gone.
    pub(super) is_partial: bool,
}

/// Completes what was loaded with the last good form of what is broken now.
///
/// Pure. A configuration is dropped only when its file was read and it is not in it.
pub(super) fn keep_last_good(before: &Loaded, mut now: Loaded) -> Loaded {
    for configuration in &before.state.configurations {
        let id = &configuration.id;
        let origin = before.origins.get(id);
        let is_broken =
            now.broken_ids.contains(id) || now.is_partial || origin.is_some_and(|file| now.broken_files.contains(file));
        if is_broken && !now.origins.contains_key(id) {
            now.state.configurations.push(Arc::clone(configuration));
            now.origins.extend(origin.map(|file| (id.clone(), file.clone())));
        }
    }
    now.state.configurations.sort_by(|a, b| a.id.cmp(&b.id));
    now
}
