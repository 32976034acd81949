//! An object on its way through the pipeline: what it is, and what it was called before.
use super::{
    node::{Entry, Link, Map, Node, Scalar, Style, Tag},
    schema,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// What kustomize's own annotations begin with.
const INTERNAL: &str = "internal.config.kubernetes.io/";

/// The namespace that stands for "none can be".
pub(super) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// What an object was called at some step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Previous {
    pub(super) name: SmolStr,
    /// Effective: "default" for none, [`NO_NAMESPACE`] for cluster-scoped kinds.
    pub(super) namespace: SmolStr,
    pub(super) kind: SmolStr,
}

/// An object on its way through the pipeline.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    /// Shared with whoever keeps it for the next render.
    object: Arc<Map>,
    /// The file it came from.
    pub(super) origin: Arc<str>,
    /// Oldest first.
    pub(super) previous: Vec<Previous>,
    pub(super) prefixes: Vec<SmolStr>,
    pub(super) suffixes: Vec<SmolStr>,
    pub(super) needs_hash: bool,
    /// Whether its namespace was settled by the chart that it came from.
    pub(super) keeps_namespace: bool,
    /// How many groups of linked scalars it holds.
    links: u16,
    /// The vars that are read from it.
    pub(super) vars: Vec<SmolStr>,
    /// What the annotation of its origin says, when that is asked for.
    pub(super) provenance: Option<Arc<Provenance>>,
    /// What the annotation of its transformations says, when that is asked for.
    pub(super) transformations: Vec<Arc<Provenance>>,
}

/// Where a resource, or a change of one, comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Provenance {
    /// The repository elsewhere, and what of it; both may be "".
    pub(super) repository: (String, String),
    /// The file, for what is read from one.
    pub(super) path: Option<String>,
    /// The kustomization, for what is generated or changed.
    pub(super) configured_in: Option<String>,
    pub(super) configured_by: Option<Configured>,
}

/// The generator or transformer that made or changed something. Name and namespace may be "".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

impl Resource {
    pub(super) fn new(object: Map, origin: &Arc<str>) -> Self {
        Self {
            object: Arc::new(object),
            origin: origin.clone(),
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
            keeps_namespace: false,
            links: 0,
            vars: Vec::new(),
            provenance: None,
            transformations: Vec::new(),
        }
    }

    /// An object of a file, with what kustomize's own annotations in it say.
    ///
    /// Source: the annotations that kustomize keeps while it builds, some of which people write into their files.
    pub(super) fn of_file(object: Map, origin: &Arc<str>) -> Self {
        let mut resource = Self::new(object, origin);
        if resource.annotations().is_some_and(|all| all.iter().any(|(key, _)| key.starts_with(INTERNAL))) {
            resource.take_internal();
        }
        resource
    }

    fn take_internal(&mut self) {
        let list = |resource: &mut Self, key: &str| -> Vec<SmolStr> {
            let Some(text) = resource.take_annotation(key) else { return Vec::new() };
            text.split(',').map(SmolStr::new).collect()
        };
        let names = list(self, "previousNames");
        let namespaces = list(self, "previousNamespaces");
        let kinds = list(self, "previousKinds");
        let previous = names.into_iter().zip(namespaces).zip(kinds);
        self.previous = previous
            .map(|((name, namespace), kind)| Previous { name, namespace: effective(&namespace), kind })
            .collect();
        self.prefixes = list(self, "prefixes");
        self.suffixes = list(self, "suffixes");
        self.needs_hash = self.take_annotation("needsHashSuffix").is_some();
        self.keeps_namespace = self.take_annotation("helm-generated").as_deref() == Some("true");
        for key in ["refBy", "generatorBehavior", "allowNameChange", "allowKindChange"] {
            self.take_annotation(key);
        }
    }

    fn take_annotation(&mut self, key: &str) -> Option<SmolStr> {
        let annotations = self.metadata_mut().map_at("annotations");
        annotations.remove(&format!("{INTERNAL}{key}"))?.text().map(SmolStr::new)
    }

    pub(super) fn object(&self) -> &Map {
        &self.object
    }

    pub(super) fn object_mut(&mut self) -> &mut Map {
        Arc::make_mut(&mut self.object)
    }

    /// Takes the object out, to be put back changed.
    pub(super) fn take_object(&mut self) -> Map {
        Arc::unwrap_or_clone(std::mem::take(&mut self.object))
    }

    pub(super) fn set_object(&mut self, object: Map) {
        self.object = Arc::new(object);
    }

    /// A link for scalars that are to be one. None when there are too many.
    pub(super) fn new_link(&mut self) -> Link {
        self.links.checked_add(1).map_or_else(Link::default, |group| {
            self.links = group;
            Link::to(group)
        })
    }

    /// Changes what is linked to a scalar that was changed.
    pub(super) fn settle_links(&mut self) {
        if self.links == 0 {
            return;
        }
        let written = self.object.written_links();
        if !written.is_empty() {
            self.object_mut().settle_links(&written);
        }
    }

    /// Annotations are texts, each of them once. An empty set of them is none.
    pub(super) fn tidy_annotations(&mut self) {
        let annotations = match self.metadata("annotations") {
            None | Some(Node::List(_)) => return,
            Some(Node::Map(annotations)) if is_tidy(annotations) => return,
            Some(Node::Map(annotations)) => annotations,
            Some(Node::Scalar(_)) => return drop(self.metadata_mut().remove("annotations")),
        };
        let mut tidied = Map::default();
        for (key, value) in annotations.iter() {
            tidied.insert(key, Node::string(value.text().unwrap_or_default()));
        }
        let metadata = self.metadata_mut();
        if tidied.is_empty() {
            metadata.remove("annotations");
        } else {
            metadata.insert("annotations", Node::Map(tidied));
        }
    }

    fn text(&self, key: &str) -> &str {
        self.object.get(key).and_then(Node::text).unwrap_or_default()
    }

    fn metadata(&self, key: &str) -> Option<&Node> {
        self.object.get("metadata")?.get(key)
    }

    pub(super) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(super) fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    pub(super) fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    pub(super) fn name(&self) -> &str {
        self.metadata("name").filter(|name| !name.is_null()).and_then(Node::text).unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.metadata("namespace").filter(|namespace| !namespace.is_null()).and_then(Node::text).unwrap_or_default()
    }

    pub(super) fn is_cluster_scoped(&self) -> bool {
        schema::is_cluster_scoped(self.api_version(), self.kind())
    }

    /// The namespace for comparisons.
    pub(super) fn effective_namespace(&self) -> SmolStr {
        if self.is_cluster_scoped() {
            return SmolStr::new_static(NO_NAMESPACE);
        }
        effective(self.namespace())
    }

    /// What it is called now.
    pub(super) fn current(&self) -> Previous {
        Previous {
            name: SmolStr::new(self.name()),
            namespace: self.effective_namespace(),
            kind: SmolStr::new(self.kind()),
        }
    }

    /// What it was called first.
    pub(super) fn original(&self) -> Previous {
        self.previous.first().cloned().unwrap_or_else(|| self.current())
    }

    /// Remembers what it is called now, before that changes.
    pub(super) fn remember(&mut self) {
        let now = self.current();
        self.previous.push(now);
    }

    /// Whether it is, or ever was, called so.
    pub(super) fn was(&self, other: &Previous) -> bool {
        self.previous.contains(other) || self.current() == *other
    }

    /// All that it is and was called.
    pub(super) fn all_names(&self) -> impl Iterator<Item = Previous> {
        self.previous.iter().cloned().chain([self.current()])
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata("annotations")?.get(key)?.text()
    }

    pub(super) fn labels(&self) -> Option<&Map> {
        self.metadata("labels")?.as_map()
    }

    pub(super) fn annotations(&self) -> Option<&Map> {
        self.metadata("annotations")?.as_map()
    }

    pub(super) fn metadata_mut(&mut self) -> &mut Map {
        self.object_mut().map_at("metadata")
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.metadata_mut().insert("name", Node::string(name));
    }

    pub(super) fn set_label(&mut self, key: &str, value: &str) {
        self.metadata_mut().map_at("labels").insert(key, Node::string(value));
    }

    pub(super) fn set_annotation(&mut self, key: &str, value: &str) {
        self.metadata_mut().map_at("annotations").insert(key, Node::string(value));
    }

    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        let namespace = self.namespace();
        if namespace.is_empty() {
            format!("{}/{}", self.kind(), self.name())
        } else {
            format!("{}/{namespace}/{}", self.kind(), self.name())
        }
    }
}

/// Whether annotations are as kustomize writes them again in the end.
fn is_tidy(annotations: &Map) -> bool {
    let entries = annotations.entries();
    let is_text = |entry: &Entry| {
        entry.key.tag() == Scalar::key(&entry.key.text).tag() && entry.value.as_scalar().is_some_and(is_plain_text)
    };
    let is_repeated = |at: usize| entries[..at].iter().any(|entry| entry.key.text == entries[at].key.text);
    !entries.is_empty() && entries.iter().all(is_text) && !(1..entries.len()).any(is_repeated)
}

/// Whether a scalar is a text, and not one that is printed and read once more on its way.
fn is_plain_text(scalar: &Scalar) -> bool {
    scalar.tag() == Tag::Str && scalar.style != Style::Folded
}

pub(super) fn effective(namespace: &str) -> SmolStr {
    if namespace.is_empty() { SmolStr::new_static("default") } else { SmolStr::new(namespace) }
}
