//! Where resources come from and what changed them, as annotations of the result (`buildMetadata`).
use super::resource::{Configured, Provenance, Resource};

/// The annotation that says where a resource comes from.
pub(super) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation that says what changed it.
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

impl Provenance {
    /// What is read from a file.
    pub(super) fn file(path: String) -> Self {
        Self { path: Some(path), configured_in: None, configured_by: None }
    }

    /// What a generator or transformer of a kind makes or changes.
    pub(super) fn plugin(file: String, by: Configured) -> Self {
        Self { path: None, configured_in: Some(file), configured_by: Some(by) }
    }

    /// As lines of YAML.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.path.as_ref().map(|path| format!("path: {path}")));
        lines.extend(self.configured_in.as_ref().map(|file| format!("configuredIn: {file}")));
        if let Some(Configured { api_version, kind, name, namespace }) = &self.configured_by {
            lines.push("configuredBy:".to_owned());
            lines.push(format!("  apiVersion: {api_version}"));
            lines.push(format!("  kind: {kind}"));
            lines.extend((!name.is_empty()).then(|| format!("  name: {name}")));
            lines.extend((!namespace.is_empty()).then(|| format!("  namespace: {namespace}")));
        }
        lines
    }
}

/// Writes the annotations that are asked for.
pub(super) fn annotate(resources: &mut [Resource], origins: bool, transformations: bool) {
    for resource in resources {
        if let Some(provenance) = resource.provenance.clone().filter(|_| origins) {
            resource.set_annotation(ORIGIN, &(provenance.lines().join("\n") + "\n"));
        }
        if transformations && !resource.transformations.is_empty() {
            let item = |one: &Provenance| format!("- {}\n", one.lines().join("\n  "));
            let text: String = resource.transformations.iter().map(|one| item(one)).collect();
            resource.set_annotation(TRANSFORMATIONS, &text);
        }
    }
}

/// A path relative to a directory that is itself relative, cleaned.
pub(super) fn joined(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            (part, _) => parts.push(part),
        }
    }
    parts.join("/")
}
