//! The committed schemas are those of the types, and accept and refuse what the door does.
use super::{printed, root, state_files};
use arcwright::{desired, yaml};
use serde_json::{Value, json};

fn committed(path: &str) -> String {
    std::fs::read_to_string(root(path)).expect("a committed schema")
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&committed("schemas/state.schema.json")).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a JSON Schema")
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let made = [
        ("schemas/state.schema.json", "schema"),
        ("schemas/data-plane.json", "schema --data-plane"),
        ("schemas/crds.yaml", "crds"),
        ("schemas/historical-crds.yaml", "crds --historical"),
    ];
    for (path, command) in made {
        assert!(
            committed(path) == printed(&command.split(' ').collect::<Vec<_>>()),
            "{path} is stale: make it anew with `cargo run --quiet -- {command} > {path}`"
        );
    }
}

#[test]
fn the_schema_is_one() {
    let schema: Value = serde_json::from_str(&committed("schemas/state.schema.json")).expect("JSON");
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
}

#[test]
fn every_property_is_described() {
    fn look(schema: &Value, path: &str, bare: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if property["description"].as_str().is_none_or(|text| !text.ends_with('.')) {
                bare.push(path.clone());
            }
            look(property, &path, bare);
        }
        for key in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(key) {
                look(inner, &format!("{path}[]"), bare);
            }
        }
        for choice in ["oneOf", "anyOf"].iter().flat_map(|key| schema[key].as_array()).flatten() {
            look(choice, path, bare);
        }
    }
    let schema: Value = serde_json::from_str(&committed("schemas/state.schema.json")).expect("JSON");
    let mut bare = Vec::new();
    look(&schema, "", &mut bare);
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn every_example_is_valid_by_the_schema() {
    let validator = validator();
    for (path, text) in state_files() {
        let documents = yaml::read(&text).expect("YAML");
        assert!(!documents.is_empty(), "{}", path.display());
        for document in documents {
            let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn what_the_schema_refuses_the_door_refuses_too() {
    let flux = |spec: Value| {
        json!({
            "apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "FluxConfiguration",
            "metadata": { "name": "a" }, "spec": spec
        })
    };
    let git = |git: Value| {
        let mut git = git;
        git["url"] = json!("https://example.org/a");
        flux(json!({ "gitRepository": git }))
    };
    let with = |key: &str, value: Value| {
        let mut document = git(json!({}));
        document["spec"][key] = value;
        document
    };
    let changed = |pointer: &str, value: Value| {
        let mut document = git(json!({}));
        *document.pointer_mut(pointer).expect("a place") = value;
        document
    };
    let documents = [
        ("another version", changed("/apiVersion", json!("clusterconfig.azure.com/v1"))),
        ("another kind", changed("/kind", json!("List"))),
        ("no name", changed("/metadata", json!({}))),
        ("a long name", changed("/metadata/name", json!("a".repeat(64)))),
        ("a name of other letters", changed("/metadata/name", json!("A_b"))),
        ("no spec", changed("/spec", json!(null))),
        ("no url", flux(json!({ "gitRepository": {} }))),
        ("an empty url", flux(json!({ "gitRepository": { "url": "" } }))),
        ("an unknown field", with("sope", json!("cluster"))),
        ("an unknown scope", with("scope", json!("Cluster"))),
        ("an unknown engine", with("engine", json!("flux"))),
        ("an unknown kind of source", with("sourceKind", json!("Git"))),
        ("a word for a switch", with("suspend", json!("yes"))),
        ("a namespace of other letters", with("namespace", json!("Apps"))),
        ("a time of zero", git(json!({ "timeoutInSeconds": 0 }))),
        ("a time that is too long", git(json!({ "syncIntervalInSeconds": 3_000_000_000_u64 }))),
        ("a time with a unit", git(json!({ "syncIntervalInSeconds": "10m" }))),
        ("a short commit", git(json!({ "repositoryRef": { "branch": "main", "commit": "abc" } }))),
        ("an empty branch", git(json!({ "repositoryRef": { "branch": "" } }))),
        ("a list of kustomizations", with("kustomizations", json!([{ "name": "a" }]))),
        ("nothing for a kustomization", with("kustomizations", json!({ "a": null }))),
        ("an unknown field of a kustomization", with("kustomizations", json!({ "a": { "validation": "none" } }))),
        (
            "a number for a variable",
            with("kustomizations", json!({ "a": { "postBuild": { "substitute": { "b": 1 } } } })),
        ),
        (
            "variables of a Pod",
            with(
                "kustomizations",
                json!({ "a": { "postBuild": { "substituteFrom": [{ "kind": "Pod", "name": "b" }] } } }),
            ),
        ),
        ("a secret that is no text", with("configurationProtectedSettings", json!({ "httpsKey": 1 }))),
        (
            "a long operator namespace",
            json!({
                "apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "SourceControlConfiguration",
                "metadata": { "name": "a" },
                "spec": { "repositoryUrl": "https://example.org/a", "operatorNamespace": "a".repeat(24) }
            }),
        ),
        (
            "no repository",
            json!({
                "apiVersion": "clusterconfig.azure.com/v1beta1", "kind": "SourceControlConfiguration",
                "metadata": { "name": "a" }, "spec": {}
            }),
        ),
    ];
    let validator = validator();
    assert!(validator.is_valid(&git(json!({}))), "what the others differ from");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.json");
    for (what, document) in documents {
        assert!(!validator.is_valid(&document), "the schema: {what}");
        std::fs::write(&path, document.to_string()).expect("a file");
        let state = desired::file::load(std::slice::from_ref(&path), &desired::file::SECRETS);
        assert!(state.issues.iter().any(desired::Issue::is_error), "the door: {what}");
        assert!(state.configurations.is_empty(), "the door: {what}");
    }
}
