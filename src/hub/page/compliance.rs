//! Compliance over time.
use super::{
    chart::{Series, chart},
    layout::{Place, Viewer, page},
    parts::{link, nothing},
};
use maud::{Markup, html};

/// For how many days one can look back, and what that is called.
pub(super) const SPANS: [(u16, &str); 4] = [(1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days")];

/// Shows the page.
pub(super) fn show(series: &Series, days: u16, viewer: &Viewer) -> Markup {
    let main = html! {
        h1 { "Compliance over time" }
        nav.spans aria-label="Time span" {
            @for (span, name) in SPANS {
                a href=(link("/ui/compliance", &[("days", &span.to_string())])) aria-current=[(span == days).then_some("true")] { (name) }
            }
        }
        @if series.moments.len() < 2 {
            (nothing("Configurations are counted every 15 minutes; there is a chart once they were counted twice."))
        } @else {
            (chart(series))
        }
    };
    page(viewer, Place::Compliance, "Compliance over time", &main)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::page::clusters::tests::viewer;

    #[test]
    fn the_span_that_is_shown_is_marked_and_too_little_is_said_so() {
        let shown = show(&Series::default(), 7, &viewer()).into_string();
        assert!(shown.contains("href=\"/ui/compliance?days=7\" aria-current=\"true\""), "{shown}");
        assert!(shown.contains("counted twice"));
    }
}
