//! From documents to a state: whose a name is, and what keeps its last good form. Pure.
use super::{
    super::{DesiredState, Issue, Reach, stamp::Stamp},
    read::{Document, Found, Origin},
};
use crate::model::configuration::{Configuration, ConfigurationId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

/// What a look at the files came to: enough for the next one to tell what was removed from what is only broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub(super) state: DesiredState,
    /// The document that each configuration came from.
    origins: BTreeMap<ConfigurationId, Origin>,
    /// What was looked at, as it was before it was read.
    pub(super) stamps: BTreeMap<PathBuf, Option<Stamp>>,
}

/// Makes a state of what was found, with the last good form of what is broken now.
///
/// A configuration stays with the file that it came from for as long as that file states it or cannot be read; another
/// document of the same name is an issue. Of several new ones the first is used.
pub(super) fn resolve(before: &Loaded, mut found: Found) -> Loaded {
    hold_files_with_strangers(before, &mut found);
    let mut now = Loaded { stamps: std::mem::take(&mut found.stamps), ..Loaded::default() };
    now.state.issues = std::mem::take(&mut found.issues);
    let owners = owners(before, &found);
    for (number, document) in std::mem::take(&mut found.documents).into_iter().enumerate() {
        now.state.issues.extend(document.issues);
        let Some(id) = document.parsed.id else { continue };
        match owners.get(&id) {
            Some(Owner::Document(owner, _)) if *owner == number => {
                match (document.parsed.configuration, last_good(before, &id)) {
                    (Some(configuration), _) => now.keep(Arc::new(configuration), document.origin),
                    (None, Some(configuration)) => now.keep(Arc::clone(configuration), document.origin),
                    (None, None) => {}
                }
            }
            Some(Owner::Document(_, origin) | Owner::LastGood(origin)) => {
                now.state.issues.push(stated_already(document.name, &id, origin));
            }
            None => {}
        }
    }
    for (id, owner) in owners {
        if let (Owner::LastGood(origin), Some(configuration)) = (owner, last_good(before, &id)) {
            now.keep(Arc::clone(configuration), origin);
        }
    }
    now.state.configurations.sort_by(|a, b| a.id.cmp(&b.id));
    now.state.issues.sort();
    // What is not there may be what cannot be read.
    if !now.state.issues.iter().any(Issue::is_error) {
        now.state.certain.insert(found.door.clone(), Reach::Everywhere);
    }
    now.state.door = found.door;
    now
}

impl Loaded {
    fn keep(&mut self, configuration: Arc<Configuration>, origin: Origin) {
        self.origins.insert(configuration.id.clone(), origin);
        self.state.configurations.push(configuration);
    }
}

/// What decides about a name.
enum Owner {
    /// A document, by its number, and where it stands.
    Document(usize, Origin),
    /// What was there before: its file cannot be read.
    LastGood(Origin),
}

/// A broken document of a name that was not there before may be any of those that were: one whose name is mistyped too.
fn hold_files_with_strangers(before: &Loaded, found: &mut Found) {
    for document in &found.documents {
        let is_broken = document.parsed.configuration.is_none();
        if is_broken && document.parsed.id.as_ref().is_some_and(|id| !before.origins.contains_key(id)) {
            found.broken_files.insert(document.origin.file.clone());
        }
    }
}

fn owners(before: &Loaded, found: &Found) -> BTreeMap<ConfigurationId, Owner> {
    let mut claims: BTreeMap<&ConfigurationId, Vec<(usize, &Document)>> = BTreeMap::new();
    for (number, document) in found.documents.iter().enumerate() {
        if let Some(id) = &document.parsed.id {
            claims.entry(id).or_default().push((number, document));
        }
    }
    let held = before
        .origins
        .iter()
        .filter(|(_, origin)| found.broken_files.contains(&origin.file) || found.broken_roots.contains(&origin.root));
    let held: BTreeMap<_, _> = held.collect();
    let ids: BTreeSet<&ConfigurationId> = claims.keys().copied().chain(held.keys().copied()).collect();
    ids.into_iter()
        .filter_map(|id| {
            let claims = claims.get(id).map(Vec::as_slice).unwrap_or_default();
            let of_owner = before
                .origins
                .get(id)
                .and_then(|origin| claims.iter().find(|(_, document)| document.origin.file == origin.file));
            let owner = match (of_owner, held.get(id)) {
                (Some((number, document)), _) => Owner::Document(*number, document.origin.clone()),
                (None, Some(origin)) => Owner::LastGood((*origin).clone()),
                (None, None) => {
                    let (number, document) = claims.first()?;
                    Owner::Document(*number, document.origin.clone())
                }
            };
            Some((id.clone(), owner))
        })
        .collect()
}

fn last_good<'a>(before: &'a Loaded, id: &ConfigurationId) -> Option<&'a Arc<Configuration>> {
    let at = before.state.configurations.binary_search_by(|one| one.id.cmp(id)).ok()?;
    Some(&before.state.configurations[at])
}

fn stated_already(name: Issue, id: &ConfigurationId, origin: &Origin) -> Issue {
    Issue {
        message: format!("{id} is stated in {}:{} already", origin.file.display(), origin.line),
        hint: Some("that one is used; remove one of them".to_owned()),
        ..name
    }
}
