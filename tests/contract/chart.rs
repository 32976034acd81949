//! The Helm chart: what it renders, what it grants, and that it says so.
//!
//! The helm program is looked for in `ARCWRIGHT_HELM`, in the user's cache (`arcwright/bin/helm`), in Go's programs and in `PATH`. Where there
//! is none, the tests that take one say that they were not run.
use super::{printed, root};
use arcwright::{desired, yaml};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Values that ask for everything that can be asked for.
const EVERYTHING: &str = r#"{
    "imagePullSecrets": ["pull", {"name": "other"}],
    "image": {"repository": "registry.example.org/arcwright", "tag": "1.2.3"},
    "labels": {"team": "platform"},
    "state": {"inline": {"shop.yaml": "kind: FluxConfiguration\n"}, "existingConfigMap": "more", "existingSecret": "secret"},
    "customResources": {"historicalKinds": true, "namespaces": ["shop"]},
    "native": {"accounts": "given", "defaultServiceAccount": "deployer"},
    "rbac": {"fluxV1": "cluster", "fluxV2": true, "extraRules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "serviceAccount": {"annotations": {"example.org/role": "agent"}},
    "fluxV1": {"image": "registry.example.org/flux:1", "memcachedImage": "registry.example.org/memcached:1",
        "helmOperatorImage": "registry.example.org/helm-operator:1"},
    "fluxV2": {"install": true, "sourceControllerImage": "registry.example.org/source-controller:1",
        "kustomizeControllerImage": "registry.example.org/kustomize-controller:1"},
    "operatorImagePullSecret": "pull",
    "authorities": {"existingConfigMap": "authorities"},
    "data": {"existingClaim": "mirrors"},
    "networkPolicy": {"enabled": true, "scrapeFrom": [{"namespaceSelector": {}}]},
    "podMonitor": {"enabled": true, "labels": {"prometheus": "main"}},
    "podLabels": {"a": "b"}, "podAnnotations": {"c": "d"},
    "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}}, "priorityClassName": "system-cluster-critical",
    "extraEnv": [{"name": "RUST_BACKTRACE", "value": "1"}], "extraArgs": ["--log=debug"],
    "proxy": {"https": "http://proxy.example.org:3128", "http": "http://proxy.example.org:3128", "noProxy": "10.0.0.0/16"}
}"#;
/// Values by which nothing is asked for that can be left.
const NOTHING: &str = r#"{
    "replicas": 1, "leaderElection": false, "state": {"existingConfigMap": "state"}, "customResources": {"watch": false, "install": false},
    "native": {"accounts": "off"}, "rbac": {"secrets": false, "keys": false}
}"#;
/// What `az connectedk8s connect` sets.
const AZURE: &str = r#"{
    "global": {"subscriptionId": "s", "resourceGroupName": "g", "resourceName": "n", "location": "eastus", "tenantId": "t",
        "kubernetesDistro": "generic", "kubernetesInfra": "generic", "onboardingPrivateKey": "key", "azureEnvironment": "AZUREPUBLICCLOUD",
        "httpsProxy": "http://proxy:1", "httpProxy": "http://proxy:2", "noProxy": "10.0.0.0/16", "isProxyEnabled": "True",
        "proxyCert": "certificate", "isCustomCert": "True"},
    "systemDefaultValues": {"spnOnboarding": false, "clusterconnect-agent": {"enabled": true}, "customLocations": {"enabled": false},
        "azureArcAgents": {"autoUpdate": "false", "releaseTrain": "stable"}, "fluent-bit": {"containerLogPath": "/var/log"}}
}"#;

/// What `arcwright connect` sets.
const HUB: &str = r#"{
    "global": {"subscriptionId": "s", "resourceGroupName": "g", "resourceName": "n", "location": "here", "tenantId": "t",
        "kubernetesDistro": "k3s", "kubernetesInfra": "generic", "onboardingPrivateKey": "key"},
    "hub": {"url": "https://hub.example.org:8443", "ca": "certificate"}
}"#;

/// The helm program, where there is one.
pub(super) fn helm() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let cache = env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let places = [cache.join("arcwright/bin/helm"), home.join("go/bin/helm"), PathBuf::from("helm")];
        let named = env::var_os("ARCWRIGHT_HELM").map(PathBuf::from);
        let is_helm = |program: &PathBuf| {
            let output = Command::new(program).args(["version", "--short"]).output();
            output.is_ok_and(|output| output.status.success() && output.stdout.starts_with(b"v3"))
        };
        named.map_or_else(|| places.to_vec(), |named| vec![named]).into_iter().find(is_helm)
    });
    if found.is_none() {
        writeln!(std::io::stderr(), "NOT RUN: there is no helm 3; name one in ARCWRIGHT_HELM").ok();
    }
    found.as_ref()
}

/// What helm prints for the chart and some values, or what it complains about.
pub(super) fn run(helm: &PathBuf, command: &[&str], values: &str) -> Result<String, String> {
    let mut child = Command::new(helm)
        .args(command)
        .arg(root("chart"))
        .args(["--namespace", "azure-arc", "--kube-version", "1.34.0", "--values", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("helm runs");
    child.stdin.take().expect("an input").write_all(values.as_bytes()).expect("values are read");
    let output = child.wait_with_output().expect("helm ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn rendered(helm: &PathBuf, values: &str) -> String {
    run(helm, &["template", "arcwright"], values).expect("it renders")
}

pub(super) fn objects(text: &str) -> Vec<Value> {
    yaml::read(text).expect("YAML").into_iter().filter(|object| !object.is_null()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The text without definitions, which are long and are looked at by themselves.
fn without_definitions(text: &str) -> String {
    let is_short = |document: &&str| !document.contains("kind: CustomResourceDefinition");
    text.split("\n---\n").filter(is_short).collect::<Vec<_>>().join("\n---\n")
}

fn committed(path: &str) -> String {
    std::fs::read_to_string(root(path)).expect("a committed file")
}

#[test]
fn the_definitions_in_the_chart_are_those_of_the_types() {
    for (path, command) in [("crds", "crds"), ("historical-crds", "crds --historical")] {
        let path = format!("chart/files/{path}.yaml");
        assert!(
            committed(&path) == printed(&command.split(' ').collect::<Vec<_>>()),
            "{path} is stale: make it anew with `cargo run --quiet -- {command} > {path}`"
        );
    }
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart = yaml::read(&committed("chart/Chart.yaml")).expect("YAML").remove(0);
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn helm_lint_finds_nothing() {
    let Some(helm) = helm() else { return };
    for values in ["{}", EVERYTHING, NOTHING, AZURE, HUB] {
        let said = run(helm, &["lint", "--strict"], values).expect("lint passes");
        assert!(said.contains("0 chart(s) failed"), "{said}");
    }
}

#[test]
fn every_example_of_values_renders_and_its_state_files_are_accepted() {
    let Some(helm) = helm() else { return };
    for entry in std::fs::read_dir(root("examples/chart")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        run(helm, &["lint", "--strict"], &text).expect("lint passes");
        let all = objects(&rendered(helm, &text));
        let state = |map: &&&Value| map["metadata"]["name"] == "arcwright-state";
        for map in of_kind(&all, "ConfigMap").iter().filter(state) {
            for (name, text) in map["data"].as_object().expect("an object") {
                let directory = tempfile::tempdir().expect("a directory");
                let file = directory.path().join(name);
                std::fs::write(&file, text.as_str().expect("a text")).expect("a file");
                let loaded = desired::file::load(&[file], &desired::file::SECRETS);
                assert_eq!(loaded.issues, [], "{}", path.display());
                assert_eq!(loaded.configurations.len(), 1);
            }
        }
    }
}

#[test]
fn what_is_rendered_is_as_it_was_looked_at() {
    let Some(helm) = helm() else { return };
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        for (name, values) in [("defaults", "{}"), ("everything", EVERYTHING), ("nothing", NOTHING), ("azure", AZURE), ("hub", HUB)] {
            insta::assert_snapshot!(format!("chart-{name}"), without_definitions(&rendered(helm, values)));
        }
    });
}

#[test]
fn definitions_are_kept_at_an_uninstall_unless_that_is_switched_off() {
    let Some(helm) = helm() else { return };
    let definitions = |values: &str| {
        let all = objects(&rendered(helm, values));
        of_kind(&all, "CustomResourceDefinition").into_iter().cloned().collect::<Vec<_>>()
    };
    let of_types = objects(&(printed(&["crds"]) + "---\n" + &printed(&["crds", "--historical"])));
    let kept = definitions(EVERYTHING);
    assert_eq!(kept.len(), of_types.len());
    for (definition, of_type) in kept.iter().zip(&of_types) {
        assert_eq!(definition["metadata"]["name"], of_type["metadata"]["name"]);
        assert_eq!(definition["spec"], of_type["spec"]);
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    for definition in definitions(r#"{"customResources": {"keep": false}}"#) {
        assert!(definition["metadata"]["annotations"]["helm.sh/resource-policy"].is_null());
    }
    assert_eq!(definitions(NOTHING), Vec::<Value>::new());
}

#[test]
fn every_flag_that_the_chart_gives_is_one_of_the_agent() {
    let Some(helm) = helm() else { return };
    let help = printed(&["agent", "--help"]);
    let known: BTreeSet<&str> = help
        .split(|c: char| c.is_whitespace() || c == ',' || c == '=' || c == '[')
        .filter(|word| word.starts_with("--"))
        .collect();
    for values in ["{}", EVERYTHING, NOTHING, HUB] {
        let all = objects(&rendered(helm, values));
        let deployment = of_kind(&all, "Deployment")[0];
        let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().expect("a list");
        assert!(args.len() > 4);
        for arg in args.iter().filter_map(Value::as_str).filter(|arg| *arg != "agent") {
            let flag = arg.split('=').next().unwrap_or_default();
            assert!(known.contains(flag), "{flag} is no flag of `arcwright agent`");
        }
    }
}

/// The rules of a role that the chart makes.
fn rules(helm: &PathBuf, kind: &str, values: &str) -> Vec<Value> {
    let all = objects(&rendered(helm, values));
    of_kind(&all, kind).into_iter().flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default()).collect()
}

/// Each right by itself: group, resource, name (or `*`), verb.
fn rights(rules: &[Value]) -> BTreeSet<[String; 4]> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    for rule in rules {
        let names = if rule["resourceNames"].is_null() { vec!["*".to_owned()] } else { words(&rule["resourceNames"]) };
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for name in &names {
                    for verb in words(&rule["verbs"]) {
                        all.insert([group.clone(), resource.clone(), name.clone(), verb]);
                    }
                }
            }
        }
    }
    all
}

fn documented(file: &str) -> BTreeSet<[String; 4]> {
    let read = yaml::read(&committed(&format!("chart/files/rights/{file}.yaml"))).expect("YAML").remove(0);
    rights(read.as_array().expect("rules"))
}

#[test]
fn an_agent_with_everything_off_keeps_its_inventories_and_no_more() {
    let Some(helm) = helm() else { return };
    assert_eq!(rights(&rules(helm, "ClusterRole", NOTHING)), documented("agent"));
    assert_eq!(rules(helm, "Role", NOTHING), Vec::<Value>::new());
    let mut connected: Value = serde_json::from_str(HUB).expect("JSON");
    for (name, value) in serde_json::from_str::<Map<String, Value>>(NOTHING).expect("JSON") {
        connected[name] = value;
    }
    let connected = connected.to_string();
    assert_eq!(rights(&rules(helm, "ClusterRole", &connected)), &documented("agent") | &documented("hub"));
    assert_eq!(rights(&rules(helm, "Role", &connected)), documented("hub-namespace"));
    let all = objects(&rendered(helm, NOTHING));
    assert_eq!(of_kind(&all, "ClusterRoleBinding").len(), 1);
}

#[test]
fn each_feature_brings_its_own_rights() {
    let Some(helm) = helm() else { return };
    let base = documented("agent");
    let with = |more: Value| {
        let mut values: Value = serde_json::from_str(NOTHING).expect("JSON");
        for (section, entries) in more.as_object().expect("an object") {
            for (key, value) in entries.as_object().expect("an object") {
                values[section][key] = value.clone();
            }
        }
        &rights(&rules(helm, "ClusterRole", &values.to_string())) - &base
    };
    let of = |files: &[&str]| &files.iter().flat_map(|file| documented(file)).collect::<BTreeSet<_>>() - &base;
    let own = ["observe", "impersonate", "accounts-namespace"];
    assert_eq!(with(json!({ "rbac": { "secrets": true } })), of(&["secrets"]));
    assert_eq!(with(json!({ "rbac": { "keys": true } })), of(&["keys"]));
    assert_eq!(with(json!({ "customResources": { "watch": true } })), of(&["custom-resources"]));
    assert_eq!(with(json!({ "native": { "accounts": "given" } })), of(&["observe", "impersonate"]));
    assert_eq!(with(json!({ "native": { "accounts": "given", "observe": false } })), of(&["impersonate"]));
    assert_eq!(with(json!({ "native": { "accounts": "own", "clusterScope": false } })), of(&own));
    assert_eq!(with(json!({ "native": { "accounts": "own" } })), of(&[&own[..], &["accounts-cluster"]].concat()));
}

#[test]
fn the_flux_engines_have_the_rights_that_their_examples_show() {
    let Some(helm) = helm() else { return };
    for (example, roles, section, feature) in [
        ("flux-v1", 1, "rbac", json!({ "fluxV1": "cluster" })),
        ("flux-v2", 1, "rbac", json!({ "fluxV2": true })),
        ("flux-v2", 2, "fluxV2", json!({ "install": true })),
    ] {
        let mut values: Value = serde_json::from_str(NOTHING).expect("JSON");
        values["rbac"]["fluxV2"] = (example == "flux-v2").into();
        for (key, value) in feature.as_object().expect("an object") {
            values[section][key] = value.clone();
        }
        let shown = yaml::read(&committed(&format!("examples/{example}/agent-rights.yaml"))).expect("YAML");
        let shown = shown.iter().take(roles).flat_map(|role| role["rules"].as_array().expect("rules"));
        let shown = rights(&shown.cloned().collect::<Vec<_>>());
        let granted = rights(&rules(helm, "ClusterRole", &values.to_string()));
        assert_eq!(granted, &shown | &documented("agent"), "{example}");
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let Some(helm) = helm() else { return };
    for (values, why) in [
        (r#"{"replica": 2}"#, "replica"),
        (r#"{"native": {"accounts": "all"}}"#, "accounts"),
        (r#"{"state": {"inline": {"../a.yaml": ""}}}"#, "../a.yaml"),
        (r#"{"leaderElection": false}"#, "leaderElection"),
        (r#"{"hub": {"url": "http://hub"}}"#, "url"),
        (r#"{"hub": {"url": "https://me:secret@hub"}}"#, "url"),
        (r#"{"hub": {"url": "https://hub"}}"#, "global.subscriptionId"),
        (r#"{"customResources": {"watch": false}}"#, "nothing to do"),
    ] {
        let error = run(helm, &["template", "arcwright"], values).expect_err(values);
        assert!(error.contains(why), "{values}: {error}");
    }
}

/// Every value of the schema by its path, with its description and its default.
fn described() -> Vec<(String, String, Value)> {
    fn walk(path: &str, schema: &Value, defaults: &Value, all: &mut Vec<(String, String, Value)>) {
        match schema["properties"].as_object() {
            Some(properties) => {
                for (name, inner) in properties {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(&path, inner, &defaults[name], all);
                }
            }
            None => all.push((
                path.to_owned(),
                schema["description"].as_str().unwrap_or_default().to_owned(),
                defaults.clone(),
            )),
        }
    }
    let schema: Value = serde_json::from_str(&committed("chart/values.schema.json")).expect("JSON");
    let defaults = yaml::read(&committed("chart/values.yaml")).expect("YAML").remove(0);
    let mut all = Vec::new();
    walk("", &schema, &defaults, &mut all);
    all
}

#[test]
fn the_document_describes_every_value_as_the_schema_does() {
    let row = |(path, description, default): &(String, String, Value)| {
        let empty = [json!(""), json!([]), Value::Object(Map::new())].contains(default);
        let shown = match default {
            _ if empty => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        format!("| `{path}` | {shown} | {} |", description.trim_end_matches('.'))
    };
    let table: Vec<String> = described().iter().map(row).collect();
    let table = table.join("\n");
    let document = committed("docs/install.md");
    assert!(document.contains(&table), "docs/install.md is stale: its table of values has these rows:\n{table}");
}

#[test]
fn every_value_has_a_default_and_a_description() {
    for (path, description, default) in described() {
        assert!(description.ends_with('.'), "{path} is not described");
        assert!(!default.is_null(), "{path} has no default in values.yaml");
    }
}
