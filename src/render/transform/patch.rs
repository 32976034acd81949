//! Patches: which resources each is for, and laying it over them.
use crate::render::{
    error::{Place, RenderError},
    kustomization::{PatchField, Selector},
    node::{Map, Node},
    object::{json6902, manifests, merge, resource::Resource, schema::Schema},
    transform::{provenance::ORIGIN, selector::Compiled},
};
use std::collections::BTreeMap;

/// Strategic merge patches that name their resources themselves, and in which a null label is a text.
#[derive(Debug)]
pub(in crate::render) struct StrategicMerges(Vec<Resource>);

/// An entry of `patches`.
#[derive(Debug)]
pub(in crate::render) struct Patch {
    content: Content,
    target: Option<Compiled>,
    allows_name_change: bool,
    allows_kind_change: bool,
}

/// A patch, as its text turned out to be.
#[derive(Debug)]
enum Content {
    Merge(Vec<Resource>),
    Json(Vec<json6902::Operation>),
}

/// An entry of `patchesJson6902`.
#[derive(Debug)]
pub(in crate::render) struct Json6902 {
    operations: Vec<json6902::Operation>,
    target: Compiled,
}

impl StrategicMerges {
    /// Patches that are written as objects.
    ///
    /// # Errors
    /// When there are none.
    pub(in crate::render) fn new(place: &Place<'_>, patches: Vec<Resource>) -> Result<Self, RenderError> {
        if patches.is_empty() { Err(place.wrong("the patches are empty")) } else { Ok(Self(patches)) }
    }

    /// Lays each over the one resource that it names.
    pub(in crate::render) fn apply(
        &self,
        place: &Place<'_>,
        schema: &Schema,
        resources: &mut Vec<Resource>,
    ) -> Result<(), RenderError> {
        for patch in &self.0 {
            let own = own(place, patch, resources)?;
            let patch = with_texts(patch.object(), &["labels", "annotations"]);
            lay_over(place, schema, &patch, Keeps::ALL, &[own], resources)?;
        }
        Ok(())
    }
}

impl Patch {
    /// An entry of `patches`, with the text of its patch.
    ///
    /// # Errors
    /// When it is neither a strategic merge patch nor a JSON patch, or lacks a target.
    pub(in crate::render) fn new(place: &Place<'_>, entry: &PatchField, text: &str) -> Result<Self, RenderError> {
        let content = Content::read(place, text)?;
        match (&content, &entry.target) {
            (Content::Json(_), None) => return Err(place.wrong("a JSON patch needs a target")),
            (Content::Merge(patches), Some(_)) if patches.len() > 1 => {
                return Err(place.wrong("a patch with a target must hold one document"));
            }
            (Content::Json(_), Some(_)) | (Content::Merge(_), _) => {}
        }
        let target = entry.target.as_ref().map(|target| Compiled::new(target, place)).transpose()?;
        let may =
            |option: &str| entry.options.iter().any(|(name, allowed)| name.eq_ignore_ascii_case(option) && *allowed);
        Ok(Self {
            content,
            target,
            allows_name_change: may("allowNameChange"),
            allows_kind_change: may("allowKindChange"),
        })
    }

    /// Lays it over what it is for.
    pub(in crate::render) fn apply(
        &self,
        place: &Place<'_>,
        schema: &Schema,
        resources: &mut Vec<Resource>,
    ) -> Result<(), RenderError> {
        let (name, kind) = (!self.allows_name_change, !self.allows_kind_change);
        let keeps = Keeps { name, kind, api_version: self.target.is_some() };
        match (&self.content, &self.target) {
            (Content::Merge(patches), None) => {
                for patch in patches {
                    let own = own(place, patch, resources)?;
                    // What a patch may change, kustomize notes in the annotations of the patch.
                    let texts: &[&str] = if keeps.name && keeps.kind { &[] } else { &["annotations"] };
                    lay_over(place, schema, &with_texts(patch.object(), texts), keeps, &[own], resources)?;
                }
                Ok(())
            }
            (Content::Merge(patches), Some(target)) => {
                let Some(patch) = patches.first() else { return Ok(()) };
                let patch = with_texts(patch.object(), &["labels", "annotations"]);
                let selected: Vec<usize> = (0..resources.len()).filter(|at| target.fits(&resources[*at])).collect();
                lay_over(place, schema, &patch, keeps, &selected, resources)
            }
            (Content::Json(operations), target) => {
                let fits = |resource: &Resource| target.as_ref().is_none_or(|target| target.fits(resource));
                let selected: Vec<usize> = (0..resources.len()).filter(|at| fits(&resources[*at])).collect();
                for at in selected {
                    resources[at].remember();
                    apply_json(place, operations, &mut resources[at])?;
                }
                Ok(())
            }
        }
    }
}

impl Content {
    /// A list of operations is a JSON patch; anything else must be resources.
    fn read(place: &Place<'_>, text: &str) -> Result<Self, RenderError> {
        match manifests::read(text, place.file) {
            Ok(resources) => Ok(Self::Merge(resources)),
            Err(error) => match json6902::read_text(text) {
                Ok(operations) => Ok(Self::Json(operations)),
                Err(message) if text.trim_start().starts_with(['-', '[']) => Err(place.wrong(message)),
                Err(_) => Err(place.wrong(format!("a patch is neither a manifest nor a JSON patch: {error}"))),
            },
        }
    }
}

impl Json6902 {
    /// Reads an entry of `patchesJson6902`.
    ///
    /// # Errors
    /// When it is no JSON patch, or its target has no name.
    pub(in crate::render) fn new(
        place: &Place<'_>,
        target: Option<&Selector>,
        text: impl FnOnce() -> Result<String, RenderError>,
    ) -> Result<Self, RenderError> {
        let target = target.filter(|target| !target.name.is_empty());
        let target = target.ok_or_else(|| place.wrong("an entry needs target.name"))?;
        let text = text()?;
        let operations = json6902::read_text(&text).map_err(|message| place.wrong(message))?;
        if operations.is_empty() {
            return Err(place.wrong("an entry holds no operations"));
        }
        Ok(Self { operations, target: Compiled::new(target, place)? })
    }

    /// Applies it to its targets.
    pub(in crate::render) fn apply(&self, place: &Place<'_>, resources: &mut [Resource]) -> Result<(), RenderError> {
        let selected: Vec<usize> = (0..resources.len()).filter(|at| self.target.fits(&resources[*at])).collect();
        selected.into_iter().try_for_each(|at| apply_json(place, &self.operations, &mut resources[at]))
    }
}

fn apply_json(
    place: &Place<'_>,
    operations: &[json6902::Operation],
    resource: &mut Resource,
) -> Result<(), RenderError> {
    // A path into annotations always leads somewhere: kustomize keeps some of its own there.
    let mut object = resource.object().clone();
    let annotations = object.map_at("metadata").map_at("annotations");
    // Among those is what it says of where an object comes from, which gets lost with them.
    let has_provenance = resource.provenance.is_some() && !annotations.contains(ORIGIN);
    if has_provenance {
        annotations.insert(ORIGIN, Node::string(""));
    }
    let patched = json6902::apply(&object, operations);
    let patched = patched.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))?;
    resource.set_object(patched);
    if has_provenance && resource.metadata_mut().map_at("annotations").remove(ORIGIN).is_none() {
        resource.provenance = None;
        resource.transformations.clear();
    }
    resource.tidy_annotations();
    Ok(())
}

/// The one resource that a patch names.
fn own(place: &Place<'_>, patch: &Resource, resources: &[Resource]) -> Result<usize, RenderError> {
    let id = patch.current();
    let is_it = |resource: &Resource| {
        resource.was(&id) && resource.group() == patch.group() && resource.version() == patch.version()
    };
    let found: Vec<usize> = (0..resources.len()).filter(|at| is_it(&resources[*at])).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(place.wrong(format!("there is no {} of {} to patch", patch.shown(), patch.api_version()))),
        several => {
            Err(place.wrong(format!("{} is there {} times: which is to be patched?", patch.shown(), several.len())))
        }
    }
}

/// What a patch may not change.
#[derive(Clone, Copy)]
struct Keeps {
    name: bool,
    kind: bool,
    api_version: bool,
}

impl Keeps {
    const ALL: Self = Self { name: true, kind: true, api_version: true };
}

/// A patch, and the kind that it names.
struct Laid {
    kind: Option<String>,
    content: Node,
}

/// Lays a patch over several resources; those that it deletes are dropped.
fn lay_over(
    place: &Place<'_>,
    schema: &Schema,
    patch: &Map,
    keeps: Keeps,
    selected: &[usize],
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let patch =
        Laid { kind: patch.get("kind").and_then(Node::text).map(str::to_owned), content: Node::Map(patch.clone()) };
    let mut is_deleted: BTreeMap<usize, ()> = BTreeMap::new();
    for at in selected {
        let resource = &mut resources[*at];
        let metadata = |key: &str| resource.object().get("metadata").and_then(|metadata| metadata.get(key)).cloned();
        let name = metadata("name");
        let namespace = metadata("namespace").filter(|_| !resource.namespace().is_empty());
        let types = ["apiVersion", "kind"].map(|key| resource.object().get(key).cloned());
        if !(keeps.name && keeps.kind) {
            resource.remember();
        }
        // An object of a kind that nothing is known of is merged as one of the patch's kind.
        let of_patch = patch.kind.as_deref().unwrap_or_default();
        let of = schema.kind(resource.api_version(), resource.kind());
        let of = if of.is_known() { of } else { schema.kind(resource.api_version(), of_patch) };
        let shown = resource.shown();
        let merged = merge::merge(Node::Map(resource.take_object()), &patch.content, of);
        let merged = merged.map_err(|message| place.wrong(format!("{shown}: {message}")))?;
        let Some(Node::Map(merged)) = merged.filter(|merged| merged.as_map().is_some_and(|map| !map.is_empty())) else {
            is_deleted.insert(*at, ());
            continue;
        };
        resource.set_object(merged);
        resource.settle_links();
        if keeps.name {
            put_back(resource.metadata_mut(), "name", name);
        }
        put_back(resource.metadata_mut(), "namespace", namespace);
        let [api_version, kind] = types;
        if keeps.api_version {
            put_back(resource.object_mut(), "apiVersion", api_version);
        }
        if keeps.kind {
            put_back(resource.object_mut(), "kind", kind);
        }
    }
    let mut at = 0..;
    resources.retain(|_| at.next().is_none_or(|at| !is_deleted.contains_key(&at)));
    Ok(())
}

fn put_back(map: &mut Map, key: &str, value: Option<Node>) {
    match value {
        Some(value) => map.insert(key, value),
        None => drop(map.remove(key)),
    }
}

/// Such labels or annotations of a patch are texts, a null among them too; empty ones are none.
fn with_texts(patch: &Map, keys: &[&str]) -> Map {
    let mut patch = patch.clone();
    let Some(Node::Map(metadata)) = patch.get_mut("metadata") else { return patch };
    for key in keys {
        match metadata.get_mut(key) {
            Some(Node::Map(values)) if !values.is_empty() => {
                *values = Map::of_texts(values.iter().map(|(key, value)| (key, value.text().unwrap_or_default())));
            }
            Some(_) => drop(metadata.remove(key)),
            None => {}
        }
    }
    patch
}
