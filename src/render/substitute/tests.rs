use super::*;
use proptest::prelude::*;
use serde_json::json;

fn variables(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn manifest(object: Value) -> Manifest {
    let Value::Object(object) = object else { panic!("an object") };
    Manifest::new(object, "app.yaml")
}

fn substituted(object: Value, given: &[(&str, &str)]) -> Value {
    match substitute(manifest(object), &variables(given)) {
        Ok(manifest) => Value::Object(manifest.object),
        Err(error) => panic!("{error}"),
    }
}

fn refusal(object: Value, given: &[(&str, &str)]) -> String {
    substitute(manifest(object), &variables(given)).expect_err("an error").to_string()
}

/// A text after substitution, in a place where it stays a string.
fn expanded(text: &str, given: &[(&str, &str)]) -> String {
    let object = substituted(json!({"metadata": {"annotations": {"a": text}}}), given);
    object["metadata"]["annotations"]["a"].as_str().expect("a string").to_owned()
}

#[test]
fn operators_are_those_of_flux() {
    let given = [("v", "Hello/World.tar.gz"), ("e", ""), ("n", "2"), ("lines", "a\nb\n"), ("u", "éa")];
    for (text, wanted) in [
        ("${v}", "Hello/World.tar.gz"),
        ("a ${n} b ${e}c", "a 2 b c"),
        ("${v:=d}${v:-d}${v=d}${v-d}", "Hello/World.tar.gzHello/World.tar.gzHello/World.tar.gzHello/World.tar.gz"),
        ("${x:=d} ${x:-d} ${x=d} ${x-d} ${e-d} ${x:=}", "d d d d d "),
        ("${x:=a${n}b${y:-${v:0:1}}}", "a2bH"),
        ("${v:6}", "World.tar.gz"),
        ("${v:6:5}", "World"),
        ("${v: -2}", "gz"),
        ("${v:6:-7}", "World"),
        ("${v:99}${v:0:0}${v:3:-99}", ""),
        ("${v:${n}:${n}}", "ll"),
        ("${#v} ${#u}", "18 2"),
        ("${v^^}", "HELLO/WORLD.TAR.GZ"),
        ("${v,,}", "hello/world.tar.gz"),
        ("${v,}${u^}", "hello/World.tar.gzÉa"),
        ("${v#*/}", "World.tar.gz"),
        ("${v#*o}", "/World.tar.gz"),
        ("${v##*o}", "rld.tar.gz"),
        ("${v%.*}", "Hello/World.tar"),
        ("${v%%.*}", "Hello/World"),
        ("${v#x}${v%x}", "Hello/World.tar.gzHello/World.tar.gz"),
        ("${v##*}|${v%%*}", "|"),
        ("${v/o/0}", "Hell0/World.tar.gz"),
        ("${v//o/0}", "Hell0/W0rld.tar.gz"),
        ("${v/\\//-}", "Hello-World.tar.gz"),
        ("${v/#Hello/Bye}", "Bye/World.tar.gz"),
        ("${v/%gz/xz}", "Hello/World.tar.xz"),
        ("${v/#gz/xz}", "Hello/World.tar.gz"),
        ("${v//./}", "Hello/Worldtargz"),
        ("${v/${e}/x}", "Hello/World.tar.gz"),
        ("${lines}", "ab"),
        ("${v:?must be set}", "Hello/World.tar.gz"),
        ("$${v} $v $ $(v) a$", "${v} $v $ $(v) a$"),
        ("$$${n} $$$$", "$2 $$"),
    ] {
        assert_eq!(expanded(text, &given), wanted, "{text}");
    }
}

#[test]
fn values_are_not_substituted_again() {
    assert_eq!(expanded("${a} ${b}", &[("a", "${b}"), ("b", "$$x")]), "${b} $$x");
}

#[test]
fn what_is_wrong_is_named_with_object_field_and_variable() {
    let object = |text: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"containers": [{"image": "a"}, {"image": text}]}})
    };
    let given = [("v", "secret"), ("e", "")];
    let found: Vec<String> = [
        "${x}", "${x^^}", "${#x}", "${v", "a ${v:=b", "${}", "${1}", "${v.w}", "${v:+w}", "${e:?}", "${v:a}", "${v/a}",
        "${v#[}",
    ]
    .iter()
    .map(|text| refusal(object(text), &given))
    .collect();
    for text in &found {
        assert!(text.starts_with("app.yaml: Deployment/shop/web: spec.containers[1].image: "), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    insta::assert_snapshot!(found.join("\n").replace("app.yaml: Deployment/shop/web: spec.containers[1].image: ", ""), @r#"
    variable "x" is not given and has no default; add it to postBuild.substitute, or write ${x:=default}
    variable "x" is not given and has no default; add it to postBuild.substitute, or write ${x:=default}
    variable "x" is not given and has no default; add it to postBuild.substitute, or write ${x:=default}
    a ${ is not closed by }; write $${ for the characters ${
    a ${ is not closed by }; write $${ for the characters ${
    what follows a ${ is not the name of a variable (letters, digits and _, no digit first); write $${ for the characters ${
    what follows a ${ is not the name of a variable (letters, digits and _, no digit first); write $${ for the characters ${
    variable "v" is followed by an operator that is not known; write $${ for the characters ${
    variable "v" has the operator `:+`, which Flux and shells take for opposites; use `:=`, or give the variable the text to print
    variable "e" is required, and is not given or empty; add it to postBuild.substitute
    the offset or length for variable "v" is not an integer
    a ${ is not closed by }; write $${ for the characters ${
    the pattern for variable "v" is malformed; close its [ and end it with something other than \
    "#);
}

#[test]
fn one_expression_is_read_as_yaml_unless_the_api_wants_a_string() {
    let given = [("n", "3"), ("yes", "true"), ("mode", "0644"), ("v", "1.10"), ("sha", "12e4567"), ("e", "")];
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "${n}", "labels": {"a": "${n}"}, "annotations": {"b": "${yes}"}},
        "data": {"k": "${n}", "e": "${e}"},
        "spec": {
            "replicas": "${n}", "paused": "${yes}", "mode": "${mode}", "version": "${v}", "commit": "${sha}", "class": "${e}",
            "both": "${n}${n}", "port": "p-${n}", "half": "${h:=0.5}", "data": {"k": "${n}"}, "deflt": "${d:=7}",
            "containers": [{"args": ["${n}"], "env": [{"name": "A", "value": "${n}"}], "ports": [{"containerPort": "${n}"}]}],
            "affinity": {"matchExpressions": [{"values": ["${n}"]}]}, "nodeSelector": {"a": "${yes}"}, "list": ["${n}"],
        },
    });
    assert_eq!(
        substituted(object, &given),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "3", "labels": {"a": "3"}, "annotations": {"b": "true"}},
            "data": {"k": "3", "e": ""},
            "spec": {
                "replicas": 3, "paused": true, "mode": 420, "version": "1.10", "commit": "12e4567", "class": null,
                "both": "33", "port": "p-3", "half": 0.5, "data": {"k": 3}, "deflt": 7,
                "containers": [{"args": ["3"], "env": [{"name": "A", "value": "3"}], "ports": [{"containerPort": 3}]}],
                "affinity": {"matchExpressions": [{"values": ["3"]}]}, "nodeSelector": {"a": "true"}, "list": [3],
            },
        })
    );
}

#[test]
fn a_quoted_value_is_text() {
    let given = [("a", "\"8080\""), ("b", "'it''s'"), ("c", "\"a\": \"b\"")];
    let object = substituted(json!({"spec": {"a": "${a}", "b": "${b}", "c": "${c}"}}), &given);
    assert_eq!(object, json!({"spec": {"a": "8080", "b": "it's", "c": "\"a\": \"b\""}}));
}

#[test]
fn no_value_changes_the_structure() {
    for value in
        ["a: b", "{a: 1}", "[1, 2]", "- a", "x\n  y: z", "&a b", "*a", "!!binary aGk=", "# c", "a #c", "|", "? a"]
    {
        let object = substituted(json!({"spec": {"a": "${v}"}}), &[("v", value)]);
        assert_eq!(object, json!({"spec": {"a": value.replace('\n', "")}}));
    }
}

#[test]
fn keys_are_substituted_and_stay_strings() {
    let object = json!({"spec": {"${a}-x": 1, "${n}": 2}});
    assert_eq!(substituted(object, &[("a", "b: c"), ("n", "1")]), json!({"spec": {"b: c-x": 1, "1": 2}}));
    let error = refusal(json!({"kind": "A", "metadata": {"name": "n"}, "spec": {"a": 1, "${a}": 2}}), &[("a", "a")]);
    assert_eq!(
        error,
        "app.yaml: A/n: spec.${a}: two keys are the same after substitution; give the variables different values"
    );
}

#[test]
fn an_object_can_opt_out() {
    for map in ["labels", "annotations"] {
        let object = json!({"metadata": {map: {SWITCH: "disabled"}}, "spec": "${x}"});
        assert_eq!(substituted(object.clone(), &[]), object);
    }
    let object = json!({"metadata": {"labels": {SWITCH: "enabled"}}, "spec": "${x}"});
    assert_eq!(substituted(object, &[("x", "a")])["spec"], "a");
}

#[test]
fn bombs_are_refused() {
    let deep = format!("{}x{}", "${a:=".repeat(33), "}".repeat(33));
    assert!(refusal(json!({"a": deep}), &[]).contains("nested more than 32 levels"));
    let long = "a".repeat(1 << 20);
    let given = [("a", long.as_str())];
    assert!(refusal(json!({"a": "${a}".repeat(64)}), &given).contains("more than 33554432 bytes"));
    assert!(refusal(json!({"a": "${a//a/${a}}"}), &given).contains("more than 33554432 bytes"));
    assert!(refusal(json!({"a": format!("${{a##{}x}}", "*".repeat(64))}), &given).contains("more than 33554432 bytes"));
}

proptest! {
    #[test]
    fn text_without_a_dollar_is_left_alone(text in "[^$]{0,30}") {
        prop_assert_eq!(expanded(&text, &[]), text);
    }

    #[test]
    fn escaped_text_comes_back(text in any::<String>()) {
        prop_assert_eq!(expanded(&text.replace('$', "$$"), &[]), text);
    }

    #[test]
    fn no_template_panics(text in "[${}:#%/^,=?*+ab0-9\\-\\[\\]]{0,30}", a in "[ab/*é]{0,5}") {
        let _outcome = substitute(manifest(json!({"a": text})), &variables(&[("a", &a)]));
    }

    #[test]
    fn a_value_is_a_scalar_wherever_it_stands(value in any::<String>()) {
        let object = substituted(json!({"a": "${v}", "b": "x${v}"}), &[("v", &value)]);
        prop_assert!(!object["a"].is_array() && !object["a"].is_object());
        let wanted = format!("x{}", value.replace('\n', ""));
        prop_assert_eq!(object["b"].as_str(), Some(wanted.as_str()));
    }
}
