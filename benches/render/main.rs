//! How fast the renderer is, on a tree of about 2.5 MB that it makes itself, or on directories that are given.
//!
//! `cargo bench --bench render` measures in process, without a cache, with one, and after a change of one file.
//! Where a program `kustomize` is in PATH, whole processes are compared as well. `cargo bench --bench render -- DIR...`
//! measures those directories instead.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers, which prints and may fail")]
use arcwright::render::{
    Cache, Options, build_yaml,
    tree::{ContentId, DirectoryTree, EntryKind, FileTree, TreeError},
};
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 21;

fn main() {
    let given: Vec<PathBuf> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).map(PathBuf::from).collect();
    if !given.is_empty() {
        given.iter().for_each(|directory| measure(directory, None));
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    make(scratch.path());
    measure(&scratch.path().join("overlay"), Some("bases/3/part-3.yaml"));
}

/// A tree of bases with definitions of custom resources and workloads, and an overlay that changes them all.
fn make(root: &Path) {
    let mut bases = String::new();
    for base in 0..8 {
        let directory = root.join(format!("bases/{base}"));
        fs::create_dir_all(&directory).unwrap();
        let mut resources = String::new();
        for part in 0..6 {
            fs::write(directory.join(format!("part-{part}.yaml")), part_of(base, part)).unwrap();
            writeln!(resources, "- part-{part}.yaml").unwrap();
        }
        let labels = "labels:\n- pairs: {team: platform}\n  includeSelectors: true\n";
        fs::write(directory.join("kustomization.yaml"), format!("resources:\n{resources}{labels}")).unwrap();
        writeln!(bases, "- ../bases/{base}").unwrap();
    }
    let overlay = root.join("overlay");
    fs::create_dir_all(&overlay).unwrap();
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {template: {spec: {containers: [{name: main, resources: {limits: {memory: 64Mi}}}]}}}\n";
    fs::write(overlay.join("patch.yaml"), patch).unwrap();
    let text = format!(
        "namespace: prod\nnamePrefix: prod-\nresources:\n{bases}images:\n- name: example.com/app\n  newTag: v2\npatches:\n- path: patch.yaml\n  target: {{kind: Deployment}}\nconfigMapGenerator:\n- name: settings\n  literals: [a=b]\n"
    );
    fs::write(overlay.join("kustomization.yaml"), text).unwrap();
}

/// A definition of a custom resource with long descriptions, and workloads that go with it.
fn part_of(base: usize, part: usize) -> String {
    let name = format!("widget{base}x{part}");
    let mut text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: {name}s.example.com\nspec:\n  group: example.com\n  names:\n    kind: {name}\n    plural: {name}s\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n"
    );
    for field in 0..90 {
        write!(
            text,
            "          field{field}:\n            description: |-\n              Field {field} says how many of the things that this kind is about are wanted, and\n              may be left out: then there are as many as the controller finds fit.\n            type: object\n            properties:\n              enabled: {{type: boolean, default: false}}\n              mode:\n                type: string\n                enum: [\"Always\", \"Never\", 'IfNotPresent']\n"
        )
        .unwrap();
    }
    for workload in 0..4 {
        write!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}-{workload}\nspec:\n  replicas: 2\n  selector:\n    matchLabels: {{app: {name}-{workload}}}\n  template:\n    metadata:\n      labels: {{app: {name}-{workload}}}\n    spec:\n      containers:\n      - name: main\n        image: example.com/app:v1\n        args: [\"--port=8080\", \"--name={name}\"]\n        env:\n        - name: SETTINGS\n          valueFrom: {{configMapKeyRef: {{name: settings, key: a}}}}\n"
        )
        .unwrap();
    }
    text
}

fn measure(directory: &Path, changed: Option<&str>) {
    let (tree, path) = DirectoryTree::for_build(directory).unwrap();
    let options = Options::of_kustomize();
    let bytes = build_yaml(&tree, &path, &options).unwrap().len();
    println!("{}: {:.2} MB of output", directory.display(), bytes as f64 / 1e6);
    let cold = median(|| drop(build_yaml(&DirectoryTree::for_build(directory).unwrap().0, &path, &options).unwrap()));
    println!("  in process, no cache:            {}", shown(cold, bytes));
    let cached = Options { cache: Some(Arc::new(Cache::new(256 << 20))), ..options };
    let known = Known::of(&tree);
    build_yaml(&known, &path, &cached).unwrap();
    let warm = median(|| drop(build_yaml(&known, &path, &cached).unwrap()));
    println!("  in process, cache, unchanged:    {}", shown(warm, bytes));
    if let Some(changed) = changed {
        let file = directory.parent().unwrap().join(changed);
        let mut round = 0;
        let one = median(|| {
            round += 1;
            let text = fs::read_to_string(&file).unwrap();
            let text = text.split("# round").next().unwrap();
            fs::write(&file, format!("{text}# round {round}\n")).unwrap();
            build_yaml(&Known::of(&tree), &path, &cached).unwrap();
        });
        println!("  in process, cache, one changed:  {}", shown(one, bytes));
    }
    let own = process(env!("CARGO_BIN_EXE_arcwright"), "render", directory);
    println!("  process arcwright render:        {}", shown(own.unwrap(), bytes));
    match process("kustomize", "build", directory) {
        Some(theirs) => {
            println!("  process kustomize build:         {}", shown(theirs, bytes));
            let ratio = |ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
            println!(
                "  times as fast: process {:.1}, in process {:.1}, unchanged {:.1}",
                ratio(own.unwrap()),
                ratio(cold),
                ratio(warm)
            );
        }
        None => println!("  kustomize is not in PATH: not compared"),
    }
}

fn shown(time: Duration, bytes: usize) -> String {
    format!("{:8.2} ms, {:6.1} MB/s", time.as_secs_f64() * 1e3, bytes as f64 / 1e6 / time.as_secs_f64())
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut all: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    all.sort_unstable();
    all[ROUNDS / 2]
}

/// The median time of a program over a directory; none when it is not there.
fn process(program: &str, command: &str, directory: &Path) -> Option<Duration> {
    let run = || Command::new(program).arg(command).arg(directory).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run().ok().filter(std::process::ExitStatus::success)?;
    Some(median(|| assert!(run().unwrap().success())))
}

/// A tree that knows the content of its files without reading them, as one of a Git repository does.
struct Known<'a> {
    tree: &'a DirectoryTree,
    ids: std::sync::Mutex<HashMap<String, ContentId>>,
}

impl<'a> Known<'a> {
    fn of(tree: &'a DirectoryTree) -> Self {
        Self { tree, ids: std::sync::Mutex::default() }
    }
}

impl FileTree for Known<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        self.tree.read(path)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        self.tree.kind(path)
    }

    fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
        self.tree.list(path)
    }

    fn real(&self, path: &str) -> Result<Option<String>, TreeError> {
        self.tree.real(path)
    }

    fn id(&self, path: &str) -> Result<Option<ContentId>, TreeError> {
        if let Some(id) = self.ids.lock().unwrap().get(path) {
            return Ok(Some(*id));
        }
        let id = ContentId::of(&self.tree.read(path)?);
        self.ids.lock().unwrap().insert(path.to_owned(), id);
        Ok(Some(id))
    }
}
