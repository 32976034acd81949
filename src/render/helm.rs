//! Charts, rendered by the `helm` program where the caller allows that.
//!
//! The program sees a copy of the chart in a directory of its own, which is removed afterwards; it finds no configuration of the
//! user's, and has a deadline and a limit of output.
use super::{
    RenderError,
    error::Place,
    kustomization::{HelmChart, HelmGlobals, target},
    load::{self, Loader, MAX_DEPTH},
    merge,
    node::{self, Node},
    resource::Resource,
    schema::Type,
    tree::EntryKind,
};
use serde_json::Value;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Longest run of the program.
const DEADLINE: Duration = Duration::from_secs(120);
/// Most bytes that it may print.
const MAX_OUTPUT: u64 = 64 << 20;

/// Whether and how `helm` may be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The program; none: charts are refused.
    pub command: Option<PathBuf>,
    /// The version of Kubernetes that charts are rendered for; "" leaves it to the chart or the program.
    pub kube_version: String,
    /// API versions that charts may find; empty leaves it to the chart or the program.
    pub api_versions: Vec<String>,
    /// Whether the program is asked for more output when it fails.
    pub debug: bool,
}

/// Renders a chart.
///
/// # Errors
/// When that is not allowed, the chart is not there, or the program fails.
pub(super) fn inflate(
    access: &Access,
    loader: &Loader<'_>,
    directory: &str,
    place: &Place<'_>,
    globals: &HelmGlobals,
    chart: &HelmChart,
) -> Result<Vec<Resource>, RenderError> {
    let Some(command) = &access.command else {
        return Err(place.wrong("charts are rendered only when that is enabled: use --enable-helm"));
    };
    if chart.name.is_empty() {
        return Err(place.wrong("a chart has no name"));
    }
    if !matches!(chart.values_merge.as_str(), "" | "merge" | "override" | "replace") {
        return Err(place.wrong("valuesMerge must be merge, override or replace"));
    }
    let scratch = tempfile::tempdir().map_err(|error| place.wrong(format!("no temporary directory: {error}")))?;
    let run = Run { command, access, loader, directory, place, globals, chart, scratch: scratch.path() };
    let output = run.template()?;
    let mut resources = load::resources(&output, place.file)
        .map_err(|error| place.wrong(format!("the chart {} gave no manifests: {error}", chart.name)))?;
    for resource in &mut resources {
        resource.keeps_namespace = true;
    }
    Ok(resources)
}

struct Run<'a> {
    command: &'a Path,
    access: &'a Access,
    loader: &'a Loader<'a>,
    directory: &'a str,
    place: &'a Place<'a>,
    globals: &'a HelmGlobals,
    chart: &'a HelmChart,
    scratch: &'a Path,
}

impl Run<'_> {
    fn template(&self) -> Result<String, RenderError> {
        let HelmChart { name, version, .. } = self.chart;
        let home = if self.globals.chart_home.is_empty() { "charts" } else { &self.globals.chart_home };
        let is_pulled = !version.is_empty() && !self.chart.repo.is_empty();
        let home = if is_pulled { format!("{home}/{name}-{version}") } else { home.to_owned() };
        let source = self.target(&format!("{home}/{name}"))?;
        let home = self.scratch.join("charts");
        let copy = home.join(name);
        if self.loader.kind(&source)? == Some(EntryKind::Directory) {
            self.copy(&source, &copy, 0)?;
        } else if self.chart.repo.is_empty() {
            return Err(self.wrong(&format!("is neither at {source} nor has it a repo to be pulled from")));
        } else {
            self.run(&self.pull(&home))?;
        }
        let values = self.values(&copy)?;
        self.run(&self.arguments(&copy, &values)?)
    }

    fn wrong(&self, message: &str) -> RenderError {
        self.place.wrong(format!("the chart {} {message}", self.chart.name))
    }

    fn target(&self, path: &str) -> Result<String, RenderError> {
        target(self.place.file, self.place.field, self.directory, path)
    }

    /// Copies a directory of the tree.
    fn copy(&self, from: &str, to: &Path, depth: usize) -> Result<(), RenderError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("has directories too deep inside each other"));
        }
        let failed = |error: std::io::Error| self.wrong(&format!("cannot be copied: {error}"));
        std::fs::create_dir_all(to).map_err(failed)?;
        for (name, kind) in self.loader.list(from)? {
            let path = format!("{from}/{name}");
            match kind {
                EntryKind::Directory => self.copy(&path, &to.join(&name), depth + 1)?,
                EntryKind::File => {
                    let bytes = self.loader.bytes(self.directory, &path, self.place.file)?;
                    std::fs::write(to.join(&name), bytes).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a file for the program.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
        let path = self.scratch.join(name);
        std::fs::write(&path, bytes)
            .map_err(|error| self.wrong(&format!("has values that cannot be written: {error}")))?;
        Ok(path)
    }

    /// The file of values: the chart's or the given one, with what is written in the kustomization.
    fn values(&self, copy: &Path) -> Result<PathBuf, RenderError> {
        let HelmChart { values_file, values_inline, values_merge, .. } = self.chart;
        let file = || {
            if values_file.is_empty() {
                let path = copy.join("values.yaml");
                return std::fs::read(path).map_err(|error| self.wrong(&format!("has no values.yaml: {error}")));
            }
            self.loader.bytes(self.directory, &self.target(values_file)?, self.place.file)
        };
        if values_inline.is_empty() {
            return self.write("values.yaml", &file()?);
        }
        let inline = Node::from(&Value::Object(values_inline.clone()));
        let merged = if values_merge == "replace" {
            Some(inline)
        } else {
            let text = String::from_utf8(file()?).map_err(|_| self.wrong("has values that are no text"))?;
            let chart =
                node::one(&text).map_err(|error| self.wrong(&format!("has values that are not YAML: {error}")))?;
            let chart = chart.unwrap_or_else(Node::map);
            // To merge, for kustomize, is to let the chart's values win.
            let merged = if values_merge == "merge" {
                merge::merge(inline, &chart, Type::default())
            } else {
                merge::merge(chart, &inline, Type::default())
            };
            merged.map_err(|message| self.wrong(&format!("has values that do not go together: {message}")))?
        };
        let merged = merged.unwrap_or_else(Node::map);
        let value = merged.to_value(node::Dialect::Manifest).map_err(|error| self.wrong(&error.to_string()))?;
        self.write("values.yaml", value.to_string().as_bytes())
    }

    fn pull(&self, home: &Path) -> Vec<String> {
        let HelmChart { name, version, repo, devel, .. } = self.chart;
        let mut all =
            vec!["pull".to_owned(), "--untar".to_owned(), "--untardir".to_owned(), home.display().to_string()];
        if repo.starts_with("oci://") {
            all.push(format!("{}/{name}", repo.trim_end_matches('/')));
        } else {
            all.extend(["--repo".to_owned(), repo.clone(), name.clone()]);
        }
        if !version.is_empty() {
            all.extend(["--version".to_owned(), version.clone()]);
        }
        all.extend(devel.then(|| "--devel".to_owned()));
        all
    }

    fn arguments(&self, copy: &Path, values: &Path) -> Result<Vec<String>, RenderError> {
        let chart = self.chart;
        let name = if chart.release_name.is_empty() { "--generate-name" } else { &chart.release_name };
        let mut all = vec!["template".to_owned(), name.to_owned(), copy.display().to_string()];
        let mut add = |flag: &str, value: &str| {
            if !value.is_empty() {
                all.extend([flag.to_owned(), value.to_owned()]);
            }
        };
        add("--namespace", &chart.namespace);
        add("--name-template", &chart.name_template);
        add("-f", &values.display().to_string());
        for (number, file) in chart.additional_values_files.iter().enumerate() {
            let bytes = self.loader.bytes(self.directory, &self.target(file)?, self.place.file)?;
            add("-f", &self.write(&format!("values-{number}.yaml"), &bytes)?.display().to_string());
        }
        let api_versions =
            if self.access.api_versions.is_empty() { &chart.api_versions } else { &self.access.api_versions };
        api_versions.iter().for_each(|version| add("--api-versions", version));
        let kube_version =
            if self.access.kube_version.is_empty() { &chart.kube_version } else { &self.access.kube_version };
        add("--kube-version", kube_version);
        let flags = [
            (chart.include_crds, "--include-crds"),
            (chart.skip_tests, "--skip-tests"),
            (chart.skip_hooks, "--no-hooks"),
            (chart.debug || self.access.debug, "--debug"),
            (chart.devel, "--devel"),
        ];
        all.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned()));
        Ok(all)
    }

    /// Runs the program; gives what it prints.
    fn run(&self, arguments: &[String]) -> Result<String, RenderError> {
        let home =
            if self.globals.config_home.is_empty() { self.scratch.join("helm") } else { self.scratch.join("home") };
        let mut command = Command::new(self.command);
        command
            .args(arguments)
            .env("HELM_CONFIG_HOME", &home)
            .env("HELM_CACHE_HOME", home.join(".cache"))
            .env("HELM_DATA_HOME", home.join(".data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = self.command.display();
        let mut child = command
            .spawn()
            .map_err(|error| self.wrong(&format!("cannot be rendered: {shown} does not run: {error}")))?;
        let (output, errors) = (read(child.stdout.take()), read(child.stderr.take()));
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => {
                    // It is over either way.
                    let _killed = child.kill();
                    let _reaped = child.wait();
                    return Err(self.wrong(&format!("was not rendered by {shown} within {} s", DEADLINE.as_secs())));
                }
            }
        };
        let (output, errors) = (output.recv().unwrap_or_default(), errors.recv().unwrap_or_default());
        if !status.success() {
            let message = errors.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message");
            return Err(self.wrong(&format!("was not rendered: {shown} says: {message}")));
        }
        if output.len() as u64 >= MAX_OUTPUT {
            return Err(self.wrong("gave more than 64 MiB"));
        }
        Ok(output)
    }
}

/// Reads a stream on a thread of its own, so that the program never waits for a reader.
fn read(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What was read until an error is what there is.
            let _read = stream.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        // Nobody listens once the run was given up.
        let _sent = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
