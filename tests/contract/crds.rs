//! A real API server takes the CustomResourceDefinitions, and the examples as resources.
use super::{root, state_files};
use arcwright::yaml;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A control plane that ends with the test.
struct ControlPlane {
    directory: tempfile::TempDir,
    kubeconfig: PathBuf,
}

fn script() -> Command {
    Command::new(root("tests/support/control-plane.sh"))
}

impl ControlPlane {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let output = script().arg("up").arg(directory.path()).output().expect("the script runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let kubeconfig = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
        Self { directory, kubeconfig }
    }

    /// What `kubectl` prints, or what it complains about.
    fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("kubectl");
        let output = command.arg("--kubeconfig").arg(&self.kubeconfig).args(args).output().expect("kubectl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn apply(&self, path: &Path) -> Result<String, String> {
        self.kubectl(&["apply", "--server-side", "-f", path.to_str().expect("a path")])
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        script().arg("down").arg(self.directory.path()).status().ok();
    }
}

/// The example as a cluster takes it: in the namespace that it is for.
fn namespace(document: &Value) -> &str {
    ["/spec/namespace", "/spec/operatorNamespace"]
        .iter()
        .find_map(|pointer| document.pointer(pointer).and_then(Value::as_str))
        .unwrap_or("default")
}

#[test]
fn an_api_server_takes_the_definitions_and_the_examples() {
    let plane = ControlPlane::start();
    let crds = root("schemas/crds.yaml");
    plane.kubectl(&["apply", "--dry-run=server", "-f", crds.to_str().expect("a path")]).expect("a dry run");
    plane.apply(&crds).expect("the definitions");
    plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).expect("established");
    let conditions = plane
        .kubectl(&[
            "get",
            "crd",
            "-o",
            "jsonpath={.items[*].status.conditions[?(@.type==\"NonStructuralSchema\")].message}",
        ])
        .expect("conditions");
    assert_eq!(conditions, "", "the schemas are structural");

    for (path, text) in state_files() {
        for document in yaml::read(&text).expect("YAML") {
            let namespace = namespace(&document);
            // The namespace may be there already.
            plane.kubectl(&["create", "namespace", namespace]).ok();
            let file = plane.directory.path().join("example.json");
            std::fs::write(&file, document.to_string()).expect("a file");
            let file = file.to_str().expect("a path");
            // Another example may have the same name, and a scope that cannot be changed.
            plane.kubectl(&["delete", "--ignore-not-found", "-n", namespace, "-f", file]).ok();
            let applied = plane.kubectl(&["apply", "--validate=strict", "-n", namespace, "-f", file]);
            applied.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    columns_and_defaults(&plane);
    invalid_resources(&plane);
    create_only_fields(&plane);
}

fn columns_and_defaults(plane: &ControlPlane) {
    for short_name in ["fc", "scc"] {
        let table = plane.kubectl(&["get", short_name, "-A"]).expect("a table");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut lines = table.lines();
        let heading = words(lines.next().expect("a heading"));
        assert_eq!(heading, ["NAMESPACE", "NAME", "ENGINE", "URL", "INSTALL", "COMPLIANCE", "REVISION", "AGE"]);
        let row = words(lines.next().expect("a row"));
        assert_eq!(row[2], "native", "the default is filled in: {row:?}");
        assert!(row[3].contains("://") || row[3].contains('@'), "{row:?}");
    }
    let patch = "{\"status\":{\"complianceState\":\"Non-Compliant\",\"installState\":\"Installed\",\"sourceSyncedCommitId\":\"main@sha1:1\"}}";
    let name =
        plane.kubectl(&["get", "fc", "-A", "-o", "jsonpath={.items[0].metadata.namespace} {.items[0].metadata.name}"]);
    let name = name.expect("a name");
    let (namespace, name) = name.split_once(' ').expect("two words");
    let patched = ["patch", "fc", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch];
    plane.kubectl(&patched).expect("a status");
    let row = plane.kubectl(&["get", "fc", name, "-n", namespace, "--no-headers"]).expect("a row");
    assert!(row.contains("Installed") && row.contains("Non-Compliant") && row.contains("main@sha1:1"), "{row}");
}

fn invalid_resources(plane: &ControlPlane) {
    let head = "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {name: wrong}\nspec:\n";
    for (what, spec) in [
        ("an unknown scope", "  scope: everywhere\n"),
        ("no url", "  gitRepository: {}\n"),
        ("a time of zero", "  gitRepository: {url: https://example.org/a, timeoutInSeconds: 0}\n"),
        ("a short commit", "  gitRepository: {url: https://example.org/a, repositoryRef: {commit: abc}}\n"),
        (
            "a commit without its branch",
            "  gitRepository: {url: https://example.org/a, repositoryRef: {commit: 0123456789012345678901234567890123456789}}\n",
        ),
        ("a source that is not given", "  sourceKind: Bucket\n  gitRepository: {url: https://example.org/a}\n"),
        ("a directory of the agent's machine", "  gitRepository: {url: /srv/repository}\n"),
        ("a number for a variable", "  kustomizations: {a: {postBuild: {substitute: {b: 1}}}}\n"),
    ] {
        let file = plane.directory.path().join("wrong.yaml");
        std::fs::write(&file, format!("{head}{spec}")).expect("a file");
        assert!(plane.apply(&file).is_err(), "{what}");
    }
}

fn create_only_fields(plane: &ControlPlane) {
    let file = plane.directory.path().join("moved.yaml");
    let write = |scope: &str| {
        let text = format!(
            "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: moved}}\nspec:\n  scope: {scope}\n  gitRepository: {{url: https://example.org/a}}\n"
        );
        std::fs::write(&file, text).expect("a file");
        plane.kubectl(&["apply", "-f", file.to_str().expect("a path")])
    };
    write("namespace").expect("a configuration");
    let error = write("cluster").expect_err("scope is create-only");
    assert!(error.contains("scope cannot be changed"), "{error}");
    let all = plane.kubectl(&["get", "arcwright", "-A", "-o", "name"]).expect("the category");
    assert!(all.contains("fluxconfiguration.clusterconfig.azure.com/moved"), "{all}");
}
