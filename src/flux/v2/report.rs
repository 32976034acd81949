//! What the controllers say of their objects, read as they write it. Pure and total.
//!
//! Source: the conditions of kstatus, and the source- and kustomize-controller, releases 1.0 to 1.9.
use crate::model::ObjectId;
use serde_json::Value;
use std::borrow::Cow;

/// Most of a text of others that is quoted, in characters.
const QUOTED: usize = 600;
/// Reason of what is under way.
const PROGRESSING: &str = "Progressing";

/// Where an object of Flux stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is done.
    Ready,
    /// It is on the way.
    Progressing,
    /// No controller has looked at it as it is.
    Unseen,
    /// What was done before is looked at again, or tried again; what was said before still holds.
    Passing,
    /// It failed, and is tried again.
    Failing,
    /// It failed, and trying again cannot help until something changes.
    Stalled,
}

/// Where an object stands, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Where it stands.
    pub standing: Standing,
    /// One word in CamelCase, the controller's.
    pub reason: String,
    /// For a person, on one line.
    pub message: String,
    /// The revision of a source's artifact, or the last one that a kustomization applied whole.
    pub revision: Option<String>,
}

impl Story {
    fn new(standing: Standing, reason: &str, message: &str) -> Self {
        let reason = if reason.is_empty() { PROGRESSING } else { reason };
        Self { standing, reason: reason.to_owned(), message: quoted(message), revision: None }
    }
}

/// Where a source stands; none is one that is not there yet.
pub fn source(object: Option<&Value>) -> Story {
    let revision = object.and_then(|object| revision(object, "/status/artifact/revision"));
    let story = standing(object, revision.is_some());
    Story { revision, ..story }
}

/// Where a kustomization stands whose source has an artifact of the given revision.
pub fn kustomization(object: Option<&Value>, of_source: Option<&str>) -> Story {
    let applied = object.and_then(|object| revision(object, "/status/lastAppliedRevision"));
    let attempted = object.and_then(|object| revision(object, "/status/lastAttemptedRevision"));
    let is_known = attempted.is_some() && attempted.as_deref() == of_source;
    let mut story = standing(object, is_known);
    let waits_for_source = story.reason == "ArtifactFailed" && of_source.is_none();
    if story.standing == Standing::Failing && (waits_for_source || story.reason == "DependencyNotReady") {
        story.standing = Standing::Progressing;
    }
    let wanted = of_source.filter(|wanted| applied.as_deref() != Some(wanted));
    if let (Standing::Ready, Some(wanted)) = (story.standing, wanted) {
        story = Story::new(Standing::Progressing, PROGRESSING, &format!("revision {wanted} is not applied yet"));
    }
    Story { revision: applied, ..story }
}

/// By the conditions alone. `is_known` says that the same was worked on before.
fn standing(object: Option<&Value>, is_known: bool) -> Story {
    let Some(object) = object else {
        return Story::new(Standing::Progressing, PROGRESSING, "it is not there yet");
    };
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
        return Story::new(Standing::Progressing, "Terminating", "it is being deleted");
    }
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let is_of_now = |condition: &&Value| {
        let own = condition.get("observedGeneration").and_then(Value::as_i64);
        let of_object = || object.pointer("/status/observedGeneration").and_then(Value::as_i64);
        own.or_else(of_object).is_none_or(|seen| seen >= generation)
    };
    let find = |kind: &str| condition(object, kind).filter(is_of_now);
    if let Some(stalled) = find("Stalled").filter(|one| text(one, "status") == "True") {
        return Story::new(Standing::Stalled, text(stalled, "reason"), text(stalled, "message"));
    }
    let Some(ready) = find("Ready") else {
        return Story::new(Standing::Unseen, PROGRESSING, "no controller has looked at it yet");
    };
    let (status, reason, message) = (text(ready, "status"), text(ready, "reason"), text(ready, "message"));
    match status {
        "True" => Story::new(Standing::Ready, reason, message),
        "False" => Story::new(Standing::Failing, reason, message),
        _ => {
            // What is under way is said better beside it.
            let better = find("Reconciling").map_or(message, |one| text(one, "message"));
            let standing = if is_known { Standing::Passing } else { Standing::Progressing };
            Story::new(standing, PROGRESSING, better)
        }
    }
}

/// The objects of a kustomization's inventory, sorted.
///
/// Source: the entries of the kustomize-controller, `NAMESPACE_NAME_GROUP_KIND`, with `:` in a name as `__`.
pub fn inventory(object: &Value) -> Vec<ObjectId> {
    let entries = object.pointer("/status/inventory/entries").and_then(Value::as_array);
    let ids = entries.into_iter().flatten().filter_map(|entry| parsed(entry.get("id")?.as_str()?));
    let mut ids: Vec<ObjectId> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}

fn parsed(id: &str) -> Option<ObjectId> {
    let (namespace, rest) = id.split_once('_')?;
    let (rest, kind) = rest.rsplit_once('_')?;
    let (name, group) = rest.rsplit_once('_')?;
    if name.is_empty() || kind.is_empty() {
        return None;
    }
    let owned = str::to_owned;
    Some(ObjectId {
        group: owned(group),
        kind: owned(kind),
        namespace: owned(namespace),
        name: name.replace("__", ":"),
    })
}

/// Whether a message of the kustomize-controller names an object: `KIND/NAMESPACE/NAME`, or `KIND/NAME`.
pub fn named_in(message: &str, id: &ObjectId) -> bool {
    let name = if id.namespace.is_empty() {
        format!("{}/{}", id.kind, id.name)
    } else {
        format!("{}/{}/{}", id.kind, id.namespace, id.name)
    };
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && !"-./".contains(c));
    message.match_indices(&name).any(|(at, _)| {
        let after = message[at + name.len()..].trim_start_matches('.').chars().next();
        is_edge(message[..at].chars().next_back()) && is_edge(after)
    })
}

fn revision(object: &Value, pointer: &str) -> Option<String> {
    let text = object.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| quoted(text))
}

/// The condition of a type.
fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| text(condition, "type") == kind)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A text of others on one line, and not all of a long one. How long something took is in whole seconds, so that a try
/// that ends as the one before is told as that.
pub fn quoted(text: &str) -> String {
    let line = text.split_whitespace().map(whole_seconds).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// A word that is a duration, as in `1m30.008400438s:`, without the parts of a second.
fn whole_seconds(word: &str) -> Cow<'_, str> {
    let parts = word.split_once('.').and_then(|(whole, rest)| Some((whole, rest.split_once('s')?)));
    let is_duration = |whole: &str| whole.ends_with(|c: char| c.is_ascii_digit()) && whole.chars().all(is_of_duration);
    match parts {
        Some((whole, (fraction, after)))
            if is_duration(whole)
                && fraction.chars().all(|c| c.is_ascii_digit())
                && after.chars().all(|c| c.is_ascii_punctuation()) =>
        {
            Cow::Owned(format!("{whole}s{after}"))
        }
        _ => Cow::Borrowed(word),
    }
}

fn is_of_duration(c: char) -> bool {
    c.is_ascii_digit() || c == 'h' || c == 'm'
}
