//! What is rendered, beside what kustomize itself builds, byte for byte.
//!
//! The program is looked for in `ARCWRIGHT_KUSTOMIZE`, in the user's cache (`arcwright/bin/kustomize`) and in `PATH`. It
//! must be of the version that the renderer follows. Where there is none, nothing is compared, and the tests say so.
mod awkward;
mod tree;

use arcwright::render::{self, Options, Order, tree::DirectoryTree};
use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The version that the renderer follows.
const VERSION: &str = "v5.8.1";
/// The directory of a tree that is built.
const TOP: &str = "top";

/// Says something even when the test passes, whose output is kept back.
fn tell(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// The kustomize program, where there is one of the right version.
fn kustomize() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| candidates().into_iter().find(|program| is_of_version(program)));
    if found.is_none() {
        tell(&format!("NOT RUN: there is no kustomize {VERSION}; name one in ARCWRIGHT_KUSTOMIZE"));
    }
    found.as_deref()
}

fn candidates() -> Vec<PathBuf> {
    if let Some(program) = env::var_os("ARCWRIGHT_KUSTOMIZE") {
        return vec![program.into()];
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let cached = cache.map(|cache| cache.join("arcwright/bin/kustomize"));
    cached.into_iter().chain([PathBuf::from("kustomize")]).collect()
}

fn is_of_version(program: &Path) -> bool {
    let Ok(output) = Command::new(program).arg("version").output() else { return false };
    let version = String::from_utf8_lossy(&output.stdout);
    let is_it = output.status.success() && version.trim() == VERSION;
    if !is_it {
        tell(&format!("{} is not used: its version is {:?}, not {VERSION}", program.display(), version.trim()));
    }
    is_it
}

/// What kustomize prints for a directory; what it says when it fails.
fn built(program: &Path, directory: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("build").arg(directory).output().expect("kustomize runs");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("UTF-8"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn rendered(directory: &Path, options: &Options) -> Result<String, String> {
    let (tree, path) = DirectoryTree::for_build(directory).expect("a directory");
    render::build_yaml(&tree, &path, options).map_err(|error| error.to_string())
}

/// Files, by their paths.
type Files = Vec<(String, String)>;

fn write(root: &Path, files: &Files) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory is made");
        std::fs::write(path, text).expect("a file is written");
    }
}

/// Fails with what differs, and the files that it was made of.
fn compare(name: &str, wanted: &Result<String, String>, found: &Result<String, String>, files: &Files) {
    if wanted == found || wanted.is_err() && found.is_err() {
        return;
    }
    let files: String = files.iter().map(|(path, text)| format!("--- {path}\n{text}\n")).collect();
    let shown = |result: &Result<String, String>| match result {
        Ok(text) => text.clone(),
        Err(error) => format!("fails: {error}"),
    };
    let (wanted, found) = (shown(wanted), shown(found));
    let same = wanted.lines().zip(found.lines()).take_while(|(wanted, found)| wanted == found).count();
    assert_eq!(wanted, found, "{name}: differs after line {same}\n{files}");
}

/// Compares a tree, in both orders; gives what kustomize makes of it.
fn check(program: &Path, name: &str, files: &Files) -> Result<String, String> {
    let root = tempfile::tempdir().expect("a directory");
    let top = root.path().join(TOP);
    write(root.path(), files);
    let wanted = built(program, &top);
    compare(name, &wanted, &rendered(&top, &Options::of_kustomize()), files);
    let fifo = Options { order: Order::Fifo, ..Options::of_kustomize() };
    let found = rendered(&top, &fifo);
    let file = top.join("kustomization.yaml");
    let text = std::fs::read_to_string(&file).expect("a kustomization");
    std::fs::write(&file, text + "\nsortOptions: {order: fifo}\n").expect("it is written");
    let unsorted = built(program, &top);
    compare(&format!("{name}, not sorted"), &unsorted, &found, files);
    compare(
        &format!("{name}, which asks not to be sorted"),
        &unsorted,
        &rendered(&top, &Options::of_kustomize()),
        files,
    );
    wanted
}

#[test]
fn awkward_trees_come_out_the_same() {
    let Some(program) = kustomize() else { return };
    for (name, files, fails) in awkward::TREES {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let made = check(program, name, &files);
        assert_eq!(made.is_err(), *fails, "{name}: {made:?}");
    }
}

#[test]
fn random_trees_come_out_the_same() {
    const TREES: u64 = 60;
    let Some(program) = kustomize() else { return };
    let check_one = |seed: &u64| check(program, &format!("tree {seed}"), &tree::made(*seed)).is_ok();
    let built = (0..TREES).filter(check_one).count();
    assert!(built >= 50, "only {built} of {TREES} trees were of use");
}
