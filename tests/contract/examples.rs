//! Every example state file is one that works.
use super::{root, state_files};
use arcwright::{
    desired::{SecretSource, file},
    model::configuration::{Configuration, Engine},
    source::git::generate_key,
};
use secrecy::SecretString;
use std::{collections::BTreeSet, path::Path};

/// A token in every variable, a key in every file.
struct Everywhere;

impl SecretSource for Everywhere {
    fn file(&self, _: &Path) -> Result<SecretString, String> {
        Ok(generate_key("example").expect("a key").private)
    }

    fn env(&self, _: &str) -> Result<SecretString, String> {
        Ok("token".to_owned().into())
    }
}

fn configurations(path: &Path) -> Vec<std::sync::Arc<Configuration>> {
    let state = file::load(&[path.to_owned()], &Everywhere);
    assert_eq!(state.issues, [], "{}", path.display());
    assert!(!state.configurations.is_empty(), "{}", path.display());
    state.configurations
}

fn one(name: &str) -> Configuration {
    let mut all = configurations(&root("examples/state").join(name));
    assert_eq!(all.len(), 1, "{name}");
    std::sync::Arc::unwrap_or_clone(all.remove(0))
}

#[test]
fn every_example_is_accepted_by_the_door() {
    for (path, _) in state_files() {
        configurations(&path);
    }
}

#[test]
fn every_example_tells_editors_its_schema() {
    for (path, text) in state_files() {
        let line = text.lines().next().expect("a line");
        let schema =
            line.strip_prefix("# yaml-language-server: $schema=").unwrap_or_else(|| panic!("{}", path.display()));
        let schema = path.parent().expect("a directory").join(schema).canonicalize().expect("a schema");
        assert_eq!(schema, root("schemas/state.schema.json").canonicalize().expect("a schema"), "{}", path.display());
    }
}

#[test]
fn examples_of_resources_name_nothing_of_the_agents_machine() {
    let all: Vec<_> =
        state_files().into_iter().filter(|(path, _)| path.starts_with(root("examples/resources"))).collect();
    assert!(all.len() >= 3);
    for (path, text) in all {
        for document in arcwright::yaml::read(&text).expect("YAML") {
            let name = path.display();
            assert!(document["metadata"]["namespace"].is_string(), "{name} says where it is");
            for (setting, source) in document["spec"]["protectedSettingsFrom"].as_object().into_iter().flatten() {
                assert!(source["secretRef"].is_object(), "{name}: {setting} comes from a Secret");
            }
        }
    }
}

#[test]
fn the_index_of_the_examples_names_each() {
    let index = std::fs::read_to_string(root("examples/README.md")).expect("the index");
    for (path, _) in state_files() {
        let path = path.strip_prefix(root("examples")).expect("an example").display().to_string();
        let directory = path.split_once('/').map_or("", |(directory, _)| directory);
        assert!(index.contains(&format!("({path})")) || index.contains(&format!("({directory})")), "{path}");
    }
}

#[test]
fn the_examples_show_what_they_are_for() {
    let https = one("https-token.yaml").source.credentials;
    assert!(https.user.is_some() && https.password.is_some());
    let ssh = one("ssh-key.yaml").source.credentials;
    assert!(ssh.ssh_private_key.is_some() && ssh.known_hosts.is_some());
    let several = one("several-kustomizations.yaml").kustomizations;
    assert!(several.len() > 2 && several.iter().any(|one| !one.depends_on.is_empty()));
    let substitution = one("substitution.yaml").kustomizations.remove(0);
    assert!(!substitution.substitute.is_empty() && !substitution.substitute_from.is_empty());
    let v1 = one("source-control.yaml").kustomizations.remove(0);
    assert!(v1.prune && !v1.path.is_empty());
    let operator = one("flux-v1.yaml");
    assert_eq!(operator.engine.name(), "flux-v1");
    let Engine::FluxV1(operator) = operator.engine else { panic!("it has an operator") };
    assert!(operator.helm.is_some() && operator.has_switch("git-readonly"));
    let flux = configurations(&root("examples/state/flux-v2.yaml"));
    assert!(flux.iter().all(|one| one.engine.name() == "flux-v2"));
    let kinds = flux
        .iter()
        .filter_map(|one| if let Engine::FluxV2(told) = &one.engine { Some(told.source.kind()) } else { None });
    assert_eq!(kinds.collect::<Vec<_>>(), ["GitRepository", "OCIRepository"]);
    let directory = configurations(&root("examples/state.d"));
    assert_eq!(directory.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len(), 2);
}

#[test]
fn the_definition_of_helm_releases_is_the_one_that_the_engine_makes() {
    let text = std::fs::read_to_string(root("examples/flux-v1/helm-release-definition.yaml")).expect("the example");
    let made = serde_json::Value::Object(arcwright::flux::v1::release_definition().object);
    assert_eq!(arcwright::yaml::read(&text).expect("YAML"), [made]);
}
