//! The kustomization file: its fields, old ones moved to their successors.
use super::{
    RenderError,
    fieldspec::Spec,
    load::{Loader, join},
    node::{self, Dialect},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Names of the file, any one of which a directory may hold.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Kustomization {
    api_version: String,
    kind: String,
    metadata: Option<Value>,
    pub(super) resources: Vec<String>,
    bases: Vec<String>,
    pub(super) components: Vec<String>,
    pub(super) configurations: Vec<String>,
    pub(super) crds: Vec<String>,
    pub(super) openapi: BTreeMap<String, String>,
    pub(super) generators: Vec<String>,
    pub(super) transformers: Vec<String>,
    pub(super) validators: Vec<String>,
    pub(super) patches: Vec<PatchField>,
    pub(super) patches_strategic_merge: Vec<String>,
    #[serde(rename = "patchesJson6902")]
    pub(super) patches_json6902: Vec<PatchField>,
    pub(super) replacements: Vec<ReplacementField>,
    pub(super) vars: Vec<VarField>,
    pub(super) config_map_generator: Vec<GeneratorArgs>,
    pub(super) secret_generator: Vec<GeneratorArgs>,
    pub(super) generator_options: Option<GeneratorOptions>,
    pub(super) helm_charts: Vec<HelmChart>,
    pub(super) helm_globals: HelmGlobals,
    helm_chart_inflation_generator: Vec<OldHelmChart>,
    pub(super) name_prefix: String,
    pub(super) name_suffix: String,
    pub(super) namespace: String,
    pub(super) labels: Vec<LabelsField>,
    #[serde(deserialize_with = "texts")]
    pub(super) common_labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(super) common_annotations: BTreeMap<String, String>,
    pub(super) images: Vec<Image>,
    image_tags: Vec<Image>,
    pub(super) replicas: Vec<Replica>,
    pub(super) sort_options: Option<SortOptions>,
    build_metadata: Vec<String>,
    inventory: Option<Value>,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct PatchField {
    pub(super) path: String,
    pub(super) patch: String,
    pub(super) target: Option<Selector>,
    pub(super) options: BTreeMap<String, bool>,
}

/// Which resources are meant; texts are regular expressions anchored at both ends.
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

/// An entry of `replacements`: one that is written there, or the path of a file with one or several.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ReplacementField {
    pub(super) path: String,
    pub(super) source: Option<ReplacementSource>,
    pub(super) source_value: Option<String>,
    pub(super) targets: Vec<ReplacementTarget>,
}

/// What a replacement copies. Empty texts: any.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ReplacementSource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) field_path: String,
    pub(super) options: ReplacementOptions,
}

/// Where a replacement copies to.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ReplacementTarget {
    pub(super) select: Option<Selector>,
    pub(super) reject: Vec<Selector>,
    pub(super) field_paths: Vec<String>,
    pub(super) options: ReplacementOptions,
}

/// Which part of a field is meant.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ReplacementOptions {
    pub(super) delimiter: String,
    pub(super) index: i64,
    pub(super) encoding: String,
    pub(super) create: bool,
}

/// An entry of `vars`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct VarField {
    pub(super) name: String,
    pub(super) objref: VarObject,
    pub(super) fieldref: VarPath,
}

/// The object that a var is read from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct VarObject {
    pub(super) api_version: String,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

/// The field that a var is read from.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct VarPath {
    #[serde(alias = "fieldPath")]
    pub(super) fieldpath: String,
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
    #[serde(deserialize_with = "texts")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "texts")]
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) disable_name_suffix_hash: bool,
    pub(super) immutable: bool,
}

/// An entry of `helmCharts`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct HelmChart {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) repo: String,
    pub(super) release_name: String,
    pub(super) namespace: String,
    pub(super) additional_values_files: Vec<String>,
    pub(super) values_file: String,
    pub(super) values_inline: Map<String, Value>,
    pub(super) values_merge: String,
    #[serde(rename = "includeCRDs")]
    pub(super) include_crds: bool,
    pub(super) skip_hooks: bool,
    pub(super) api_versions: Vec<String>,
    pub(super) kube_version: String,
    pub(super) name_template: String,
    pub(super) skip_tests: bool,
    pub(super) debug: bool,
    pub(super) devel: bool,
}

/// What holds for all of `helmCharts`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct HelmGlobals {
    pub(super) chart_home: String,
    pub(super) config_home: String,
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
pub(super) struct LabelsField {
    #[serde(deserialize_with = "texts")]
    pub(super) pairs: BTreeMap<String, String>,
    pub(super) include_selectors: bool,
    pub(super) include_templates: bool,
    #[serde(alias = "fields")]
    pub(super) field_specs: Vec<Spec>,
}

/// An entry of `images`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) new_name: String,
    pub(super) new_tag: String,
    pub(super) tag_suffix: String,
    pub(super) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Default, Clone, Deserialize)]
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

/// What `buildMetadata` asks to be told in the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BuildMetadata {
    pub(super) managed_by_label: bool,
    pub(super) origins: bool,
    pub(super) transformations: bool,
}

impl Kustomization {
    /// Whether it is of kind Component.
    pub(super) fn is_component(&self) -> bool {
        self.kind == "Component"
    }

    /// What it asks to be told in the result.
    pub(super) fn build_metadata(&self) -> BuildMetadata {
        let asks = |name: &str| self.build_metadata.iter().any(|entry| entry == name);
        BuildMetadata {
            managed_by_label: asks("managedByLabel"),
            origins: asks("originAnnotations"),
            transformations: asks("transformerAnnotations"),
        }
    }

    /// The name of the kustomization file of a directory; none when there is no such file.
    pub(super) fn find(loader: &Loader<'_>, directory: &str) -> Result<Option<String>, RenderError> {
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
    pub(super) fn parse(text: &str, path: &str) -> Result<Self, RenderError> {
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
pub(super) fn value(text: &str, path: &str) -> Result<Value, RenderError> {
    let wrong = |message: String| RenderError::Manifest { file: path.to_owned(), message };
    let node = node::one(text).map_err(|error| wrong(error.to_string()))?;
    let value = node.map(|node| node.to_value(Dialect::Kustomization)).transpose();
    Ok(value.map_err(|error| wrong(error.to_string()))?.unwrap_or_default())
}

/// A value as what it is to be: fields are known whatever their case, and null is as good as absent.
///
/// # Errors
/// Names the field that is not known, or not of its type; shows no text of it.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
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
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map: Option<BTreeMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// The path that a field of a kustomization in a directory names.
///
/// # Errors
/// When it leads out of the tree.
pub(super) fn target(file: &str, field: &str, directory: &str, path: &str) -> Result<String, RenderError> {
    join(directory, path)
        .ok_or_else(|| RenderError::field(file, field, format!("{path:?} leads out of the repository")))
}
