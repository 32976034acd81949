//! What a program complains of, without what it was told in confidence.
use serde_json::Value;
use std::collections::BTreeSet;

/// Shortest text that is taken for a value; shorter ones stand in every sentence.
const MIN_HIDDEN: usize = 6;
/// Most bytes of a complaint that are shown.
const MAX_SHOWN: usize = 4096;

/// Texts that are not shown.
#[derive(Debug, Default)]
pub(in crate::render) struct Hidden(BTreeSet<String>);

impl Hidden {
    /// Hides every text and number of a value.
    pub(in crate::render) fn add(&mut self, value: &Value) {
        match value {
            Value::Object(map) => map.values().for_each(|value| self.add(value)),
            Value::Array(items) => items.iter().for_each(|value| self.add(value)),
            Value::String(text) => text.lines().for_each(|line| self.add_text(line)),
            Value::Number(number) => self.add_text(&number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Hides the user and the password of an address.
    pub(in crate::render) fn add_address(&mut self, address: &str) {
        let Some((_, rest)) = address.split_once("://") else { return };
        let authority = rest.split('/').next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@') {
            self.0.insert(user.to_owned());
            self.0.extend(user.split_once(':').map(|(_, password)| password.to_owned()));
        }
    }

    /// Shows a text after all, which says nothing.
    pub(in crate::render) fn reveal(&mut self, text: &str) {
        self.0.remove(text);
    }

    fn add_text(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= MIN_HIDDEN {
            self.0.insert(text.to_owned());
        }
    }

    /// The line of a complaint that says what is wrong, or, with `all`, as much of it as is shown at all.
    pub(in crate::render) fn shown(&self, complaint: &str, all: bool) -> String {
        let mut lines = complaint.lines().filter(|line| !line.trim().is_empty());
        let text = if all {
            lines.collect::<Vec<_>>().join("; ")
        } else {
            let error = complaint.lines().find(|line| line.starts_with("Error:"));
            error.or_else(|| lines.next_back()).unwrap_or("nothing").to_owned()
        };
        let mut text = without_quotations(&text);
        // Longest first: a text may hold another one.
        let mut hidden: Vec<&String> = self.0.iter().collect();
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        hidden.into_iter().filter(|text| !text.is_empty()).for_each(|hidden| text = text.replace(hidden, "***"));
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text[..text.floor_char_boundary(MAX_SHOWN)].to_owned()
    }
}

/// A text without what stands in it between backquotes, which is how readers of YAML quote.
fn without_quotations(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(number, part)| if number % 2 == 1 { "***" } else { part }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_that_says_what_is_wrong_is_shown_without_values() {
        let mut hidden = Hidden::default();
        hidden.add(&json!({"password": "s3cret-pass", "list": ["s3cret-pass-2"], "pin": 12345678, "short": "web"}));
        hidden.add(&json!({"key": "BEGIN KEY\nabcdefgh\n", "name": "webshop"}));
        hidden.add_address("https://ann:hunter2@example.org/charts");
        hidden.reveal("webshop");
        let shown = |complaint| hidden.shown(complaint, false);
        assert_eq!(
            shown("walk.go: note\nError: web: s3cret-pass-2 s3cret-pass abcdefgh 12345678\n"),
            "Error: web: *** *** *** ***"
        );
        assert_eq!(
            shown("Error: https://ann:hunter2@example.org: not found"),
            "Error: https://***@example.org: not found"
        );
        assert_eq!(shown("Error: proxy said hunter2 to webshop"), "Error: proxy said *** to webshop");
        assert_eq!(shown("Error: cannot unmarshal !!str `abc` into map"), "Error: cannot unmarshal !!str *** into map");
        assert_eq!(shown("first\n\nlast\x1b[2J\n"), "last [2J");
        assert_eq!(shown(" \n"), "nothing");
        assert_eq!(hidden.shown("a\nError: b\n\nc", true), "a; Error: b; c");
        assert_eq!(hidden.shown(&"ü".repeat(4000), true).len(), MAX_SHOWN);
    }
}
