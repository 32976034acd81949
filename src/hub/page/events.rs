//! What happened to clusters.
use super::{
    clusters::Row,
    layout::{Place, Viewer, page},
    parts::{Column, moment, nothing, state, table},
};
use maud::{Markup, html};

/// One event.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) at: jiff::Timestamp,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// Shows the page.
pub(super) fn show(events: &[Shown], viewer: &Viewer) -> Markup {
    let main = html! {
        h1 { "Events" }
        (list(events, viewer.now, true))
    };
    page(viewer, Place::Events, "Events", &main)
}

/// The events in a table, with their clusters or without.
pub(super) fn list(events: &[Shown], now: jiff::Timestamp, with_cluster: bool) -> Markup {
    if events.is_empty() {
        return nothing("Nothing has happened yet.");
    }
    let change = |one: &Shown| html! { (state(&one.before)) " → " (state(&one.after)) };
    let cluster =
        |one: &Shown| html! { a href=(Row::path(&one.group, &one.name)) { (one.name) } small { (one.group) } };
    let cells = |one: &Shown| {
        let mut cells = vec![moment(one.at, now), change(one)];
        if with_cluster {
            cells.insert(1, cluster(one));
        }
        cells
    };
    let rows: Vec<Vec<Markup>> = events.iter().map(cells).collect();
    if with_cluster {
        table("Events", &["When", "Cluster", "Connectivity"].map(Column), &rows)
    } else {
        table("Events", &["When", "Connectivity"].map(Column), &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::page::clusters::tests::viewer;

    #[test]
    fn an_event_says_when_where_and_what_changed() {
        let event = Shown {
            at: "2026-11-24T11:59:00Z".parse().expect("a time"),
            group: "shops".into(),
            name: "north".into(),
            before: "Connected".into(),
            after: "Offline".into(),
        };
        let shown = show(&[event], &viewer()).into_string();
        let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part}: {shown}"));
        assert!(at("1 min ago") < at(">north<") && at("Connected</span>") < at("Offline</span>"));
        assert!(show(&[], &viewer()).into_string().contains("Nothing has happened"));
    }
}
