//! `version`, `completions`, `schema`, `crds` and `render`.
use crate::support::Home;
use insta::assert_snapshot;
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

#[test]
fn the_version_is_for_people_and_for_programs() {
    let home = Home::new();
    assert_eq!(home.run(&["version"]).stdout, format!("arcwright {}\n", env!("CARGO_PKG_VERSION")));
    let value: serde_json::Value = serde_json::from_str(&home.run(&["version", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert!(home.run(&["version", "-o", "yaml"]).stdout.starts_with("platform: "), "sorted, as kustomize prints");
}

#[test]
fn every_shell_has_completions() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = home.run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("reconcile") && ran.stdout.contains("suspend"), "{shell}");
    }
}

#[test]
fn schemas_and_definitions_are_printed() {
    let home = Home::new();
    let schema: serde_json::Value = serde_json::from_str(&home.run(&["schema"]).stdout).expect("JSON");
    assert!(schema.is_object());
    assert!(home.run(&["crds"]).stdout.contains("kind: CustomResourceDefinition"));
}

#[test]
fn a_directory_is_rendered_as_kustomize_does() {
    let home = Home::new();
    home.write(
        "app/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [config.yaml]\n",
    );
    home.write(
        "app/config.yaml",
        "kind: ConfigMap\napiVersion: v1\nmetadata: {name: app}\ndata:\n  y: \"on\"\n  port10: '80'\n  port2: \"a\\tb\"\n  text: |\n    two\n    lines\n",
    );
    assert_snapshot!(home.run(&["render", "app"]).stdout, @r#"
    apiVersion: v1
    data:
      port2: "a\tb"
      port10: "80"
      text: |
        two
        lines
      "y": "on"
    kind: ConfigMap
    metadata:
      name: app
    "#);
    let ran = home.run(&["render", "nowhere"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("Error: "), "{}", ran.stderr);
}

#[test]
fn charts_are_rendered_only_when_that_is_enabled() {
    let home = Home::new();
    home.write("app/kustomization.yaml", "helmCharts: [{name: web, releaseName: r}]\n");
    home.write("app/charts/web/values.yaml", "a: b\n");
    home.write_program("helm", "echo 'kind: ConfigMap'; echo 'apiVersion: v1'; echo \"metadata: {name: $2$SECRET}\"");
    let ran = home.run(&["render", "app"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("use --enable-helm"), "{}", ran.stderr);
    let mut command = home.command();
    command.args(["render", "app", "--enable-helm"]).env("PATH", home.path("")).env("SECRET", "s3cret");
    let ran = home.ran(command.output().expect("arcwright runs"));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: r\n"));
}

const ELSEWHERE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: elsewhere}\n";
const ELSEWHERE_RENDERED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: elsewhere\n";

/// A repository of the test's directory with a directory `app`, tagged `v1`.
fn repository(home: &Home, name: &str) {
    let repository = git2::Repository::init_bare(home.path(name)).expect("a repository");
    let file = |text: &str| repository.blob(text.as_bytes()).expect("a blob");
    let tree = |entries: &[(&str, git2::Oid, i32)]| {
        let mut tree = repository.treebuilder(None).expect("a tree");
        for (name, id, mode) in entries {
            tree.insert(name, *id, *mode).expect("an entry");
        }
        tree.write().expect("a tree")
    };
    let kustomization = file("resources: [config.yaml]\n");
    let app = tree(&[("kustomization.yaml", kustomization, 0o100_644), ("config.yaml", file(ELSEWHERE), 0o100_644)]);
    let root = repository.find_tree(tree(&[("app", app, 0o040_000)])).expect("a tree");
    let who = git2::Signature::now("t", "t@example.org").expect("a person");
    let commit = repository.commit(Some("refs/tags/v1"), &who, &who, "change", &root, &[]).expect("a commit");
    repository.reference("refs/heads/main", commit, true, "").expect("a branch");
    repository.set_head("refs/heads/main").expect("a default branch");
}

#[test]
fn a_base_elsewhere_is_fetched_only_when_that_is_enabled() {
    let home = Home::new();
    repository(&home, "repo.git");
    let url = format!("file://{}", home.path("repo.git").display());
    for reference in ["", "?ref=v1", "?ref=main", "?ref=refs/heads/main"] {
        home.write("app/kustomization.yaml", &format!("resources: ['{url}/app{reference}']\n"));
        let ran = home.run(&["render", "app"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        assert!(ran.stderr.contains("only `arcwright render --enable-remote` fetches that"), "{}", ran.stderr);
        let ran = home.run(&["render", "app", "--enable-remote"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ELSEWHERE_RENDERED), "{reference}: {}", ran.stderr);
    }
    let ran = home.run(&["render", &format!("{url}/app"), "--enable-remote"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ELSEWHERE_RENDERED), "{}", ran.stderr);
    let ran = home.run(&["render", &format!("{url}/app")]);
    assert!(ran.code == 1 && ran.stderr.contains("--enable-remote fetches repositories"), "{}", ran.stderr);
    home.write("app/kustomization.yaml", &format!("resources: ['{url}/app?ref=gone']\n"));
    let ran = home.run(&["render", "app", "--enable-remote"]);
    assert!(ran.stderr.contains("has no branch gone; it has main"), "{}", ran.stderr);
}

#[test]
fn a_file_elsewhere_is_fetched() {
    let home = Home::new();
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("an address");
    let served = std::thread::spawn(move || {
        let (mut client, _) = server.accept().expect("a client");
        let mut request = [0; 4096];
        let length = client.read(&mut request).expect("a request");
        let length_of = ELSEWHERE.len();
        write!(client, "HTTP/1.1 200 OK\r\ncontent-length: {length_of}\r\nconnection: close\r\n\r\n{ELSEWHERE}")
            .expect("an answer");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    home.write("app/kustomization.yaml", &format!("resources: ['http://{address}/some/config.yaml']\n"));
    let ran = home.run(&["render", "app", "--enable-remote"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ELSEWHERE_RENDERED), "{}", ran.stderr);
    assert!(served.join().expect("a request").starts_with("GET /some/config.yaml HTTP/1.1\r\n"));
}
