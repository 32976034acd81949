//! Where resources come from and what changed them, as annotations of the result (`buildMetadata`).
use crate::render::{
    emit::value_to_yaml,
    object::resource::{Configured, Provenance, Resource},
    remote::{Remote, without_credentials},
};

/// The annotation that says where a resource comes from.
pub(in crate::render) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation that says what changed it.
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// Where a kustomization or a file is, as the annotations say it.
#[derive(Clone, Debug, Default)]
pub(in crate::render) struct Origin {
    repository: (String, String),
    /// As seen from the top kustomization, or in the repository.
    path: String,
}

impl Origin {
    /// Where something is that is named there.
    pub(in crate::render) fn at(&self, name: &str) -> Self {
        match Remote::parse(name) {
            // Kustomize calls the root of a repository so.
            Some(Remote { repository, path, reference, .. }) => Self {
                repository: (without_credentials(&repository), reference.unwrap_or_default()),
                path: joined("", if joined("", &path).is_empty() { "notCloned" } else { &path }),
            },
            None => Self { repository: self.repository.clone(), path: joined(&self.path, name) },
        }
    }
}

impl Provenance {
    /// What is read from a file.
    pub(in crate::render) fn file(Origin { repository, path }: Origin) -> Self {
        Self { repository, path: Some(path), configured_in: None, configured_by: None }
    }

    /// What a generator or transformer of a kind makes or changes that a file configures.
    pub(in crate::render) fn plugin(file: Origin, by: Configured) -> Self {
        Self { repository: file.repository, path: None, configured_in: Some(file.path), configured_by: Some(by) }
    }

    /// Where the file is that it was read from.
    pub(in crate::render) fn origin(&self) -> Option<Origin> {
        Some(Origin { repository: self.repository.clone(), path: self.path.clone()? })
    }

    /// As lines of YAML.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |name: &str, value: Option<&str>| {
            let value = value.map(|value| value_to_yaml(&value.into()));
            lines.extend(value.map(|value| format!("{name}: {}", value.trim_end())));
        };
        let given = |value| Some(value).filter(|value: &&String| !value.is_empty()).map(String::as_str);
        add("path", self.path.as_deref());
        add("repo", given(&self.repository.0));
        add("ref", given(&self.repository.1));
        add("configuredIn", self.configured_in.as_deref());
        if let Some(Configured { api_version, kind, name, namespace }) = &self.configured_by {
            lines.push("configuredBy:".to_owned());
            let mut add = |name: &str, value: &str| {
                lines.push(format!("  {name}: {}", value_to_yaml(&value.into()).trim_end()));
            };
            add("apiVersion", api_version);
            add("kind", kind);
            given(name).into_iter().for_each(|value| add("name", value));
            given(namespace).into_iter().for_each(|value| add("namespace", value));
        }
        lines
    }
}

/// Writes the annotations that are asked for.
pub(in crate::render) fn annotate(resources: &mut [Resource], origins: bool, transformations: bool) {
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
fn joined(directory: &str, path: &str) -> String {
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
