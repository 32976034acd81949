//! What the fields of a kustomization make and change, in kustomize's order.
use super::{Build, place::Target};
use crate::render::{
    error::{Place, RenderError},
    generate::{self, Kind, chart},
    kustomization::{ReplacementField, typed},
    load::Files,
    object::resource::{Provenance, Resource},
    transform::{
        Transformer,
        annotations::Annotations,
        configuration::Configuration,
        images::Images,
        labels::Labels,
        name::{Name, Part},
        namespace::{Namespace, Subjects},
        patch::{Json6902, Patch, StrategicMerges},
        replacement::Replacements,
        replicas::Replicas,
    },
};
use serde_json::Value;
use std::sync::Arc;

/// A transformer, with the field that asks for it and what is said of its changes.
pub(super) type Asked = (&'static str, Option<Arc<Provenance>>, Transformer);

impl Build<'_> {
    pub(super) fn generate(&self, at: &Target<'_>, resources: &mut Vec<Resource>) -> Result<(), RenderError> {
        let Target { loader, file, fields, .. } = *at;
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
            let files = at.files(field);
            let provenance = self.built_in(at, by);
            for args in all {
                let options = fields.generator_options.as_ref();
                let made = generate::make(&files, kind, args, options)?;
                put(&files.place, made, &args.behavior, provenance.as_ref())?;
            }
        }
        let files = at.files("helmCharts");
        let provenance = self.built_in(at, "HelmChartInflationGenerator");
        for chart in &fields.helm_charts {
            let mut chart = chart.clone();
            if chart.namespace.is_empty() {
                at.chart_namespace.clone_into(&mut chart.namespace);
            }
            let access = &self.options.helm;
            let made = chart::inflate(access, &files, &fields.helm_globals, &chart)?;
            made.into_iter().try_for_each(|made| put(&files.place, made, "", provenance.as_ref()))?;
        }
        let place = at.place("generators");
        for config in self.plugins(at, place.field, &fields.generators)? {
            let provenance = self.configured(&config);
            for (made, behavior) in self.plugin(at, place.field, &config).generate()? {
                put(&place, made, &behavior, provenance.as_ref())?;
            }
        }
        Ok(())
    }

    /// The transformers of a kustomization in kustomize's order, with the fields that ask for them.
    pub(super) fn transformers(
        &self,
        at: &Target<'_>,
        configuration: &Configuration,
    ) -> Result<Vec<Asked>, RenderError> {
        let mut all = Vec::new();
        for (field, by, transformer) in self.own_transformers(at, configuration)? {
            all.push((field, self.built_in(at, by), transformer));
        }
        let field = "transformers";
        for config in self.plugins(at, field, &at.fields.transformers)? {
            let mut provenance = self.configured(&config);
            for transformer in self.plugin(at, field, &config).transformers()? {
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
        let fields = at.fields;
        let place = |field| at.place(field);
        let mut all = Vec::new();
        if !fields.patches_strategic_merge.is_empty() {
            let field = "patchesStrategicMerge";
            let patches = at.files(field).resources(&fields.patches_strategic_merge)?;
            let read = StrategicMerges::new(&place(field), patches)?;
            all.push((field, "PatchStrategicMergeTransformer", Transformer::StrategicMerge(read)));
        }
        for entry in &fields.patches {
            let files = at.files("patches");
            let text = files.text_or(&entry.path, entry.patch.trim())?;
            let read = Patch::new(&files.place, entry, &text)?;
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
            let specs = configuration.of_labels(entry).map_err(|message| place("labels").wrong(message))?;
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
            let text = || at.files(field).text_or(&entry.path, &entry.patch);
            let read = Json6902::new(&place(field), entry.target.as_ref(), text)?;
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
            let read = replacements(&at.files(field), &fields.replacements)?;
            all.push((field, "ReplacementTransformer", Transformer::Replacements(read)));
        }
        Ok(all)
    }

    /// Changes the resources, and takes note of that where it is asked for.
    pub(super) fn transform(
        &self,
        at: &Target<'_>,
        field: &'static str,
        provenance: Option<&Arc<Provenance>>,
        transformer: &Transformer,
        resources: &mut Vec<Resource>,
    ) -> Result<(), RenderError> {
        transformer.apply(&at.place(field), &self.schema(), resources)?;
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
}

/// The replacements that entries hold, or that the files hold which they name.
///
/// # Errors
/// When an entry lacks a source or a target, or a file cannot be read.
pub(super) fn replacements(files: &Files<'_>, entries: &[ReplacementField]) -> Result<Replacements, RenderError> {
    let wrong = |message: String| files.place.wrong(message);
    let mut all = Vec::new();
    for entry in entries {
        if entry.path.is_empty() {
            all.push(entry.clone());
            continue;
        }
        if entry.source.is_some() || !entry.targets.is_empty() {
            return Err(wrong("an entry has both a path and a replacement of its own".to_owned()));
        }
        let (file, value) = files.value(&entry.path)?;
        let found = match value {
            Value::Array(items) => items,
            one @ Value::Object(_) => vec![one],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(wrong(format!("{file} holds no replacement")));
            }
        };
        for one in found {
            all.push(typed(one).map_err(|message| wrong(format!("{file}: {message}")))?);
        }
    }
    Replacements::new(&files.place, &all)
}
