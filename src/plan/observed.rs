//! What is known of the live objects when a plan is made.
use super::{KEEP, PRUNE_ANNOTATION, PRUNE_WHEN_EMPTY, SKIP, drift};
use crate::model::{Manifest, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL, configuration::ConfigurationId};
use serde_json::{Map, Value};

/// Annotation that holds the digest of the manifest an object was last applied from.
pub const APPLIED_ANNOTATION: &str = "clusterconfig.azure.com/applied";

/// What is known of one live object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The configuration that owns it.
    pub owner: Option<ConfigurationId>,
    /// Digest of the manifest that it was last applied from.
    pub applied: Option<u64>,
    /// Whether it asks not to be deleted.
    pub asks_to_stay: bool,
    /// Whether it asks not to be changed.
    pub asks_to_be_skipped: bool,
    /// Whether a namespace or definition may be deleted whatever is in it.
    pub goes_with_content: bool,
    /// Whether a namespace or definition is let go of, rather than held, when something of others is in it.
    pub yields_to_content: bool,
    /// An object of somebody else in a namespace, or of a definition, that deleting it would delete.
    pub foreign: Option<String>,
    /// How it compares with the manifest.
    pub form: Form,
}

/// How a live object compares with its manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Form {
    /// It is what the server makes of the manifest: found out before, or answered by a dry run.
    #[default]
    Settled,
    /// To be compared; without status and what the server alone writes.
    Body(Map<String, Value>),
}

impl Observed {
    /// What an object says of itself, to be compared.
    pub fn of(object: &Map<String, Value>) -> Self {
        Self { form: Form::Body(object.clone()), ..Self::traits_of(object) }
    }

    /// What an object says of itself, without its body.
    pub fn traits_of(object: &Map<String, Value>) -> Self {
        let annotations = object.get("metadata").and_then(|metadata| metadata.get("annotations"));
        let annotation = |key: &str| annotations?.get(key)?.as_str();
        Self {
            owner: owner_of(object),
            applied: annotation(APPLIED_ANNOTATION).and_then(digest_in),
            asks_to_stay: asks(annotation, &KEEP),
            asks_to_be_skipped: asks(annotation, &SKIP),
            goes_with_content: asks(annotation, &[(PRUNE_ANNOTATION, "always")]),
            yields_to_content: asks(annotation, &[(PRUNE_ANNOTATION, PRUNE_WHEN_EMPTY)]),
            foreign: None,
            form: Form::Settled,
        }
    }

    /// Whether its last apply was of this very manifest.
    pub(super) fn was_applied_from(&self, manifest: &Manifest) -> bool {
        self.applied.is_some() && self.applied == digest_of(manifest)
    }

    /// Where it differs from a manifest.
    pub(super) fn differs_at(&self, manifest: &Manifest) -> Vec<String> {
        match &self.form {
            Form::Settled => Vec::new(),
            Form::Body(object) => drift::paths(&manifest.object, object),
        }
    }
}

/// The digest that a manifest was given: what the object's own annotation is compared with.
pub fn digest_of(manifest: &Manifest) -> Option<u64> {
    manifest.annotation(APPLIED_ANNOTATION).and_then(digest_in)
}

/// A digest as the annotation has it: 16 hexadecimal digits.
fn digest_in(annotation: &str) -> Option<u64> {
    u64::from_str_radix(annotation, 16).ok()
}

/// Whether one of several annotations has the value that counts, in whatever case.
pub(super) fn asks<'a>(annotation: impl Fn(&str) -> Option<&'a str>, answers: &[(&str, &str)]) -> bool {
    answers.iter().any(|(key, value)| annotation(key).is_some_and(|have| have.eq_ignore_ascii_case(value)))
}

/// The configuration whose labels an object carries.
pub fn owner_of(object: &Map<String, Value>) -> Option<ConfigurationId> {
    let labels = object.get("metadata")?.get("labels")?;
    let label = |key| labels.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ConfigurationId { namespace: label(OWNER_NAMESPACE_LABEL)?, name: label(OWNER_NAME_LABEL)? })
}
