//! `version`, `completions`, `schema`, `crds` and `render`.
use crate::support::Home;
use insta::assert_snapshot;

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
