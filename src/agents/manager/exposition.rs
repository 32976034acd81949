//! Figures as Prometheus reads them. Pure.
//!
//! Source: the Prometheus text exposition format 0.0.4.
use std::fmt::{Display, Write as _};

/// What kind of figure a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up only, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A text of metrics, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Begins a metric; its samples come right after.
    pub(super) fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// A sample with at most one label.
    pub(super) fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Display) {
        match label {
            None => self.line(format_args!("{name} {value}")),
            Some((key, text)) => {
                let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
                self.line(format_args!("{name}{{{key}=\"{text}\"}} {value}"));
            }
        }
    }

    /// A metric with one sample and no label.
    pub(super) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, None, value);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        writeln!(self.0, "{line}").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_with_their_help_and_labels_escaped() {
        let mut text = Exposition::default();
        text.single("up", Kind::Gauge, "Whether it is\nup.", 1);
        text.metric("done_total", Kind::Counter, "What was done.");
        text.sample("done_total", Some(("how", "\"so\"\\")), 2.5);
        insta::assert_snapshot!(text.into_text(), @r#"
        # HELP up Whether it is\nup.
        # TYPE up gauge
        up 1
        # HELP done_total What was done.
        # TYPE done_total counter
        done_total{how="\"so\"\\"} 2.5
        "#);
    }
}
