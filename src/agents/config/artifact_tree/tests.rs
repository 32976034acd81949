use super::*;
use crate::{
    model::configuration::{Credentials, GitSource, Reference},
    render::{self, Options},
    source::GitCache,
};
use git2::{ObjectType, Oid, Repository};
use std::time::Duration;

const BLUE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {colour: blue}\n";
const LINK: i32 = 0o120_000;
const FILE: i32 = 0o100_644;
const DIRECTORY: i32 = 0o040_000;

/// A repository that is written to object by object, and what reads it.
struct Bed {
    directory: tempfile::TempDir,
    repository: Repository,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let repository = Repository::init_bare(directory.path().join("repo.git")).expect("a repository");
        Self { directory, repository }
    }

    fn blob(&self, content: &str) -> Oid {
        self.repository.blob(content.as_bytes()).expect("a blob")
    }

    /// Entries are mode, name and object.
    fn tree(&self, entries: &[(i32, &str, Oid)]) -> Oid {
        let mut content = Vec::new();
        for (mode, name, id) in entries {
            content.extend(format!("{mode:o} {name}\0").as_bytes());
            content.extend(id.as_bytes());
        }
        self.repository.odb().and_then(|odb| odb.write(ObjectType::Tree, &content)).expect("a tree")
    }

    async fn artifact(&self, root: Oid) -> Artifact {
        let who = git2::Signature::now("t", "t@example.org").expect("a person");
        let tree = self.repository.find_tree(root).expect("a tree");
        let commit = self.repository.commit(None, &who, &who, "change", &tree, &[]).expect("a commit");
        self.repository.reference("refs/heads/main", commit, true, "").expect("a branch");
        let source = GitSource {
            url: self.directory.path().join("repo.git").display().to_string(),
            allow_local: true,
            reference: Reference { branch: Some("main".to_owned()), ..Reference::default() },
            credentials: Credentials::default(),
            secret_refs: Vec::new(),
            timeout: Duration::from_secs(60),
            interval: Duration::from_secs(60),
        };
        let cache = GitCache::new(self.directory.path().join("mirrors"));
        cache.fetch(&source, Duration::ZERO, &tokio_util::sync::CancellationToken::new()).await.expect("a commit")
    }
}

fn build(artifact: &Artifact, path: &str) -> Result<usize, String> {
    let options = Options::of_flux();
    let manifests = render::build(&ArtifactTree::new(artifact), path, &options);
    manifests.map(|manifests| manifests.len()).map_err(|error| crate::error::Chain(&error).to_string())
}

#[tokio::test]
async fn links_are_followed_inside_and_nowhere_else() {
    let bed = Bed::new();
    let blue = bed.blob(BLUE);
    let link = |target: &str| bed.blob(target);
    let app = bed.tree(&[(FILE, "app.yaml", blue)]);
    let root = bed.tree(&[
        (LINK, "absolute", link("/etc/passwd")),
        (DIRECTORY, "app", app),
        (LINK, "dangling", link("nothing/here")),
        (LINK, "dir", link("./app/../app")),
        (LINK, "file", link("dir/app.yaml")),
        (LINK, "odd", link("app/\u{0}x")),
        (LINK, "out", link("app/../../../../etc/passwd")),
        (LINK, "round", link("round")),
        (LINK, "up", link("..")),
    ]);
    let artifact = bed.artifact(root).await;
    let tree = ArtifactTree::new(&artifact);
    assert_eq!(tree.read("file").expect("a file"), BLUE.as_bytes());
    assert_eq!(tree.read("dir/app.yaml").expect("a file"), BLUE.as_bytes());
    for path in ["absolute", "out", "up", "up/etc/passwd", "app/../../x", "../x"] {
        assert!(matches!(tree.read(path), Err(TreeError::Escapes { .. })), "{path}");
        assert!(matches!(tree.kind(path), Err(TreeError::Escapes { .. })), "{path}");
    }
    assert!(matches!(tree.read("round"), Err(TreeError::LinkLoop { .. })));
    for path in ["dangling", "odd", "nothing", "app/app.yaml/x"] {
        assert!(matches!(tree.read(path), Err(TreeError::NotFound { .. })), "{path}");
    }
    assert_eq!(build(&artifact, "dir"), Ok(1));
    assert!(build(&artifact, "up").is_err_and(|error| error.contains("leads out of the root")));
}

#[tokio::test]
async fn a_chain_of_a_thousand_links_ends() {
    let bed = Bed::new();
    let names: Vec<String> = (0..1000).map(|number| format!("link{number:04}")).collect();
    let mut entries: Vec<(i32, &str, Oid)> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let target = names.get(number + 1).map_or("end", String::as_str);
        entries.push((LINK, name, bed.blob(target)));
    }
    entries.insert(0, (FILE, "end", bed.blob(BLUE)));
    let artifact = bed.artifact(bed.tree(&entries)).await;
    let tree = ArtifactTree::new(&artifact);
    assert!(matches!(tree.read("link0000"), Err(TreeError::LinkLoop { .. })));
    assert_eq!(tree.read("link0999").expect("a file"), BLUE.as_bytes());
}

#[tokio::test]
async fn a_render_never_shows_what_is_outside_or_hidden() {
    let bed = Bed::new();
    let passwd = bed.blob("/etc/passwd");
    let blue = bed.blob(BLUE);
    let listing = bed.blob("resources: [passwd.yaml]\n");
    let hidden = bed.blob("resources: [.git/app.yaml, ../app/..\\x.yaml]\n");
    let inner = bed.tree(&[(FILE, "app.yaml", blue)]);
    let root = bed.tree(&[
        (DIRECTORY, "hidden", bed.tree(&[(DIRECTORY, ".git", inner), (FILE, "kustomization.yaml", hidden)])),
        (DIRECTORY, "link", bed.tree(&[(FILE, "kustomization.yaml", listing), (LINK, "passwd.yaml", passwd)])),
        (
            DIRECTORY,
            "plain",
            bed.tree(&[
                (DIRECTORY, "..", inner),
                (DIRECTORY, ".git", inner),
                (FILE, "a.yaml", blue),
                (FILE, "b\u{1b}[2J.yaml", blue),
            ]),
        ),
    ]);
    let artifact = bed.artifact(root).await;
    let error = build(&artifact, "link").expect_err("outside");
    assert!(error.contains("passwd.yaml") && !error.contains("root:"), "{error}");
    assert!(build(&artifact, "hidden").is_err());
    assert_eq!(build(&artifact, "plain"), Ok(1), "only what has an honest name");
}

#[tokio::test]
async fn only_what_was_looked_at_makes_a_render_out_of_date() {
    let bed = Bed::new();
    let (blue, other) = (bed.blob(BLUE), bed.blob("other"));
    let make = |beside: Oid, inside: &[(i32, &str, Oid)]| {
        let shop = bed.tree(inside);
        let apps = bed.tree(&[(FILE, "beside.yaml", beside), (DIRECTORY, "shop", shop)]);
        bed.tree(&[(DIRECTORY, "apps", apps), (LINK, "here", bed.blob("apps/shop"))])
    };
    let inside = [(FILE, "app.yaml", blue)];
    let first = bed.artifact(make(blue, &inside)).await;
    let tree = ArtifactTree::new(&first);
    tree.read("here/app.yaml").expect("a file");
    assert!(tree.kind("here/kustomization.yaml").expect("nothing").is_none());
    let closure = tree.into_closure();
    let is_still_good = async |root: Oid| is_unchanged(&bed.artifact(root).await, &closure);
    assert!(is_still_good(make(other, &inside)).await, "a change beside it");
    assert!(!is_still_good(make(blue, &[(FILE, "app.yaml", other)])).await, "another content");
    assert!(
        !is_still_good(make(blue, &[(FILE, "app.yaml", blue), (FILE, "kustomization.yaml", other)])).await,
        "a file that was missing"
    );
    let apps = bed.tree(&[(DIRECTORY, "shop", bed.tree(&inside))]);
    assert!(
        !is_still_good(bed.tree(&[(DIRECTORY, "apps", apps), (LINK, "here", bed.blob("apps"))])).await,
        "another link"
    );
}

#[tokio::test]
async fn a_tree_that_repeats_itself_does_not_render_for_ever() {
    let bed = Bed::new();
    let mut tree = bed.tree(&[(FILE, "app.yaml", bed.blob(""))]);
    for _ in 0..18 {
        tree = bed.tree(&[(DIRECTORY, "a", tree), (DIRECTORY, "b", tree)]);
    }
    let artifact = bed.artifact(tree).await;
    assert!(build(&artifact, "").is_err_and(|error| error.contains("files")));
}
