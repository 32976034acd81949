//! What holds for any input: a result renders to itself, the order of what is named does not matter where objects are sorted,
//! and no text brings the renderer down.
use super::super::{Options, build_yaml};
use crate::render::{
    kustomization::Kustomization,
    node,
    object::{json6902, path},
    tree::MemoryTree,
};
use proptest::prelude::*;

fn rendered(files: &[(&str, String)]) -> Result<String, String> {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, text.as_str())));
    build_yaml(&tree, "", &Options::of_kustomize()).map_err(|error| error.to_string())
}

/// Objects of several kinds; numbers tell them apart.
fn object() -> impl Strategy<Value = (u8, u8, String)> {
    (0..5_u8, 0..30_u8, "[ -~é☃]{0,40}")
}

fn manifest((kind, number, text): &(u8, u8, String)) -> String {
    let text = serde_json::to_string(text).expect("a text");
    match kind {
        0 => format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{text: {text}}}\n"),
        1 => format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, labels: {{}}}}\nspec: {{ports: [{{port: {number}}}]}}\n"
        ),
        2 => format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{number}}}\nspec:\n  template:\n    spec:\n      containers:\n      - {{name: main, image: \"app:{number}\", args: [{text}]}}\n"
        ),
        3 => format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: n{number}}}\n"),
        _ => format!(
            "apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w{number}, annotations: {{note: {text}}}}}\nspec: null\n"
        ),
    }
}

/// A kustomization of one file for each object, in the given order.
fn files(objects: &[(u8, u8, String)], fields: &str) -> Vec<(&'static str, String)> {
    const NAMES: [&str; 8] = ["0.yaml", "1.yaml", "2.yaml", "3.yaml", "4.yaml", "5.yaml", "6.yaml", "7.yaml"];
    let mut named = String::from("resources:\n");
    let mut files = Vec::new();
    for (name, object) in NAMES.iter().zip(objects) {
        named.push_str(&format!("- {name}\n"));
        files.push((*name, manifest(object)));
    }
    files.push(("kustomization.yaml", named + fields));
    files
}

const FIELDS: &str = "namespace: prod\nnamePrefix: x-\ncommonAnnotations: {by: me}\nlabels:\n- pairs: {team: a}\n  includeSelectors: true\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_result_renders_to_itself(objects in proptest::collection::vec(object(), 1..8)) {
        if let Ok(once) = rendered(&files(&objects, FIELDS)) {
            let again = [("kustomization.yaml", "resources: [all.yaml]\n".to_owned()), ("all.yaml", once.clone())];
            prop_assert_eq!(rendered(&again), Ok(once));
        }
    }

    #[test]
    fn sorted_objects_do_not_depend_on_the_order_of_files(objects in proptest::collection::vec(object(), 1..8)) {
        let mut reversed = objects.clone();
        reversed.reverse();
        let (one, other) = (rendered(&files(&objects, FIELDS)), rendered(&files(&reversed, FIELDS)));
        prop_assert_eq!(one.is_ok(), other.is_ok());
        if let (Ok(one), Ok(other)) = (one, other) {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn any_kustomization_is_rendered_or_refused(text in "[a-zA-Z:{}\\[\\],&*!|>'\"# \n-]{0,200}", known in 0..8_usize) {
        const KNOWN: [&str; 8] =
            ["resources", "patches", "images", "replacements", "vars", "labels", "configMapGenerator", "transformers"];
        let text = format!("{}: {text}\n", KNOWN[known]);
        let files = [("kustomization.yaml", text), ("a.yaml", manifest(&(0, 0, String::new())))];
        let _either: Result<String, String> = rendered(&files);
    }

    #[test]
    fn any_file_that_a_field_names_is_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        words in "[a-zA-Z0-9:{}\\[\\],&*!|>'\"#=/. \n-]{0,200}",
        field in 0..13_usize,
    ) {
        const NAMING: [&str; 13] = [
            "bases: [b]", "components: [b]", "crds: [b]", "configurations: [b]", "openapi: {path: b}",
            "patches: [{path: b}]", "patches: [{path: b, target: {kind: ConfigMap}}]",
            "patchesJson6902: [{path: b, target: {version: v1, kind: ConfigMap, name: c0}}]",
            "replacements: [{path: b}]", "configMapGenerator: [{name: g, envs: [b]}]",
            "secretGenerator: [{name: g, files: [b]}]", "generators: [b]", "transformers: [b]",
        ];
        for text in [String::from_utf8_lossy(&bytes).into_owned(), words] {
            let kustomization = format!("resources: [a.yaml]\n{}\n", NAMING[field]);
            let files = [("kustomization.yaml", kustomization), ("a.yaml", manifest(&(0, 0, String::new()))), ("b", text)];
            let _either: Result<String, String> = rendered(&files);
        }
    }

    #[test]
    fn any_text_in_a_field_is_read_or_refused(text in "[ -~é]{0,60}", field in 0..9_usize) {
        const FIELDS: [&str; 9] = [
            "patches: [{patch: \"{data: {a: b}, kind: ConfigMap, metadata: {name: c0}, apiVersion: v1}\", target: {labelSelector: TEXT}}]",
            "patches: [{patch: \"[{op: add, path: /data, value: {}}]\", target: {annotationSelector: TEXT}}]",
            "patches: [{patch: TEXT, target: {name: TEXT}}]",
            "images: [{name: TEXT, newTag: TEXT}]",
            "replacements: [{source: {kind: ConfigMap, fieldPath: TEXT}, targets: [{select: {kind: ConfigMap}, fieldPaths: [TEXT]}]}]",
            "configMapGenerator: [{name: TEXT, literals: [TEXT]}]",
            "vars: [{name: TEXT, objref: {kind: ConfigMap, name: c0, apiVersion: TEXT}, fieldref: {fieldPath: TEXT}}]",
            "resources: [TEXT]",
            "namePrefix: TEXT",
        ];
        let text = serde_json::to_string(&text).expect("a text");
        let kustomization = format!("bases: [a.yaml]\n{}\n", FIELDS[field].replace("TEXT", &text));
        let files = [("kustomization.yaml", kustomization), ("a.yaml", manifest(&(0, 0, String::new())))];
        let _either: Result<String, String> = rendered(&files);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _either = Kustomization::parse(&text, "kustomization.yaml");
        let _either = json6902::read_text(&text);
        let _either = node::documents(&text);
        let parts = path::split(&text);
        let mut object = node::Node::map();
        let _either = path::look_up(&object, &parts);
        let _either = path::each(&mut object, &parts, Some(path::Kind::Scalar), &mut |_| Ok(()));
        let tree = MemoryTree::new([("kustomization.yaml", &b"resources: [a.yaml]"[..]), ("a.yaml", &bytes)]);
        let _either = build_yaml(&tree, "", &Options::of_kustomize());
    }
}
