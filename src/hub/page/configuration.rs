//! One configuration: each object, conditions, where it stood, what is wanted.
use super::{
    cluster::kind_name,
    clusters::Row,
    layout::{Place, Viewer, page},
    parts::{Column, RESOURCE, facts, moment, moment_or, nothing, state, table},
};
use crate::hub::store::Turn;
use maud::{Markup, html};
use serde_json::{Map, Value};

/// Most objects that are shown.
const MAX_OBJECTS: usize = 500;

/// The page.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) group: String,
    pub(super) cluster: String,
    pub(super) name: String,
    /// `flux` or `sourceControl`.
    pub(super) kind: String,
    pub(super) id: String,
    /// What is wanted; secrets are never among it.
    pub(super) properties: Map<String, Value>,
    pub(super) status: Status,
    /// Whether the status is of the configuration as it stands.
    pub(super) is_current: bool,
    pub(super) updated_at: Option<jiff::Timestamp>,
    pub(super) modified_at: jiff::Timestamp,
    pub(super) modified_by: String,
    pub(super) history: Vec<Turn>,
}

/// What a cluster says of a configuration, of either generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) compliance: String,
    pub(super) install: String,
    pub(super) applied: String,
    pub(super) message: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) objects: Vec<Object>,
}

/// A condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    kind: String,
    status: String,
    reason: String,
    message: String,
    since: Option<jiff::Timestamp>,
}

/// What came of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Object {
    kind: String,
    namespace: String,
    name: String,
    compliance: String,
    message: String,
}

impl Status {
    /// Reads a status as it was reported. What a newer agent may say otherwise is left out.
    pub(super) fn read(status: &Map<String, Value>) -> Self {
        let text = |name: &str| text(status.get(name));
        let first = status.get("complianceStatus");
        let of_first = |name: &str| first.map(|status| self::text(status.get(name))).unwrap_or_default();
        let or = |text: String, other: String| if text.is_empty() { other } else { text };
        let list = |name: &str| status.get(name).and_then(Value::as_array).into_iter().flatten();
        Self {
            compliance: or(text("complianceState"), of_first("complianceState")),
            install: text("installState"),
            applied: or(text("sourceSyncedCommitId"), text("lastAppliedRevision")),
            message: or(text("errorMessage"), of_first("message")),
            conditions: list("conditions").map(Condition::read).collect(),
            objects: list("statuses").map(Object::read).collect(),
        }
    }
}

impl Condition {
    fn read(value: &Value) -> Self {
        let field = |name: &str| text(value.get(name));
        Self {
            kind: field("type"),
            status: field("status"),
            reason: field("reason"),
            message: field("message"),
            since: field("lastTransitionTime").parse().ok(),
        }
    }
}

impl Object {
    fn read(value: &Value) -> Self {
        let field = |name: &str| text(value.get(name));
        let conditions = value.get("statusConditions").and_then(Value::as_array);
        let said = conditions.into_iter().flatten().map(Condition::read).filter(|one| !one.message.is_empty());
        // What is wrong comes first.
        let said = said.min_by_key(|one| one.status == "True");
        Self {
            kind: field("kind"),
            namespace: field("namespace"),
            name: field("name"),
            compliance: field("complianceState"),
            message: said.map(|one| one.message).unwrap_or_default(),
        }
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Shows it.
pub(super) fn show(view: &View, viewer: &Viewer) -> Markup {
    let (status, now) = (&view.status, viewer.now);
    let compliance = if view.is_current { status.compliance.as_str() } else { "Pending" };
    let main = html! {
        p.crumbs {
            a href="/ui" { "Clusters" } " / " (view.group) " / "
            a href=(Row::path(&view.group, &view.cluster)) { (view.cluster) }
        }
        h1 { (view.name) " " (state(compliance)) }
        @if !status.message.is_empty() && compliance != "Compliant" && view.is_current {
            p.alert { strong { "The cluster says: " } (status.message) }
        }
        (about(view, now))
        h2 { "Objects" }
        (objects(&status.objects))
        @if !status.conditions.is_empty() {
            h2 { "Conditions" }
            (conditions(&status.conditions, now))
        }
        h2 { "History" }
        (history(&view.history, now))
        h2 { "What is wanted" }
        details {
            summary { "Properties, without secrets" }
            pre tabindex="0" { (serde_json::to_string_pretty(&view.properties).unwrap_or_default()) }
        }
    };
    page(viewer, Place::Clusters, &format!("{} of {}", view.name, view.cluster), &main)
}

fn about(view: &View, now: jiff::Timestamp) -> Markup {
    let status = &view.status;
    facts(&[
        ("Kind", html! { (kind_name(&view.kind)) }),
        ("Install", html! { @if !status.install.is_empty() { (state(&status.install)) } }),
        ("Applied", html! { @if !status.applied.is_empty() { code { (status.applied) } } }),
        ("Source", html! { (source(&view.properties)) }),
        ("Status", moment_or(view.updated_at, now, "not reported yet")),
        ("Changed", html! { (moment(view.modified_at, now)) " by " (view.modified_by) }),
        (RESOURCE, html! { code { (view.id) } }),
    ])
}

/// Where a configuration comes from, in one line.
pub(super) fn source(properties: &Map<String, Value>) -> String {
    let nested =
        ["gitRepository", "bucket", "ociRepository", "azureBlob"].iter().find_map(|kind| properties.get(*kind));
    let url = nested.and_then(|source| source.get("url")).or_else(|| properties.get("repositoryUrl"));
    text(url)
}

fn objects(objects: &[Object]) -> Markup {
    if objects.is_empty() {
        return nothing("The cluster has not reported any object.");
    }
    let cells = |one: &Object| {
        vec![
            html! { (one.name) small { (one.kind) } },
            html! { @if one.namespace.is_empty() { span.faint { "–" } } @else { (one.namespace) } },
            state(if one.compliance.is_empty() { "Unknown" } else { &one.compliance }),
            html! { @if one.message.is_empty() { span.faint { "–" } } @else { (one.message) } },
        ]
    };
    // What is wrong comes first.
    let mut sorted: Vec<&Object> = objects.iter().collect();
    sorted.sort_by_key(|one| one.compliance == "Compliant");
    let rows: Vec<Vec<Markup>> = sorted.into_iter().take(MAX_OBJECTS).map(cells).collect();
    html! {
        (table("Objects", &["Object", "Namespace", "State", "Message"].map(Column), &rows))
        @if objects.len() > MAX_OBJECTS { p.faint { (objects.len() - MAX_OBJECTS) " more are not shown." } }
    }
}

fn conditions(conditions: &[Condition], now: jiff::Timestamp) -> Markup {
    let cells = |one: &Condition| {
        vec![
            html! { (one.kind) },
            html! { (one.status) },
            html! { (one.reason) },
            html! { (one.message) },
            moment_or(one.since, now, "–"),
        ]
    };
    let rows: Vec<Vec<Markup>> = conditions.iter().map(cells).collect();
    table("Conditions", &["Condition", "Status", "Reason", "Message", "Since"].map(Column), &rows)
}

fn history(turns: &[Turn], now: jiff::Timestamp) -> Markup {
    if turns.is_empty() {
        return nothing("Nothing was reported yet.");
    }
    let cells = |one: &Turn| {
        let message = html! { @if one.message.is_empty() { span.faint { "–" } } @else { (one.message) } };
        vec![moment(one.at, now), state(&one.state), html! { code { (one.applied) } }, message]
    };
    let rows: Vec<Vec<Markup>> = turns.iter().map(cells).collect();
    table("History, newest first", &["Since", "State", "Applied", "Message"].map(Column), &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::page::clusters::tests::viewer;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn view(status: &Value, is_current: bool) -> View {
        let at: jiff::Timestamp = "2026-11-24T11:00:00Z".parse().expect("a time");
        View {
            group: "shops".into(),
            cluster: "north".into(),
            name: "web".into(),
            kind: "flux".into(),
            id: "/subscriptions/s".into(),
            properties: map(&json!({"gitRepository": {"url": "https://git.example.org/web"}})),
            status: Status::read(&map(status)),
            is_current,
            updated_at: Some(at),
            modified_at: at,
            modified_by: "me".into(),
            history: vec![Turn { at, state: "Pending".into(), applied: "main/1".into(), message: String::new() }],
        }
    }

    #[test]
    fn both_generations_are_read() {
        let flux = Status::read(&map(&json!({"complianceState": "Non-Compliant", "sourceSyncedCommitId": "main/1",
            "errorMessage": "no", "statuses": [{"kind": "Deployment", "name": "web", "namespace": "shop", "complianceState": "Non-Compliant",
                "statusConditions": [{"type": "A", "status": "True", "message": "fine"}, {"type": "Ready", "status": "False", "message": "bad image"}]}]})));
        assert_eq!(
            (flux.compliance.as_str(), flux.applied.as_str(), flux.message.as_str()),
            ("Non-Compliant", "main/1", "no")
        );
        assert_eq!(flux.objects[0].message, "bad image");
        let first = Status::read(&map(
            &json!({"complianceStatus": {"complianceState": "Installed", "message": "m"}, "installState": "Installed"}),
        ));
        assert_eq!(
            (first.compliance.as_str(), first.install.as_str(), first.message.as_str()),
            ("Installed", "Installed", "m")
        );
        assert_eq!(Status::read(&map(&json!({"statuses": 7, "conditions": [null]}))).conditions.len(), 1);
    }

    #[test]
    fn what_is_wrong_comes_first_and_a_status_of_before_does_not_count() {
        let status = json!({"complianceState": "Non-Compliant", "errorMessage": "it broke", "statuses": [
            {"kind": "Service", "name": "fine", "complianceState": "Compliant"},
            {"kind": "Deployment", "name": "broken", "complianceState": "Non-Compliant"}]});
        let shown = show(&view(&status, true), &viewer()).into_string();
        let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part}: {shown}"));
        assert!(at(">broken<") < at(">fine<") && at("it broke") < at(">broken<"));
        assert!(shown.contains("https://git.example.org/web") && shown.contains("main/1"));
        let before = show(&view(&status, false), &viewer()).into_string();
        assert!(!before.contains("it broke"), "it is of the configuration as it was");
    }
}
