use super::*;
use proptest::prelude::*;
use secrecy::SecretString;

struct None;

impl SecretSource for None {
    fn file(&self, path: &Path) -> Result<SecretString, String> {
        Err(format!("{} is not there", path.display()))
    }

    fn env(&self, name: &str) -> Result<SecretString, String> {
        if name == "TOKEN" { Ok("hush".to_owned().into()) } else { Err(format!("{name} is not set")) }
    }
}

fn flux(name: &str) -> String {
    format!(
        "apiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata:\n  name: {name}\nspec:\n  gitRepository:\n    url: https://example.org/{name}\n"
    )
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn issues(text: &str) -> Vec<String> {
    let directory = directory(&[("state.yaml", text)]);
    load(&[directory.path().join("state.yaml")], &None)
        .issues
        .into_iter()
        .map(|issue| Issue { file: "state.yaml".into(), ..issue }.to_string())
        .collect()
}

#[test]
fn the_defaults_are_those_of_the_resource() {
    let directory = directory(&[("a.yaml", &flux("shop"))]);
    let state = load(&[directory.path().to_owned()], &None);
    assert_eq!(state.issues, []);
    let one = &state.configurations[0];
    assert_eq!(one.id.to_string(), "default/shop");
    assert_eq!(one.source.reference.branch.as_deref(), Some("master"));
    assert_eq!((one.source.timeout.as_secs(), one.source.interval.as_secs()), (600, 600));
    let kustomization = &one.kustomizations[0];
    assert_eq!((kustomization.name.as_str(), kustomization.path.as_str()), ("kustomization-1", ""));
    assert!(!kustomization.prune && !kustomization.force && kustomization.wait);
}

#[test]
fn a_source_control_configuration_is_read_by_its_operator_params() {
    let text = "apiVersion: clusterconfig.azure.com/v1beta1\nkind: SourceControlConfiguration\nmetadata: {name: old}\nspec:\n  repositoryUrl: https://example.org/a\n  operatorNamespace: apps\n  operatorScope: namespace\n  operatorParams: --git-branch=main --git-path=a/b,c --sync-garbage-collection --git-poll-interval 1m --git-user=me\n";
    let directory = directory(&[("a.yaml", text)]);
    let state = load(&[directory.path().to_owned()], &None);
    let one = &state.configurations[0];
    assert_eq!(one.id.to_string(), "apps/old");
    assert_eq!(
        one.kustomizations.iter().map(|k| (k.name.as_str(), k.path.as_str(), k.prune)).collect::<Vec<_>>(),
        [("a-b", "a/b", true), ("c", "c", true)]
    );
    assert_eq!((one.source.interval.as_secs(), one.source.reference.branch.as_deref()), (60, Some("main")));
    assert!(one.ignored[0].starts_with("--git-user"), "{:?}", one.ignored);
    assert!(state.issues.iter().all(|issue| !issue.is_error()));
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_a_hint() {
    let wrong = flux("shop").replace("url:", "urll:")
        + "    repositoryRef: {commit: abc}\n  kustomizations:\n    app:\n      prune: maybe\n  sope: cluster\n";
    insta::assert_snapshot!(issues(&wrong).join("\n"), @r"
    state.yaml:7:5: error: spec.gitRepository.urll: is not a known field (did you mean url?)
    state.yaml:11:7: error: spec.kustomizations.app.prune: must be a boolean, not a string
    state.yaml:12:3: error: spec.sope: is not a known field (did you mean scope?)
    ");
    let rules = flux("shop").replace("https://example.org/shop", "ext::sh")
        + "    repositoryRef: {commit: abc}\n  kustomizations:\n    app: {dependsOn: [ap], path: ../x}\n    b: {dependsOn: [c]}\n    c: {dependsOn: [b]}\n  configurationProtectedSettings: {sshPrivateKey: bm90IGEga2V5, httpsKy: eA==}\n  engine: flux-v1\n";
    insta::assert_snapshot!(issues(&rules).join("\n"), @r#"
    state.yaml:7:5: error: spec.gitRepository.url: remote helpers (HELPER::ADDRESS) run programs and are never used
    state.yaml:8:21: error: spec.gitRepository.repositoryRef.commit: must be 40 hexadecimal digits
    state.yaml:8:21: error: spec.gitRepository.repositoryRef.commit: must come with the branch that it is on (add branch)
    state.yaml:10:11: error: spec.kustomizations.app.dependsOn: there is no kustomization ap (there are: app, b, c)
    state.yaml:10:28: error: spec.kustomizations.app.path: "../x" must stay inside the repository, and not begin with a dash
    state.yaml:11:9: error: spec.kustomizations.b.dependsOn: depends on itself by way of others
    state.yaml:13:36: error: spec.configurationProtectedSettings.sshPrivateKey: Verify the key provided is a valid PEM-formatted key of type RSA, ECC, DSA, or Ed25519
    state.yaml:13:65: error: spec.configurationProtectedSettings.httpsKy: is not a known setting (did you mean httpsKey?)
    state.yaml:14:3: error: spec.engine: flux-v1 is not available in this version (use native, which does the same work itself)
    "#);
}

#[test]
fn secrets_come_by_reference_and_show_nowhere() {
    let text = flux("shop") + "    httpsUser: me\n  protectedSettingsFrom:\n    httpsKey: {env: TOKEN}\n";
    let directory = directory(&[("a.yaml", &text)]);
    let state = load(&[directory.path().to_owned()], &None);
    assert_eq!(state.issues, []);
    let shown = format!("{state:?}");
    assert!(!shown.contains("hush"), "{shown}");
    let missing = issues(&text.replace("TOKEN", "OTHER"));
    assert_eq!(missing, ["state.yaml:10:5: error: spec.protectedSettingsFrom.httpsKey: OTHER is not set"]);
}

#[test]
fn a_broken_document_keeps_its_last_good_form_and_a_removed_one_goes() {
    let directory =
        directory(&[("a.yaml", &format!("{}---\n{}", flux("one"), flux("two"))), ("b.yaml", &flux("three"))]);
    let names = |loaded: &Loaded| loaded.state.configurations.iter().map(|one| one.id.name.clone()).collect::<Vec<_>>();
    let paths = [directory.path().to_owned()];
    let before = read(&paths, &None);
    assert_eq!(names(&before), ["one", "three", "two"]);
    let after = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a file");
        keep_last_good(&before, read(&paths, &None))
    };
    assert_eq!(names(&after("a.yaml", "{broken")), ["one", "three", "two"], "no YAML");
    assert_eq!(
        names(&after("a.yaml", &format!("{}---\n{}", flux("one"), flux("two").replace("url", "urk")))),
        ["one", "three", "two"],
        "a broken document"
    );
    assert_eq!(names(&after("a.yaml", &flux("one"))), ["one", "three"], "a removed document");
    std::fs::remove_file(directory.path().join("b.yaml")).expect("removed");
    assert_eq!(names(&keep_last_good(&before, read(&paths, &None))), ["one"], "a removed file");
    assert_eq!(
        names(&keep_last_good(&before, read(&[directory.path().join("gone")], &None))),
        ["one", "three", "two"],
        "an unreadable directory"
    );
}

#[test]
fn a_name_that_is_stated_twice_is_used_once() {
    let text = format!("{}---\n{}", flux("one"), flux("one"));
    let found = issues(&text);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("default/one is stated in"), "{found:?}");
}

#[tokio::test]
async fn edits_renames_and_swapped_links_are_seen() {
    let directory = directory(&[("state.yaml", &flux("one"))]);
    let path = directory.path().join("state.yaml");
    let mut state = watch(vec![path.clone()], Arc::new(None), CancellationToken::new()).await;
    let mut expect = async |what: &str, name: &str| {
        let wait = state.wait_for(|state| state.configurations.iter().any(|one| one.id.name == name));
        drop(
            tokio::time::timeout(Duration::from_secs(20), wait)
                .await
                .unwrap_or_else(|_| panic!("{what} was not seen"))
                .expect("the watch goes on"),
        );
    };
    expect("the first state", "one").await;
    std::fs::write(&path, flux("two")).expect("a file");
    expect("an edit", "two").await;
    let new = directory.path().join(".state.yaml.swp");
    std::fs::write(&new, flux("three")).expect("a file");
    std::fs::rename(&new, &path).expect("renamed");
    expect("a rename over the file", "three").await;
    // As the kubelet mounts a ConfigMap: the file is a link through ..data, which is swapped.
    for (version, name) in [("..1", "four"), ("..2", "five")] {
        let data = directory.path().join(version);
        std::fs::create_dir(&data).expect("a directory");
        std::fs::write(data.join("state.yaml"), flux(name)).expect("a file");
        let link = directory.path().join("..data_tmp");
        std::os::unix::fs::symlink(version, &link).expect("a link");
        std::fs::rename(&link, directory.path().join("..data")).expect("renamed");
        if version == "..1" {
            std::fs::remove_file(&path).expect("removed");
            std::os::unix::fs::symlink("..data/state.yaml", &path).expect("a link");
        }
        expect("a swapped link", name).await;
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_load_panic(text in "(\\PC|[\\n:{}\\[\\]-]){0,200}") {
        issues(&text);
    }
}
