//! Texts that are no state: each one an issue that says what to do, and none a panic.
use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_read() {
    let text = format!("{}---\n{}", flux("one"), flux("two")).replace('\n', "\r\n");
    for bytes in [text.clone().into_bytes(), [b"\xef\xbb\xbf", text.as_bytes()].concat()] {
        let state = loaded(&bytes);
        assert_eq!((names(&state), &state.issues), (vec!["one", "two"], &Vec::new()));
        assert_eq!(state.configurations[0].source.url, "https://example.org/one", "without a carriage return");
    }
    let wrong = format!("\u{feff}{}", flux("one").replace("url", "urll")).replace('\n', "\r\n");
    assert_snapshot!(issues(wrong), @"
    state.yaml:6:3: error: spec.gitRepository.url: is missing
    state.yaml:7:5: error: spec.gitRepository.urll: is not a known field (did you mean url?)
    ");
}

#[test]
fn json_is_read() {
    let text = serde_json::json!({
        "apiVersion": "clusterconfig.azure.com/v1beta1",
        "kind": "FluxConfiguration",
        "metadata": { "name": "one" },
        "spec": { "gitRepository": { "url": "https://example.org/one" } }
    });
    assert_eq!(names(&loaded(text.to_string().as_bytes())), ["one"]);
}

#[test]
fn a_file_without_documents_says_so() {
    assert_snapshot!(issues(""), @"state.yaml: error: is empty (what it stated before is kept; to have nothing, write a comment)");
    assert_snapshot!(issues(" \n\n"), @"state.yaml: error: is empty (what it stated before is kept; to have nothing, write a comment)");
    assert_snapshot!(issues("---\n"), @"state.yaml: warning: states no configuration");
    assert_snapshot!(issues("# nothing yet\n---\n---\n"), @"state.yaml: warning: states no configuration");
}

#[test]
fn what_is_not_a_text_says_so() {
    assert_snapshot!(issues(b"kind: x\nname: \xff\xfe\n"), @"state.yaml:2:7: error: is not UTF-8 (save it as a UTF-8 text)");
    assert_snapshot!(issues(b"\xff\xfek\0i\0n\0d\0"), @"state.yaml:1:1: error: is UTF-16, and must be UTF-8 (save it as a UTF-8 text)");
    assert_snapshot!(issues(flux("one").replace("example", "exa\0mple")), @"state.yaml:7:21: error: holds a NUL character (save it as a UTF-8 text)");
}

#[test]
fn what_is_not_yaml_says_where() {
    assert_snapshot!(issues(flux("one").replace("  gitRepository", "\tgitRepository")), @"state.yaml:6:2: error: is indented with a tab; YAML takes spaces (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(flux("one") + "  scope: [cluster\n"), @"state.yaml:8:10: error: is not YAML: unclosed bracket '[' (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(flux("one") + "  scope: cluster\n  scope: namespace\n"), @"state.yaml:9:3: error: the key scope is there twice (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(flux("one") + "  kustomizations:\n    app: {path: a}\n    app: {path: b}\n"), @"state.yaml:10:5: error: the key app is there twice (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(flux("one") + "  drift: *nowhere\n"), @"state.yaml:8:10: error: is not YAML: alias references unknown anchor (what it stated before is kept until it is mended)");
}

#[test]
fn a_text_that_costs_too_much_is_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let p = i - 1;
        bomb.push_str(&format!("a{i}: &a{i} [*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p}]\n"));
    }
    assert_snapshot!(issues(bomb), @"state.yaml:7:10: error: is larger than what is read, with its aliases expanded (what it stated before is kept until it is mended)");
    assert_snapshot!(issues("[".repeat(100_000)), @"state.yaml:1:256: error: is nested deeper than what is read (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(format!("spec: {}", "{a: ".repeat(300))), @"state.yaml:1:1027: error: is nested deeper than what is read (what it stated before is kept until it is mended)");
    assert_snapshot!(issues("- a\n".repeat(10_001).replace("- a", "---\na: 1")), @"state.yaml:20001:1: error: holds more documents than are read (what it stated before is kept until it is mended)");
    assert_snapshot!(issues(vec![b'#'; crate::yaml::MAX_TEXT_BYTES + 1]), @"state.yaml: error: is larger than the 32 MiB that are read (a state file holds configurations; manifests belong into the repository)");
}

#[test]
fn another_kind_of_resource_says_what_to_write_instead() {
    let documents = [
        ("List", "apiVersion: v1\nkind: List\nitems: []\n"),
        (
            "FluxConfigurationList",
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfigurationList\nitems: []\n",
        ),
        ("of a cluster", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
        ("of Flux", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n"),
        ("old Arc", "apiVersion: clusterconfig.azure.com/v1beta1\nkind: GitConfig\nmetadata: {name: a}\n"),
        ("mistyped", "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfigration\nmetadata: {name: a}\n"),
        ("none", "metadata: {name: a}\n"),
        ("a list", "- kind: FluxConfiguration\n"),
        ("a word", "FluxConfiguration\n"),
        (
            "ARM",
            "{\"name\": \"a\", \"type\": \"Microsoft.KubernetesConfiguration/fluxConfigurations\", \"properties\": {}}",
        ),
    ];
    let found: Vec<String> = documents.iter().map(|(what, text)| format!("{what}: {}", issues(text))).collect();
    assert_snapshot!(found.join("\n"), @"
    List: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (write each item as a document of its own, with --- between them)
    FluxConfigurationList: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (write each item as a document of its own, with --- between them)
    of a cluster: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (other objects belong into the repository, not into the state)
    of Flux: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (that is a resource of Flux itself; state the source and its kustomizations as one FluxConfiguration)
    old Arc: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (did you mean SourceControlConfiguration?)
    mistyped: state.yaml:2:1: error: kind: must be FluxConfiguration or SourceControlConfiguration (did you mean FluxConfiguration?)
    none: state.yaml:1:1: error: kind: is missing (FluxConfiguration or SourceControlConfiguration)
    a list: state.yaml:1:1: error: is no configuration, but a plain value or a list (write one resource a document, with apiVersion, kind, metadata and spec, and --- between documents)
    a word: state.yaml:1:1: error: is no configuration, but a plain value or a list (write one resource a document, with apiVersion, kind, metadata and spec, and --- between documents)
    ARM: state.yaml:1:1: error: is in the form of the ARM resource (write apiVersion: clusterconfig.azure.com/v1beta1, the kind, metadata.name, and under spec what is in properties)
    ");
}

#[test]
fn a_key_writes_no_lines_into_a_log() {
    let found = issues(flux("one") + "  \"a\\nb\\e[31m\": 1\n");
    assert!(found.contains(r"spec.a\nb\u{1b}[31m"), "{found:?}");
    assert_eq!(found.lines().count(), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_a_load_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        loaded(&bytes);
    }

    #[test]
    fn no_text_makes_a_load_panic(text in "(\\PC|[\\n:{}\\[\\]-]){0,200}") {
        loaded(text.as_bytes());
    }

    #[test]
    fn no_spec_makes_a_load_panic(
        field in "(url|path|scope|timeoutInSeconds|kustomizations|operatorParams|repositoryUrl|httpsUser|branch)",
        value in "(\\PC){0,40}",
    ) {
        let quoted = serde_json::Value::from(value);
        loaded(format!("{}    {field}: {quoted}\n", flux("one")).as_bytes());
        loaded(format!("{}  {field}: {quoted}\n", source_control("one")).as_bytes());
    }
}
