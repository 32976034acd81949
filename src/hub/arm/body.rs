//! Resources: what of a request is kept, and what of it is shown.
use super::{ArmError, CLUSTER_TYPE, ConfigurationKind, MAX_NAME};
use crate::api::READ_ONLY_PROPERTIES;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Properties of a cluster that a client may write; the others are the control plane's.
const CLUSTER_PROPERTIES: [&str; 15] = [
    "agentPublicKeyCertificate",
    "provisioningState",
    "distribution",
    "distributionVersion",
    "infrastructure",
    "privateLinkState",
    "privateLinkScopeResourceId",
    "azureHybridBenefit",
    "aadProfile",
    "arcAgentProfile",
    "securityProfile",
    "oidcIssuerProfile",
    "gateway",
    "arcAgentryConfigurations",
    "aksProperties",
];
/// Property whose values are never shown.
const PROTECTED: &str = "configurationProtectedSettings";
/// Most tags of a resource.
const MAX_TAGS: usize = 50;

/// What is kept of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::hub) struct Kept {
    /// `location`, `tags`, `identity`, `kind` and `properties`, without what is secret or read-only.
    pub(in crate::hub) body: Map<String, Value>,
    /// The protected settings, where the request has any; none of them takes away what there was.
    pub(in crate::hub) protected: Option<BTreeMap<String, String>>,
}

/// When and by whom a resource was made and changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Stamp {
    pub(in crate::hub) created_at: jiff::Timestamp,
    pub(in crate::hub) created_by: String,
    pub(in crate::hub) modified_at: jiff::Timestamp,
    pub(in crate::hub) modified_by: String,
}

/// What is kept of the body of a PUT. `kind` is none for a cluster.
///
/// # Errors
/// When the body is not that of such a resource: every field that is wrong is named.
pub(in crate::hub) fn kept(kind: Option<ConfigurationKind>, name: &str, body: &Value) -> Result<Kept, ArmError> {
    let Value::Object(body) = body else { return Err(ArmError::invalid("The request content is not a JSON object.")) };
    checked_name(name)?;
    let properties = match body.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        Some(Value::Null) | None => Map::new(),
        Some(_) => return Err(ArmError::invalid("'properties' is not an object.").target("properties")),
    };
    match kind {
        None => cluster(body, properties),
        Some(_) => configuration(properties),
    }
}

fn checked_name(name: &str) -> Result<(), ArmError> {
    let is_fine = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_fine) || name.ends_with('.') {
        let message = format!(
            "The name '{name}' is invalid: it has 1 to {MAX_NAME} letters, digits, hyphens, underscores and periods, and no period at the end."
        );
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidResourceName", message));
    }
    Ok(())
}

fn cluster(body: &Map<String, Value>, properties: Map<String, Value>) -> Result<Kept, ArmError> {
    let mut wrong = Vec::new();
    let mut kept = Map::new();
    match body.get("location").and_then(Value::as_str).filter(|location| !location.is_empty()) {
        Some(location) => drop(kept.insert("location".to_owned(), json!(location))),
        None => wrong.push(("location".to_owned(), "is required".to_owned())),
    }
    kept.insert("tags".to_owned(), tags(body.get("tags"), &mut wrong));
    let identity = body.get("identity").and_then(|identity| identity.get("type")).and_then(Value::as_str);
    let known = ["SystemAssigned", "None"];
    match identity.map(|given| known.into_iter().find(|known| known.eq_ignore_ascii_case(given))) {
        Some(Some(known)) => drop(kept.insert("identity".to_owned(), json!(known))),
        Some(None) => wrong.push(("identity.type".to_owned(), "is SystemAssigned or None".to_owned())),
        None => wrong.push(("identity".to_owned(), "is required".to_owned())),
    }
    if let Some(kind) = body.get("kind").filter(|kind| !kind.is_null()) {
        kept.insert("kind".to_owned(), kind.clone());
    }
    if !properties.get("agentPublicKeyCertificate").is_some_and(Value::is_string) {
        wrong.push(("properties.agentPublicKeyCertificate".to_owned(), "is required".to_owned()));
    }
    let is_kept = |name: &String| CLUSTER_PROPERTIES.contains(&name.as_str()) && name != "provisioningState";
    let properties: Map<String, Value> = properties.into_iter().filter(|(name, _)| is_kept(name)).collect();
    kept.insert("properties".to_owned(), Value::Object(properties));
    match wrong.as_slice() {
        [] => Ok(Kept { body: kept, protected: None }),
        [(field, what)] => Err(ArmError::invalid(format!("'{field}' {what}.")).target(field.clone())),
        _ => Err(ArmError::invalid("Several properties are invalid.").details(wrong)),
    }
}

fn tags(tags: Option<&Value>, wrong: &mut Vec<(String, String)>) -> Value {
    match tags {
        None | Some(Value::Null) => json!({}),
        Some(Value::Object(map)) if map.len() <= MAX_TAGS && map.values().all(Value::is_string) => json!(map),
        Some(_) => {
            wrong.push(("tags".to_owned(), format!("is at most {MAX_TAGS} names, each with a text")));
            json!({})
        }
    }
}

fn configuration(mut properties: Map<String, Value>) -> Result<Kept, ArmError> {
    for name in READ_ONLY_PROPERTIES {
        properties.remove(name);
    }
    let protected = match properties.remove(PROTECTED) {
        None => None,
        Some(Value::Null) => Some(BTreeMap::new()),
        // That is what is shown of them: whoever writes back what it read means no change.
        Some(Value::Object(settings)) if settings.is_empty() => None,
        Some(Value::Object(settings)) => {
            let text = |(name, value): (String, Value)| match value {
                Value::String(text) => Ok((name, text)),
                _ => Err(ArmError::invalid(format!("'properties.{PROTECTED}.{name}' is not a text."))),
            };
            Some(settings.into_iter().map(text).collect::<Result<_, _>>()?)
        }
        Some(_) => return Err(ArmError::invalid(format!("'properties.{PROTECTED}' is not an object."))),
    };
    // What is null is as good as absent.
    properties.retain(|_, value| !value.is_null());
    let body = Map::from_iter([("properties".to_owned(), Value::Object(properties))]);
    Ok(Kept { body, protected })
}

/// A kept body with a PATCH over it: objects are merged, null takes away, anything else takes the place.
pub(in crate::hub) fn patched(before: &Map<String, Value>, patch: &Value) -> Value {
    let mut merged = Value::Object(before.clone());
    merge(&mut merged, patch);
    merged
}

/// Source: RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// A resource as clients see it; `state` are the properties that the control plane adds.
pub(in crate::hub) fn shown(
    id: &str,
    kind: Option<ConfigurationKind>,
    body: &Map<String, Value>,
    state: Map<String, Value>,
    stamp: &Stamp,
) -> Value {
    let mut shown = json!({
        "id": id,
        "name": id.rsplit('/').next().unwrap_or_default(),
        "type": kind.map_or(CLUSTER_TYPE, ConfigurationKind::resource_type),
    });
    for (name, value) in body {
        shown[name] = value.clone();
    }
    if let Value::Object(properties) = &mut shown["properties"] {
        if kind.is_some() {
            properties.insert(PROTECTED.to_owned(), json!({}));
        }
        properties.extend(state);
    }
    shown["systemData"] = json!({
        "createdBy": stamp.created_by, "createdByType": "Application", "createdAt": stamp.created_at,
        "lastModifiedBy": stamp.modified_by, "lastModifiedByType": "Application", "lastModifiedAt": stamp.modified_at,
    });
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Value {
        json!({"location": "here", "identity": {"type": "systemassigned"}, "tags": {"a": "b"},
            "properties": {"agentPublicKeyCertificate": "MII", "distribution": "k3s", "totalNodeCount": 9}})
    }

    #[test]
    fn what_only_the_control_plane_knows_is_not_taken_from_a_client() {
        let kept = kept(None, "north", &body()).expect("fine");
        assert_eq!(kept.body["properties"], json!({"agentPublicKeyCertificate": "MII", "distribution": "k3s"}));
        assert_eq!(kept.body["identity"], "SystemAssigned");
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let error = kept(None, "north", &json!({"tags": [1]})).expect_err("wrong");
        let fields: Vec<&str> = error.details.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["location", "tags", "identity", "properties.agentPublicKeyCertificate"]);
        assert_eq!(kept(None, "a/b", &body()).expect_err("wrong").code, "InvalidResourceName");
    }

    #[test]
    fn protected_settings_are_taken_apart_and_never_shown() {
        let put = json!({"properties": {"url": "x", PROTECTED: {"sshPrivateKey": "S3CRET"}, "complianceState": "Compliant", "suspend": null}});
        let kept = kept(Some(ConfigurationKind::Flux), "web", &put).expect("fine");
        assert_eq!(kept.protected, Some(BTreeMap::from([("sshPrivateKey".to_owned(), "S3CRET".to_owned())])));
        assert_eq!(kept.body["properties"], json!({"url": "x"}));
        let stamp = Stamp {
            created_at: jiff::Timestamp::UNIX_EPOCH,
            created_by: "me".into(),
            modified_at: jiff::Timestamp::UNIX_EPOCH,
            modified_by: "me".into(),
        };
        let shown = shown("/a/web", Some(ConfigurationKind::Flux), &kept.body, Map::new(), &stamp);
        assert_eq!(shown["properties"][PROTECTED], json!({}));
        assert!(!shown.to_string().contains("S3CRET"));
    }

    #[test]
    fn protected_settings_that_are_written_back_as_they_are_shown_stay() {
        let of = |protected: Value| {
            let put = json!({"properties": {"url": "x", PROTECTED: protected}});
            kept(Some(ConfigurationKind::Flux), "web", &put).expect("fine").protected
        };
        assert_eq!(of(json!({})), None, "no change");
        assert_eq!(of(Value::Null), Some(BTreeMap::new()), "taken away");
    }

    #[test]
    fn a_patch_merges_and_null_takes_away() {
        let Value::Object(before) = json!({"tags": {"a": "1", "b": "2"}, "properties": {"x": {"y": 1, "z": 2}}}) else {
            return;
        };
        let after = patched(&before, &json!({"tags": {"a": null}, "properties": {"x": {"y": 3}}}));
        assert_eq!(after, json!({"tags": {"b": "2"}, "properties": {"x": {"y": 3, "z": 2}}}));
    }
}
