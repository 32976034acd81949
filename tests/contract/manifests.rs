//! The agents as plain manifests, beside those that the chart makes of the same connection.
use super::chart::{helm, objects, run};
use arcwright::onboard::{Connection, Identity, OnboardingKey, Proxy, manifests};
use secrecy::SecretString;
use serde_json::{Map, Value};

fn connection() -> Connection {
    Connection {
        identity: Identity { subscription: "s".into(), group: "g".into(), name: "north".into() },
        location: "here".into(),
        tenant: "t".into(),
        distribution: "k3s".into(),
        infrastructure: "generic".into(),
        hub: "https://hub.example.org:8443".into(),
        authorities: Some("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n".into()),
        image: None,
        proxy: Proxy::default(),
    }
}

fn key() -> OnboardingKey {
    OnboardingKey { private: SecretString::from("-----BEGIN RSA PRIVATE KEY-----\nMII=\n"), public: "MII=".into() }
}

/// What has no effect: who made it, what tells helm something, and what only makes pods roll.
fn without_marks(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for name in ["labels", "annotations"] {
                if let Some(Value::Object(marks)) = map.get_mut(name) {
                    marks.retain(|mark, _| {
                        !["app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy"]
                            .contains(&mark.as_str())
                            && !mark.starts_with("checksum/")
                    });
                }
            }
            map.retain(|name, value| {
                without_marks(value);
                name != "annotations" || value.as_object().is_none_or(|marks| !marks.is_empty())
            });
        }
        Value::Array(all) => all.iter_mut().for_each(without_marks),
        _ => {}
    }
}

/// Objects by what they are called; keys and the places of an environment have no order.
fn by_name(mut all: Vec<Value>) -> Map<String, Value> {
    let mut found = Map::new();
    for object in &mut all {
        without_marks(object);
        if let Some(env) = object.pointer_mut("/spec/template/spec/containers/0/env").and_then(Value::as_array_mut) {
            env.sort_by_key(|one| one["name"].as_str().map(str::to_owned));
        }
        let name = format!("{} {}", object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"]);
        assert!(found.insert(name.clone(), object.clone()).is_none(), "{name} is there twice");
    }
    found
}

#[test]
fn manifests_are_in_effect_what_the_chart_makes_of_the_same_connection() {
    let Some(helm) = helm() else { return };
    let plain = connection();
    let mut proxied = connection();
    let image = format!("registry.example.org/arcwright@sha256:{}", "0f".repeat(32));
    proxied.image = Some(image.parse().expect("an image"));
    proxied.authorities = None;
    let proxy = |text: &str| Some(text.to_owned());
    proxied.proxy = Proxy { https: proxy("http://p:1"), http: proxy("http://p:2"), no_proxy: proxy("10.0.0.0/8") };
    let mut tagged = connection();
    tagged.image = Some("registry.example.org:5000/arcwright:2".parse().expect("an image"));
    for connection in [plain, proxied, tagged] {
        let by_chart =
            run(helm, &["template", "azure-arc"], &connection.values(&key()).to_string()).expect("it renders");
        let by_chart = by_name(objects(&by_chart));
        let text = manifests::to_yaml(&manifests::manifests(&connection, &key()));
        let mut own = by_name(objects(&text));
        assert!(own.shift_remove("Namespace \"azure-arc\"").is_some(), "helm makes that by --create-namespace");
        assert_eq!(own.keys().collect::<std::collections::BTreeSet<_>>(), by_chart.keys().collect());
        for (name, object) in by_chart {
            assert_eq!(own[&name], object, "{name}");
        }
    }
}

#[test]
fn the_namespace_and_the_definitions_come_first() {
    let all = manifests::manifests(&connection(), &key());
    let kinds: Vec<&str> = all.iter().filter_map(|object| object["kind"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"Namespace"));
    let last = kinds.iter().rposition(|kind| *kind == "CustomResourceDefinition").expect("definitions");
    assert!(kinds.iter().position(|kind| *kind == "Deployment").is_some_and(|place| place > last));
}
