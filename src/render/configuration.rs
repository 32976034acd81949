//! Which fields the transformers change: the defaults, and what `configurations` add to them.
//!
//! What a base adds holds for its overlays too; what an overlay adds does not hold for its bases.
use super::{
    RenderError,
    fieldspec::{self, Spec},
    kustomization::Kustomization,
    load::{Loader, join},
    reference::{self, Rule},
    transform,
};
use crate::yaml;
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// Extensions of OpenAPI definitions that would add to a configuration.
const EXTENSIONS: [&str; 6] = [
    "x-kubernetes-annotation",
    "x-kubernetes-label-selector",
    "x-kubernetes-identity",
    "x-kubernetes-object-ref-api-version",
    "x-kubernetes-object-ref-kind",
    "x-kubernetes-object-ref-name-key",
];

/// The fields that each transformer changes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Configuration {
    pub(super) name_prefix: Vec<Spec>,
    pub(super) name_suffix: Vec<Spec>,
    pub(super) namespace: Vec<Spec>,
    pub(super) common_labels: Vec<Spec>,
    pub(super) labels: Vec<Spec>,
    pub(super) template_labels: Vec<Spec>,
    pub(super) common_annotations: Vec<Spec>,
    pub(super) name_reference: Vec<Rule>,
    pub(super) var_reference: Vec<Spec>,
    pub(super) images: Vec<Spec>,
    pub(super) replicas: Vec<Spec>,
}

static DEFAULTS: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    Arc::new(Configuration {
        name_prefix: transform::name::defaults(),
        name_suffix: transform::name::defaults(),
        namespace: transform::namespace::defaults(),
        common_labels: transform::labels::defaults(),
        labels: Vec::new(),
        template_labels: transform::labels::template_defaults(),
        common_annotations: transform::annotations::defaults(),
        name_reference: reference::defaults(),
        var_reference: Vec::new(),
        images: transform::images::defaults(),
        replicas: transform::replicas::defaults(),
    })
});

impl Configuration {
    /// The configuration of a kustomization that adds nothing.
    pub(super) fn defaults() -> Arc<Self> {
        DEFAULTS.clone()
    }

    /// Adds what the `configurations` and `crds` of a kustomization say.
    ///
    /// # Errors
    /// When a file is missing or wrong, or contradicts what is there.
    pub(super) fn extend(
        shared: &mut Arc<Self>,
        loader: &Loader<'_>,
        directory: &str,
        file: &str,
        fields: &Kustomization,
    ) -> Result<(), RenderError> {
        for path in &fields.configurations {
            let added = read(loader, directory, file, path)?;
            let merged = Arc::make_mut(shared).merge(added);
            merged.map_err(|message| RenderError::field(file, "configurations", format!("{path}: {message}")))?;
        }
        fields.crds.iter().try_for_each(|path| check_crd(loader, directory, file, path))
    }

    /// Adds the configuration of a base.
    ///
    /// # Errors
    /// When the two contradict each other.
    pub(super) fn merge_shared(shared: &mut Arc<Self>, other: &Arc<Self>) -> Result<(), String> {
        if Arc::ptr_eq(shared, other) || Arc::ptr_eq(other, &DEFAULTS) {
            return Ok(());
        }
        if Arc::ptr_eq(shared, &DEFAULTS) {
            *shared = Arc::clone(other);
            return Ok(());
        }
        Arc::make_mut(shared).merge(Self::clone(other))
    }

    fn merge(&mut self, other: Self) -> Result<(), String> {
        let pairs = [
            ("namePrefix", &mut self.name_prefix, other.name_prefix),
            ("nameSuffix", &mut self.name_suffix, other.name_suffix),
            ("namespace", &mut self.namespace, other.namespace),
            ("commonLabels", &mut self.common_labels, other.common_labels),
            ("labels", &mut self.labels, other.labels),
            ("templateLabels", &mut self.template_labels, other.template_labels),
            ("commonAnnotations", &mut self.common_annotations, other.common_annotations),
            ("varReference", &mut self.var_reference, other.var_reference),
            ("images", &mut self.images, other.images),
            ("replicas", &mut self.replicas, other.replicas),
        ];
        for (name, specs, added) in pairs {
            fieldspec::merge(specs, added).map_err(|message| format!("{name}: {message}"))?;
        }
        reference::merge(&mut self.name_reference, other.name_reference)
            .map_err(|message| format!("nameReference: {message}"))
    }
}

fn read(loader: &Loader<'_>, directory: &str, file: &str, path: &str) -> Result<Configuration, RenderError> {
    let real = place(directory, file, "configurations", path)?;
    let wrong = |message: String| RenderError::Manifest { file: real.clone(), message };
    let text = loader.text(directory, &real, file)?;
    let documents = yaml::read_kustomization(&text).map_err(|error| wrong(error.to_string()))?;
    match documents.into_iter().next() {
        None | Some(Value::Null) => Ok(Configuration::default()),
        Some(Value::Object(mut fields)) => {
            fields.retain(|_, value| !value.is_null());
            serde_json::from_value(Value::Object(fields)).map_err(|error| wrong(error.to_string()))
        }
        Some(_) => Err(wrong("is not a map of field specs".to_owned())),
    }
}

/// Plain definitions of custom resources add nothing; extensions of kustomize in them would.
fn check_crd(loader: &Loader<'_>, directory: &str, file: &str, path: &str) -> Result<(), RenderError> {
    let real = place(directory, file, "crds", path)?;
    let text = loader.text(directory, &real, file)?;
    let documents = yaml::read_kustomization(&text)
        .map_err(|error| RenderError::Manifest { file: real.clone(), message: error.to_string() })?;
    match documents.iter().find_map(extension) {
        Some(extension) => {
            Err(RenderError::Unsupported { file: file.to_owned(), field: format!("crds, with {extension} in {path},") })
        }
        None => Ok(()),
    }
}

/// An extension that is somewhere in a document.
fn extension(value: &Value) -> Option<&'static str> {
    match value {
        Value::Object(map) => {
            EXTENSIONS.into_iter().find(|name| map.contains_key(*name)).or_else(|| map.values().find_map(extension))
        }
        Value::Array(items) => items.iter().find_map(extension),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn place(directory: &str, file: &str, field: &str, path: &str) -> Result<String, RenderError> {
    join(directory, path)
        .ok_or_else(|| RenderError::field(file, field, format!("{path:?} leads out of the repository")))
}

#[cfg(test)]
mod tests {
    use crate::render::testing::rendered;

    const HELM_RELEASE: &str = "kind: HelmRelease\nmetadata: {name: app}\nspec: {valuesFrom: [{name: values}]}\n";
    const REFERENCES: &str = "nameReference:\n- {kind: ConfigMap, version: v1, fieldSpecs: [{path: spec/valuesFrom/name, kind: HelmRelease}]}\n";
    const GENERATED: &str = "resources: [app.yaml]\nconfigMapGenerator: [{name: values, literals: [a=b]}]\n";

    #[test]
    fn a_custom_reference_follows_the_hash() {
        let kustomization = GENERATED.to_owned() + "configurations: [config.yaml]\n";
        let files =
            [("kustomization.yaml", kustomization.as_str()), ("app.yaml", HELM_RELEASE), ("config.yaml", REFERENCES)];
        let made = rendered("", &files).expect("it renders");
        assert_eq!(made.matches("name: values-").count(), 2, "{made}");
    }

    #[test]
    fn what_a_base_adds_holds_above_it_and_not_below() {
        let spec = "namespace: [{path: spec/target, kind: Custom, create: true}]\n";
        let custom = "kind: Custom\nmetadata: {name: a}\n";
        let of = |base: &str, overlay: &str| {
            let base = format!("resources: [a.yaml]\n{base}");
            let overlay = format!("resources: [../base]\n{overlay}");
            let files = [
                ("base/kustomization.yaml", base.as_str()),
                ("base/a.yaml", custom),
                ("base/config.yaml", spec),
                ("overlay/kustomization.yaml", overlay.as_str()),
                ("overlay/config.yaml", spec),
            ];
            rendered("overlay", &files).expect("it renders")
        };
        assert!(of("configurations: [config.yaml]\n", "namespace: prod\n").contains("target: prod"));
        assert!(!of("namespace: prod\n", "configurations: [config.yaml]\n").contains("target"));
    }

    #[test]
    fn a_configuration_that_contradicts_the_defaults_or_is_misspelt_is_refused() {
        let of = |config: &str| {
            let files = [
                ("kustomization.yaml", "resources: [app.yaml]\nconfigurations: [config.yaml]\n"),
                ("app.yaml", HELM_RELEASE),
                ("config.yaml", config),
            ];
            rendered("", &files)
        };
        let contradiction =
            of("commonLabels: [{path: metadata/labels, create: false}]\n").expect_err("a contradiction");
        assert!(contradiction.contains("config.yaml: commonLabels: \"metadata/labels\""), "{contradiction}");
        let misspelt = of("nameReferences: []\n").expect_err("a misspelling");
        assert!(misspelt.contains("nameReferences"), "{misspelt}");
        assert!(of("commonLabels: [{path: metadata/labels, create: true}]\n").is_ok());
        assert!(of("").is_ok());
    }

    #[test]
    fn plain_definitions_of_custom_resources_add_nothing_and_extended_ones_are_refused() {
        let of = |crd: &str| {
            let files = [
                ("kustomization.yaml", "resources: [app.yaml]\ncrds: [crd.yaml]\n"),
                ("app.yaml", HELM_RELEASE),
                ("crd.yaml", crd),
            ];
            rendered("", &files)
        };
        assert!(of("kind: CustomResourceDefinition\nspec: {x-kubernetes-preserve-unknown-fields: true}\n").is_ok());
        let refused = of("a.B: {Schema: {properties: {c: {x-kubernetes-object-ref-kind: D}}}}\n");
        assert!(refused.expect_err("an extension").contains("x-kubernetes-object-ref-kind"));
    }
}
