//! Which fields the transformers change: the defaults, and what `configurations` add to them.
//!
//! What a base adds holds for its overlays too; what an overlay adds does not hold for its bases.
use crate::render::{
    RenderError,
    kustomization::{Kustomization, target, typed, value},
    load::Loader,
    object::fieldspec::{self, Spec},
    transform::{
        self,
        reference::{self, Rule},
        vars,
    },
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

/// Deepest chain of definitions that refer to each other.
const MAX_DEPTH: usize = 32;

/// The fields that each transformer changes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::render) struct Configuration {
    pub(in crate::render) name_prefix: Vec<Spec>,
    pub(in crate::render) name_suffix: Vec<Spec>,
    pub(in crate::render) namespace: Vec<Spec>,
    pub(in crate::render) common_labels: Vec<Spec>,
    pub(in crate::render) labels: Vec<Spec>,
    pub(in crate::render) template_labels: Vec<Spec>,
    pub(in crate::render) common_annotations: Vec<Spec>,
    pub(in crate::render) name_reference: Vec<Rule>,
    pub(in crate::render) var_reference: Vec<Spec>,
    pub(in crate::render) images: Vec<Spec>,
    pub(in crate::render) replicas: Vec<Spec>,
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
        var_reference: vars::defaults(),
        images: transform::images::defaults(),
        replicas: transform::replicas::defaults(),
    })
});

impl Configuration {
    /// The configuration of a kustomization that adds nothing.
    pub(in crate::render) fn defaults() -> Arc<Self> {
        DEFAULTS.clone()
    }

    /// Adds what the `configurations` and `crds` of a kustomization say.
    ///
    /// # Errors
    /// When a file is missing or wrong, or contradicts what is there.
    pub(in crate::render) fn extend(
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
        for path in &fields.crds {
            let added = of_crds(loader, directory, file, path)?;
            let merged = Arc::make_mut(shared).merge(added);
            merged.map_err(|message| RenderError::field(file, "crds", format!("{path}: {message}")))?;
        }
        Ok(())
    }

    /// Adds the configuration of a base.
    ///
    /// # Errors
    /// When the two contradict each other.
    pub(in crate::render) fn merge_shared(shared: &mut Arc<Self>, other: &Arc<Self>) -> Result<(), String> {
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
    let real = target(file, "configurations", directory, path)?;
    let wrong = |message: String| RenderError::Manifest { file: real.clone(), message };
    match value(&loader.text(directory, &real, file)?, &real)? {
        Value::Null => Ok(Configuration::default()),
        fields @ Value::Object(_) => typed(fields).map_err(wrong),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong("is not a map of field specs".to_owned()))
        }
    }
}

/// What definitions of custom resources add: only those with kustomize's own extensions add anything.
fn of_crds(loader: &Loader<'_>, directory: &str, file: &str, path: &str) -> Result<Configuration, RenderError> {
    let real = target(file, "crds", directory, path)?;
    let mut configuration = Configuration::default();
    let Value::Object(definitions) = value(&loader.text(directory, &real, file)?, &real)? else {
        return Ok(configuration);
    };
    if let Some((name, _)) = definitions.iter().find(|(_, definition)| !definition.is_object() && !definition.is_null())
    {
        return Err(RenderError::field(file, "crds", format!("{path}: {name} is no definition")));
    }
    for (name, definition) in &definitions {
        let fields = properties(definition);
        if !["kind", "apiVersion", "metadata"].iter().all(|key| fields.is_some_and(|fields| fields.contains_key(*key)))
        {
            continue;
        }
        let kind = name.rsplit('.').next().unwrap_or(name);
        let mut added = Configuration::default();
        extend_from_crd(&mut added, &definitions, kind, name, &mut Vec::new());
        configuration.merge(added).map_err(|message| RenderError::field(file, "crds", format!("{path}: {message}")))?;
    }
    Ok(configuration)
}

fn properties(definition: &Value) -> Option<&Map<String, Value>> {
    let find = |key: &str| definition.get(key).or_else(|| definition.get(key.to_ascii_lowercase()));
    find("Schema")?.get("properties")?.as_object()
}

/// Adds the fields of a definition, and of those that it refers to, that have extensions of kustomize.
fn extend_from_crd(
    configuration: &mut Configuration,
    definitions: &Map<String, Value>,
    kind: &str,
    name: &str,
    path: &mut Vec<String>,
) {
    let fields = definitions.get(name).and_then(properties).filter(|_| path.len() < MAX_DEPTH);
    for (field, property) in fields.into_iter().flatten() {
        let text = |key: &str| property.get(key).and_then(Value::as_str);
        path.push(field.clone());
        let spec = |path: &[String]| Spec {
            kind: Cow::Owned(kind.to_owned()),
            path: Cow::Owned(path.join("/")),
            ..Spec::default()
        };
        if text("x-kubernetes-annotation").is_some() {
            configuration.common_annotations.push(spec(path));
        }
        if text("x-kubernetes-label-selector").is_some() {
            configuration.common_labels.push(spec(path));
        }
        if text("x-kubernetes-identity").is_some() {
            configuration.name_prefix.push(spec(path));
        }
        if let (Some(version), Some(of)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let fields = vec![spec(&[path.as_slice(), &[key.to_owned()]].concat())];
            configuration.name_reference.push(Rule::new(version.to_owned(), of.to_owned(), fields));
        }
        if let Some(reference) = text("$ref") {
            extend_from_crd(configuration, definitions, kind, reference, path);
        }
        path.pop();
    }
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
    fn only_definitions_with_extensions_add_something() {
        let of = |crd: &str| {
            let files = [
                ("kustomization.yaml", GENERATED.to_owned() + "crds: [crd.yaml]\n"),
                ("app.yaml", HELM_RELEASE.to_owned()),
                ("crd.yaml", crd.to_owned()),
            ];
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
            rendered("", &files).map(|out| out.matches("name: values-").count())
        };
        // What a cluster takes for a definition is none here.
        assert!(of("kind: CustomResourceDefinition\nspec: {x-kubernetes-preserve-unknown-fields: true}\n").is_err());
        assert_eq!(of("a.Spec: {Schema: {x-kubernetes-preserve-unknown-fields: true}}\n"), Ok(1));
        let extended = "a.HelmRelease: {Schema: {properties: {kind: {}, apiVersion: {}, metadata: {}, spec: {$ref: a.Spec}}}}\n\
            a.Spec: {Schema: {properties: {valuesFrom: {x-kubernetes-object-ref-api-version: v1, x-kubernetes-object-ref-kind: ConfigMap}}}}\n";
        assert_eq!(of(extended), Ok(2));
    }
}
