//! What every page has around it.
use crate::hex::hex;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// How everything looks.
pub(super) const STYLE: &str = include_str!("style.css");
/// Shows what is there by now; everything can be read without.
pub(super) const REFRESH: &str = include_str!("refresh.js");

/// Changes with what the program serves, so that no browser keeps an old one.
static VERSION: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(format!("{STYLE}{REFRESH}").as_bytes())[..6]));

/// The pages that the navigation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Clusters,
    Compliance,
    Events,
    Audit,
}

const PLACES: [(Place, &str, &str); 4] = [
    (Place::Clusters, "Clusters", "/ui"),
    (Place::Compliance, "Compliance", "/ui/compliance"),
    (Place::Events, "Events", "/ui/events"),
    (Place::Audit, "Audit log", "/ui/audit"),
];

/// Who looks, and when.
#[derive(Clone, Debug)]
pub(super) struct Viewer {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) now: jiff::Timestamp,
}

/// A page for somebody who is signed in.
pub(super) fn page(viewer: &Viewer, place: Place, title: &str, main: &Markup) -> Markup {
    let navigation = html! {
        nav aria-label="Main" {
            @for (one, name, path) in PLACES {
                a href=(path) aria-current=[(one == place).then_some("page")] { (name) }
            }
        }
        form.who method="post" action="/ui/sign-out" {
            span { (viewer.name) " " span.faint { "(" (viewer.role) ")" } }
            button.plain type="submit" { "Sign out" }
        }
    };
    let now = format!("{:.0}", viewer.now);
    let content = html! {
        div data-live {
            (main)
            p.asof { "As of " time datetime=(now) { (viewer.now.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
        }
    };
    document(title, &navigation, &content, true)
}

/// A page for anybody.
pub(super) fn bare(title: &str, main: &Markup) -> Markup {
    document(title, &html! {}, main, false)
}

fn document(title: &str, navigation: &Markup, main: &Markup, is_live: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Arcwright" }
                link rel="stylesheet" href=(format!("/ui/style.css?{}", *VERSION));
                link rel="icon" href="data:,";
                @if is_live { script src=(format!("/ui/refresh.js?{}", *VERSION)) defer {} }
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href="/ui" {
                        svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" { path d="M2 17a8 8 0 0 1 16 0M6.5 17a3.5 3.5 0 0 1 7 0" {} }
                        "Arcwright"
                    }
                    (navigation)
                }
                main id="main" tabindex="-1" { (main) }
            }
        }
    }
}
