use crate::render::{
    Options, Order, build,
    helm::{Access, Limits, environment},
    to_yaml,
    tree::{DirectoryTree, MemoryTree},
};
use std::{ffi::OsString, fs, path::PathBuf, process::Command, time::Duration};

/// Prints one object, whatever it is asked for.
const PRINTS: &str = "echo 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}'";

/// A program that stands for `helm`, and a directory that it may write to as `$HOME`.
struct Fake(tempfile::TempDir);

impl Fake {
    fn new(script: &str) -> Self {
        let fake = Self(tempfile::tempdir().expect("a directory"));
        // Another process writes it: were it open here, a program that another test starts would keep it so, and a file
        // that is open for writing is not run.
        let write = "printf '%s\n' '#!/bin/sh' \"$1\" > \"$0\"; chmod +x \"$0\"";
        let written = Command::new("sh").args(["-c", write]).arg(fake.path("helm")).arg(script).status();
        assert!(written.is_ok_and(|status| status.success()));
        fake
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn wrote(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("what the program wrote").trim().to_owned()
    }

    fn access(&self) -> Access {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let environment: Vec<(OsString, OsString)> = vec![("PATH".into(), path), ("HOME".into(), self.0.path().into())];
        Access { command: Some(self.path("helm")), environment, ..Access::default() }
    }

    fn rendered(&self, kustomization: &str) -> Result<String, String> {
        rendered(self.access(), kustomization, &[])
    }
}

/// What a kustomization with a chart `web` comes to.
fn rendered(access: Access, kustomization: &str, more: &[(&str, &str)]) -> Result<String, String> {
    let files = [
        ("app/kustomization.yaml", kustomization),
        ("app/charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("app/charts/web/values.yaml", "a: of-the-chart\nb: {c: 1, d: 2}\n"),
        (
            "app/charts/web/templates/config.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}', namespace: '{{ .Release.Namespace }}'}\ndata: {a: '{{ .Values.a }}', kube: '{{ .Capabilities.KubeVersion }}'}\n",
        ),
        ("outside.yaml", "a: outside\n"),
    ];
    let tree = MemoryTree::new(files.iter().chain(more).map(|(path, text)| (*path, *text)));
    let options = Options { order: Order::Fifo, helm: access, ..Options::of_kustomize() };
    build(&tree, "app", &options)
        .map(|manifests| to_yaml(&manifests))
        .map_err(|error| crate::error::Chain(&error).to_string())
}

#[test]
fn the_program_gets_the_chart_the_values_and_little_else() {
    let fake = Fake::new(&format!(
        "ls $3 > $HOME/chart; shift 3; for a; do case $a in --values=*) cat ${{a#--values=}} >> $HOME/values; echo >> $HOME/values;; esac; done; echo $* > $HOME/arguments; env > $HOME/environment; {PRINTS}"
    ));
    let made = fake.rendered(
        "namespace: apps\nhelmCharts:\n- name: web\n  releaseName: r\n  valuesInline: {b: {c: 3}}\n  additionalValuesFiles: [more.yaml]\n  apiVersions: [a/v1]\n  includeCRDs: true\n  skipHooks: true\n",
    );
    assert!(made.expect_err("a file is missing").contains("more.yaml"));
    let access = Access { kube_version: "1.30".to_owned(), api_versions: vec!["b/v1".to_owned()], ..fake.access() };
    let made = rendered(
        access,
        "namespace: apps\nhelmCharts:\n- name: web\n  releaseName: r\n  valuesInline: {b: {c: 3}}\n  additionalValuesFiles: [more.yaml]\n  apiVersions: [a/v1]\n  includeCRDs: true\n  skipHooks: true\n",
        &[("app/more.yaml", "more: true\n")],
    );
    assert_eq!(
        made.as_deref(),
        Ok("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\n"),
        "no namespace is set"
    );
    assert_eq!(fake.wrote("chart"), "Chart.yaml\ntemplates\nvalues.yaml");
    assert_eq!(fake.wrote("values"), "{\"a\":\"of-the-chart\",\"b\":{\"c\":3,\"d\":2}}\nmore: true");
    let arguments = fake.wrote("arguments");
    let flags: Vec<&str> = arguments.split(' ').filter(|flag| !flag.starts_with("--values=")).collect();
    assert_eq!(
        flags,
        ["--namespace=apps", "--api-versions=a/v1", "--kube-version=1.30", "--include-crds", "--no-hooks"]
    );
    let mut names: Vec<String> = fake
        .wrote("environment")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.into())
        .collect();
    names.retain(|name| !matches!(name.as_str(), "PWD" | "SHLVL" | "_" | "OLDPWD"));
    names.sort();
    assert_eq!(names, ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME", "KUBECONFIG", "PATH"]);
    let scratch = arguments.split("--values=").nth(1).and_then(|path| path.split(' ').next()).expect("a path");
    assert!(!PathBuf::from(scratch).parent().expect("a directory").exists(), "nothing is left behind");
}

#[test]
fn of_an_environment_only_a_few_variables_are_given() {
    let given =
        ["PATH", "https_proxy", "NO_PROXY", "HELM_NAMESPACE", "HELM_PLUGINS", "KUBECONFIG", "AWS_SECRET_ACCESS_KEY"];
    let kept = environment(given.map(|name| (name.into(), "x".into())));
    let kept: Vec<OsString> = kept.into_iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["PATH", "https_proxy", "NO_PROXY"]);
}

#[test]
fn a_chart_without_a_directory_is_pulled() {
    let fake = Fake::new(&format!(
        "echo $* >> $HOME/arguments; if [ $1 = pull ]; then mkdir -p ${{3#--untardir=}}/other; echo 'a: pulled' > ${{3#--untardir=}}/other/values.yaml; else {PRINTS}; fi"
    ));
    let made = fake
        .rendered("helmCharts:\n- {name: other, releaseName: r, version: 1.2.3, repo: 'https://example.org/charts'}\n");
    assert!(made.is_ok(), "{made:?}");
    let arguments = fake.wrote("arguments");
    let pull = arguments.lines().next().expect("a line");
    assert!(pull.ends_with(" --repo=https://example.org/charts other --version=1.2.3"), "{pull}");
    let made = fake.rendered("helmCharts:\n- {name: other, releaseName: r}\n");
    assert!(made.expect_err("no repo").contains("nor has it a repo"));
}

#[test]
fn a_program_that_hangs_is_ended() {
    let fake = Fake::new("exec tail -f /dev/null");
    let limits = Limits { time: Duration::from_millis(20), ..Limits::default() };
    let made = rendered(Access { limits, ..fake.access() }, "helmCharts: [{name: web, releaseName: r}]\n", &[]);
    assert!(made.expect_err("too late").ends_with("helm: it took longer than 20ms"));
}

#[test]
fn a_program_that_prints_too_much_is_ended() {
    for to in ["1", "2"] {
        let fake = Fake::new(&format!("echo $$ > $HOME/pid; echo $3 > $HOME/scratch; exec yes >&{to}"));
        let limits = Limits { output: 1000, ..Limits::default() };
        let made = rendered(Access { limits, ..fake.access() }, "helmCharts: [{name: web, releaseName: r}]\n", &[]);
        assert!(made.expect_err("too much").ends_with("it printed more than 1000 bytes"));
        assert!(!PathBuf::from("/proc").join(fake.wrote("pid")).exists(), "it is not even a zombie");
        assert!(!PathBuf::from(fake.wrote("scratch")).exists(), "nothing is left behind");
    }
}

#[test]
fn a_program_that_fails_is_quoted_without_values() {
    let fake = Fake::new("echo 'note: of-the-chart' >&2; echo 'Error: bad value s3cret-pass in web' >&2; exit 1");
    let kustomization = "helmCharts: [{name: web, releaseName: r, valuesInline: {p: s3cret-pass}}]\n";
    let quick = fake.rendered(kustomization).expect_err("it fails");
    assert!(quick.ends_with("helm: it says: Error: bad value *** in web"), "{quick}");
    let all = rendered(Access { debug: true, ..fake.access() }, kustomization, &[]).expect_err("it fails");
    assert!(all.ends_with("it says: note: ***; Error: bad value *** in web"), "{all}");
    let access = Access { command: Some(fake.path("nowhere")), ..fake.access() };
    let absent = rendered(access, kustomization, &[]).expect_err("it is not there");
    assert!(absent.contains("it does not run: No such file"), "{absent}");
}

#[test]
fn a_chart_can_neither_name_options_nor_paths_nor_files_outside() {
    let fake = Fake::new(PRINTS);
    for (chart, message) in [
        ("{name: web, releaseName: --post-renderer=/bin/sh}", "may begin with a dash"),
        ("{name: -x, releaseName: r}", "may begin with a dash"),
        ("{name: ../../x, releaseName: r}", "not a path"),
        ("{name: '..', releaseName: r}", "not a path"),
        ("{releaseName: r}", "has no name"),
        ("{name: web, valuesMerge: x}", "valuesMerge must be"),
        ("{name: web, valuesFile: ../outside.yaml}", "not in or below"),
        ("{name: web, additionalValuesFiles: [../outside.yaml]}", "not in or below"),
        ("{name: web, valuesFile: ../../../outside.yaml}", "leads out of the repository"),
    ] {
        let error = fake.rendered(&format!("helmCharts:\n- {chart}\n")).expect_err(chart);
        assert!(error.contains(message), "{chart}: {error}");
    }
    let refused = rendered(Access::default(), "helmCharts: [{name: web}]\n", &[]).expect_err("not enabled");
    assert!(refused.contains("--enable-helm"), "{refused}");
}

#[test]
fn links_of_a_chart_lead_where_the_chart_or_the_kustomization_is() {
    let fake = Fake::new(&format!("cat $3/link > $HOME/link; {PRINTS}"));
    let write = |name: &str, text: &str| {
        let path = fake.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write("outside.txt", "outside");
    write("tree/beside.txt", "beside");
    write("tree/app/own.txt", "own");
    write("tree/app/kustomization.yaml", "helmCharts: [{name: web, releaseName: r}]\n");
    write("tree/app/charts/web/values.yaml", "a: b\n");
    let rendered = |target: &str, load_restriction: bool| {
        let link = fake.path("tree/app/charts/web/link");
        // There is none yet the first time.
        fs::remove_file(&link).ok();
        std::os::unix::fs::symlink(target, link).expect("a link");
        let tree = DirectoryTree::rooted(&fake.path("tree")).expect("a tree");
        let options = Options { helm: fake.access(), load_restriction, ..Options::of_kustomize() };
        let made = build(&tree, "app", &options).map(|_| fake.wrote("link"));
        made.map_err(|error| crate::error::Chain(&error).to_string())
    };
    assert_eq!(rendered("values.yaml", true).as_deref(), Ok("a: b"));
    assert_eq!(rendered("../../own.txt", true).as_deref(), Ok("own"));
    assert!(rendered("../../../beside.txt", true).expect_err("restricted").contains("not in or below"));
    assert_eq!(rendered("../../../beside.txt", false).as_deref(), Ok("beside"));
    for outside in ["../../../../outside.txt", "/etc/hostname"] {
        assert!(rendered(outside, false).expect_err("outside").contains("leads out of the root"), "{outside}");
    }
    // A circle ends, too.
    let circle = rendered("..", true).expect_err("a circle");
    assert!(circle.contains("too deep") || circle.contains("more than"), "{circle}");
}

#[test]
fn a_chart_of_its_old_field_keeps_where_charts_are() {
    let fake = Fake::new(PRINTS);
    let old = "helmChartInflationGenerator: [{chartName: x, releaseName: r, chartHome: old}]\n";
    let files = [("app/old/x/values.yaml", ""), ("app/new/x/values.yaml", "")];
    assert!(rendered(fake.access(), old, &files[..1]).is_ok());
    let both = format!("{old}helmGlobals: {{chartHome: new}}\n");
    assert!(rendered(fake.access(), &both, &files[..1]).is_err());
    assert!(rendered(fake.access(), &both, &files[1..]).is_ok());
}

/// The real program, where there is one: `ARCWRIGHT_HELM`, or `helm` on the `PATH`.
fn real() -> Option<Access> {
    let command = PathBuf::from(std::env::var_os("ARCWRIGHT_HELM").unwrap_or_else(|| "helm".into()));
    Command::new(&command).arg("version").output().ok().filter(|ran| ran.status.success())?;
    Some(Access { command: Some(command), environment: environment(std::env::vars_os()), ..Access::default() })
}

#[test]
fn the_real_program_renders_a_chart() {
    let Some(access) = real() else { return };
    let made = rendered(
        access,
        "namespace: apps\nnamePrefix: p-\nhelmCharts: [{name: web, releaseName: r, kubeVersion: v1.30.0, valuesInline: {a: mine}}]\n",
        &[],
    );
    insta::assert_snapshot!(made.expect("rendered"), @r"
    apiVersion: v1
    data:
      a: mine
      kube: v1.30.0
    kind: ConfigMap
    metadata:
      name: p-r
      namespace: apps
    ");
}
