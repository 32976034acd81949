//! What `configurations` and `crds` add to the fields that transformers change.
use super::place::Target;
use crate::render::{
    error::RenderError,
    kustomization::typed,
    load::Files,
    object::fieldspec::Spec,
    transform::{configuration::Configuration, reference::Rule},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, sync::Arc};

/// Deepest chain of definitions that refer to each other.
const MAX_DEPTH: usize = 32;

/// Adds what the `configurations` and `crds` of a kustomization say.
///
/// # Errors
/// When a file is missing or wrong, or contradicts what is there.
pub(super) fn extend(shared: &mut Arc<Configuration>, target: &Target<'_>) -> Result<(), RenderError> {
    for (field, paths, read) in [
        ("configurations", &target.fields.configurations, read as fn(&Files<'_>, &str) -> _),
        ("crds", &target.fields.crds, of_crds),
    ] {
        let files = target.files(field);
        for path in paths {
            let merged = Arc::make_mut(shared).merge(read(&files, path)?);
            merged.map_err(|message| files.place.wrong(format!("{path}: {message}")))?;
        }
    }
    Ok(())
}

fn read(files: &Files<'_>, name: &str) -> Result<Configuration, RenderError> {
    let (file, value) = files.value(name)?;
    let wrong = |message: String| RenderError::Manifest { file: file.clone(), message };
    match value {
        Value::Null => Ok(Configuration::default()),
        fields @ Value::Object(_) => typed(fields).map_err(wrong),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong("is not a map of field specs".to_owned()))
        }
    }
}

/// What definitions of custom resources add: only those with kustomize's own extensions add anything.
fn of_crds(files: &Files<'_>, name: &str) -> Result<Configuration, RenderError> {
    let wrong = |message: String| files.place.wrong(format!("{name}: {message}"));
    let mut configuration = Configuration::default();
    let (_, Value::Object(definitions)) = files.value(name)? else { return Ok(configuration) };
    let is_none = |definition: &Value| !definition.is_object() && !definition.is_null();
    if let Some((kind, _)) = definitions.iter().find(|(_, definition)| is_none(definition)) {
        return Err(wrong(format!("{kind} is no definition")));
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
        configuration.merge(added).map_err(wrong)?;
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
