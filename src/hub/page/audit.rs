//! Every write that was tried, and who signed in.
use super::{
    layout::{Place, Viewer, page},
    parts::{Column, moment, nothing, table},
};
use crate::hub::store::Audited;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Shows the page; `names` are those of the clients that have one.
pub(super) fn show(audited: &[Audited], names: &BTreeMap<String, String>, viewer: &Viewer) -> Markup {
    let cells = |one: &Audited| {
        let tone = if one.status < 400 { "good" } else { "bad" };
        vec![
            moment(one.at, viewer.now),
            html! { @match names.get(&one.client_id) {
                Some(name) => span title=(one.client_id) { (name) },
                None => @if one.client_id.is_empty() { span.faint { "nobody" } } @else { (one.client_id) },
            } },
            html! { (one.method) },
            html! { code title=(one.resource) { (short(&one.resource)) } },
            html! { span class=(format!("state {tone}")) { (if one.status < 400 { "done" } else { "refused" }) " (" (one.status) ")" } },
        ]
    };
    let rows: Vec<Vec<Markup>> = audited.iter().map(cells).collect();
    let main = html! {
        h1 { "Audit log" }
        @if rows.is_empty() { (nothing("Nothing was written yet.")) }
        @else { (table("Writes and sign-ins, newest first", &["When", "Who", "Method", "What", "Outcome"].map(Column), &rows)) }
    };
    page(viewer, Place::Audit, "Audit log", &main)
}

/// A path without what is the same in all of them.
fn short(path: &str) -> String {
    let of_group = |path: &str| {
        let (_, rest) = path.strip_prefix("/subscriptions/")?.split_once('/')?;
        let (segment, rest) = rest.split_once('/')?;
        segment.eq_ignore_ascii_case("resourceGroups").then(|| rest.to_owned())
    };
    let Some(path) = of_group(path) else { return path.to_owned() };
    let segments: Vec<&str> = path.split('/').collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(segment) = segments.get(at) {
        // The provider says nothing that the type after it does not say.
        if matches!(segment.to_ascii_lowercase().as_str(), "providers" | "provider") {
            at += 1;
        } else if !segment.eq_ignore_ascii_case("connectedClusters") {
            kept.push(*segment);
        }
        at += 1;
    }
    kept.join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::page::clusters::tests::viewer;

    #[test]
    fn paths_are_shortened_to_what_tells_them_apart() {
        let cluster = "/subscriptions/1/resourceGroups/shops/providers/Microsoft.Kubernetes/connectedClusters/north";
        let flux = "providers/Microsoft.KubernetesConfiguration/fluxConfigurations";
        assert_eq!(short(cluster), "shops / north");
        assert_eq!(short(&format!("{cluster}/{flux}/web")), "shops / north / fluxConfigurations / web");
        assert_eq!(short("/ui/sign-in"), "/ui/sign-in");
        assert_eq!(short("/subscriptions/1/providers/x/register"), "/subscriptions/1/providers/x/register");
        assert_eq!(short("/subscriptions/1/resourceGroups/shops/providers"), "shops");
    }

    #[test]
    fn the_log_says_who_did_what_and_what_came_of_it() {
        let audited = |client: &str, status| Audited {
            at: "2026-11-24T10:00:00Z".parse().expect("a time"),
            client_id: client.into(),
            method: "PUT".into(),
            resource: "/a".into(),
            status,
        };
        let names = BTreeMap::from([("1".to_owned(), "Ann".to_owned())]);
        let shown = show(&[audited("1", 201), audited("2", 403), audited("", 401)], &names, &viewer()).into_string();
        for part in ["Ann", "2 h ago", "done (201)", "refused (403)", "nobody"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
