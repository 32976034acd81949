//! One kustomization after another: resources and bases, generators, components, transformers.
mod configurations;
mod fields;
mod named;
mod openapi;
mod origins;
mod place;
mod plain;
mod plugin;
mod validate;

use crate::render::{
    error::RenderError,
    kustomization::{BuildMetadata, Kustomization},
    load::{Brought, Loader, MAX_DEPTH, cache::Memo},
    object::schema::Schema,
    options::Options,
    remote::Remote,
    transform::{accumulated::Accumulated, vars},
    tree::EntryKind,
};
use place::{At, Named, Target, Visited};
use smol_str::SmolStr;
use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

/// One render: where it reads from, and what the whole of it shares.
pub(in crate::render) struct Build<'a> {
    /// Reads the tree of the render itself.
    loader: Loader<'a>,
    options: &'a Options,
    brought: Brought<'a>,
    /// The schema that a kustomization asks for: the first one that does.
    schema: RefCell<Option<Arc<Schema>>>,
    metadata: RefCell<BuildMetadata>,
    /// The API versions and kinds that files held so far.
    kinds: RefCell<BTreeSet<(SmolStr, SmolStr)>>,
}

impl<'a> Build<'a> {
    pub(in crate::render) fn new(loader: Loader<'a>, options: &'a Options) -> Self {
        let (schema, metadata, kinds) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { loader, options, brought: Brought::new(options.remotes.as_deref()), schema, metadata, kinds }
    }

    /// What the top kustomization asks to be told in the result.
    pub(in crate::render) fn metadata(&self) -> BuildMetadata {
        *self.metadata.borrow()
    }

    /// Accumulates a directory: its kustomization, or, where that is allowed, every manifest below it.
    /// What is in a repository elsewhere needs a kustomization, as in kustomize.
    pub(in crate::render) fn directory(&self, path: &str) -> Result<Accumulated, RenderError> {
        let loader = &self.loader;
        if loader.kind(path)? != Some(EntryKind::Directory) {
            if self.options.remotes.is_some() && Remote::parse(path).is_some() {
                return self.repository(path);
            }
            return Err(RenderError::NoDirectory { path: path.to_owned() });
        }
        let path = &loader.real(path)?;
        match loader.kustomization(path)? {
            Some(_) => self.base(&At::alone(loader, path, Named::ByCaller, &[])),
            None if self.options.generate => {
                let mut accumulated = Accumulated::new();
                let found = plain::resources(loader, path)?;
                let files: Vec<String> = found.iter().filter_map(plain::Found::file).cloned().collect();
                loader.read_ahead(path, &files, path);
                for resource in found {
                    match resource {
                        plain::Found::File(file) => {
                            let resources = loader.resources(path, &file, path)?;
                            accumulated.append(resources, path)?;
                        }
                        plain::Found::Kustomization(directory) => {
                            let above = [(loader.number, path.clone() + "/.")];
                            let at = At::alone(loader, &directory, Named::AsBase, &above);
                            accumulated.absorb(self.base(&at)?, path)?;
                        }
                    }
                }
                Ok(accumulated)
            }
            None => Err(RenderError::NoKustomization { path: path.clone(), found: 0 }),
        }
    }

    /// Accumulates a kustomization of its own, or recalls what it came to.
    fn base(&self, at: &At<'_>) -> Result<Accumulated, RenderError> {
        let mut accumulated = Accumulated::new();
        if at.named == Named::ByCaller || !self.may_recall(at) {
            self.into(at, &mut accumulated)?;
            return Ok(accumulated);
        }
        if let Some(memo) = at.loader.recalled(at.directory) {
            self.meet(&memo.accumulated.resources);
            return Ok(memo.accumulated.clone());
        }
        at.loader.begin();
        let outcome = self.into(at, &mut accumulated);
        let seen = at.loader.end();
        outcome?;
        if self.may_recall(at) {
            at.loader.keep(at.directory, Memo { seen, accumulated: accumulated.kept() });
        }
        Ok(accumulated)
    }

    /// Whether what a base comes to depends on nothing but what was looked at in its own tree.
    fn may_recall(&self, at: &At<'_>) -> bool {
        at.loader.has_cache()
            && self.schema.borrow().is_none()
            && !self.tells_provenance()
            && self.options.helm.command.is_none()
            && self.options.remotes.is_none()
    }

    /// Accumulates a kustomization into what is there: a component into its parent, a base into nothing.
    fn into(&self, at: &At<'_>, accumulated: &mut Accumulated) -> Result<(), RenderError> {
        let (loader, directory) = (at.loader, at.directory);
        if is_above(at.above, loader.number, directory) {
            let via: Vec<&str> = at.above.iter().map(|(_, directory)| directory.as_str()).collect();
            return Err(RenderError::Cycle { path: directory.to_owned(), via: via.join(", ") });
        }
        if at.above.len() > MAX_DEPTH {
            return Err(RenderError::TooMuch {
                path: directory.to_owned(),
                what: "kustomizations inside kustomizations",
                limit: MAX_DEPTH,
            });
        }
        let Some(file) = loader.kustomization(directory)? else {
            return Err(RenderError::NoKustomization { path: directory.to_owned(), found: 0 });
        };
        let text = loader.text(directory, &file, &file)?;
        let located = |error: RenderError| error.located(&file, &text);
        let fields = Kustomization::parse(&text, &file)?;
        match (at.named, fields.is_component()) {
            (Named::AsBase, true) => {
                let message = "what resources names must be of kind Kustomization";
                return Err(located(RenderError::field(&file, "kind", message)));
            }
            (Named::AsComponent, false) => {
                let message = "what components names must be of kind Component";
                return Err(located(RenderError::field(&file, "kind", message)));
            }
            (Named::ByCaller, _) | (Named::AsBase, false) | (Named::AsComponent, true) => {}
        }
        if at.named == Named::ByCaller {
            *self.metadata.borrow_mut() = fields.build_metadata();
        }
        let above = [at.above, &[(loader.number, directory.to_owned())]].concat();
        let chart_namespace = if fields.namespace.is_empty() { at.chart_namespace } else { &fields.namespace };
        let (origin, above) = (&at.origin, above.as_slice());
        let target = Target { loader, directory, file: &file, fields: &fields, above, origin, chart_namespace };
        self.use_schema(&target).and_then(|()| self.accumulate(&target, accumulated)).map_err(located)?;
        if at.named != Named::AsComponent {
            accumulated.order = fields.sort_options.clone().map(|options| (file.clone(), options));
        }
        Ok(())
    }

    /// Runs the steps of one kustomization, in kustomize's order.
    fn accumulate(&self, target: &Target<'_>, accumulated: &mut Accumulated) -> Result<(), RenderError> {
        let fields = target.fields;
        accumulated.index();
        self.resources(target, "resources", &fields.resources, accumulated)?;
        configurations::extend(&mut accumulated.configuration, target)?;
        self.generate(target, &mut accumulated.resources)?;
        self.components(target, accumulated)?;
        for (field, provenance, transformer) in self.transformers(target, &accumulated.configuration)? {
            self.transform(target, field, provenance.as_ref(), &transformer, &mut accumulated.resources)?;
        }
        self.validate(target, &mut accumulated.resources)?;
        let place = target.place("vars");
        vars::merge(&mut accumulated.vars, vars::bind(&place, &fields.vars, &mut accumulated.resources)?)
    }
}

/// Whether a directory of a tree is one of those above, or holds one of them.
fn is_above(above: &[Visited], number: usize, directory: &str) -> bool {
    above.iter().filter(|(tree, _)| *tree == number).any(|(_, visited)| {
        visited == directory
            || visited.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/') && rest != "/.")
            || (directory.is_empty() && !visited.ends_with("/."))
    })
}
