//! The kustomization file: its fields, old ones moved to their successors.
use super::{RenderError, fieldspec::Spec, load::Loader};
use crate::yaml;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names of the file, any one of which a directory may hold.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that are known, and not rendered.
const UNSUPPORTED: [&str; 9] = [
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "openapi",
    "replacements",
    "transformers",
    "validators",
    "vars",
];

/// A kustomization, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Kustomization {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    metadata: Option<Value>,
    pub(super) resources: Vec<String>,
    bases: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) configurations: Vec<String>,
    pub(super) crds: Vec<String>,
    pub(super) patches: Vec<PatchField>,
    pub(super) patches_strategic_merge: Vec<String>,
    #[serde(rename = "patchesJson6902")]
    pub(super) patches_json6902: Vec<PatchField>,
    pub(super) config_map_generator: Vec<GeneratorArgs>,
    pub(super) secret_generator: Vec<GeneratorArgs>,
    pub(super) generator_options: Option<GeneratorOptions>,
    pub(super) name_prefix: String,
    pub(super) name_suffix: String,
    pub(super) namespace: String,
    pub(super) labels: Vec<LabelsField>,
    pub(super) common_labels: BTreeMap<String, String>,
    pub(super) common_annotations: BTreeMap<String, String>,
    pub(super) images: Vec<Image>,
    image_tags: Vec<Image>,
    pub(super) replicas: Vec<Replica>,
    pub(super) sort_options: Option<SortOptions>,
    build_metadata: Vec<String>,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct PatchField {
    pub(super) path: Option<String>,
    pub(super) patch: Option<String>,
    pub(super) target: Option<Selector>,
    pub(super) options: BTreeMap<String, bool>,
}

/// Which resources a patch is for; texts are regular expressions anchored at both ends.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Selector {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) label_selector: String,
    pub(super) annotation_selector: String,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct GeneratorArgs {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) behavior: String,
    pub(super) files: Vec<String>,
    pub(super) literals: Vec<String>,
    pub(super) envs: Vec<String>,
    pub(super) env: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) options: Option<GeneratorOptions>,
}

/// How generated objects are made.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct GeneratorOptions {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) disable_name_suffix_hash: bool,
    pub(super) immutable: bool,
}

/// An entry of `labels`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LabelsField {
    pub(super) pairs: BTreeMap<String, String>,
    pub(super) include_selectors: bool,
    pub(super) include_templates: bool,
    #[serde(alias = "fields")]
    pub(super) field_specs: Vec<Spec>,
}

/// An entry of `images`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) new_name: String,
    pub(super) new_tag: String,
    pub(super) tag_suffix: String,
    pub(super) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Replica {
    pub(super) name: String,
    pub(super) count: i64,
}

/// The order that a kustomization asks for.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SortOptions {
    pub(super) order: String,
    pub(super) legacy_sort_options: Option<LegacySortOptions>,
}

/// Kinds that come first and last.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LegacySortOptions {
    pub(super) order_first: Vec<String>,
    pub(super) order_last: Vec<String>,
}

impl Kustomization {
    /// Whether it is of kind Component.
    pub(super) fn is_component(&self) -> bool {
        self.kind.as_deref() == Some("Component")
    }

    /// Whether it asks for the label `app.kubernetes.io/managed-by`.
    pub(super) fn wants_managed_by_label(&self) -> bool {
        self.build_metadata.iter().any(|entry| entry == "managedByLabel")
    }

    /// The name of the kustomization file of a directory; none when there is no such file.
    pub(super) fn find(loader: &Loader<'_>, directory: &str) -> Result<Option<String>, RenderError> {
        let mut found: Vec<String> = Vec::new();
        for name in NAMES {
            let path = join(directory, name);
            if loader.kind(&path)?.is_some() {
                found.push(path);
            }
        }
        match found.len() {
            0 => Ok(None),
            1 => Ok(found.pop()),
            more => Err(RenderError::NoKustomization { path: directory.to_owned(), found: more }),
        }
    }

    /// Reads a kustomization file.
    pub(super) fn read(loader: &Loader<'_>, directory: &str, path: &str) -> Result<Self, RenderError> {
        let text = loader.text(directory, path, path)?;
        let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
        let documents = yaml::read_kustomization(&text).map_err(|error| wrong(error.to_string()))?;
        let Some(Value::Object(object)) = documents.into_iter().next() else {
            return Err(wrong("is empty".to_owned()));
        };
        let object = known_spelling(object, path)?;
        if !object.keys().any(|key| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata")) {
            return Err(wrong("is empty".to_owned()));
        }
        let mut parsed: Self =
            serde_json::from_value(Value::Object(object)).map_err(|error| wrong(error.to_string()))?;
        let (version, kind) =
            (parsed.api_version.as_deref().unwrap_or_default(), parsed.kind.as_deref().unwrap_or("Kustomization"));
        let expected = match kind {
            "Kustomization" => "kustomize.config.k8s.io/v1beta1",
            "Component" => "kustomize.config.k8s.io/v1alpha1",
            other => {
                return Err(RenderError::field(
                    path,
                    "kind",
                    format!("{other} is neither Kustomization nor Component"),
                ));
            }
        };
        if !version.is_empty() && version != expected {
            return Err(RenderError::field(path, "apiVersion", format!("must be {expected}")));
        }
        if let Some(known) = parsed
            .build_metadata
            .iter()
            .find(|entry| !matches!(entry.as_str(), "managedByLabel" | "originAnnotations" | "transformerAnnotations"))
        {
            return Err(RenderError::field(
                path,
                "buildMetadata",
                format!("{known} is not managedByLabel, originAnnotations or transformerAnnotations"),
            ));
        }
        if let Some(other) = parsed.build_metadata.iter().find(|entry| *entry != "managedByLabel") {
            return Err(RenderError::Unsupported { file: path.to_owned(), field: format!("buildMetadata {other}") });
        }
        parsed.metadata = None;
        let bases = std::mem::take(&mut parsed.bases);
        parsed.resources.extend(bases);
        let images = std::mem::take(&mut parsed.image_tags);
        parsed.images.extend(images);
        for args in parsed
            .config_map_generator
            .iter_mut()
            .chain(&mut parsed.secret_generator)
            .filter(|args| !args.env.is_empty())
        {
            let env = std::mem::take(&mut args.env);
            args.envs.push(env);
        }
        Ok(parsed)
    }
}

/// Gives each field the name that is known, whatever its case, and drops those that are null.
fn known_spelling(object: Map<String, Value>, path: &str) -> Result<Map<String, Value>, RenderError> {
    const FIELDS: [&str; 26] = [
        "apiVersion",
        "kind",
        "metadata",
        "resources",
        "bases",
        "components",
        "configurations",
        "crds",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "configMapGenerator",
        "secretGenerator",
        "generatorOptions",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "labels",
        "commonLabels",
        "commonAnnotations",
        "images",
        "imageTags",
        "replicas",
        "sortOptions",
        "buildMetadata",
        "inventory",
    ];
    let mut known = Map::new();
    for (key, value) in object {
        if let Some(field) = UNSUPPORTED.iter().find(|field| field.eq_ignore_ascii_case(&key)) {
            let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !is_empty {
                return Err(RenderError::Unsupported { file: path.to_owned(), field: (*field).to_owned() });
            }
            continue;
        }
        let Some(field) = FIELDS.iter().find(|field| field.eq_ignore_ascii_case(&key)) else {
            return Err(RenderError::Manifest { file: path.to_owned(), message: format!("unknown field {key:?}") });
        };
        if !value.is_null() && *field != "inventory" {
            known.insert((*field).to_owned(), value);
        }
    }
    Ok(known)
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
