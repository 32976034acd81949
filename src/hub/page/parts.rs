//! Pieces that several pages have: states, times, tables, and the way from page to page.
use maud::{Markup, html};
use std::fmt;

/// The name of a fact that is an id.
pub(super) const RESOURCE: &str = "Resource";

/// How a state looks: a colour and a shape of its own, beside its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Waiting,
    Away,
    Quiet,
}

impl Tone {
    /// The tone of a word for connectivity, compliance, or the state of an agent.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "Connected" | "Compliant" | "Running" | "Installed" | "True" => Self::Good,
            "Expired" | "Failed" | "Non-Compliant" | "Noncompliant" | "False" => Self::Bad,
            "Connecting" | "Pending" | "Installing" | "Uninstalling" => Self::Waiting,
            "Offline" | "Degraded" => Self::Away,
            _ => Self::Quiet,
        }
    }

    /// The class that colours it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Waiting => "waiting",
            Self::Away => "away",
            Self::Quiet => "quiet",
        }
    }

    /// A shape that no other tone has: a disc, a cross, a ring, a triangle, a line.
    fn shape(self) -> Markup {
        html! {
            svg.shape viewBox="0 0 12 12" aria-hidden="true" focusable="false" {
                @match self {
                    Self::Good => circle cx="6" cy="6" r="5" {},
                    Self::Bad => path.line d="M2 2l8 8M10 2l-8 8" {},
                    Self::Waiting => circle.line cx="6" cy="6" r="4" {},
                    Self::Away => path d="M6 1l5.5 10h-11z" {},
                    Self::Quiet => path.line d="M2 6h8" {},
                }
            }
        }
    }
}

/// A state by shape, colour and word.
pub(super) fn state(word: &str) -> Markup {
    let tone = Tone::of(word);
    html! { span class=(format!("state {}", tone.class())) { (tone.shape()) (word) } }
}

/// How many there are of a state.
pub(super) fn counted(number: i64, word: &str) -> Markup {
    let tone = Tone::of(word);
    html! { span class=(format!("state {}", tone.class())) { (tone.shape()) span { b { (number) } " " (word.to_lowercase()) } } }
}

/// A moment, as people say it; the whole of it is there too.
pub(super) fn moment(at: jiff::Timestamp, now: jiff::Timestamp) -> Markup {
    let whole = format!("{at:.0}");
    html! { time datetime=(whole) title=(whole) { (Ago(now.as_second() - at.as_second())) } }
}

/// A moment that may not have come.
pub(super) fn moment_or(at: Option<jiff::Timestamp>, now: jiff::Timestamp, none: &str) -> Markup {
    html! { @match at { Some(at) => (moment(at, now)), None => span.faint { (none) } } }
}

/// Seconds that have passed, or are to pass, in words.
pub(super) struct Ago(pub(super) i64);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (number, unit) = match seconds {
            0..60 => (seconds, "s"),
            60..3600 => (seconds / 60, "min"),
            3600..172_800 => (seconds / 3600, "h"),
            _ => (seconds / 86_400, "days"),
        };
        if self.0 >= 0 { write!(f, "{number} {unit} ago") } else { write!(f, "in {number} {unit}") }
    }
}

/// One column: its heading.
pub(super) struct Column<'a>(pub(super) &'a str);

/// A table that becomes a list of cards where there is no room; the first cell of a row names the row.
///
/// The roles are those that the elements have, which browsers forget when a style shows them otherwise.
pub(super) fn table(caption: &str, columns: &[Column<'_>], rows: &[Vec<Markup>]) -> Markup {
    html! {
        table.rows role="table" {
            caption.unseen { (caption) }
            thead role="rowgroup" { tr role="row" {
                @for Column(heading) in columns { th scope="col" role="columnheader" { (heading) } }
            } }
            tbody role="rowgroup" { @for row in rows { tr role="row" {
                @for (Column(heading), cell) in columns.iter().zip(row).take(1) {
                    th scope="row" role="rowheader" data-label=(heading) { (cell) }
                }
                @for (Column(heading), cell) in columns.iter().zip(row).skip(1) {
                    td role="cell" data-label=(heading) { (cell) }
                }
            } } }
        }
    }
}

/// Names and values. What is empty is left out, and an id has a line to itself.
pub(super) fn facts(facts: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.0.is_empty()) {
                div class=[(*name == RESOURCE).then_some("wide")] { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Said where there is nothing to show.
pub(super) fn nothing(what: &str) -> Markup {
    html! { p.nothing { (what) } }
}

/// Which part of a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// From 1.
    pub(super) page: u64,
    /// Rows in a page.
    pub(super) size: u64,
    /// Rows of all pages.
    pub(super) total: u64,
}

impl Part {
    /// The last page.
    pub(super) fn last(self) -> u64 {
        self.total.div_ceil(self.size).max(1)
    }

    /// Rows before this page.
    pub(super) fn skipped(self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// The way to other pages of a list; `link` makes the address of one.
pub(super) fn pages(part: Part, link: impl Fn(u64) -> String) -> Markup {
    let shown_to = (part.skipped() + part.size).min(part.total);
    html! {
        @if part.total > part.size {
            nav.pages aria-label="Pages" {
                @if part.page > 1 { a href=(link(part.page - 1)) rel="prev" { "← Previous" } }
                span { (part.skipped() + 1) "–" (shown_to) " of " (part.total) }
                @if part.page < part.last() { a href=(link(part.page + 1)) rel="next" { "Next →" } }
            }
        }
    }
}

/// A link with a query; what is empty is left out.
pub(super) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        serializer.append_pair(name, value);
    }
    let query = serializer.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_the_unit_that_fits() {
        let cases = [(0, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (172_800, "2 days ago")];
        for (seconds, wanted) in cases {
            assert_eq!(Ago(seconds).to_string(), wanted);
        }
        assert_eq!(Ago(-86_400 * 45).to_string(), "in 45 days");
    }

    #[test]
    fn a_state_is_told_by_its_word_beside_colour_and_shape() {
        let words = ["Connected", "Expired", "Connecting", "Offline", "Suspended"];
        let shown: Vec<String> = words.iter().map(|word| state(word).into_string()).collect();
        for (word, shown) in words.iter().zip(&shown) {
            assert!(shown.contains(word) && shown.contains("aria-hidden"), "{shown}");
        }
        let shapes: std::collections::BTreeSet<String> =
            words.iter().map(|word| Tone::of(word).shape().into_string()).collect();
        assert_eq!(shapes.len(), words.len(), "no two tones share a shape");
    }

    #[test]
    fn a_list_is_cut_into_pages() {
        let part = Part { page: 2, size: 100, total: 250 };
        assert_eq!((part.skipped(), part.last()), (100, 3));
        let shown = pages(part, |page| format!("?page={page}")).into_string();
        assert!(shown.contains("101–200 of 250") && shown.contains("?page=1") && shown.contains("?page=3"), "{shown}");
        assert!(pages(Part { total: 100, ..part }, |_| String::new()).into_string().is_empty());
        assert_eq!(Part { page: 1, size: 100, total: 0 }.last(), 1);
    }

    #[test]
    fn what_people_type_stays_text() {
        assert_eq!(link("/ui", &[("q", "a b&c"), ("status", "")]), "/ui?q=a+b%26c");
        assert_eq!(segment("a/b"), "a%2Fb");
        assert!(state("<b>").into_string().contains("&lt;b&gt;"));
    }
}
