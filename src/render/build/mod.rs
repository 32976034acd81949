//! One kustomization after another: resources and bases, generators, components, transformers.
mod plain;
mod plugin;

use crate::render::{
    Options, RenderError, SchemaUse,
    error::Place,
    generate::{self, Kind, helm},
    kustomization::{BuildMetadata, Kustomization, SortOptions, target, value},
    load::{Loader, MAX_DEPTH, cache::Memo, resources},
    object::{
        resource::{Configured, Previous, Provenance, Resource},
        schema::Schema,
    },
    remote::{self, Brought, Remote, Something},
    transform::{
        Transformer,
        annotations::Annotations,
        configuration::Configuration,
        images::Images,
        labels::{self, Labels},
        name::{Name, Part},
        namespace::{Namespace, Subjects},
        patch,
        provenance::Origin,
        replacement::Replacements,
        replicas::Replicas,
        vars::{self, Var},
    },
    tree::EntryKind,
};
use plugin::Plugin;
use smol_str::SmolStr;
use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// The label that a validator may set.
const VALIDATED_BY: &str = "validated-by";

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

/// What a directory comes to before the last steps.
#[derive(Clone)]
pub(in crate::render) struct Accumulated {
    pub(in crate::render) resources: Vec<Resource>,
    /// Which fields the transformers change: the defaults, and what kustomizations on the way up added.
    pub(in crate::render) configuration: Arc<Configuration>,
    pub(in crate::render) vars: Vec<Var>,
    /// The order that the top kustomization asks for, and the file that does so.
    pub(in crate::render) order: Option<(String, SortOptions)>,
    ids: HashSet<Id>,
}

/// What tells two resources apart: API version, kind, name, effective namespace.
type Id = (String, Previous);

impl Accumulated {
    fn new() -> Self {
        Self {
            resources: Vec::new(),
            configuration: Configuration::defaults(),
            vars: Vec::new(),
            order: None,
            ids: HashSet::new(),
        }
    }

    /// Adds what a base came to.
    fn absorb(&mut self, base: Self, file: &str) -> Result<(), RenderError> {
        self.append(base.resources, file)?;
        Configuration::merge_shared(&mut self.configuration, &base.configuration)
            .map_err(|message| RenderError::field(file, "configurations", message))?;
        vars::merge(&mut self.vars, base.vars)
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

/// A transformer, with the field that asks for it and what is said of its changes.
type Asked = (&'static str, Option<Arc<Provenance>>, Transformer);

/// A directory of a tree, by the tree's number.
type Visited = (usize, String);

/// Where a kustomization stands among others.
struct At<'a> {
    /// Reads the tree that it is in.
    loader: &'a Loader<'a>,
    directory: &'a str,
    named: Named,
    /// The directories of those that led here, outermost first.
    above: &'a [Visited],
    /// Its directory, as it is told.
    origin: Origin,
    /// The namespace that overlays give to charts.
    chart_namespace: &'a str,
}

impl<'a> At<'a> {
    /// A kustomization that no other one names.
    fn alone(loader: &'a Loader<'a>, directory: &'a str, named: Named, above: &'a [Visited]) -> Self {
        Self { loader, directory, named, above, origin: Origin::default(), chart_namespace: "" }
    }
}

/// A kustomization that is being accumulated.
struct Target<'a> {
    loader: &'a Loader<'a>,
    directory: &'a str,
    file: &'a str,
    fields: &'a Kustomization,
    above: &'a [Visited],
    origin: &'a Origin,
    chart_namespace: &'a str,
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
        match Kustomization::find(loader, path)? {
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

    /// Accumulates the kustomization at the address of a directory in a repository elsewhere.
    fn repository(&self, address: &str) -> Result<Accumulated, RenderError> {
        let failed = |source| RenderError::Fetch { named_by: None, url: remote::shown(address), source };
        let Something::Directory { remote, number, tree } = self.brought.any(address, true, false).map_err(failed)?
        else {
            return Err(failed("it is the address of a file".into()));
        };
        let loader = self.loader.elsewhere(&*tree, number, &remote);
        let within = |source| RenderError::Elsewhere { url: remote.shown(""), source: Box::new(source) };
        let directory = root_of(&loader, &remote).map_err(within)?;
        self.base(&At::alone(&loader, &directory, Named::ByCaller, &[])).map_err(within)
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
            let accumulated = Accumulated { ids: HashSet::new(), ..accumulated.clone() };
            at.loader.keep(at.directory, Memo { seen, accumulated });
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

    /// Takes note of the kinds that there are.
    fn meet(&self, resources: &[Resource]) {
        let kind = |one: &Resource| (SmolStr::new(one.api_version()), SmolStr::new(one.kind()));
        self.kinds.borrow_mut().extend(resources.iter().map(kind));
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
        let Some(file) = Kustomization::find(loader, directory)? else {
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
        self.use_schema(loader, directory, &file, &fields).map_err(located)?;
        let above = [at.above, &[(loader.number, directory.to_owned())]].concat();
        let chart_namespace = if fields.namespace.is_empty() { at.chart_namespace } else { &fields.namespace };
        let (origin, above) = (&at.origin, above.as_slice());
        let target = Target { loader, directory, file: &file, fields: &fields, above, origin, chart_namespace };
        self.accumulate(&target, accumulated).map_err(located)?;
        if at.named != Named::AsComponent {
            accumulated.order = fields.sort_options.clone().map(|options| (file.clone(), options));
        }
        Ok(())
    }

    /// Runs the steps of one kustomization, in kustomize's order.
    fn accumulate(&self, target: &Target<'_>, accumulated: &mut Accumulated) -> Result<(), RenderError> {
        let Target { loader, directory, file, fields, .. } = *target;
        accumulated.index();
        self.resources(target, "resources", &fields.resources, accumulated)?;
        Configuration::extend(&mut accumulated.configuration, loader, directory, file, fields)?;
        self.generate(target, &mut accumulated.resources)?;
        self.components(target, accumulated)?;
        for (field, provenance, transformer) in self.transformers(target, &accumulated.configuration)? {
            self.transform(target, field, provenance.as_ref(), &transformer, &mut accumulated.resources)?;
        }
        self.validate(target, &mut accumulated.resources)?;
        let place = Place { file, field: "vars" };
        vars::merge(&mut accumulated.vars, vars::bind(&place, &fields.vars, &mut accumulated.resources)?)
    }

    /// Adds what a field names: files, and directories with kustomizations of their own.
    fn resources(
        &self,
        at: &Target<'_>,
        field: &str,
        names: &[String],
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let Target { loader, directory, file, .. } = *at;
        let paths: Vec<String> = names.iter().filter_map(|name| target(file, field, directory, name).ok()).collect();
        loader.read_ahead(directory, &paths, file);
        for name in names {
            if self.is_elsewhere(at, name)? {
                self.elsewhere(at, field, name, accumulated)?;
                continue;
            }
            let path = target(file, field, directory, name)?;
            match loader.kind(&path)? {
                Some(EntryKind::File) => {
                    self.add_file(at, name, loader.resources(directory, &path, file)?, accumulated)?;
                }
                Some(EntryKind::Directory) => {
                    let inner = self.base(&At {
                        loader,
                        directory: &loader.real(&path)?,
                        named: Named::AsBase,
                        above: at.above,
                        origin: at.origin.at(name),
                        chart_namespace: at.chart_namespace,
                    })?;
                    accumulated.absorb(inner, file)?;
                }
                None => {
                    let message = format!("{name:?} is neither a file nor a directory");
                    return Err(RenderError::field(file, field, message));
                }
            }
        }
        Ok(())
    }

    /// Adds the objects of a file that was named.
    fn add_file(
        &self,
        at: &Target<'_>,
        name: &str,
        mut resources: Vec<Resource>,
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        if self.tells_provenance() {
            let provenance = Arc::new(Provenance::file(at.origin.at(name)));
            resources.iter_mut().for_each(|one| one.provenance = Some(provenance.clone()));
        }
        self.meet(&resources);
        accumulated.append(resources, at.file)
    }

    /// Adds components, each to all that is there.
    fn components(&self, at: &Target<'_>, accumulated: &mut Accumulated) -> Result<(), RenderError> {
        let Target { loader, directory, file, fields, .. } = *at;
        let field = "components";
        for name in &fields.components {
            if self.is_elsewhere(at, name)? {
                self.elsewhere(at, field, name, accumulated)?;
                continue;
            }
            let path = target(file, field, directory, name)?;
            if loader.kind(&path)? != Some(EntryKind::Directory) {
                return Err(RenderError::field(file, field, format!("{name:?} is not a directory")));
            }
            let component = At {
                loader,
                directory: &loader.real(&path)?,
                named: Named::AsComponent,
                above: at.above,
                origin: at.origin.at(name),
                chart_namespace: at.chart_namespace,
            };
            self.into(&component, accumulated)?;
        }
        Ok(())
    }

    /// Whether a name is an address, and nothing in the tree is called so.
    fn is_elsewhere(&self, at: &Target<'_>, name: &str) -> Result<bool, RenderError> {
        if !remote::is_file_address(name) && Remote::parse(name).is_none() {
            return Ok(false);
        }
        match target(at.file, "", at.directory, name) {
            Ok(path) if !name.contains("://") => Ok(at.loader.kind(&path)?.is_none()),
            _ => Ok(true),
        }
    }

    /// Adds what is elsewhere: a file, a base or a component.
    fn elsewhere(
        &self,
        at: &Target<'_>,
        field: &str,
        name: &str,
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let failed = |source| RenderError::Fetch {
            named_by: Some((at.file.to_owned(), field.to_owned())),
            url: remote::shown(name),
            source,
        };
        let is_component = field == "components";
        match self.brought.any(name, at.loader.is_of_this_machine(), !is_component).map_err(failed)? {
            Something::File(bytes) => {
                let shown = remote::shown(name);
                at.loader.count(&shown, bytes.len())?;
                let text = std::str::from_utf8(&bytes).map_err(|error| failed(error.into()))?;
                self.add_file(at, name, resources(text, &shown)?, accumulated)
            }
            Something::Directory { remote, number, tree } => {
                let loader = at.loader.elsewhere(&*tree, number, &remote);
                let within = |source| RenderError::Elsewhere { url: remote.shown(""), source: Box::new(source) };
                let directory = root_of(&loader, &remote).map_err(within)?;
                let named = if is_component { Named::AsComponent } else { Named::AsBase };
                let inner = At {
                    loader: &loader,
                    directory: &directory,
                    named,
                    above: at.above,
                    origin: at.origin.at(name),
                    chart_namespace: at.chart_namespace,
                };
                if is_component {
                    return self.into(&inner, accumulated).map_err(within);
                }
                accumulated.absorb(self.base(&inner).map_err(within)?, at.file)
            }
        }
    }

    fn generate(&self, at: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), RenderError> {
        let Target { loader, directory, file, fields, .. } = *at;
        let origin: Arc<str> = loader.shown(file).into();
        let mut put = |place: &Place<'_>, mut made: Resource, behavior: &str, provenance: Option<&Arc<Provenance>>| {
            made.provenance = made.provenance.take().or_else(|| provenance.cloned());
            made.origin = origin.clone();
            generate::put(place, made, behavior, resources)
        };
        for (field, kind, by, all) in [
            ("configMapGenerator", Kind::ConfigMap, "ConfigMapGenerator", &fields.config_map_generator),
            ("secretGenerator", Kind::Secret, "SecretGenerator", &fields.secret_generator),
        ] {
            let place = Place { file, field };
            let provenance = self.built_in(at, by);
            for args in all {
                let options = fields.generator_options.as_ref();
                let made = generate::make(loader, directory, &place, kind, args, options)?;
                put(&place, made, &args.behavior, provenance.as_ref())?;
            }
        }
        let place = Place { file, field: "helmCharts" };
        let provenance = self.built_in(at, "HelmChartInflationGenerator");
        for chart in &fields.helm_charts {
            let mut chart = chart.clone();
            if chart.namespace.is_empty() {
                at.chart_namespace.clone_into(&mut chart.namespace);
            }
            let access = &self.options.helm;
            let made = helm::inflate(access, loader, directory, &place, &fields.helm_globals, &chart)?;
            made.into_iter().try_for_each(|made| put(&place, made, "", provenance.as_ref()))?;
        }
        let place = Place { file, field: "generators" };
        for config in self.plugins(at, place.field, &fields.generators)? {
            let provenance = self.configured(&config);
            for (made, behavior) in self.plugin(at, place, &config).generate()? {
                put(&place, made, &behavior, provenance.as_ref())?;
            }
        }
        Ok(())
    }

    /// The transformers of a kustomization in kustomize's order, with the fields that ask for them.
    fn transformers(&self, at: &Target<'_>, configuration: &Configuration) -> Result<Vec<Asked>, RenderError> {
        let mut all = Vec::new();
        for (field, by, transformer) in self.own_transformers(at, configuration)? {
            all.push((field, self.built_in(at, by), transformer));
        }
        let field = "transformers";
        for config in self.plugins(at, field, &at.fields.transformers)? {
            let mut provenance = self.configured(&config);
            let place = Place { file: at.file, field };
            for transformer in self.plugin(at, place, &config).transformers()? {
                // One configuration is noted once, whatever it comes to.
                all.push((field, provenance.take(), transformer));
            }
        }
        Ok(all)
    }

    /// What the fields of a kustomization change, and the names of the built-in transformers that do so.
    fn own_transformers(
        &self,
        at: &Target<'_>,
        configuration: &Configuration,
    ) -> Result<Vec<(&'static str, &'static str, Transformer)>, RenderError> {
        let Target { loader, directory, file, fields, .. } = *at;
        let place = |field| Place { file, field };
        let mut all = Vec::new();
        if !fields.patches_strategic_merge.is_empty() {
            let field = "patchesStrategicMerge";
            let read = patch::StrategicMerges::read(loader, directory, &place(field), &fields.patches_strategic_merge)?;
            all.push((field, "PatchStrategicMergeTransformer", Transformer::StrategicMerge(read)));
        }
        for entry in &fields.patches {
            let read = patch::Patch::read(loader, directory, &place("patches"), entry)?;
            all.push(("patches", "PatchTransformer", Transformer::Patch(read)));
        }
        if !fields.namespace.is_empty() {
            let namespace = Namespace {
                name: fields.namespace.clone(),
                specs: configuration.namespace.clone(),
                unset_only: false,
                subjects: Subjects::DefaultOnly,
            };
            all.push(("namespace", "NamespaceTransformer", Transformer::Namespace(namespace)));
        }
        if !fields.name_prefix.is_empty() {
            let part = Part::Prefix(fields.name_prefix.clone());
            let name = Name { part, specs: configuration.name_prefix.clone() };
            all.push(("namePrefix", "PrefixTransformer", Transformer::Name(name)));
        }
        if !fields.name_suffix.is_empty() {
            let part = Part::Suffix(fields.name_suffix.clone());
            let name = Name { part, specs: configuration.name_suffix.clone() };
            all.push(("nameSuffix", "SuffixTransformer", Transformer::Name(name)));
        }
        for entry in &fields.labels {
            let specs = labels::of_entry(entry, configuration).map_err(|message| place("labels").wrong(message))?;
            let labels = Labels { pairs: entry.pairs.clone(), specs };
            all.push(("labels", "LabelTransformer", Transformer::Labels(labels)));
        }
        if !(fields.labels.is_empty() && fields.common_labels.is_empty()) {
            let labels = Labels { pairs: fields.common_labels.clone(), specs: configuration.common_labels.clone() };
            all.push(("commonLabels", "LabelTransformer", Transformer::Labels(labels)));
        }
        if !fields.common_annotations.is_empty() {
            let specs = configuration.common_annotations.clone();
            let annotations = Annotations { pairs: fields.common_annotations.clone(), specs };
            all.push(("commonAnnotations", "AnnotationsTransformer", Transformer::Annotations(annotations)));
        }
        for entry in &fields.patches_json6902 {
            let field = "patchesJson6902";
            let (path, text, target) = (&entry.path, &entry.patch, entry.target.as_ref());
            let read = patch::Json6902::read(loader, directory, &place(field), path, text, target)?;
            all.push((field, "PatchJson6902Transformer", Transformer::Json6902(read)));
        }
        for replica in &fields.replicas {
            let replicas = Replicas { replica: replica.clone(), specs: configuration.replicas.clone() };
            all.push(("replicas", "ReplicaCountTransformer", Transformer::Replicas(replicas)));
        }
        for image in &fields.images {
            let images = Images::new(&place("images"), image.clone(), configuration.images.clone())?;
            all.push(("images", "ImageTagTransformer", Transformer::Images(images)));
        }
        if !fields.replacements.is_empty() {
            let field = "replacements";
            let read = Replacements::read(loader, directory, &place(field), &fields.replacements)?;
            all.push((field, "ReplacementTransformer", Transformer::Replacements(read)));
        }
        Ok(all)
    }

    /// Changes the resources, and takes note of that where it is asked for.
    fn transform(
        &self,
        at: &Target<'_>,
        field: &str,
        provenance: Option<&Arc<Provenance>>,
        transformer: &Transformer,
        resources: &mut Vec<Resource>,
    ) -> Result<(), RenderError> {
        transformer.apply(&Place { file: at.file, field }, &self.schema(), resources)?;
        resources.iter_mut().for_each(Resource::settle_links);
        if let Some(provenance) = provenance {
            for resource in resources.iter_mut() {
                match resource.provenance {
                    None => resource.provenance = Some(provenance.clone()),
                    Some(_) => resource.transformations.push(provenance.clone()),
                }
            }
        }
        resources.retain(|resource| !resource.object().is_empty());
        Ok(())
    }

    /// Runs the validators, which may change nothing but one label.
    fn validate(&self, at: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), RenderError> {
        let place = Place { file: at.file, field: "validators" };
        for config in self.plugins(at, place.field, &at.fields.validators)? {
            let before = resources.clone();
            for transformer in self.plugin(at, place, &config).transformers()? {
                transformer.apply(&place, &self.schema(), resources)?;
            }
            let is_same = |(a, b): (&Resource, &Resource)| without_mark(a) == without_mark(b);
            if before.len() != resources.len() || !before.iter().zip(resources.iter()).all(is_same) {
                return Err(place.wrong(format!("{} changes resources, which a validator may not", config.shown())));
            }
        }
        Ok(())
    }

    /// The configurations that a field holds or names.
    fn plugins(&self, at: &Target<'_>, field: &str, entries: &[String]) -> Result<Vec<Resource>, RenderError> {
        let mut accumulated = Accumulated::new();
        let mut named = Vec::new();
        for entry in entries {
            match resources(entry, at.file) {
                Ok(mut inline) if !inline.is_empty() => {
                    if self.tells_provenance() {
                        let file = at.file.rsplit('/').next().unwrap_or_default();
                        let provenance = Arc::new(Provenance::file(at.origin.at(file)));
                        inline.iter_mut().for_each(|one| one.provenance = Some(provenance.clone()));
                    }
                    accumulated.append(inline, at.file)?;
                }
                Ok(_) | Err(_) => named.push(entry.clone()),
            }
        }
        self.resources(at, field, &named, &mut accumulated)?;
        Ok(accumulated.resources)
    }

    fn plugin<'p>(&'p self, at: &Target<'p>, place: Place<'p>, config: &'p Resource) -> Plugin<'p> {
        Plugin { loader: at.loader, directory: at.directory, place, helm: &self.options.helm, config }
    }

    fn tells_provenance(&self) -> bool {
        let metadata = self.metadata();
        metadata.origins || metadata.transformations
    }

    /// What is said of a change by a field of a kustomization.
    fn built_in(&self, at: &Target<'_>, kind: &str) -> Option<Arc<Provenance>> {
        self.tells_provenance().then(|| {
            let file = at.file.rsplit('/').next().unwrap_or_default();
            let (name, namespace) = (String::new(), String::new());
            let by = Configured { api_version: "builtin".to_owned(), kind: kind.to_owned(), name, namespace };
            Arc::new(Provenance::plugin(at.origin.at(file), by))
        })
    }

    /// What is said of a change by a configuration.
    fn configured(&self, config: &Resource) -> Option<Arc<Provenance>> {
        let file = config.provenance.as_ref()?.origin()?;
        let by = Configured {
            api_version: config.api_version().to_owned(),
            kind: config.kind().to_owned(),
            name: config.name().to_owned(),
            namespace: config.namespace().to_owned(),
        };
        Some(Arc::new(Provenance::plugin(file, by)))
    }

    fn schema(&self) -> Arc<Schema> {
        self.schema.borrow().clone().unwrap_or_else(Schema::built_in)
    }

    /// Whether there were objects of kinds that are not built in. Kustomize then has its built-in schema loaded, and keeps it.
    fn has_met_other_kinds(&self) -> bool {
        let built_in = Schema::built_in();
        self.kinds.borrow().iter().any(|(api_version, kind)| !built_in.kind(api_version, kind).is_known())
    }

    /// Takes the schema that a kustomization asks for, unless one above it did.
    fn use_schema(
        &self,
        loader: &Loader<'_>,
        directory: &str,
        file: &str,
        fields: &Kustomization,
    ) -> Result<(), RenderError> {
        let place = Place { file, field: "openapi" };
        match (fields.openapi.get("path"), fields.openapi.get("version")) {
            (None, None) => Ok(()),
            (Some(_), Some(_)) => Err(place.wrong("has both path and version")),
            (None, Some(version)) if version == "v1.21.2" => {
                self.schema.borrow_mut().get_or_insert_with(Schema::built_in);
                Ok(())
            }
            (None, Some(_)) => Err(place.wrong("the one version that is known is v1.21.2")),
            (Some(path), None) => {
                let path = target(file, place.field, directory, path)?;
                let text = loader.text(directory, &path, file)?;
                if self.schema.borrow().is_none() {
                    let adds = self.options.schema == SchemaUse::Add || self.has_met_other_kinds();
                    let beneath = adds.then(Schema::built_in);
                    let schema = Schema::of_document(&value(&text, &path)?, beneath);
                    let schema = schema.map_err(|message| place.wrong(format!("{path} {message}")))?;
                    *self.schema.borrow_mut() = Some(Arc::new(schema));
                }
                Ok(())
            }
        }
    }
}

/// A resource as it is without the label that a validator may set.
fn without_mark(resource: &Resource) -> crate::render::node::Map {
    let mut object = resource.object().clone();
    if let Some(crate::render::node::Node::Map(metadata)) = object.get_mut("metadata")
        && let Some(crate::render::node::Node::Map(labels)) = metadata.get_mut("labels")
    {
        labels.remove(VALIDATED_BY);
        if labels.is_empty() {
            metadata.remove("labels");
        }
    }
    object
}

/// The directory of a repository elsewhere that an address names.
fn root_of(loader: &Loader<'_>, remote: &Remote) -> Result<String, RenderError> {
    let path = target(&remote.path, "", "", &remote.path)?;
    if loader.kind(&path)? != Some(EntryKind::Directory) {
        return Err(RenderError::NoDirectory { path });
    }
    loader.real(&path)
}

/// Whether a directory of a tree is one of those above, or holds one of them.
fn is_above(above: &[Visited], number: usize, directory: &str) -> bool {
    above.iter().filter(|(tree, _)| *tree == number).any(|(_, visited)| {
        visited == directory
            || visited.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/') && rest != "/.")
            || (directory.is_empty() && !visited.ends_with("/."))
    })
}
