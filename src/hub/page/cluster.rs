//! One cluster: its configurations, its agents, what happened to it.
use super::{
    clusters::Row,
    events::{self, Shown},
    layout::{Place, Viewer, page},
    parts::{Column, RESOURCE, facts, moment, moment_or, nothing, segment, state, table},
};
use maud::{Markup, html};

/// One configuration in the list.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) name: String,
    /// `flux` or `sourceControl`.
    pub(super) kind: String,
    pub(super) compliance: String,
    pub(super) install: String,
    pub(super) source: String,
    pub(super) applied: String,
    pub(super) updated_at: Option<jiff::Timestamp>,
}

/// How one agent is.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) message: String,
    pub(super) since: jiff::Timestamp,
}

/// The page.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) row: Row,
    pub(super) id: String,
    pub(super) location: String,
    pub(super) distribution: String,
    pub(super) infrastructure: String,
    pub(super) nodes: String,
    pub(super) cores: String,
    pub(super) certificate_not_after: Option<jiff::Timestamp>,
    /// Statuses that wait for delivery at the cluster.
    pub(super) waiting: u64,
    pub(super) tags: Vec<(String, String)>,
    pub(super) configurations: Vec<Configuration>,
    pub(super) agents: Vec<Agent>,
    pub(super) events: Vec<Shown>,
}

/// Shows it.
pub(super) fn show(view: &View, viewer: &Viewer) -> Markup {
    let row = &view.row;
    let main = html! {
        p.crumbs { a href="/ui" { "Clusters" } " / " (row.group) }
        h1 { (row.name) " " (state(&row.connectivity)) }
        (about(view, viewer.now))
        h2 { "Configurations" }
        (configurations(view, viewer.now))
        h2 { "Agents" }
        (agents(&view.agents, viewer.now))
        h2 { "Events" }
        (events::list(&view.events, viewer.now, false))
    };
    page(viewer, Place::Clusters, &row.name, &main)
}

fn about(view: &View, now: jiff::Timestamp) -> Markup {
    let tags = view.tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
    let certificate = view.certificate_not_after.map(|end| {
        let word = if end <= now { "ended " } else { "ends " };
        html! { (word) (moment(end, now)) }
    });
    let size = match (view.nodes.as_str(), view.cores.as_str()) {
        ("", "") => String::new(),
        (nodes, cores) => format!("{nodes} nodes, {cores} cores"),
    };
    facts(&[
        ("Last heartbeat", moment_or(view.row.last_seen, now, "never")),
        ("Identity certificate", certificate.unwrap_or_else(|| html! { span.faint { "not enrolled" } })),
        ("Kubernetes", html! { (view.row.kubernetes) }),
        ("Agent", html! { (view.row.agent) }),
        ("Distribution", html! { (view.distribution) }),
        ("Infrastructure", html! { (view.infrastructure) }),
        ("Size", html! { (size) }),
        ("Location", html! { (view.location) }),
        ("Waiting for delivery", html! { @if view.waiting > 0 { (view.waiting) " statuses" } }),
        ("Tags", html! { (tags) }),
        (RESOURCE, html! { code { (view.id) } }),
    ])
}

fn configurations(view: &View, now: jiff::Timestamp) -> Markup {
    if view.configurations.is_empty() {
        return nothing("No configuration is wanted of this cluster.");
    }
    let columns = ["Configuration", "Compliance", "Install", "Source", "Applied", "Updated"].map(Column);
    let cells = |one: &Configuration| {
        let path = format!("{}/{}/{}", Row::path(&view.row.group, &view.row.name), one.kind, segment(&one.name));
        vec![
            html! { a href=(path) { (one.name) } small { (kind_name(&one.kind)) } },
            state(&one.compliance),
            html! { @if !one.install.is_empty() { (state(&one.install)) } @else { span.faint { "–" } } },
            html! { (one.source) },
            html! { code { (one.applied) } },
            moment_or(one.updated_at, now, "never"),
        ]
    };
    table("Configurations", &columns, &view.configurations.iter().map(cells).collect::<Vec<_>>())
}

/// What people call a kind of configuration.
pub(super) fn kind_name(kind: &str) -> &'static str {
    if kind == "flux" { "Flux configuration" } else { "source control configuration" }
}

fn agents(agents: &[Agent], now: jiff::Timestamp) -> Markup {
    if agents.is_empty() {
        return nothing("The agents have not said anything of themselves yet.");
    }
    let cells = |one: &Agent| {
        vec![
            html! { (one.name) },
            state(&one.state),
            moment(one.since, now),
            html! { @if one.message.is_empty() { span.faint { "–" } } @else { (one.message) } },
        ]
    };
    let columns = ["Agent", "State", "Since", "Message"].map(Column);
    table("Agents", &columns, &agents.iter().map(cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::page::clusters::tests::viewer;
    use std::collections::BTreeMap;

    fn view() -> View {
        let row = Row {
            group: "shops".into(),
            name: "north <1>".into(),
            connectivity: "Expired".into(),
            last_seen: None,
            agent: String::new(),
            kubernetes: String::new(),
            compliance: BTreeMap::new(),
        };
        View {
            row,
            id: "/subscriptions/s".into(),
            location: "here".into(),
            distribution: String::new(),
            infrastructure: String::new(),
            nodes: String::new(),
            cores: String::new(),
            certificate_not_after: Some("2026-11-20T12:00:00Z".parse().expect("a time")),
            waiting: 3,
            tags: vec![("a".into(), "b".into())],
            configurations: vec![Configuration {
                name: "web".into(),
                kind: "flux".into(),
                compliance: "Non-Compliant".into(),
                install: "Installed".into(),
                source: "https://git.example.org/web".into(),
                applied: "main/abc".into(),
                updated_at: None,
            }],
            agents: Vec::new(),
            events: Vec::new(),
        }
    }

    #[test]
    fn a_cluster_shows_its_configurations_and_that_its_identity_has_ended() {
        let shown = show(&view(), &viewer()).into_string();
        for part in ["north &lt;1&gt;", "ended ", "4 days ago", "3 statuses", "a=b", "Non-Compliant", "Installed"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.contains("href=\"/ui/clusters/shops/north%20%3C1%3E/flux/web\""), "{shown}");
        assert!(!shown.contains("<dt>Kubernetes</dt>"), "what is not known is left out");
    }
}
