use super::*;
use crate::{render::node, yaml};
use proptest::prelude::*;
use serde_json::json;

fn printed(value: &Value) -> String {
    value_to_yaml(value)
}

/// Why an object is not printed.
fn refusal(value: &Value) -> Option<String> {
    print(Node::from(value).as_map().expect("an object"), &mut String::new()).err().map(|error| error.to_string())
}

/// What is printed of an object written in YAML, or why it is not.
fn reprinted(yaml: &str) -> Result<String, String> {
    let node = node::one(yaml).expect("YAML").expect("a document");
    let mut out = String::new();
    print(node.as_map().expect("an object"), &mut out).map(|()| out).map_err(|error| error.to_string())
}

/// The text of a string under the key `k` of a map in a map, without the line of the outer key.
fn under_key(text: &str) -> String {
    let printed = printed(&json!({"m": {"k": text}}));
    printed.strip_prefix("m:\n  k: ").expect("the keys").strip_suffix('\n').expect("a last newline").to_owned()
}

#[test]
fn blocks_are_laid_out_as_kustomize_does() {
    let value = json!({
        "b": [1, [2, [3, {"d": [], "c": {}}]], {"f": null, "e": {"y": [true]}}],
        "a": {"x": [{"q": 1, "p": {"z": "1"}}], "10": -1, "9": 1.5},
    });
    assert_eq!(
        printed(&value),
        "\
a:
  \"9\": 1.5
  \"10\": -1
  x:
  - p:
      z: \"1\"
    q: 1
b:
- 1
- - 2
  - - 3
    - c: {}
      d: []
- e:
    \"y\":
    - true
  f: null
"
    );
}

#[test]
fn a_bare_value_is_a_document() {
    for (value, wanted) in [
        (json!(null), "null\n"),
        (json!({}), "{}\n"),
        (json!([]), "[]\n"),
        (json!([[]]), "- []\n"),
        (json!(1e6), "1000000\n"),
        (json!("a"), "a\n"),
        (json!("a\nb"), "|-\n  a\n  b\n"),
        (json!(""), "\"\"\n"),
    ] {
        assert_eq!(printed(&value), wanted);
    }
}

#[test]
fn documents_are_joined_by_markers() {
    let manifest = |name: &str| {
        let Value::Object(object) = json!({"metadata": {"name": name}, "kind": "A"}) else { panic!("an object") };
        Manifest::new(object, "")
    };
    assert_eq!(to_yaml(&[]), "");
    assert_eq!(to_yaml(&[manifest("x")]), "kind: A\nmetadata:\n  name: x\n");
    assert_eq!(
        to_yaml(&[manifest("x"), manifest("z")]),
        "kind: A\nmetadata:\n  name: x\n---\nkind: A\nmetadata:\n  name: z\n"
    );
}

#[test]
fn strings_take_the_least_quotes_that_keep_them() {
    for (text, wanted) in [
        ("text", "text"),
        ("two words", "two words"),
        ("a:b", "a:b"),
        ("x}", "x}"),
        ("key#", "key#"),
        ("é☃\u{a0}", "é☃\u{a0}"),
        ("?x", "?x"),
        (":x", ":x"),
        ("-x", "-x"),
        ("-", "'-'"),
        ("?", "'?'"),
        (":", "':'"),
        ("- x", "'- x'"),
        ("a: b", "'a: b'"),
        ("a:", "'a:'"),
        ("a #b", "'a #b'"),
        ("#a", "'#a'"),
        ("it's: ", "'it''s: '"),
        (" a", "' a'"),
        ("a ", "'a '"),
        ("---", "'---'"),
        ("...x", "'...x'"),
        ("true", "\"true\""),
        ("1:30", "\"1:30\""),
        ("a\tb", "\"a\\tb\""),
        ("a\rb", "\"a\\rb\""),
        ("😀", "\"\\U0001F600\""),
        ("\0\u{7}\u{8}\u{b}\u{c}\u{1b}\u{1}", "\"\\0\\a\\b\\v\\f\\e\\x01\""),
        ("\u{feff}a b", "\"\\uFEFF\\x61\\x20\\x62\""),
        ("a\u{feff}b", "\"a\\uFEFFb\""),
        ("\"\\\t", "\"\\\"\\\\\\t\""),
        ("a\u{2028}b", "'a\u{2028}    b'"),
        ("a \u{2028}b", "\"a \\Lb\""),
        ("a\u{85}b", "a b"),
    ] {
        assert_eq!(under_key(text), wanted, "{text:?}");
    }
}

#[test]
fn texts_of_several_lines_are_literal_blocks_where_they_can_be() {
    for (text, wanted) in [
        ("a\nb", "|-\n    a\n    b"),
        ("a\nb\n", "|\n    a\n    b"),
        ("a\n\n", "|+\n    a\n"),
        ("\n", "|2+\n"),
        ("\n\n", "|2+\n\n"),
        (" a\n", "|2\n     a"),
        ("\na", "|2-\n\n    a"),
        ("a\n b", "|-\n    a\n     b"),
        ("yes\n", "|\n    yes"),
        ("a \nb", "\"a \\nb\""),
        ("a\nb ", "\"a\\nb \""),
        ("a\tb\n", "\"a\\tb\\n\""),
        ("😀\n", "\"\\U0001F600\\n\""),
    ] {
        assert_eq!(under_key(text), wanted, "{text:?}");
    }
}

#[test]
fn lines_past_column_80_are_folded_at_single_spaces() {
    let long = "w".repeat(80);
    assert_eq!(under_key(&format!("{long} a  b c")), format!("{long}\n    a  b c"));
    assert_eq!(under_key(&format!("{long}  a b")), format!("{long}  a\n    b"));
    assert_eq!(under_key(&format!("{long}: a b")), format!("'{long}:\n    a b'"));
    assert_eq!(under_key(&format!("{long}\t a  b c ")), format!("\"{long}\\t\n    a\\_  b c \"").replace("\\_", ""));
    assert_eq!(under_key(&format!("{long}\t  a")), format!("\"{long}\\t\n    \\ a\""));
    assert_eq!(under_key(&"w".repeat(200)), "w".repeat(200), "a word is never split");
    let item = printed(&json!({"a": [format!("{long} b")]}));
    assert_eq!(item, format!("a:\n- {long}\n  b\n"));
}

#[test]
fn keys_that_are_long_or_of_several_lines_are_written_apart() {
    let key = "k".repeat(129);
    assert_eq!(printed(&json!({&key[1..]: 1})), format!("{}: 1\n", &key[1..]));
    assert_eq!(printed(&json!({&key: 1})), format!("? {key}\n: 1\n"));
    assert_eq!(printed(&json!({"a\nb": {"c": [1]}})), "? |-\n  a\n  b\n: c:\n  - 1\n");
    assert_eq!(printed(&json!({&key: [1, 2]})), format!("? {key}\n: - 1\n  - 2\n"));
    let spaced = "kk ".repeat(60);
    assert_eq!(printed(&json!({spaced.trim_end()[..128]: 1})).lines().count(), 1, "a key is not folded");
}

#[test]
fn characters_that_kustomize_refuses_are_named() {
    let character = |path: &str, code: &str| {
        Some(format!(
            "{path} holds the character U+{code}, which YAML does not allow; remove it or encode the text in base64"
        ))
    };
    assert_eq!(refusal(&json!({"data": {"a": ["x", "b\u{7f}"]}})), character("data.a[1]", "007F"));
    assert_eq!(refusal(&json!({"data": {"a": "", "b": "\u{9f}"}})), character("data.b", "009F"));
    assert_eq!(refusal(&json!({"data": {"\u{ffff}": ""}})), character("data", "FFFF"));
    assert_eq!(refusal(&json!({"\u{fffe}": ""})), character("the object", "FFFE"));
    let long = |path: &str| {
        Some(format!("{path} holds a key of more than 1024 characters, which YAML does not allow; shorten it"))
    };
    assert_eq!(refusal(&json!({"data": {"k".repeat(1_023): 1}})), long("data"));
    assert_eq!(refusal(&json!({"data": [{"<".repeat(171): 1}]})), long("data[0]"));
    let next_line = Some(
        "a holds a next-line character (U+0085) that cannot be printed there; replace it by a line feed".to_owned(),
    );
    assert_eq!(refusal(&json!({"a": "x\u{85}--- y"})), next_line);
    assert_eq!(refusal(&json!({"a": {"k\u{85}": 1}})), next_line);
}

#[test]
fn characters_that_kustomize_prints_are_printed() {
    let value = json!({
        "data": {"a": "\0\u{1}\u{1b}\t\r\n", "b": "\u{85}---", "c": "😀\u{feff}\u{2028}"}, "list": [1, null, true],
        "k".repeat(1_022): "é", "é".repeat(1_022): 1, "<".repeat(170): 1,
    });
    assert_eq!(refusal(&value), None);
}

#[test]
fn nodes_that_kustomize_refuses_are_named() {
    for (yaml, wanted) in [
        ("spec:\n  ports:\n  - port: {a: 1, b: 2, \"a\": 3}\n", "spec.ports[0].port has the key \"a\" twice"),
        ("a: 1\nb: 2\na: 1\n", "the object has the key \"a\" twice"),
        ("a: {5: x, '5': y}\n", "a has the key \"5\" twice"),
        ("a:\n- [{5: x}]\n", "a[0][0] has a key that is not a text; put it in quotes"),
        ("a: {~: x}\n", "a has a key that is not a text; put it in quotes"),
        ("a: {2001-01-01: x}\n", "a has a key that is not a text; put it in quotes"),
        ("a: {!!binary aGk=: x}\n", "a has a key that is not a text; put it in quotes"),
        ("a: {!!int \"5\": x}\n", "a has a key that is not a text; put it in quotes"),
        ("a: {!own k: x}\n", "a has a key that is not a text; put it in quotes"),
        ("~: x\n", "the object has a key that is not a text; put it in quotes"),
        ("!!int k: x\n", "the object has a key that is not a text; put it in quotes"),
        ("a: {b: [1, .inf]}\n", "a.b[1] is a number that JSON cannot hold"),
        ("a: !!int x\n", "a is not of the kind that its tag says"),
        ("a: !!binary \"?\"\n", "a is tagged !!binary but is not the base64 of a text"),
    ] {
        assert_eq!(reprinted(yaml), Err(wanted.to_owned()), "{yaml:?}");
    }
}

#[test]
fn scalars_are_printed_as_what_they_are() {
    for (text, wanted) in [
        ("0", "0"),
        ("-0", "0"),
        ("-12", "-12"),
        ("+1", "1"),
        ("007", "7"),
        ("0x1F", "31"),
        ("1_0", "10"),
        ("12345678901234567890", "12345678901234567890"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("~", "null"),
        ("TRUE", "true"),
        ("yes", "\"yes\""),
        ("2001-1-2", "\"2001-01-02T00:00:00Z\""),
        ("!!str 5", "\"5\""),
        ("!own 5", "\"5\""),
        ("!!binary aGk=", "hi"),
    ] {
        assert_eq!(reprinted(&format!("a: {text}\n")), Ok(format!("a: {wanted}\n")), "{text}");
    }
}

#[test]
fn keys_of_the_object_itself_may_be_no_texts() {
    assert_eq!(
        reprinted("b: 1\n5: x\n0x1F: y\ntrue: z\n.inf: v\n!own k: w\n").as_deref(),
        Ok("\".inf\": v\n\"0x1F\": \"y\"\n\"5\": x\nb: 1\nk: w\n\"true\": z\n")
    );
    assert_eq!(
        reprinted("b: {\"5\": 1, y: 2, !!str 6: 3}\n").as_deref(),
        Ok("b:\n  \"5\": 1\n  \"6\": 3\n  \"y\": 2\n")
    );
}

/// Values as rendering meets them, with strings that are hard to spell.
fn any_value() -> impl Strategy<Value = Value> {
    let piece = prop_oneof![
        Just("---"),
        Just("..."),
        Just(": "),
        Just(" #"),
        Just("- "),
        Just("\n"),
        Just("\n\n"),
        Just(" "),
        Just("  "),
        Just("\t"),
        Just("\r"),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("true"),
        Just("1"),
        Just("0x"),
        Just("_"),
        Just("é"),
        Just("😀"),
        Just("\u{2028}"),
        Just("\u{feff}"),
        Just("\u{0}"),
        Just("wwwwwwwwwwwwwwwwwwwwwww"),
        Just("%"),
        Just("&a"),
        Just("*a"),
        Just("!"),
        Just("|"),
        Just(">"),
        Just("["),
        Just("{"),
        Just(","),
        Just("?"),
        Just("~"),
    ];
    let text = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let leaf = prop_oneof![
        4 => text.clone().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_filter_map("JSON has no such number", |float| serde_json::Number::from_f64(float).map(Value::from)),
        1 => prop_oneof![Just(json!(null)), Just(json!(true)), Just(json!(false))],
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(text.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Whether a reader takes every key and text for itself: `<<` is a merge, and an indent after a line
/// separator is text by YAML 1.2.
fn is_readable(value: &Value) -> bool {
    let plain = |text: &str| {
        text != "<<" && refusal(&json!({"k": text})).is_none() && !text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
    };
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().all(is_readable),
        Value::Object(map) => map.iter().all(|(key, value)| plain(key) && is_readable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Numbers as floats, since printing makes integers of the floats that are.
fn with_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(with_floats).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, with_floats(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_value(value in any_value()) {
        prop_assume!(is_readable(&value));
        let text = printed(&value);
        let read = yaml::read(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let read = read.into_iter().next().unwrap_or(Value::Null);
        prop_assert_eq!(with_floats(read), with_floats(value), "{}", text);
    }

    #[test]
    fn printing_again_what_was_read_changes_nothing(value in any_value()) {
        prop_assume!(is_readable(&value));
        let text = printed(&value);
        let read = yaml::read(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        prop_assert_eq!(printed(read.first().unwrap_or(&Value::Null)), text);
    }

    #[test]
    fn any_text_is_printed_in_the_same_way_twice(text in any::<String>()) {
        prop_assert_eq!(under_key(&text), under_key(&text));
    }
}
