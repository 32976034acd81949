//! An object on its way through the pipeline: what it is, and what it was called before.
use crate::render::{
    node::{Entry, Link, Map, Node, Scalar, Style, Tag},
    object::schema,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// What kustomize's own annotations begin with.
const INTERNAL: &str = "internal.config.kubernetes.io/";

/// The namespace that stands for "none can be".
pub(in crate::render) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// What an object was called at some step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::render) struct Previous {
    pub(in crate::render) name: SmolStr,
    /// Effective: "default" for none, [`NO_NAMESPACE`] for cluster-scoped kinds.
    pub(in crate::render) namespace: SmolStr,
    pub(in crate::render) kind: SmolStr,
}

/// An object on its way through the pipeline.
#[derive(Clone, Debug)]
pub(in crate::render) struct Resource {
    /// Shared with whoever keeps it for the next render.
    object: Arc<Map>,
    /// The file it came from.
    pub(in crate::render) origin: Arc<str>,
    /// Oldest first.
    pub(in crate::render) previous: Vec<Previous>,
    pub(in crate::render) prefixes: Vec<SmolStr>,
    pub(in crate::render) suffixes: Vec<SmolStr>,
    pub(in crate::render) needs_hash: bool,
    /// Whether its namespace was settled by the chart that it came from.
    pub(in crate::render) keeps_namespace: bool,
    /// How many groups of linked scalars it holds.
    links: u16,
    /// The vars that are read from it.
    pub(in crate::render) vars: Vec<SmolStr>,
    /// What the annotation of its origin says, when that is asked for.
    pub(in crate::render) provenance: Option<Arc<Provenance>>,
    /// What the annotation of its transformations says, when that is asked for.
    pub(in crate::render) transformations: Vec<Arc<Provenance>>,
}

/// Where a resource, or a change of one, comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::render) struct Provenance {
    /// The repository elsewhere, and what of it; both may be "".
    pub(in crate::render) repository: (String, String),
    /// The file, for what is read from one.
    pub(in crate::render) path: Option<String>,
    /// The kustomization, for what is generated or changed.
    pub(in crate::render) configured_in: Option<String>,
    pub(in crate::render) configured_by: Option<Configured>,
}

/// The generator or transformer that made or changed something. Name and namespace may be "".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::render) struct Configured {
    pub(in crate::render) api_version: String,
    pub(in crate::render) kind: String,
    pub(in crate::render) name: String,
    pub(in crate::render) namespace: String,
}

impl Resource {
    pub(in crate::render) fn new(object: Map, origin: &Arc<str>) -> Self {
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
    pub(in crate::render) fn of_file(object: Map, origin: &Arc<str>) -> Self {
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

    pub(in crate::render) fn object(&self) -> &Map {
        &self.object
    }

    pub(in crate::render) fn object_mut(&mut self) -> &mut Map {
        Arc::make_mut(&mut self.object)
    }

    /// Takes the object out, to be put back changed.
    pub(in crate::render) fn take_object(&mut self) -> Map {
        Arc::unwrap_or_clone(std::mem::take(&mut self.object))
    }

    pub(in crate::render) fn set_object(&mut self, object: Map) {
        self.object = Arc::new(object);
    }

    /// A link for scalars that are to be one. None when there are too many.
    pub(in crate::render) fn new_link(&mut self) -> Link {
        self.links.checked_add(1).map_or_else(Link::default, |group| {
            self.links = group;
            Link::to(group)
        })
    }

    /// Changes what is linked to a scalar that was changed.
    pub(in crate::render) fn settle_links(&mut self) {
        if self.links == 0 {
            return;
        }
        let written = self.object.written_links();
        if !written.is_empty() {
            self.object_mut().settle_links(&written);
        }
    }

    /// Annotations are texts, each of them once. An empty set of them is none.
    pub(in crate::render) fn tidy_annotations(&mut self) {
        let annotations = match self.metadata("annotations") {
            None | Some(Node::List(_)) => return,
            Some(Node::Map(annotations)) if is_tidy(annotations) => return,
            Some(Node::Map(annotations)) => annotations,
            Some(Node::Scalar(_)) => return drop(self.metadata_mut().remove("annotations")),
        };
        let tidied = Map::of_texts(annotations.iter().map(|(key, value)| (key, value.text().unwrap_or_default())));
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

    pub(in crate::render) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(in crate::render) fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    pub(in crate::render) fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    pub(in crate::render) fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    pub(in crate::render) fn name(&self) -> &str {
        self.metadata("name").filter(|name| !name.is_null()).and_then(Node::text).unwrap_or_default()
    }

    pub(in crate::render) fn namespace(&self) -> &str {
        self.metadata("namespace").filter(|namespace| !namespace.is_null()).and_then(Node::text).unwrap_or_default()
    }

    pub(in crate::render) fn is_cluster_scoped(&self) -> bool {
        schema::is_cluster_scoped(self.api_version(), self.kind())
    }

    /// The namespace for comparisons.
    pub(in crate::render) fn effective_namespace(&self) -> SmolStr {
        if self.is_cluster_scoped() {
            return SmolStr::new_static(NO_NAMESPACE);
        }
        effective(self.namespace())
    }

    /// What it is called now.
    pub(in crate::render) fn current(&self) -> Previous {
        Previous {
            name: SmolStr::new(self.name()),
            namespace: self.effective_namespace(),
            kind: SmolStr::new(self.kind()),
        }
    }

    /// What it was called first.
    pub(in crate::render) fn original(&self) -> Previous {
        self.previous.first().cloned().unwrap_or_else(|| self.current())
    }

    /// Remembers what it is called now, before that changes.
    pub(in crate::render) fn remember(&mut self) {
        let now = self.current();
        self.previous.push(now);
    }

    /// Whether it is, or ever was, called so.
    pub(in crate::render) fn was(&self, other: &Previous) -> bool {
        let is_current =
            self.name() == other.name && self.kind() == other.kind && self.effective_namespace() == other.namespace;
        is_current || self.previous.contains(other)
    }

    /// All that it is and was called.
    pub(in crate::render) fn all_names(&self) -> impl Iterator<Item = Previous> {
        self.previous.iter().cloned().chain([self.current()])
    }

    pub(in crate::render) fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata("annotations")?.get(key)?.text()
    }

    pub(in crate::render) fn labels(&self) -> Option<&Map> {
        self.metadata("labels")?.as_map()
    }

    pub(in crate::render) fn annotations(&self) -> Option<&Map> {
        self.metadata("annotations")?.as_map()
    }

    pub(in crate::render) fn metadata_mut(&mut self) -> &mut Map {
        self.object_mut().map_at("metadata")
    }

    pub(in crate::render) fn set_name(&mut self, name: &str) {
        self.metadata_mut().insert("name", Node::string(name));
    }

    pub(in crate::render) fn set_label(&mut self, key: &str, value: &str) {
        self.metadata_mut().map_at("labels").insert(key, Node::string(value));
    }

    pub(in crate::render) fn set_annotation(&mut self, key: &str, value: &str) {
        self.metadata_mut().map_at("annotations").insert(key, Node::string(value));
    }

    /// How an error names it.
    pub(in crate::render) fn shown(&self) -> String {
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
    !entries.is_empty() && entries.iter().all(is_text) && !annotations.repeats_a_key()
}

/// Whether a scalar is a text, and not one that is printed and read once more on its way.
fn is_plain_text(scalar: &Scalar) -> bool {
    scalar.tag() == Tag::Str && scalar.style != Style::Folded
}

pub(in crate::render) fn effective(namespace: &str) -> SmolStr {
    if namespace.is_empty() { SmolStr::new_static("default") } else { SmolStr::new(namespace) }
}
