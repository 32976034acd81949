mod properties;

use super::*;
use crate::render::tree::MemoryTree;

fn options() -> Options {
    Options { order: Order::Fifo, ..Options::of_kustomize() }
}

fn built(files: &[(&str, &str)]) -> Result<String, String> {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, *text)));
    build(&tree, "", &options())
        .map(|manifests| to_yaml(&manifests))
        .map_err(|error| crate::error::Chain(&error).to_string())
}

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n")
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - {name: web, image: 'nginx:1.25', envFrom: [{configMapRef: {name: settings}}]}\n";

#[test]
fn an_overlay_renames_what_a_base_generates_and_what_refers_to_it() {
    let out = built(&[
        (
            "base/kustomization.yaml",
            "resources: [web.yaml]\nconfigMapGenerator:\n- {name: settings, literals: [colour=blue]}\n",
        ),
        ("base/web.yaml", WEB),
        (
            "kustomization.yaml",
            "resources: [base]\nnamePrefix: shop-\nnamespace: apps\nimages: [{name: nginx, newTag: '1.27'}]\nreplicas: [{name: web, count: 3}]\nlabels: [{pairs: {team: a}, includeSelectors: true}]\n",
        ),
    ]);
    insta::assert_snapshot!(out.expect("rendered"), @r"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      labels:
        team: a
      name: shop-web
      namespace: apps
    spec:
      replicas: 3
      selector:
        matchLabels:
          app: web
          team: a
      template:
        metadata:
          labels:
            app: web
            team: a
        spec:
          containers:
          - envFrom:
            - configMapRef:
                name: shop-settings-6g6gd9868f
            image: nginx:1.27
            name: web
    ---
    apiVersion: v1
    data:
      colour: blue
    kind: ConfigMap
    metadata:
      labels:
        team: a
      name: shop-settings-6g6gd9868f
      namespace: apps
    ");
}

#[test]
fn patches_of_both_kinds_see_the_names_of_the_base() {
    let out = built(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", WEB),
        (
            "kustomization.yaml",
            "resources: [base]\nnameSuffix: -b\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec: {template: {spec: {containers: [{name: web, image: 'other:1'}, {name: side, image: 'side:1'}]}}}\n- target: {kind: Deployment, name: we.*, labelSelector: '!absent'}\n  patch: |\n    - {op: replace, path: /spec/replicas, value: 5}\n    - {op: remove, path: /spec/selector/matchLabels}\n",
        ),
    ]);
    insta::assert_snapshot!(out.expect("rendered"), @r"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web-b
    spec:
      replicas: 5
      selector: {}
      template:
        metadata:
          labels:
            app: web
        spec:
          containers:
          - envFrom:
            - configMapRef:
                name: settings
            image: other:1
            name: web
          - image: side:1
            name: side
    ");
}

#[test]
fn a_component_acts_on_all_that_its_parent_has() {
    let out = built(&[
        ("kustomization.yaml", "resources: [a.yaml]\ncomponents: [part]\n"),
        ("a.yaml", &config("a")),
        (
            "part/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [b.yaml]\nnamePrefix: p-\n",
        ),
        ("part/b.yaml", &config("b")),
    ]);
    let out = out.expect("rendered");
    assert!(out.contains("name: p-a") && out.contains("name: p-b"), "{out}");
}

#[test]
fn a_directory_without_a_kustomization_is_all_the_manifests_below_it() {
    let tree = MemoryTree::new([
        ("a.yaml", config("a")),
        ("deep/b.yml", config("b")),
        ("deep/notes.txt", "not: read".to_owned()),
        ("own/kustomization.yaml", "resources: [c.yaml]\nnamePrefix: x-\n".to_owned()),
        ("own/c.yaml", config("c")),
        ("own/unlisted.yaml", config("d")),
    ]);
    let generate = Options { generate: true, ..options() };
    let manifests = build(&tree, "", &generate).expect("rendered");
    let names: Vec<&str> = manifests.iter().map(Manifest::name).collect();
    assert_eq!(names, ["a", "b", "x-c"]);
    let strict = build(&tree, "", &options()).expect_err("no kustomization");
    assert_eq!(strict.reason(), "BuildFailed");
}

#[test]
fn what_is_wrong_is_named_with_its_file_and_never_shown() {
    for (files, words) in [
        (vec![("kustomization.yaml", "resources: [gone.yaml]\n")], vec!["kustomization.yaml", "gone.yaml"]),
        (vec![("kustomization.yaml", "resource: [a.yaml]\n")], vec!["kustomization.yaml", "resource"]),
        (
            vec![("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", "kind: Secret\nstringData: [swordfish\n")],
            vec!["a.yaml"],
        ),
        (vec![("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", "- swordfish\n")], vec!["a.yaml"]),
        (vec![("kustomization.yaml", "resources: [../other]\n")], vec!["../other"]),
        (vec![("kustomization.yaml", "helmCharts: [{name: x}]\n")], vec!["helmCharts"]),
        (
            vec![
                ("kustomization.yaml", "resources: [a.yaml]\nimages: [{name: '['}]\n"),
                ("a.yaml", "kind: X\nmetadata: {name: a}\n"),
            ],
            vec!["images"],
        ),
    ] {
        let error = built(&files).expect_err("an error");
        assert!(words.iter().all(|word| error.contains(word)) && !error.contains("swordfish"), "{error}");
    }
}

#[test]
fn directories_that_name_each_other_are_a_cycle() {
    let error = built(&[
        ("a/kustomization.yaml", "resources: [../b]\n"),
        ("b/kustomization.yaml", "resources: [../a]\n"),
        ("kustomization.yaml", "resources: [a]\n"),
    ]);
    assert!(error.as_ref().is_err_and(|error| error.contains("cycle")), "{error:?}");
    let own = built(&[("kustomization.yaml", "resources: [.]\n")]);
    assert!(own.as_ref().is_err_and(|error| error.contains("cycle")), "{own:?}");
}

#[test]
fn a_file_outside_the_root_is_read_only_where_that_is_allowed() {
    let tree = MemoryTree::new([
        ("a/kustomization.yaml", "resources: [../common.yaml]\n".to_owned()),
        ("common.yaml", config("common")),
    ]);
    assert!(matches!(build(&tree, "a", &options()), Err(RenderError::Restricted { .. })));
    let free = Options { load_restriction: false, ..options() };
    assert_eq!(build(&tree, "a", &free).expect("rendered").len(), 1);
}

#[test]
fn the_legacy_order_is_by_kind_and_the_kustomization_may_choose() {
    let files = |sort: &str| {
        let text = format!("resources: [all.yaml]\n{sort}");
        let all = "kind: Widget\napiVersion: x/v1\nmetadata: {name: w}\n---\nkind: Service\napiVersion: v1\nmetadata: {name: s}\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: n}\n";
        MemoryTree::new([("kustomization.yaml", text), ("all.yaml", all.to_owned())])
    };
    let kinds = |sort: &str, order: Order| {
        let manifests = build(&files(sort), "", &Options { order, ..options() }).expect("rendered");
        manifests.iter().map(|manifest| manifest.kind().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("", Order::Fifo), ["Widget", "Service", "Namespace"]);
    assert_eq!(kinds("", Order::Legacy), ["Namespace", "Service", "Widget"]);
    assert_eq!(kinds("sortOptions: {order: fifo}\n", Order::Legacy), ["Widget", "Service", "Namespace"]);
    let own = "sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Service], orderLast: [Namespace]}}\n";
    assert_eq!(kinds(own, Order::Fifo), ["Service", "Widget", "Namespace"]);
}

#[test]
fn a_label_added_in_several_places_is_one_label() {
    let bare = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let of = |overlay: &str| {
        let out = built(&[
            ("base/kustomization.yaml", "resources: [web.yaml]\ncommonLabels: {team: a}\n"),
            ("base/web.yaml", bare),
            ("kustomization.yaml", &format!("resources: [base]\n{overlay}")),
        ]);
        let out = out.expect("rendered");
        (out.matches("team: a").count(), out.matches("team: b").count())
    };
    assert_eq!(of("labels: [{pairs: {team: b}}]\n"), (0, 3));
    let patch = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {team: b}}}";
    assert_eq!(of(&format!("patches: [{{patch: '{patch}'}}]\n")), (0, 3));
    // A JSON patch makes everything anew.
    let json = r#"[{"op": "replace", "path": "/metadata/labels/team", "value": "b"}]"#;
    assert_eq!(of(&format!("patches: [{{target: {{}}, patch: '{json}'}}]\n")), (2, 1));
}

#[test]
fn what_lost_its_name_or_shares_it_is_refused() {
    let all = [config("a"), config("b")].join("---\n");
    for (operation, words) in [
        (r#"{"op": "replace", "path": "/metadata/name", "value": "a"}"#, "same name"),
        (r#"{"op": "remove", "path": "/metadata/name"}"#, "took away"),
    ] {
        let patch = format!("resources: [all.yaml]\npatches: [{{target: {{name: b}}, patch: '[{operation}]'}}]\n");
        let error = built(&[("kustomization.yaml", &patch), ("all.yaml", &all)]).expect_err("an error");
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn values_of_generators_stay_texts_and_made_fields_do_not() {
    let out = built(&[
        (
            "base/kustomization.yaml",
            "configMapGenerator: [{name: c, literals: [a=1], options: {disableNameSuffixHash: true}}]\n",
        ),
        (
            "kustomization.yaml",
            "resources: [base]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: 2}}'}]\nreplacements: [{sourceValue: '3', targets: [{select: {name: c}, options: {create: true}, fieldPaths: [made]}]}]\n",
        ),
    ]);
    insta::assert_snapshot!(out.expect("rendered"), @r#"
    apiVersion: v1
    data:
      a: "2"
    kind: ConfigMap
    made: 3
    metadata:
      name: c
    "#);
    let number = built(&[("kustomization.yaml", "configMapGenerator: [{name: c, literals: ['1=x']}]\n")]);
    assert!(number.is_err(), "{number:?}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(kustomization in proptest::collection::vec(proptest::num::u8::ANY, 0..200), manifest in "\\PC{0,200}") {
        let tree = MemoryTree::new([
            ("kustomization.yaml", [b"resources: [a.yaml]\n".as_slice(), &kustomization].concat()),
            ("a.yaml", manifest.into_bytes()),
        ]);
        drop(build(&tree, "", &options()));
    }

    #[test]
    fn rendering_what_was_rendered_changes_nothing(names in proptest::collection::btree_set("[a-z]{1,4}", 1..6)) {
        let text: Vec<String> = names.iter().map(|name| config(name)).collect();
        let once = built(&[("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", &text.join("---\n"))]).expect("rendered");
        let again = built(&[("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", &once)]).expect("rendered");
        proptest::prop_assert_eq!(once, again);
    }
}
