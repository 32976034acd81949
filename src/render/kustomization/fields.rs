//! The entries of the fields of a kustomization, as they are written.
use super::spelling::texts;
use crate::render::object::fieldspec::Spec;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

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
pub(super) struct OldHelmChart {
    pub(super) chart_name: String,
    pub(super) chart_version: String,
    pub(super) chart_repo_url: String,
    pub(super) chart_home: String,
    pub(super) chart_repo_name: String,
    pub(super) helm_bin: String,
    pub(super) helm_home: String,
    pub(super) values: String,
    pub(super) values_local: Map<String, Value>,
    pub(super) values_merge: String,
    pub(super) release_name: String,
    pub(super) release_namespace: String,
    pub(super) extra_args: Vec<String>,
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
