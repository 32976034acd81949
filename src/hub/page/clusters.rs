//! The clusters: how many stand where, and each with its connectivity and compliance.
use super::{
    layout::{Place, Viewer, page},
    parts::{Column, Part, counted, link, moment_or, nothing, pages, segment, state, table},
};
use crate::hub::{connectivity::Connectivity, store::Wanted};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// How many have each state.
pub(super) type Counts = BTreeMap<String, i64>;

/// Words for compliance that can be asked for.
const COMPLIANCE: [&str; 6] = ["Compliant", "Non-Compliant", "Noncompliant", "Pending", "Failed", "Suspended"];

/// One cluster in the list.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) connectivity: String,
    pub(super) last_seen: Option<jiff::Timestamp>,
    pub(super) agent: String,
    pub(super) kubernetes: String,
    pub(super) compliance: Counts,
}

impl Row {
    /// The address of a cluster's page.
    pub(super) fn path(group: &str, name: &str) -> String {
        format!("/ui/clusters/{}/{}", segment(group), segment(name))
    }
}

/// The page.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) wanted: Wanted,
    pub(super) part: Part,
    pub(super) rows: Vec<Row>,
    pub(super) connectivity: Counts,
    pub(super) compliance: Counts,
}

/// Shows it.
pub(super) fn show(view: &View, viewer: &Viewer) -> Markup {
    let wanted = &view.wanted;
    let to = |page: u64| {
        let page = if page > 1 { page.to_string() } else { String::new() };
        address(wanted, &page)
    };
    let columns = ["Cluster", "Connectivity", "Last heartbeat", "Configurations", "Agent", "Kubernetes"].map(Column);
    let rows: Vec<Vec<Markup>> = view.rows.iter().map(|row| cells(row, viewer.now)).collect();
    let connectivity = Connectivity::ALL.map(Connectivity::word);
    let main = html! {
        h1 { "Clusters" }
        div.tiles {
            (tile("Connectivity", &connectivity, &view.connectivity, "status"))
            (tile("Configurations", &COMPLIANCE, &view.compliance, "with"))
        }
        (find(wanted))
        @if !rows.is_empty() {
            (table("Clusters", &columns, &rows))
            (pages(view.part, to))
        } @else if *wanted == Wanted::default() {
            (nothing("No cluster is connected yet. Run “arcwright connect” against this control plane to add one."))
        } @else {
            (nothing("No cluster is like that."))
        }
    };
    page(viewer, Place::Clusters, "Clusters", &main)
}

fn address(wanted: &Wanted, page: &str) -> String {
    let query =
        [("q", wanted.text.as_str()), ("status", &wanted.connectivity), ("with", &wanted.compliance), ("page", page)];
    link("/ui", &query)
}

fn cells(row: &Row, now: jiff::Timestamp) -> Vec<Markup> {
    vec![
        html! { a href=(Row::path(&row.group, &row.name)) { (row.name) } small { (row.group) } },
        state(&row.connectivity),
        moment_or(row.last_seen, now, "never"),
        compliance(&row.compliance),
        text_or(&row.agent),
        text_or(&row.kubernetes),
    ]
}

fn text_or(text: &str) -> Markup {
    html! { @if text.is_empty() { span.faint { "unknown" } } @else { (text) } }
}

/// How many configurations stand where, in one cell.
pub(super) fn compliance(counts: &Counts) -> Markup {
    html! {
        @if counts.is_empty() { span.faint { "none" } }
        @else { span.counts { @for (word, number) in counts { (counted(*number, word)) } } }
    }
}

fn tile(heading: &str, order: &[&str], counts: &Counts, parameter: &str) -> Markup {
    let known = order.iter().filter_map(|word| counts.get_key_value(*word));
    let others = counts.iter().filter(|(word, _)| !order.contains(&word.as_str()));
    let all: Vec<_> = known.chain(others).filter(|(_, number)| **number > 0).collect();
    html! {
        section.tile aria-label=(heading) {
            h2 { (heading) }
            @if all.is_empty() { span.faint { "none" } }
            ul { @for (word, number) in all {
                li { a href=(link("/ui", &[(parameter, word)])) { (counted(*number, word)) } }
            } }
        }
    }
}

fn find(wanted: &Wanted) -> Markup {
    html! {
        form.find method="get" action="/ui" role="search" aria-label="Clusters" {
            div.wide {
                label for="q" { "Name or group" }
                input #q type="search" name="q" value=(wanted.text) maxlength="200" autocomplete="off";
            }
            (choice("status", "Connectivity", &Connectivity::ALL.map(Connectivity::word), &wanted.connectivity))
            (choice("with", "With a configuration", &COMPLIANCE, &wanted.compliance))
            button type="submit" { "Find" }
            @if *wanted != Wanted::default() { a href="/ui" { "Show all" } }
        }
    }
}

fn choice(name: &str, label: &str, words: &[&str], chosen: &str) -> Markup {
    html! {
        div {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { "any" }
                @for word in words { option value=(word) selected[*word == chosen] { (word) } }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn viewer() -> Viewer {
        Viewer { name: "Ann".into(), role: "owner", now: "2026-11-24T12:00:00Z".parse().expect("a time") }
    }

    fn view(rows: Vec<Row>, wanted: Wanted) -> View {
        let counts = |pairs: &[(&str, i64)]| pairs.iter().map(|(word, number)| ((*word).to_owned(), *number)).collect();
        View {
            wanted,
            part: Part { page: 1, size: 100, total: 250 },
            rows,
            connectivity: counts(&[("Connected", 249), ("Offline", 1)]),
            compliance: counts(&[("Compliant", 3), ("Strange", 1)]),
        }
    }

    fn row() -> Row {
        Row {
            group: "shops".into(),
            name: "north".into(),
            connectivity: "Offline".into(),
            last_seen: Some("2026-11-24T11:40:00Z".parse().expect("a time")),
            agent: "0.1.0".into(),
            kubernetes: "1.36.2".into(),
            compliance: BTreeMap::from([("Compliant".to_owned(), 2), ("Non-Compliant".to_owned(), 1)]),
        }
    }

    #[test]
    fn a_cluster_is_shown_with_what_is_known_of_it() {
        let shown = show(&view(vec![row()], Wanted::default()), &viewer()).into_string();
        for part in ["href=\"/ui/clusters/shops/north\"", "20 min ago", "1.36.2", "1–100 of 250", "?page=2"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.contains("strange"), "a state that only a newer agent knows is counted too");
    }

    #[test]
    fn pages_keep_what_was_looked_for() {
        let wanted = Wanted { text: "a&b".into(), connectivity: "Offline".into(), compliance: String::new() };
        let shown = show(&view(vec![row()], wanted), &viewer()).into_string();
        assert!(shown.contains("/ui?q=a%26b&amp;status=Offline&amp;page=2"), "{shown}");
        assert!(
            shown.contains("value=\"a&amp;b\"") && shown.contains("<option value=\"Offline\" selected>"),
            "{shown}"
        );
    }

    #[test]
    fn nothing_found_and_nothing_there_are_told_apart() {
        let none = show(&view(Vec::new(), Wanted::default()), &viewer()).into_string();
        assert!(none.contains("arcwright connect"));
        let wanted = Wanted { text: "x".into(), ..Wanted::default() };
        assert!(show(&view(Vec::new(), wanted), &viewer()).into_string().contains("No cluster is like that"));
    }
}
