//! The kustomization file: its fields, old ones moved to their successors.
mod fields;
mod spelling;

pub(in crate::render) use fields::{
    GeneratorArgs, GeneratorOptions, HelmChart, HelmGlobals, Image, LabelsField, PatchField, ReplacementField,
    ReplacementOptions, ReplacementSource, ReplacementTarget, Replica, Selector, SortOptions, VarField, VarObject,
};
pub(in crate::render) use spelling::{texts, typed, value};

use crate::render::error::RenderError;
use fields::OldHelmChart;
use serde::Deserialize;
use serde_json::Value;
use spelling::FIELDS;
use std::collections::BTreeMap;

/// Names of the file, any one of which a directory may hold.
pub(in crate::render) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Kustomization {
    api_version: String,
    kind: String,
    metadata: Option<Value>,
    pub(in crate::render) resources: Vec<String>,
    bases: Vec<String>,
    pub(in crate::render) components: Vec<String>,
    pub(in crate::render) configurations: Vec<String>,
    pub(in crate::render) crds: Vec<String>,
    pub(in crate::render) openapi: BTreeMap<String, String>,
    pub(in crate::render) generators: Vec<String>,
    pub(in crate::render) transformers: Vec<String>,
    pub(in crate::render) validators: Vec<String>,
    pub(in crate::render) patches: Vec<PatchField>,
    pub(in crate::render) patches_strategic_merge: Vec<String>,
    #[serde(rename = "patchesJson6902")]
    pub(in crate::render) patches_json6902: Vec<PatchField>,
    pub(in crate::render) replacements: Vec<ReplacementField>,
    pub(in crate::render) vars: Vec<VarField>,
    pub(in crate::render) config_map_generator: Vec<GeneratorArgs>,
    pub(in crate::render) secret_generator: Vec<GeneratorArgs>,
    pub(in crate::render) generator_options: Option<GeneratorOptions>,
    pub(in crate::render) helm_charts: Vec<HelmChart>,
    pub(in crate::render) helm_globals: HelmGlobals,
    helm_chart_inflation_generator: Vec<OldHelmChart>,
    pub(in crate::render) name_prefix: String,
    pub(in crate::render) name_suffix: String,
    pub(in crate::render) namespace: String,
    pub(in crate::render) labels: Vec<LabelsField>,
    #[serde(deserialize_with = "texts")]
    pub(in crate::render) common_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(in crate::render) common_annotations: BTreeMap<String, String>,
    pub(in crate::render) images: Vec<Image>,
    image_tags: Vec<Image>,
    pub(in crate::render) replicas: Vec<Replica>,
    pub(in crate::render) sort_options: Option<SortOptions>,
    build_metadata: Vec<String>,
    inventory: Option<Value>,
}

/// What `buildMetadata` asks to be told in the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::render) struct BuildMetadata {
    pub(in crate::render) managed_by_label: bool,
    pub(in crate::render) origins: bool,
    pub(in crate::render) transformations: bool,
}

impl Kustomization {
    /// Whether it is of kind Component.
    pub(in crate::render) fn is_component(&self) -> bool {
        self.kind == "Component"
    }

    /// What it asks to be told in the result.
    pub(in crate::render) fn build_metadata(&self) -> BuildMetadata {
        let asks = |name: &str| self.build_metadata.iter().any(|entry| entry == name);
        BuildMetadata {
            managed_by_label: asks("managedByLabel"),
            origins: asks("originAnnotations"),
            transformations: asks("transformerAnnotations"),
        }
    }

    /// Reads the text of a kustomization file.
    pub(in crate::render) fn parse(text: &str, path: &str) -> Result<Self, RenderError> {
        let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
        let value = value(text, path)?;
        let Value::Object(object) = &value else { return Err(wrong("is empty".to_owned())) };
        let is_type = |key: &str| ["apiVersion", "kind"].iter().any(|known| known.eq_ignore_ascii_case(key));
        if !object.iter().any(|(key, value)| !is_type(key) && !value.is_null()) {
            return Err(wrong("is empty".to_owned()));
        }
        // A null is as good as nothing, but not under a name that is none.
        let is_unknown = |key: &str| !FIELDS.iter().any(|field| field.eq_ignore_ascii_case(key));
        if let Some((key, _)) = object.iter().find(|(key, value)| value.is_null() && is_unknown(key)) {
            return Err(wrong(format!("unknown field {key:?}")));
        }
        let mut parsed: Self = typed(value).map_err(|message| RenderError::misread(path, text, message))?;
        parsed.check(path).map_err(|error| error.located(path, text))?;
        parsed.modernise();
        Ok(parsed)
    }

    fn check(&self, path: &str) -> Result<(), RenderError> {
        let expected = match self.kind.as_str() {
            "" | "Kustomization" => "kustomize.config.k8s.io/v1beta1",
            "Component" => "kustomize.config.k8s.io/v1alpha1",
            other => {
                let message = format!("{other} is neither Kustomization nor Component");
                return Err(RenderError::field(path, "kind", message));
            }
        };
        if !self.api_version.is_empty() && self.api_version != expected {
            return Err(RenderError::field(path, "apiVersion", format!("must be {expected}")));
        }
        const METADATA: [&str; 3] = ["managedByLabel", "originAnnotations", "transformerAnnotations"];
        match self.build_metadata.iter().find(|entry| !METADATA.contains(&entry.as_str())) {
            Some(other) => {
                let message = format!("{other} is not one of {}", METADATA.join(", "));
                Err(RenderError::field(path, "buildMetadata", message))
            }
            None => Ok(()),
        }
    }

    /// Moves what old fields hold to their successors.
    fn modernise(&mut self) {
        self.metadata = None;
        self.inventory = None;
        self.resources.append(&mut self.bases);
        self.images.append(&mut self.image_tags);
        let generators = self.config_map_generator.iter_mut().chain(&mut self.secret_generator);
        for args in generators.filter(|args| !args.env.is_empty()) {
            let env = std::mem::take(&mut args.env);
            args.envs.push(env);
        }
        let HelmGlobals { chart_home, config_home } = &self.helm_globals;
        let has_globals = !(chart_home.is_empty() && config_home.is_empty());
        for old in std::mem::take(&mut self.helm_chart_inflation_generator) {
            for (from, to) in [
                (&old.chart_home, &mut self.helm_globals.chart_home),
                (&old.helm_home, &mut self.helm_globals.config_home),
            ] {
                if !from.is_empty() && !has_globals {
                    to.clone_from(from);
                }
            }
            self.helm_charts.push(HelmChart {
                name: old.chart_name,
                version: old.chart_version,
                repo: old.chart_repo_url,
                values_file: old.values,
                values_inline: old.values_local,
                values_merge: old.values_merge,
                release_name: old.release_name,
                ..HelmChart::default()
            });
        }
    }
}
