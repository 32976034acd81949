//! The kustomization file: its fields, old ones moved to their successors.
use crate::render::{
    RenderError,
    load::{Loader, join},
    node::{self, Dialect},
    object::fieldspec::Spec,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};
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

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct PatchField {
    pub(in crate::render) path: String,
    pub(in crate::render) patch: String,
    pub(in crate::render) target: Option<Selector>,
    pub(in crate::render) options: BTreeMap<String, bool>,
}

/// Which resources are meant; texts are regular expressions anchored at both ends.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Selector {
    pub(in crate::render) group: String,
    pub(in crate::render) version: String,
    pub(in crate::render) kind: String,
    pub(in crate::render) name: String,
    pub(in crate::render) namespace: String,
    pub(in crate::render) label_selector: String,
    pub(in crate::render) annotation_selector: String,
}

/// An entry of `replacements`: one that is written there, or the path of a file with one or several.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct ReplacementField {
    pub(in crate::render) path: String,
    pub(in crate::render) source: Option<ReplacementSource>,
    pub(in crate::render) source_value: Option<String>,
    pub(in crate::render) targets: Vec<ReplacementTarget>,
}

/// What a replacement copies. Empty texts: any.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct ReplacementSource {
    pub(in crate::render) group: String,
    pub(in crate::render) version: String,
    pub(in crate::render) kind: String,
    pub(in crate::render) name: String,
    pub(in crate::render) namespace: String,
    pub(in crate::render) field_path: String,
    pub(in crate::render) options: ReplacementOptions,
}

/// Where a replacement copies to.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct ReplacementTarget {
    pub(in crate::render) select: Option<Selector>,
    pub(in crate::render) reject: Vec<Selector>,
    pub(in crate::render) field_paths: Vec<String>,
    pub(in crate::render) options: ReplacementOptions,
}

/// Which part of a field is meant.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct ReplacementOptions {
    pub(in crate::render) delimiter: String,
    pub(in crate::render) index: i64,
    pub(in crate::render) encoding: String,
    pub(in crate::render) create: bool,
}

/// An entry of `vars`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct VarField {
    pub(in crate::render) name: String,
    pub(in crate::render) objref: VarObject,
    pub(in crate::render) fieldref: VarPath,
}

/// The object that a var is read from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct VarObject {
    pub(in crate::render) api_version: String,
    pub(in crate::render) group: String,
    pub(in crate::render) version: String,
    pub(in crate::render) kind: String,
    pub(in crate::render) name: String,
    pub(in crate::render) namespace: String,
}

/// The field that a var is read from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct VarPath {
    #[serde(alias = "fieldPath")]
    pub(in crate::render) fieldpath: String,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct GeneratorArgs {
    pub(in crate::render) name: String,
    pub(in crate::render) namespace: String,
    pub(in crate::render) behavior: String,
    pub(in crate::render) files: Vec<String>,
    pub(in crate::render) literals: Vec<String>,
    pub(in crate::render) envs: Vec<String>,
    pub(in crate::render) env: String,
    #[serde(rename = "type")]
    pub(in crate::render) kind: String,
    pub(in crate::render) options: Option<GeneratorOptions>,
}

/// How generated objects are made.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct GeneratorOptions {
    #[serde(deserialize_with = "texts")]
    pub(in crate::render) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(in crate::render) annotations: BTreeMap<String, String>,
    pub(in crate::render) disable_name_suffix_hash: bool,
    pub(in crate::render) immutable: bool,
}

/// An entry of `helmCharts`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct HelmChart {
    pub(in crate::render) name: String,
    pub(in crate::render) version: String,
    pub(in crate::render) repo: String,
    pub(in crate::render) release_name: String,
    pub(in crate::render) namespace: String,
    pub(in crate::render) additional_values_files: Vec<String>,
    pub(in crate::render) values_file: String,
    pub(in crate::render) values_inline: Map<String, Value>,
    pub(in crate::render) values_merge: String,
    #[serde(rename = "includeCRDs")]
    pub(in crate::render) include_crds: bool,
    pub(in crate::render) skip_hooks: bool,
    pub(in crate::render) api_versions: Vec<String>,
    pub(in crate::render) kube_version: String,
    pub(in crate::render) name_template: String,
    pub(in crate::render) skip_tests: bool,
    pub(in crate::render) debug: bool,
    pub(in crate::render) devel: bool,
}

/// What holds for all of `helmCharts`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct HelmGlobals {
    pub(in crate::render) chart_home: String,
    pub(in crate::render) config_home: String,
}

/// An entry of `helmChartInflationGenerator`, the field before `helmCharts`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OldHelmChart {
    chart_name: String,
    chart_version: String,
    chart_repo_url: String,
    chart_home: String,
    chart_repo_name: String,
    helm_bin: String,
    helm_home: String,
    values: String,
    values_local: Map<String, Value>,
    values_merge: String,
    release_name: String,
    release_namespace: String,
    extra_args: Vec<String>,
}

/// An entry of `labels`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct LabelsField {
    #[serde(deserialize_with = "texts")]
    pub(in crate::render) pairs: BTreeMap<String, String>,
    pub(in crate::render) include_selectors: bool,
    pub(in crate::render) include_templates: bool,
    #[serde(alias = "fields")]
    pub(in crate::render) field_specs: Vec<Spec>,
}

/// An entry of `images`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Image {
    pub(in crate::render) name: String,
    pub(in crate::render) new_name: String,
    pub(in crate::render) new_tag: String,
    pub(in crate::render) tag_suffix: String,
    pub(in crate::render) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Replica {
    pub(in crate::render) name: String,
    pub(in crate::render) count: i64,
}

/// The order that a kustomization asks for.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct SortOptions {
    pub(in crate::render) order: String,
    pub(in crate::render) legacy_sort_options: Option<LegacySortOptions>,
}

/// Kinds that come first and last.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct LegacySortOptions {
    pub(in crate::render) order_first: Vec<String>,
    pub(in crate::render) order_last: Vec<String>,
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

    /// The name of the kustomization file of a directory; none when there is no such file.
    pub(in crate::render) fn find(loader: &Loader<'_>, directory: &str) -> Result<Option<String>, RenderError> {
        let mut found: Vec<String> = Vec::new();
        for name in NAMES {
            let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
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

/// The first document of a text, read as kustomize reads its own file.
pub(in crate::render) fn value(text: &str, path: &str) -> Result<Value, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
    let node = node::one(text).map_err(|error| wrong(error.to_string()))?;
    let value = node.map(|node| node.to_value(Dialect::Kustomization)).transpose();
    Ok(value.map_err(|error| wrong(error.to_string()))?.unwrap_or_default())
}

/// A value as what it is to be: fields are known whatever their case, and null is as good as absent.
///
/// # Errors
/// Names the field that is not known, or not of its type; shows no text of it.
pub(in crate::render) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    let value = tidied(value, true);
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, message) = (error.path().to_string(), without_values(&error.inner().to_string()));
        let hint = if message.contains("expected a string") { "; put it in quotes" } else { "" };
        if path == "." { message } else { format!("{path}: {message}{hint}") }
    })
}

/// Fields whose keys are the user's own.
const FREE: [&str; 9] = [
    "metadata",
    "pairs",
    "labels",
    "annotations",
    "commonLabels",
    "commonAnnotations",
    "valuesInline",
    "valuesLocal",
    "openapi",
];

/// Without nulls, and fields in the case that is known.
fn tidied(value: Value, at_fields: bool) -> Value {
    match value {
        Value::Object(map) if at_fields => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| {
                    let key = known_spelling(key);
                    let is_free = FREE.contains(&key.as_str()) && !value.is_array();
                    let value = tidied(value, !is_free);
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| tidied(item, at_fields)).collect()),
        other => other,
    }
}

/// The fields that are known, in the case that kustomize documents.
const FIELDS: [&str; 99] = [
    "additionalValuesFiles",
    "allowKindChange",
    "allowNameChange",
    "annotationSelector",
    "annotations",
    "apiVersion",
    "apiVersions",
    "bases",
    "behavior",
    "buildMetadata",
    "chartHome",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configHome",
    "configMapGenerator",
    "configurations",
    "count",
    "crds",
    "create",
    "debug",
    "delimiter",
    "devel",
    "digest",
    "disableNameSuffixHash",
    "encoding",
    "env",
    "envs",
    "fieldPath",
    "fieldPaths",
    "fieldSpecs",
    "fieldref",
    "fields",
    "files",
    "generatorOptions",
    "generators",
    "group",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "images",
    "immutable",
    "includeCRDs",
    "includeSelectors",
    "includeTemplates",
    "index",
    "inventory",
    "kind",
    "kubeVersion",
    "labelSelector",
    "labels",
    "legacySortOptions",
    "literals",
    "metadata",
    "name",
    "namePrefix",
    "nameSuffix",
    "nameTemplate",
    "namespace",
    "newName",
    "newTag",
    "objref",
    "openapi",
    "options",
    "order",
    "orderFirst",
    "orderLast",
    "pairs",
    "patch",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "path",
    "reject",
    "releaseName",
    "replacements",
    "replicas",
    "repo",
    "resources",
    "secretGenerator",
    "select",
    "skipHooks",
    "skipTests",
    "sortOptions",
    "source",
    "sourceValue",
    "tagSuffix",
    "target",
    "targets",
    "transformers",
    "type",
    "validators",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "vars",
    "version",
    "fieldpath",
];

/// The name of a field in the case that kustomize documents.
fn known_spelling(key: String) -> String {
    if FIELDS.contains(&key.as_str()) {
        return key;
    }
    FIELDS.iter().find(|field| field.eq_ignore_ascii_case(&key)).map_or(key, |field| (*field).to_owned())
}

/// A message of the reader, without the value that it found.
fn without_values(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ").filter(|_| message.starts_with("invalid ")) else {
        return message.to_owned();
    };
    let kind = found.split(['`', '"']).next().unwrap_or(found).trim_end();
    format!("{kind}, expected {expected}")
}

/// A map of texts; null is the empty text.
pub(in crate::render) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let map: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// The path that a field of a kustomization in a directory names.
///
/// # Errors
/// When it leads out of the tree.
pub(in crate::render) fn target(file: &str, field: &str, directory: &str, path: &str) -> Result<String, RenderError> {
    join(directory, path)
        .ok_or_else(|| RenderError::field(file, field, format!("{path:?} leads out of the repository")))
}
