use super::*;
use proptest::prelude::*;

/// Repository, directory and reference of an address.
fn parsed(text: &str) -> Option<(String, String, String)> {
    let Remote { repository, path, reference, .. } = Remote::parse(text)?;
    Some((repository, path, reference.unwrap_or_default()))
}

#[test]
fn an_address_is_a_repository_a_directory_and_a_reference() {
    for (text, repository, path, reference) in [
        ("https://github.com/org/repo", "https://github.com/org/repo", "", ""),
        ("https://github.com/org/repo/a/b?ref=v1", "https://github.com/org/repo", "a/b", "v1"),
        ("https://github.com/org/repo//a/b?ref=v1", "https://github.com/org/repo", "a/b", "v1"),
        ("https://github.com/org/repo.git/a", "https://github.com/org/repo.git", "a", ""),
        ("https://github.com/org/repo.git//a", "https://github.com/org/repo.git", "a", ""),
        ("github.com/org/repo/a?ref=main", "https://github.com/org/repo", "a", "main"),
        ("GitHub.com/org/repo/a", "https://github.com/org/repo", "a", ""),
        ("http://github.com/org/repo", "https://github.com/org/repo", "", ""),
        ("ssh://git@github.com/org/repo", "git@github.com:org/repo", "", ""),
        ("git@github.com/org/repo", "git@github.com:org/repo", "", ""),
        ("github.com:org/repo//a", "https://github.com/org/repo", "a", ""),
        ("git@host.xz:org/repo//a?ref=v1", "git@host.xz:org/repo", "a", "v1"),
        ("git@host.xz:org/repo.git/a", "git@host.xz:org/repo.git", "a", ""),
        ("git@host.xz/org/repo//a", "git@host.xz/org/repo", "a", ""),
        ("ssh://git@host.xz:22/a/b/c//d", "ssh://git@host.xz:22/a/b/c", "d", ""),
        ("git::https://host.xz/a/b//c", "https://host.xz/a/b", "c", ""),
        ("GIT::git@host.xz:a/b", "git@host.xz:a/b", "", ""),
        ("HTTPS://host.xz/a/b/c", "https://host.xz/a/b", "c", ""),
        ("https://u:p@host.xz/a/b/c", "https://u:p@host.xz/a/b", "c", ""),
        ("https://me@dev.azure.com/o/p/_git/r/a/b?version=x", "https://me@dev.azure.com/o/p/_git/r", "a/b", "x"),
        ("https://dev.azure.com/o/p/_git/r", "https://dev.azure.com/o/p/_git/r", "", ""),
        ("file:///srv/repo", "file:///srv/repo", "", ""),
        ("file:///srv/repo//a?ref=v1", "file:///srv/repo", "a", "v1"),
        ("file:///srv/repo.git/a", "file:///srv/repo.git", "a", ""),
        ("https://host.xz/a/b?ref=&version=w", "https://host.xz/a/b", "", "w"),
        ("https://host.xz/a/b?version=w&ref=x&ref=y", "https://host.xz/a/b", "", "x"),
        ("https://host.xz/a/b?ref=feature%2Fx+y", "https://host.xz/a/b", "", "feature/x y"),
        ("https://host.xz/a/b?ref=x&bad=%zz", "https://host.xz/a/b", "", ""),
        ("https://host.xz/a/b//c/../d", "https://host.xz/a/b", "c/../d", ""),
    ] {
        let wanted = Some((repository.to_owned(), path.to_owned(), reference.to_owned()));
        assert_eq!(parsed(text), wanted, "{text}");
    }
}

#[test]
fn what_is_no_address_is_a_path() {
    for text in [
        "",
        "base",
        "../base",
        "/srv/repo",
        "./github.com/org/repo",
        "a/b.git//c",
        "host.xz:a/b",
        "host.xz/a/b",
        "git@host.xz",
        "git@host.xz:a",
        "https://host.xz",
        "https://host.xz/a",
        "https://",
        "github.com/org",
        "https://host.xz/a/b//../c",
        "file://",
        "s3://bucket/a/b",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
}

#[test]
fn times_are_seconds_or_go_s() {
    let time = |text: &str| Remote::parse(&format!("https://host.xz/a/b?timeout={text}")).expect("a remote").timeout;
    for (text, seconds) in [("61", 61.0), ("61s", 61.0), ("1m1.5s", 61.5), ("100ms", 0.1), ("1h", 3600.0)] {
        assert_eq!(time(text), Duration::from_secs_f64(seconds), "{text}");
    }
    for text in ["", "0", "-1", "0s", "x", "1x", "1e9h", ".", "s"] {
        assert_eq!(time(text), DEFAULT_TIMEOUT, "{text}");
    }
}

#[test]
fn an_address_is_shown_without_credentials() {
    let shown = |text: &str| Remote::parse(text).expect("a remote").shown("a/b.yaml");
    assert_eq!(shown("https://u:p@host.xz/a/b?ref=v1"), "https://host.xz/a/b//a/b.yaml?ref=v1");
    assert_eq!(shown("ssh://git@host.xz/a/b"), "ssh://git@host.xz/a/b//a/b.yaml");
    assert_eq!(shown("git@host.xz:a/b"), "git@host.xz:a/b//a/b.yaml");
    assert_eq!(format!("{:?}", Remote::parse("https://u:p@host.xz/a/b/c")), "Some(Remote(\"https://host.xz/a/b//c\"))");
    assert_eq!(without_credentials("https://u:p@host.xz/a.yaml?token=x"), "https://host.xz/a.yaml");
}

#[test]
fn some_addresses_may_be_of_files() {
    let is_certain = |text: &str| Remote::parse(text).expect("a remote").is_certain();
    for text in ["https://host.xz/a/b//c", "https://host.xz/a/b.git", "https://host.xz/a/b?ref=x", "git@host.xz:a/b"] {
        assert!(is_certain(text), "{text}");
    }
    assert!(!is_certain("https://host.xz/a/b/c.yaml"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(https://|git@|git::|file://)?\\PC{0,40}") {
        let _parsed = Remote::parse(&text);
    }
}

mod renders {
    use super::super::{Remote, RemoteError, Remotes};
    use crate::render::{
        Options, Order, build_yaml,
        tree::{FileTree, MemoryTree},
    };
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
    };

    /// Repositories and files, each by its address.
    #[derive(Debug, Default)]
    struct Fake {
        trees: BTreeMap<&'static str, MemoryTree>,
        files: BTreeMap<&'static str, &'static str>,
        asked: Mutex<Vec<String>>,
    }

    impl Fake {
        fn new(repositories: &[(&'static str, &[(&str, &str)])], files: &[(&'static str, &'static str)]) -> Arc<Self> {
            let tree = |files: &[(&str, &str)]| MemoryTree::new(files.iter().map(|(path, text)| (*path, *text)));
            Arc::new(Self {
                trees: repositories.iter().map(|(address, files)| (*address, tree(files))).collect(),
                files: files.iter().copied().collect(),
                asked: Mutex::default(),
            })
        }

        fn asked(&self) -> Vec<String> {
            self.asked.lock().expect("no panic").clone()
        }
    }

    impl Remotes for Fake {
        fn directory(&self, remote: &Remote) -> Result<Arc<dyn FileTree>, RemoteError> {
            self.asked.lock().expect("no panic").push(format!("git {}", remote.shown("")));
            let tree = self.trees.get(remote.repository.as_str()).cloned();
            tree.map(|tree| Arc::new(tree) as Arc<dyn FileTree>).ok_or_else(|| "no such repository".into())
        }

        fn file(&self, url: &str) -> Result<Vec<u8>, RemoteError> {
            self.asked.lock().expect("no panic").push(format!("web {url}"));
            self.files.get(url).map(|text| text.as_bytes().to_vec()).ok_or_else(|| "no such file".into())
        }
    }

    /// What a kustomization comes to, or the error's chain.
    fn rendered(fake: &Arc<Fake>, kustomization: &str) -> Result<String, String> {
        let tree = MemoryTree::new([("kustomization.yaml", kustomization), ("own.yaml", OWN)]);
        let remotes: Arc<dyn Remotes> = fake.clone();
        let options = Options { order: Order::Fifo, remotes: Some(remotes), ..Options::of_kustomize() };
        build_yaml(&tree, "", &options).map_err(|error| crate::error::Chain(&error).to_string())
    }

    const OWN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n";
    const WEB: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";
    const APP: &[(&str, &str)] = &[
        ("app/kustomization.yaml", "resources: [web.yaml, ../more]\nnamePrefix: a-\n"),
        ("app/web.yaml", WEB),
        ("more/kustomization.yaml", "configMapGenerator: [{name: more, literals: [a=b]}]\n"),
        ("part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -z\n"),
    ];

    #[test]
    fn bases_components_and_files_elsewhere_are_rendered_and_brought_once() {
        let fake = Fake::new(
            &[("https://host.xz/o/r", APP), ("git@host.xz:o/r", APP)],
            &[("https://host.xz/o/r/f.yaml?x=y", WEB)],
        );
        let made = rendered(
            &fake,
            "buildMetadata: [originAnnotations]\nresources: ['https://host.xz/o/r//app?ref=v1.0', 'https://host.xz/o/r/f.yaml?x=y', own.yaml]\ncomponents: ['git@host.xz:o/r//part', 'https://host.xz/o/r//part?ref=v1.0']\n",
        );
        insta::assert_snapshot!(made.expect("rendered"), @r"
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            config.kubernetes.io/origin: |
              path: app/web.yaml
              repo: https://host.xz/o/r
              ref: v1.0
          name: a-web-z-z
        ---
        apiVersion: v1
        data:
          a: b
        kind: ConfigMap
        metadata:
          annotations:
            config.kubernetes.io/origin: |
              repo: https://host.xz/o/r
              ref: v1.0
              configuredIn: more/kustomization.yaml
              configuredBy:
                apiVersion: builtin
                kind: ConfigMapGenerator
          name: a-more-z-z-4h2mbtbbt6
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            config.kubernetes.io/origin: |
              path: f.yaml
              repo: https://host.xz/o/r
          name: web-z-z
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          annotations:
            config.kubernetes.io/origin: |
              path: own.yaml
          name: own-z-z
        ");
        assert_eq!(
            fake.asked(),
            ["git https://host.xz/o/r?ref=v1.0", "web https://host.xz/o/r/f.yaml?x=y", "git git@host.xz:o/r"]
        );
    }

    #[test]
    fn what_may_be_a_file_or_a_repository_is_tried_as_both() {
        let fake = Fake::new(
            &[("https://host.xz/o/page", &[("k/kustomization.yaml", "resources: [web.yaml]\n"), ("k/web.yaml", WEB)])],
            &[("https://host.xz/o/page/k", "<html>"), ("https://host.xz/raw//web.yaml", WEB)],
        );
        assert!(rendered(&fake, "resources: ['https://host.xz/o/page/k']\n").is_ok());
        assert!(rendered(&fake, "resources: ['https://host.xz/raw//web.yaml']\n").is_ok());
        let none = rendered(&fake, "resources: ['https://host.xz/o/none/k']\n").expect_err("nothing is there");
        assert_eq!(
            none,
            "kustomization.yaml: resources: https://host.xz/o/none//k is not fetched: as a file: no such file; as a repository: no such repository"
        );
        let file = rendered(&fake, "components: ['https://host.xz/x.yaml']\n").expect_err("a file is no component");
        assert!(file.ends_with("it is the address of a file"), "{file}");
    }

    #[test]
    fn nothing_is_brought_unless_that_is_allowed() {
        for field in ["resources", "components"] {
            let tree = MemoryTree::new([("kustomization.yaml", format!("{field}: ['git@host.xz:o/r//a']\n"))]);
            let error = build_yaml(&tree, "", &Options::of_flux()).expect_err("it is elsewhere");
            let error = crate::error::Chain(&error).to_string();
            assert!(error.contains("git@host.xz:o/r//a is not fetched: it is elsewhere"), "{error}");
            assert!(error.contains("--enable-remote"), "{error}");
        }
        let tree = MemoryTree::new([
            ("kustomization.yaml", "resources: [github.com/org/repo]\n"),
            ("github.com/org/repo/kustomization.yaml", "configMapGenerator: [{name: a}]\n"),
        ]);
        assert!(build_yaml(&tree, "", &Options::of_flux()).is_ok(), "a directory that is called so is no address");
    }

    #[test]
    fn a_repository_elsewhere_reads_itself_and_what_is_elsewhere_too() {
        for (resource, message) in [
            ("../../own.yaml", "leads out of the repository"),
            ("/own.yaml", "is neither a file nor a directory"),
            ("../other.yaml", "is not in or below \"a\""),
            ("file:///srv/repo//a", "on this machine"),
            ("https://host.xz/o/b//../a", "is not fetched: no such file"),
        ] {
            let kustomization = format!("resources: ['{resource}']\n");
            let files = [("a/kustomization.yaml", kustomization.as_str()), ("other.yaml", WEB)];
            let fake = Fake::new(&[("https://host.xz/o/a", &files)], &[]);
            let error = rendered(&fake, "resources: ['https://host.xz/o/a//a']\n").expect_err(resource);
            assert!(error.starts_with("in https://host.xz/o/a: a/kustomization.yaml:"), "{error}");
            assert!(error.contains(message), "{resource}: {error}");
        }
        let fake = Fake::new(&[("https://host.xz/o/a", APP)], &[]);
        let error = rendered(&fake, "resources: ['https://host.xz/o/a//none']\n").expect_err("no directory");
        assert!(error.contains("\"none\" is not a directory"), "{error}");
    }

    #[test]
    fn repositories_that_name_each_other_are_a_cycle() {
        let named = |address: &str| format!("resources: ['{address}']\n");
        let (a, b) = (named("https://host.xz/o/b//x"), named("https://host.xz/o/a//x"));
        let fake = Fake::new(
            &[
                ("https://host.xz/o/a", &[("x/kustomization.yaml", a.as_str())]),
                ("https://host.xz/o/b", &[("x/kustomization.yaml", b.as_str())]),
            ],
            &[],
        );
        let error = rendered(&fake, &named("https://host.xz/o/a//x")).expect_err("a cycle");
        assert!(error.contains("cycle: \"x\" is reached from itself"), "{error}");
        assert_eq!(fake.asked().len(), 2);
        // The same directory of another repository is another one.
        let leaf = [("x/kustomization.yaml", "configMapGenerator: [{name: a}]\n")];
        let fake = Fake::new(
            &[("https://host.xz/o/a", &[("x/kustomization.yaml", a.as_str())]), ("https://host.xz/o/b", &leaf)],
            &[],
        );
        assert!(rendered(&fake, &named("https://host.xz/o/a//x")).is_ok());
    }

    #[test]
    fn what_is_brought_is_bounded() {
        let fake = Fake::new(&[("https://host.xz/o/a", APP)], &[]);
        let part: Vec<String> = (0..257).map(|at| format!("'https://host.xz/o/a//part?ref={at}'")).collect();
        let error = rendered(&fake, &format!("resources: [own.yaml]\ncomponents: [{}]\n", part.join(", ")));
        assert!(error.expect_err("too many").ends_with("more than 256 repositories"));
    }
}
