//! Charts, rendered by the `helm` program where the caller allows that.
//!
//! ```text
//! chart of the tree --copy--> scratch --helm template--> manifests
//! repo ------------helm pull----^
//! ```
//!
//! The program sees copies of the chart and of its values in a directory of its own, which is removed afterwards. Its
//! environment is what the caller gives; it finds no configuration and no plugins, neither the user's nor those of a
//! repository (`configHome` is therefore not used), and no cluster. It has a deadline and a limit of output, and what it
//! complains of is shown without the values that it was given.
mod complaint;
mod program;
#[cfg(test)]
mod tests;

use crate::render::{
    error::{Place, RenderError},
    helm::Access,
    kustomization::{HelmChart, HelmGlobals},
    load::{Files, MAX_DEPTH},
    node::{self, Node},
    object::{manifests, merge, resource::Resource, schema::Type},
    tree::EntryKind,
};
use complaint::Hidden;
use program::{Failure, Program};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    time::Instant,
};

/// Most files and directories of a chart.
const MAX_ENTRIES: usize = 20_000;

/// Renders a chart.
///
/// # Errors
/// When that is not allowed, the chart is not there, or the program fails.
pub(in crate::render) fn inflate(
    access: &Access,
    files: &Files<'_>,
    globals: &HelmGlobals,
    chart: &HelmChart,
) -> Result<Vec<Resource>, RenderError> {
    let place = &files.place;
    let Some(command) = &access.command else {
        return Err(place.wrong("charts are rendered only when that is enabled: use --enable-helm"));
    };
    check(place, chart)?;
    let scratch = tempfile::tempdir().map_err(|error| place.wrong(format!("no temporary directory: {error}")))?;
    let run = Run {
        command,
        access,
        files,
        globals,
        chart,
        scratch: scratch.path(),
        end: Instant::now() + access.limits.time,
        copied: Cell::new(0),
        hidden: RefCell::default(),
    };
    let output = run.template()?;
    let mut resources = manifests::read(&output, place.file)
        .map_err(|error| place.wrong(format!("the chart {} gave no manifests: {error}", chart.name)))?;
    for resource in &mut resources {
        resource.keeps_namespace = true;
    }
    Ok(resources)
}

/// Refuses what the program could take for something else: a path, or an option, which may name a program to run.
fn check(place: &Place<'_>, chart: &HelmChart) -> Result<(), RenderError> {
    let HelmChart { name, release_name, values_merge, .. } = chart;
    if name.is_empty() {
        return Err(place.wrong("a chart has no name"));
    }
    if name.contains(['/', '\\']) || matches!(name.as_str(), "." | "..") {
        return Err(place.wrong("a chart's name must be that of a directory in chartHome, not a path"));
    }
    if name.starts_with('-') || release_name.starts_with('-') {
        return Err(place.wrong("neither name nor releaseName may begin with a dash"));
    }
    if !matches!(values_merge.as_str(), "" | "merge" | "override" | "replace") {
        return Err(place.wrong("valuesMerge must be merge, override or replace"));
    }
    Ok(())
}

struct Run<'a> {
    command: &'a Path,
    access: &'a Access,
    files: &'a Files<'a>,
    globals: &'a HelmGlobals,
    chart: &'a HelmChart,
    scratch: &'a Path,
    end: Instant,
    copied: Cell<usize>,
    /// What the program was told, and is not to repeat.
    hidden: RefCell<Hidden>,
}

impl Run<'_> {
    fn template(&self) -> Result<String, RenderError> {
        let HelmChart { name, version, repo, .. } = self.chart;
        let home = if self.globals.chart_home.is_empty() { "charts" } else { &self.globals.chart_home };
        let is_pulled = !version.is_empty() && !repo.is_empty();
        let home = if is_pulled { format!("{home}/{name}-{version}") } else { home.to_owned() };
        let source = self.files.path(&format!("{home}/{name}"))?;
        let home = self.scratch.join("charts");
        let copy = home.join(name);
        let is_here = self.files.loader.kind(&source)? == Some(EntryKind::Directory);
        if is_here {
            self.copy(&source, &source, &copy, 0)?;
        } else if repo.is_empty() {
            return Err(self.wrong(&format!("is neither at {source} nor has it a repo to be pulled from")));
        } else {
            self.run(&self.pull(&home))?;
        }
        let values = self.values(is_here.then_some(source.as_str()), &copy)?;
        self.run(&self.arguments(&copy, &values)?)
    }

    fn wrong(&self, message: &str) -> RenderError {
        self.files.place.wrong(format!("the chart {} {message}", self.chart.name))
    }

    /// A file by its path in the tree, as the kustomization may read it.
    fn bytes(&self, path: &str) -> Result<Vec<u8>, RenderError> {
        self.files.loader.bytes(self.files.directory, path, self.files.place.file)
    }

    /// Copies a directory of the tree. Links in a chart lead where the kustomization or the chart itself is.
    fn copy(&self, chart: &str, from: &str, to: &Path, depth: usize) -> Result<(), RenderError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("has directories too deep inside each other"));
        }
        let failed = |error: std::io::Error| self.wrong(&format!("cannot be copied: {error}"));
        std::fs::create_dir_all(to).map_err(failed)?;
        for (name, kind) in self.files.loader.list(from)? {
            self.copied.set(self.copied.get() + 1);
            if self.copied.get() > MAX_ENTRIES {
                return Err(self.wrong(&format!("has more than {MAX_ENTRIES} files and directories")));
            }
            let path = format!("{from}/{name}");
            match kind {
                EntryKind::Directory => self.copy(chart, &path, &to.join(&name), depth + 1)?,
                EntryKind::File => {
                    let bytes = match self.bytes(&path) {
                        Err(RenderError::Restricted { .. }) => {
                            self.files.loader.bytes(chart, &path, self.files.place.file)
                        }
                        read => read,
                    };
                    std::fs::write(to.join(&name), bytes?).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a file of values for the program.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
        // What is no YAML has no values, and is for the program to refuse.
        let value = std::str::from_utf8(bytes).ok().and_then(|text| node::one(text).ok().flatten());
        if let Some(Ok(value)) = value.map(|value| value.to_value(node::Dialect::Values)) {
            self.hidden.borrow_mut().add(&value);
        }
        let path = self.scratch.join(name);
        std::fs::write(&path, bytes)
            .map_err(|error| self.wrong(&format!("has values that cannot be written: {error}")))?;
        Ok(path)
    }

    /// The file of values: the chart's or the given one, with what is written in the kustomization.
    fn values(&self, source: Option<&str>, copy: &Path) -> Result<PathBuf, RenderError> {
        let HelmChart { values_file, values_inline, values_merge, .. } = self.chart;
        let file = || match (values_file.is_empty(), source) {
            (false, _) => self.bytes(&self.files.path(values_file)?),
            (true, Some(source)) => self.bytes(&format!("{source}/values.yaml")),
            (true, None) => std::fs::read(copy.join("values.yaml"))
                .map_err(|error| self.wrong(&format!("has no values.yaml: {error}"))),
        };
        if values_inline.is_empty() {
            return self.write("values.yaml", &file()?);
        }
        let inline = Node::from(&Value::Object(values_inline.clone()));
        let merged = if values_merge == "replace" {
            Some(inline)
        } else {
            let text = String::from_utf8(file()?).ok().ok_or_else(|| self.wrong("has values that are no text"))?;
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
        let value = merged.to_value(node::Dialect::Values).map_err(|error| self.wrong(&error.to_string()))?;
        self.write("values.yaml", value.to_string().as_bytes())
    }

    fn pull(&self, home: &Path) -> Vec<String> {
        let HelmChart { name, version, repo, devel, .. } = self.chart;
        self.hidden.borrow_mut().add_address(repo);
        let mut all = vec!["pull".to_owned(), "--untar".to_owned(), format!("--untardir={}", home.display())];
        if repo.starts_with("oci://") {
            all.push(format!("{}/{name}", repo.trim_end_matches('/')));
        } else {
            all.extend([format!("--repo={repo}"), name.clone()]);
        }
        if !version.is_empty() {
            all.push(format!("--version={version}"));
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
                all.push(format!("{flag}={value}"));
            }
        };
        add("--namespace", &chart.namespace);
        add("--name-template", &chart.name_template);
        add("--values", &values.display().to_string());
        for (number, file) in chart.additional_values_files.iter().enumerate() {
            let bytes = self.bytes(&self.files.path(file)?)?;
            add("--values", &self.write(&format!("values-{number}.yaml"), &bytes)?.display().to_string());
        }
        let api_versions = if chart.api_versions.is_empty() { &self.access.api_versions } else { &chart.api_versions };
        api_versions.iter().for_each(|version| add("--api-versions", version));
        let kube_version = if chart.kube_version.is_empty() { &self.access.kube_version } else { &chart.kube_version };
        add("--kube-version", kube_version);
        let flags = [
            (chart.include_crds, "--include-crds"),
            (chart.skip_tests, "--skip-tests"),
            (chart.skip_hooks, "--no-hooks"),
            (self.is_debugged(), "--debug"),
            (chart.devel, "--devel"),
        ];
        all.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned()));
        Ok(all)
    }

    fn is_debugged(&self) -> bool {
        self.chart.debug || self.access.debug
    }

    /// Runs the program; gives what it prints.
    fn run(&self, arguments: &[String]) -> Result<String, RenderError> {
        let home = self.scratch.join("helm");
        let mut environment = self.access.environment.clone();
        environment.extend([
            ("HELM_CONFIG_HOME".into(), home.clone().into()),
            ("HELM_CACHE_HOME".into(), home.join(".cache").into()),
            ("HELM_DATA_HOME".into(), home.join(".data").into()),
            // Without it, a chart without a namespace gets that of the user's cluster.
            ("KUBECONFIG".into(), "/dev/null".into()),
        ]);
        let program = Program {
            command: self.command,
            arguments,
            environment: &environment,
            time: self.end.saturating_duration_since(Instant::now()),
            output: self.access.limits.output,
        };
        let output = program.run().map_err(|failure| self.failed(&failure))?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    fn failed(&self, failure: &Failure) -> RenderError {
        let what = match failure {
            Failure::Failed(complaint) => {
                let HelmChart { name, release_name, namespace, .. } = self.chart;
                let mut hidden = self.hidden.borrow_mut();
                [name, release_name, namespace].into_iter().for_each(|text| hidden.reveal(text));
                format!("it says: {}", hidden.shown(complaint, self.is_debugged()))
            }
            Failure::Late(_) => format!("it took longer than {:?}", self.access.limits.time),
            Failure::Unusable(_) | Failure::Flood(_) => failure.to_string(),
        };
        self.wrong(&format!("was not rendered by {}: {what}", self.command.display()))
    }
}
