//! One kustomization after another: resources and bases, generators, components, transformers.
use super::{
    RenderError,
    configuration::Configuration,
    generate,
    kustomization::{Kustomization, SortOptions},
    load::{Loader, MAX_DEPTH, join},
    patch, plain,
    resource::{Previous, Resource},
    transform::{self, name::Part},
    tree::EntryKind,
};
use std::{collections::HashSet, sync::Arc};

/// What a directory comes to before the last steps.
pub(super) struct Accumulated {
    pub(super) resources: Vec<Resource>,
    /// Which fields the transformers change: the defaults, and what kustomizations on the way up added.
    pub(super) configuration: Arc<Configuration>,
    /// The order that the top kustomization asks for, and the file that does so.
    pub(super) order: Option<(String, SortOptions)>,
    pub(super) managed_by_label: bool,
    ids: HashSet<Id>,
}

/// What tells two resources apart: API version, kind, name, effective namespace.
type Id = (String, Previous);

impl Accumulated {
    fn new() -> Self {
        Self {
            resources: Vec::new(),
            configuration: Configuration::defaults(),
            order: None,
            managed_by_label: false,
            ids: HashSet::new(),
        }
    }

    /// Adds what a base came to.
    fn absorb(&mut self, base: Self, file: &str) -> Result<(), RenderError> {
        self.append(base.resources, file)?;
        Configuration::merge_shared(&mut self.configuration, &base.configuration)
            .map_err(|message| RenderError::field(file, "configurations", message))
    }

    /// Takes note of what is there, after something changed it.
    fn index(&mut self) {
        self.ids = self.resources.iter().map(id).collect();
    }

    /// Adds resources, none of which may be there already.
    fn append(&mut self, resources: Vec<Resource>, file: &str) -> Result<(), RenderError> {
        for resource in resources {
            if !self.ids.insert(id(&resource)) {
                let twin = self.resources.iter().find(|other| id(other) == id(&resource));
                let from = twin.map_or("", |twin| &twin.origin);
                let message = format!("{} of {} is there already, from {from}", resource.shown(), resource.origin);
                return Err(RenderError::Manifest { file: file.to_owned(), message });
            }
            self.resources.push(resource);
        }
        Ok(())
    }
}

fn id(resource: &Resource) -> Id {
    (resource.api_version().to_owned(), resource.current())
}

/// What may name a kustomization.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The caller: any kind will do.
    ByCaller,
    /// `resources`: a Kustomization.
    AsBase,
    /// `components`: a Component.
    AsComponent,
}

/// Accumulates a directory: its kustomization, or, where that is allowed, every manifest below it.
pub(super) fn directory(loader: &Loader<'_>, path: &str, may_generate: bool) -> Result<Accumulated, RenderError> {
    if loader.kind(path)? != Some(EntryKind::Directory) {
        return Err(RenderError::NoDirectory { path: path.to_owned() });
    }
    let path = &loader.real(path)?;
    match Kustomization::find(loader, path)? {
        Some(_) => base(loader, path, &mut Vec::new(), Named::ByCaller),
        None if may_generate => {
            let mut accumulated = Accumulated::new();
            for resource in plain::resources(loader, path)? {
                match resource {
                    plain::Found::File(file) => {
                        let resources = loader.resources(path, &file, path)?;
                        accumulated.append(resources, path)?;
                    }
                    plain::Found::Kustomization(directory) => {
                        let inner = base(loader, &directory, &mut vec![path.clone() + "/."], Named::AsBase)?;
                        accumulated.absorb(inner, path)?;
                    }
                }
            }
            Ok(accumulated)
        }
        None => Err(RenderError::NoKustomization { path: path.clone(), found: 0 }),
    }
}

/// Accumulates a kustomization of its own.
fn base(
    loader: &Loader<'_>,
    directory: &str,
    above: &mut Vec<String>,
    named: Named,
) -> Result<Accumulated, RenderError> {
    let mut accumulated = Accumulated::new();
    into(loader, directory, above, named, &mut accumulated)?;
    Ok(accumulated)
}

/// Accumulates a kustomization into what is there: a component into its parent, a base into nothing.
fn into(
    loader: &Loader<'_>,
    directory: &str,
    above: &mut Vec<String>,
    named: Named,
    accumulated: &mut Accumulated,
) -> Result<(), RenderError> {
    if is_above(above, directory) {
        return Err(RenderError::Cycle { path: directory.to_owned(), via: above.join(", ") });
    }
    if above.len() > MAX_DEPTH {
        return Err(RenderError::TooMuch {
            path: directory.to_owned(),
            what: "kustomizations inside kustomizations",
            limit: MAX_DEPTH,
        });
    }
    let Some(file) = Kustomization::find(loader, directory)? else {
        return Err(RenderError::NoKustomization { path: directory.to_owned(), found: 0 });
    };
    let fields = Kustomization::read(loader, directory, &file)?;
    match (named, fields.is_component()) {
        (Named::AsBase, true) => {
            return Err(RenderError::field(&file, "kind", "what resources names must be of kind Kustomization"));
        }
        (Named::AsComponent, false) => {
            return Err(RenderError::field(&file, "kind", "what components names must be of kind Component"));
        }
        (Named::ByCaller, _) | (Named::AsBase, false) | (Named::AsComponent, true) => {}
    }
    above.push(directory.to_owned());
    accumulated.index();
    for resource in &fields.resources {
        let target = target(&file, "resources", directory, resource)?;
        match loader.kind(&target)? {
            Some(EntryKind::File) => {
                let resources = loader.resources(directory, &target, &file)?;
                accumulated.append(resources, &file)?;
            }
            Some(EntryKind::Directory) => {
                let inner = base(loader, &loader.real(&target)?, above, Named::AsBase)?;
                accumulated.absorb(inner, &file)?;
            }
            None => {
                return Err(RenderError::field(
                    &file,
                    "resources",
                    format!("{resource:?} is neither a file nor a directory{}", remote_hint(resource)),
                ));
            }
        }
    }
    Configuration::extend(&mut accumulated.configuration, loader, directory, &file, &fields)?;
    generate::run(loader, directory, &file, &fields, &mut accumulated.resources)?;
    for component in &fields.components {
        let target = target(&file, "components", directory, component)?;
        if loader.kind(&target)? != Some(EntryKind::Directory) {
            return Err(RenderError::field(
                &file,
                "components",
                format!("{component:?} is not a directory{}", remote_hint(component)),
            ));
        }
        into(loader, &loader.real(&target)?, above, Named::AsComponent, accumulated)?;
    }
    above.pop();
    transform(loader, directory, &file, &fields, accumulated)?;
    if named != Named::AsComponent {
        accumulated.order = fields.sort_options.clone().map(|options| (file.clone(), options));
        accumulated.managed_by_label = fields.wants_managed_by_label();
    }
    Ok(())
}

/// Runs the transformers of a kustomization over all that is accumulated, in kustomize's order.
fn transform(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    fields: &Kustomization,
    accumulated: &mut Accumulated,
) -> Result<(), RenderError> {
    let Accumulated { resources, configuration, .. } = accumulated;
    patch::strategic_merges(loader, directory, file, &fields.patches_strategic_merge, resources)?;
    patch::patches(loader, directory, file, &fields.patches, resources)?;
    transform::namespace::set(file, &fields.namespace, &configuration.namespace, resources)?;
    transform::name::add(file, Part::Prefix(&fields.name_prefix), &configuration.name_prefix, resources)?;
    transform::name::add(file, Part::Suffix(&fields.name_suffix), &configuration.name_suffix, resources)?;
    transform::labels::add(file, fields, configuration, resources)?;
    transform::annotations::add(file, &fields.common_annotations, &configuration.common_annotations, resources)?;
    patch::json6902(loader, directory, file, &fields.patches_json6902, resources)?;
    transform::replicas::set(file, &fields.replicas, &configuration.replicas, resources)?;
    transform::images::set(file, &fields.images, &configuration.images, resources)
}

/// Whether a directory is one of those above, or holds one of them.
fn is_above(above: &[String], directory: &str) -> bool {
    above.iter().any(|visited| {
        visited == directory
            || visited.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/') && rest != "/.")
            || (directory.is_empty() && !visited.ends_with("/."))
    })
}

fn target(file: &str, field: &str, directory: &str, path: &str) -> Result<String, RenderError> {
    join(directory, path)
        .ok_or_else(|| RenderError::field(file, field, format!("{path:?} leads out of the repository")))
}

fn remote_hint(path: &str) -> &'static str {
    let is_remote = path.contains("://") || path.starts_with("git@") || path.starts_with("github.com/");
    if is_remote { "; remote resources are not fetched: commit a copy" } else { "" }
}
