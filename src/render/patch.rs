//! Patches: which resources each is for, and laying it over them.
use super::{
    RenderError, json6902,
    kustomization::PatchField,
    load::{self, Loader, join},
    merge::{self, Outcome},
    resource::{Resource, effective, map_at},
    schema::Type,
    selector::Compiled,
};
use crate::yaml;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// A patch, as its text turned out to be.
enum Patch {
    Merge(Vec<Resource>),
    Json(Vec<PatchOperation>),
}

/// Where a patch stands, for errors.
struct Place<'a> {
    file: &'a str,
    field: &'static str,
}

impl Place<'_> {
    fn wrong(&self, message: impl Into<String>) -> RenderError {
        RenderError::field(self.file, self.field, message)
    }
}

/// Applies `patchesStrategicMerge`: files, or texts.
pub(super) fn strategic_merges(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    patches: &[String],
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let place = Place { file, field: "patchesStrategicMerge" };
    for entry in patches {
        let is_text = entry.contains('\n') || entry.contains(": ");
        let (text, origin) = if is_text {
            (entry.clone(), file.to_owned())
        } else {
            let path =
                join(directory, entry).ok_or_else(|| place.wrong(format!("{entry:?} leads out of the repository")))?;
            (loader.text(directory, &path, file)?, path)
        };
        let patches = load::resources(&text, &origin)?;
        if patches.is_empty() {
            return Err(place.wrong(format!("the patch in {origin} is empty")));
        }
        for patch in patches {
            merge_into_own(&place, &patch, true, &PatchField::default(), resources)?;
        }
    }
    Ok(())
}

/// Applies `patches`, in order.
pub(super) fn patches(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    patches: &[PatchField],
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let place = Place { file, field: "patches" };
    for entry in patches {
        let text = text_of(loader, directory, &place, entry)?;
        match (read(&place, &text)?, &entry.target) {
            (Patch::Merge(patches), None) => {
                for patch in &patches {
                    merge_into_own(&place, patch, false, entry, resources)?;
                }
            }
            (Patch::Merge(patches), Some(target)) => {
                let [patch] = patches.as_slice() else {
                    if patches.is_empty() {
                        continue;
                    }
                    return Err(place.wrong("a patch with a target must hold one document"));
                };
                let target = Compiled::new(target, file, "patches.target")?;
                let selected: Vec<usize> = (0..resources.len()).filter(|at| target.fits(&resources[*at])).collect();
                lay_over(&place, patch, true, entry, &selected, resources)?;
            }
            (Patch::Json(operations), Some(target)) => {
                let target = Compiled::new(target, file, "patches.target")?;
                for resource in resources.iter_mut().filter(|resource| target.fits(resource)) {
                    resource.remember();
                    apply_json(&place, &operations, resource)?;
                }
            }
            (Patch::Json(_), None) => return Err(place.wrong("a JSON patch needs a target")),
        }
    }
    Ok(())
}

/// Applies `patchesJson6902`.
pub(super) fn json6902(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    patches: &[PatchField],
    resources: &mut [Resource],
) -> Result<(), RenderError> {
    let place = Place { file, field: "patchesJson6902" };
    for entry in patches {
        let target = entry.target.as_ref().filter(|target| !target.name.is_empty());
        let target = target.ok_or_else(|| place.wrong("an entry needs target.name"))?;
        let text = text_of(loader, directory, &place, entry)?;
        let Patch::Json(operations) = read(&place, &text)? else {
            return Err(place.wrong("an entry is not a list of operations"));
        };
        let target = Compiled::new(target, file, "patchesJson6902.target")?;
        for resource in resources.iter_mut().filter(|resource| target.fits(resource)) {
            apply_json(&place, &operations, resource)?;
        }
    }
    Ok(())
}

fn text_of(loader: &Loader<'_>, directory: &str, place: &Place<'_>, entry: &PatchField) -> Result<String, RenderError> {
    match (&entry.path, &entry.patch) {
        (Some(path), None) => {
            let real =
                join(directory, path).ok_or_else(|| place.wrong(format!("{path:?} leads out of the repository")))?;
            loader.text(directory, &real, place.file)
        }
        (None, Some(text)) => Ok(text.clone()),
        (Some(_), Some(_)) | (None, None) => Err(place.wrong("an entry needs either path or patch")),
    }
}

/// A list of operations is a JSON patch; anything else must be resources.
fn read(place: &Place<'_>, text: &str) -> Result<Patch, RenderError> {
    let documents = yaml::read_manifests(text).map_err(|error| place.wrong(error.to_string()))?;
    match documents.into_iter().next() {
        Some(list @ Value::Array(_)) => json6902::read(list).map(Patch::Json).map_err(|message| place.wrong(message)),
        _ => load::resources(text, place.file).map(Patch::Merge),
    }
}

fn apply_json(place: &Place<'_>, operations: &[PatchOperation], resource: &mut Resource) -> Result<(), RenderError> {
    // A path into annotations always leads somewhere: kustomize keeps some of its own there.
    let had_annotations = resource.annotations().is_some();
    if !had_annotations {
        map_at(resource.metadata_mut(), "annotations");
    }
    let outcome = json6902::apply(&mut resource.object, operations);
    if !had_annotations && resource.annotations().is_some_and(Map::is_empty) {
        resource.metadata_mut().shift_remove("annotations");
    }
    outcome.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))
}

/// Lays a patch over the one resource that it names.
fn merge_into_own(
    place: &Place<'_>,
    patch: &Resource,
    keeps_null_labels: bool,
    entry: &PatchField,
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let mut id = patch.current();
    if !patch.is_cluster_scoped() {
        id.namespace = effective(patch.namespace());
    }
    let is_it = |resource: &Resource| {
        resource.group() == patch.group() && resource.version() == patch.version() && resource.was(&id)
    };
    let found: Vec<usize> = (0..resources.len()).filter(|at| is_it(&resources[*at])).collect();
    match found.as_slice() {
        [_] => lay_over(place, patch, keeps_null_labels, entry, &found, resources),
        [] => Err(place.wrong(format!("there is no {} of {} to patch", patch.shown(), patch.api_version()))),
        several => {
            Err(place.wrong(format!("{} is there {} times: which is to be patched?", patch.shown(), several.len())))
        }
    }
}

/// Lays a patch over several resources; those that it deletes are dropped.
fn lay_over(
    place: &Place<'_>,
    patch: &Resource,
    keeps_null_labels: bool,
    entry: &PatchField,
    selected: &[usize],
    resources: &mut Vec<Resource>,
) -> Result<(), RenderError> {
    let may = |option: &str| entry.options.get(option).copied().unwrap_or(false);
    let mut deleted = Vec::new();
    for at in selected {
        let resource = &mut resources[*at];
        let (name, namespace) = (field(resource, "name"), field(resource, "namespace"));
        let types = ["apiVersion", "kind"].map(|key| (key, resource.object.get(key).cloned()));
        let mut content = patch.object.clone();
        if keeps_null_labels {
            texts_for_nulls(&mut content);
        }
        if may("allowNameChange") || may("allowKindChange") {
            resource.remember();
        }
        let of = Type::of(resource.api_version(), resource.kind());
        let outcome = merge::merge(&mut resource.object, content, of);
        match outcome.map_err(|message| place.wrong(format!("{}: {message}", resource.shown())))? {
            Outcome::Deleted => {
                deleted.push(*at);
                continue;
            }
            Outcome::Kept => {}
        }
        if !may("allowNameChange") {
            put_back(resource.metadata_mut(), "name", name);
        }
        put_back(resource.metadata_mut(), "namespace", namespace);
        if !may("allowKindChange") {
            for (key, value) in types {
                put_back(&mut resource.object, key, value);
            }
        }
    }
    let mut at = 0;
    resources.retain(|_| {
        at += 1;
        !deleted.contains(&(at - 1))
    });
    Ok(())
}

fn field(resource: &Resource, key: &str) -> Option<Value> {
    resource.object.get("metadata")?.get(key).cloned()
}

fn put_back(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(map.insert(key.to_owned(), value)),
        None => drop(map.shift_remove(key)),
    }
}

/// Labels and annotations of such a patch are texts, a null among them too.
fn texts_for_nulls(content: &mut Map<String, Value>) {
    let Some(Value::Object(_)) = content.get("metadata") else { return };
    let metadata = map_at(content, "metadata");
    for key in ["labels", "annotations"] {
        if let Some(Value::Object(values)) = metadata.get_mut(key) {
            values.values_mut().filter(|value| value.is_null()).for_each(|value| *value = Value::from("null"));
        }
    }
}
