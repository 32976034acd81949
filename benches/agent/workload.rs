//! What is reconciled: a repository of many small directories, and the state file that asks for them.
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Directories of the repository, whatever number of them the state asks for.
pub(crate) const DIRECTORIES: usize = 1000;
/// Objects of one directory.
pub(crate) const OBJECTS: usize = 4;
/// Namespaces over which the configurations are spread.
const NAMESPACES: usize = 20;

/// A repository, a state file and a data directory, in a directory that goes when this does.
pub(crate) struct Workload {
    directory: tempfile::TempDir,
}

impl Workload {
    /// `count` configurations of one directory of [`OBJECTS`] objects each, looked at every `interval` seconds.
    pub(crate) fn small(count: usize, interval: u32) -> Self {
        let workload = Self::empty();
        for index in 0..DIRECTORIES {
            for (name, text) in objects(index) {
                workload.write(&format!("apps/{index:04}/{name}"), &text);
            }
        }
        workload.commit();
        let names = (0..count).map(|index| (index, format!("apps/{index:04}")));
        workload.ask(names, interval);
        workload
    }

    /// One configuration of `count` ConfigMaps, a hundred a file.
    pub(crate) fn large(count: usize) -> Self {
        let workload = Self::empty();
        for file in 0..count.div_ceil(100) {
            let mut text = String::new();
            for index in file * 100..count.min(file * 100 + 100) {
                let _ = write!(
                    text,
                    "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large-{index:05}, namespace: {}}}\ndata: {{key: \"{index}\"}}\n",
                    namespace(index)
                );
            }
            workload.write(&format!("large/{file:03}.yaml"), &text);
        }
        workload.commit();
        workload.ask([(0, "large".to_owned())], 600);
        workload
    }

    fn empty() -> Self {
        let workload = Self { directory: tempfile::tempdir().expect("a directory") };
        std::fs::create_dir(workload.repository()).expect("a directory");
        workload.git(&["init", "-q", "-b", "main"]);
        workload
    }

    fn ask(&self, directories: impl IntoIterator<Item = (usize, String)>, interval: u32) {
        let mut state = String::new();
        for (index, path) in directories {
            let _ = write!(
                state,
                "---\napiVersion: clusterconfig.azure.com/v1beta1\nkind: FluxConfiguration\nmetadata: {{name: app-{index:04}}}\nspec:\n  namespace: {}\n  gitRepository: {{url: \"file://{}\", repositoryRef: {{branch: main}}, syncIntervalInSeconds: {interval}}}\n  kustomizations: {{app: {{path: {path}, prune: true, syncIntervalInSeconds: {interval}}}}}\n",
                namespace(index),
                self.repository().display(),
            );
        }
        std::fs::write(self.state(), state).expect("a state file");
    }

    fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// The state file.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state.yaml")
    }

    /// The agent's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A place for other files.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Bytes on disk of what was fetched.
    pub(crate) fn fetched(&self) -> u64 {
        size(&self.data().join("mirrors"))
    }

    /// Writes a file of the repository.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }

    /// Commits everything.
    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"])
            .args(arguments)
            .current_dir(self.repository())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .expect("git runs");
        assert!(done.success(), "git {arguments:?}");
    }
}

/// The namespace of the objects of a directory.
pub(crate) fn namespace(index: usize) -> String {
    format!("bench-{:02}", index % NAMESPACES)
}

/// Every namespace that the objects are in.
pub(crate) fn namespaces() -> impl Iterator<Item = String> {
    (0..NAMESPACES).map(namespace)
}

/// The files of one directory, one object each. Two ConfigMaps, a Secret and a Service.
pub(crate) fn objects(index: usize) -> [(&'static str, String); OBJECTS] {
    let space = namespace(index);
    let head = |kind: &str, name: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}-{index:04}\n  namespace: {space}\n  labels: {{app: app-{index:04}}}\n"
        )
    };
    [
        ("settings.yaml", format!("{}data:\n  colour: blue\n  index: \"{index}\"\n", head("ConfigMap", "settings"))),
        ("flags.yaml", format!("{}data:\n  flags: |\n    a=1\n    b=2\n", head("ConfigMap", "flags"))),
        (
            "secret.yaml",
            format!("{}type: Opaque\nstringData:\n  password: not-really-{index}\n", head("Secret", "secret")),
        ),
        (
            "service.yaml",
            format!(
                "{}spec:\n  selector: {{app: app-{index:04}}}\n  ports:\n  - name: http\n    port: 80\n    protocol: TCP\n    targetPort: 8080\n",
                head("Service", "web")
            ),
        ),
    ]
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
