use super::{Dialect, Node, documents, one};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(text: &str) -> Value {
    let node = one(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    node.map_or(Value::Null, |node| {
        node.to_value(Dialect::Manifest).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    })
}

#[test]
fn blocks_are_read_by_their_indentation() {
    for (text, wanted) in [
        (
            "a: 1\nb:\n  c: x y\n  d:\n  - 1\n  - - 2\n    - 3\n  - e: f\n    g: h\n",
            json!({"a": 1, "b": {"c": "x y", "d": [1, [2, 3], {"e": "f", "g": "h"}]}}),
        ),
        ("a:\nb:\n  \nc: \"\"\n", json!({"a": null, "b": null, "c": ""})),
        ("a:\n- b\nc:\n  - d\n", json!({"a": ["b"], "c": ["d"]})),
        ("- a\n-\n- b: c\n  d: e\n", json!(["a", null, {"b": "c", "d": "e"}])),
        ("a: b\n  c\n\n  d\ne: f\n", json!({"a": "b c\nd", "e": "f"})),
        ("? a\n: b\n? c\n", json!({"a": "b", "c": null})),
        ("a: # comment\n  b # comment\n# comment\nc: d#e\n", json!({"a": "b", "c": "d#e"})),
        ("a: http://x:80/y\nb: -1\nc: - \n".trim_end_matches("c: - \n"), json!({"a": "http://x:80/y", "b": -1})),
        ("\"a\": 'it''s'\n'b': \"x\\n\\u00e9\\\n  y\"\n", json!({"a": "it's", "b": "x\né y".replace(" y", "y")})),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn block_scalars_keep_their_lines() {
    for (text, wanted) in [
        ("a: |\n  x\n\n  y\n", "x\n\ny\n"),
        ("a: |-\n  x\n   y\n", "x\n y"),
        ("a: |+\n  x\n\n", "x\n\n"),
        ("a: >\n  x\n  y\n\n  z\n   w\n  v\n", "x y\nz\n\n w\nv\n"),
        ("a: >\n  first\n\n\n  second\n", "first\n\nsecond\n"),
        ("a: |2\n   x\n", " x\n"),
        ("a: |\n\n  x\n", "\nx\n"),
        ("a: |\n  x\n# comment\nb: c\n", "x\n"),
    ] {
        assert_eq!(read(text)["a"], json!(wanted), "{text:?}");
    }
}

#[test]
fn flow_collections_are_read() {
    for (text, wanted) in [
        ("{\"a\":[1,2,{\"b\":null}],\"c\":\"d\"}", json!({"a": [1, 2, {"b": null}], "c": "d"})),
        ("a: {b: c, d, e: [f, g: h],}\n", json!({"a": {"b": "c", "d": "", "e": ["f", {"g": "h"}]}})),
        ("a: [\n x,\n y z\n]\nb: []\nc: {}\n", json!({"a": ["x", "y z"], "b": [], "c": {}})),
        ("[a, b]: c\n".trim_start_matches("[a, b]: c\n"), Value::Null),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
}

#[test]
fn anchors_aliases_and_merge_keys_are_resolved() {
    let text =
        "a: &x\n  k: 1\n  l: 2\nb:\n  <<: *x\n  l: 3\nc: *x\nd: &y v\ne: [*y, *y]\nf:\n  <<: [*x, {k: 9, m: 4}]\n";
    let wanted = json!({
        "a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}, "c": {"k": 1, "l": 2}, "d": "v", "e": ["v", "v"],
        "f": {"k": 1, "l": 2, "m": 4},
    });
    assert_eq!(read(text), wanted);
}

#[test]
fn scalars_mean_what_they_mean_to_kustomize() {
    for (text, wanted) in [
        ("yes", json!("yes")),
        ("True", json!(true)),
        ("~", Value::Null),
        ("0777", json!(511)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("1_000", json!(1000)),
        ("1e3", json!(1000.0)),
        (".5", json!(0.5)),
        ("08", json!(8.0)),
        ("1.2.3", json!("1.2.3")),
        ("2001-1-2", json!("2001-01-02T00:00:00Z")),
        ("2001-12-14t21:59:43.10-05:00", json!("2001-12-14T21:59:43.1-05:00")),
        ("!!str 5", json!("5")),
        ("!!int \"5\"", json!(5)),
        ("!!binary aGk=", json!("hi")),
        ("!custom 5", json!("5")),
        ("12345678901234567890", json!(12_345_678_901_234_567_890_u64)),
    ] {
        assert_eq!(read(&format!("a: {text}\n"))["a"], wanted, "{text}");
    }
    let wrong = one("a: .inf\n").ok().flatten().map(|node| node.to_value(Dialect::Manifest));
    assert!(matches!(wrong, Some(Err(_))), "infinity has no place in JSON");
    for text in ["!t a: 1\n", "2001-01-01: 1\n", "a: !!int \"\"\n", "a: !!float 9223372036854775808\n"] {
        let wrong = one(text).ok().flatten().map(|node| node.to_value(Dialect::Manifest));
        assert!(matches!(wrong, Some(Err(_))), "{text:?}");
    }
}

#[test]
fn what_libyaml_allows_is_read() {
    for (text, wanted) in [
        ("a: 1\n  \t\nb: 2\n", json!({"a": 1, "b": 2})),
        ("# c\n\n\t\n# d\na: 1\n", json!({"a": 1})),
        ("a:\n|\n  x\nb: &x\n|\n  y\n", json!({"a": "x\n", "b": "y\n"})),
        ("-\n|\n  x\n- y\n", json!(["x\n", "y"])),
        ("a: &x\n  !!map\n  b: c\nc: *x\n", json!({"a": {"b": "c"}, "c": {"b": "c"}})),
        ("a: &x\n- &x 1\nb: *x\n", json!({"a": [1], "b": 1})),
        ("!!merge <<: {a: 1}\nb: 2\n", json!({"a": 1, "b": 2})),
        ("\"<<\": 1\na: 2\n", json!({"a": 2})),
        ("!!str <<: 1\na: 2\n", json!({"a": 2})),
        ("a: \u{feff}b\n", json!({"a": "\u{feff}b"})),
        ("a: !!float 0x10\nb: !<tag:yaml.org,2002:str> 1\nc: ! 1\n", json!({"a": 16.0, "b": "1", "c": 1})),
        ("a: 1\n...\t# c\n---\n", json!({"a": 1})),
    ] {
        assert_eq!(read(text), wanted, "{text:?}");
    }
    assert_eq!(documents("~\n---\n# c\n---\nnull").map(|found| found.len()), Ok(0));
}

#[test]
fn values_are_those_that_kustomize_prints() {
    for (text, wanted) in [
        ("a: >\n  x\n    y\n  z\n", json!("x\n\n  y\nz\n")),
        ("a: >+\n  x\n  y\n\n", json!("x y\n\n\n")),
        ("a: >2\n   x\n  y\n\n  z\n", json!(" x\ny z\n")),
        ("a: >\n  x\n    😀\n", json!("x\n  😀\n")),
        ("a: {b: , c, <<: &x {d: }}\n", json!({"b": "", "c": "", "d": ""})),
        ("a:\n  <<: {d: }\n", json!({"d": null})),
        ("a: [2001-1-2 3:4:5, 2001-1-2]\n", json!(["2001-1-2 3:4:5", "2001-01-02T00:00:00Z"])),
    ] {
        assert_eq!(read(text)["a"], wanted, "{text:?}");
    }
    let node = one("a: >\n  x\n    y\nb: {c: }\n").expect("YAML").expect("a document");
    let unprinted = json!({"a": "x\n  y\n", "b": {"c": null}});
    assert_eq!(node.to_value(Dialect::Kustomization), Ok(unprinted));
}

#[test]
fn a_kustomization_is_read_by_yaml_1_1() {
    let node =
        one("a: yes\nb: off\nc: no way\na: 2\ny: 1\nd: 2001-01-01\ne: 1.10\n").expect("YAML").expect("a document");
    let wanted = json!({"a": 2, "b": false, "c": "no way", "true": 1, "d": "2001-01-01", "e": 1.1});
    assert_eq!(node.to_value(Dialect::Kustomization), Ok(wanted));
}

#[test]
fn what_is_no_yaml_is_an_error_that_says_where() {
    for (text, line) in [
        ("a: b: c\n", 1),
        ("a:\n\tb: c\n", 2),
        ("a: 1\n  b: 2\n", 2),
        ("a:\n    b: 1\n  c: 2\n", 3),
        ("- a\nb: c\n", 2),
        ("a: [1, 2\n", 2),
        ("a: \"x\n", 2),
        ("a: *x\n", 1),
        ("a: @x\n", 1),
        ("a: \"\\q\"\n", 1),
        ("x\ny: 1\n", 2),
        ("a: \u{1}\n", 1),
        ("{a: 1} b\n", 1),
        ("a: !!str !!int 1\n", 1),
        ("a: ! !!int 1\n", 1),
        ("a: &x\n  &y 1\n", 3),
        ("a: &x 1\nb: !!str *x\n", 2),
        ("a: &x 1\nb: &x [*x]\n", 2),
        ("a: !!\n", 1),
        ("a: !x!y z\n", 1),
        ("a: !!str\"x\"\n", 1),
        ("a: [\n-\n]\n", 2),
        ("...\n", 1),
        ("a: 1\n...\nb: 1\n", 3),
        ("---\n...\na: 1\n", 3),
        ("%YAML 1.2\n---\na: 1\n", 1),
    ] {
        let error = one(text).expect_err(text);
        assert_eq!(error.line, line, "{text:?}: {error}");
    }
}

#[test]
fn documents_are_split_at_separators() {
    let found = documents("# c\n---\na: 1\n--- # two\n---\nb: |\n  x\n---\nc: 2").expect("documents");
    let values: Vec<Value> = found.iter().map(|node| node.to_value(Dialect::Manifest).expect("a value")).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": "x\n"}), json!({"c": 2})]);
    assert_eq!(documents("a: 1\n--- b\nc: 1\n").expect_err("an error").line, 2);
    assert_eq!(documents("a: 1\n---\nb: [\n---\n").expect_err("an error").line, 4);
}

#[test]
fn bounds_hold() {
    assert!(one(&"[".repeat(100_000)).is_err());
    assert!(one(&"- ".repeat(100_000)).is_err());
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let inner = vec![format!("*a{}", i - 1); 9].join(",");
        bomb.push_str(&format!("a{i}: &a{i} [{inner}]\n"));
    }
    assert!(one(&bomb).is_err(), "an alias bomb");
}

/// Any JSON value whose texts are of characters that YAML allows.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~\n\té☃]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z~.:#-]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_read_as_it_is(value in values()) {
        prop_assert_eq!(read(&value.to_string()), value);
    }

    #[test]
    fn what_is_printed_is_read_back(value in values()) {
        prop_assert_eq!(read(&crate::render::value_to_yaml(&value)), value);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \ta-c0-2\n.<é]{0,60}") {
        let _read: Result<Option<Node>, _> = one(&text);
        let _documents: Result<Vec<Node>, _> = documents(&text);
    }
}
