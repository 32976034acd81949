//! The arguments of a Flux v1 operator: read once, then taken by the engine that the configuration has.
mod flags;
mod flux_v1;
mod helm;
mod native;
mod words;

pub(super) use flux_v1::translate;
pub(super) use helm::helm_operator;
pub(super) use native::{OperatorParams, parse};
pub(super) use words::{go_duration, split};

use flags::Kind;

/// One argument as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written {
    /// Without the dashes.
    name: String,
    /// What stands after `=`, or in the next word.
    value: Option<String>,
}

/// Reads the arguments in order. Total: what it cannot read is among the errors.
fn read(text: &str) -> (Vec<Written>, Vec<String>) {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    let Some(words) = split(text) else {
        errors.push("a quote is not closed".to_owned());
        return (all, errors);
    };
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else {
            let shown: String = word.chars().take(40).collect();
            errors.push(format!("{shown:?} is not an argument that begins with --"));
            continue;
        };
        let (name, mut value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let kind = flags::kind(name);
        if value.is_none() && kind != Some(Kind::Switch) {
            value = words.next_if(|next| !next.starts_with("--"));
        }
        if value.is_none() && kind.is_some_and(|kind| kind != Kind::Switch) {
            errors.push(format!("--{name} needs a value"));
        } else {
            all.push(Written { name: name.to_owned(), value });
        }
    }
    (all, errors)
}

impl Written {
    /// Whether a switch is on.
    fn is_on(&self) -> bool {
        let value = self.value.as_deref();
        value.is_none_or(|value| !["false", "0", "f"].contains(&value.to_lowercase().as_str()))
    }
}

/// A directory of a repository without what changes nothing about it.
fn directory(path: &str) -> String {
    path.trim().trim_start_matches("./").trim_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::HelmOperatorProperties, model::configuration::Scope};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_passed_on_is_one_line(text in "(--[a-z-]{0,12}(=\\PC{0,12})?| |\\PC{0,8}){0,6}") {
            parse(&text);
            let translated = translate(&text, Scope::Namespace);
            let properties = HelmOperatorProperties { chart_version: None, chart_values: Some(text) };
            let helm = helm_operator(Some(&properties), Scope::Namespace, &mut Vec::new());
            for argument in translated.arguments.iter().chain(&helm.arguments) {
                prop_assert!(!argument.to_string().contains(char::is_control));
            }
        }

        #[test]
        fn every_argument_that_is_passed_on_is_known(name in "[a-z0-9-]{1,30}", value in "\\PC{0,12}") {
            let translated = translate(&format!("--{name}={value}"), Scope::Cluster);
            prop_assert!(translated.arguments.iter().all(|argument| flags::kind(&argument.name).is_some()));
        }
    }
}
