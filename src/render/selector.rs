//! Which resources a patch is for.
use super::{
    RenderError,
    kustomization::Selector,
    resource::{Resource, effective, scalar_text},
};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// A selector, its patterns compiled.
pub(super) struct Compiled {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Compiled {
    /// Compiles a selector. Patterns are anchored at both ends; an empty one fits everything.
    ///
    /// # Errors
    /// When a pattern or a label selector is not one.
    pub(super) fn new(selector: &Selector, file: &str, field: &str) -> Result<Self, RenderError> {
        let pattern = |text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            let anchored = format!("^(?:{})$", literal_braces(text.trim_start_matches('^').trim_end_matches('$')));
            let compiled = RegexBuilder::new(&anchored).size_limit(MAX_PATTERN).build();
            let wrong = || RenderError::field(file, field, format!("{text:?} is not a pattern"));
            compiled.ok().map(Some).ok_or_else(wrong)
        };
        let requirements = |text: &str| {
            requirements(text).ok_or_else(|| RenderError::field(file, field, format!("{text:?} is not a selector")))
        };
        Ok(Self {
            group: pattern(&selector.group)?,
            version: pattern(&selector.version)?,
            kind: pattern(&selector.kind)?,
            name: pattern(&selector.name)?,
            namespace: pattern(&selector.namespace)?,
            labels: requirements(&selector.label_selector)?,
            annotations: requirements(&selector.annotation_selector)?,
        })
    }

    /// Whether a resource fits; name and namespace may be those that it was first given, or those that it has.
    pub(super) fn fits(&self, resource: &Resource) -> bool {
        let is = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        let (original, current) = (resource.original(), resource.current());
        is(&self.group, resource.group())
            && is(&self.version, resource.version())
            && is(&self.kind, resource.kind())
            && (is(&self.name, &original.name) || is(&self.name, &current.name))
            && (is(&self.namespace, &original.namespace) || is(&self.namespace, &effective(resource.namespace())))
            && self.labels.iter().all(|requirement| requirement.holds(resource.labels()))
            && self.annotations.iter().all(|requirement| requirement.holds(resource.annotations()))
    }
}

/// A pattern in which braces that count nothing stand for themselves, as in Go's patterns.
fn literal_braces(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        made.push_str(before);
        let inner = after[1..].split('}').next().unwrap_or_default();
        let counts = !inner.is_empty() && inner.chars().all(|c| c.is_ascii_digit() || c == ',');
        let is_class = before.ends_with("\\p") || before.ends_with("\\P") || before.ends_with("\\x");
        if counts || is_class || before.ends_with('\\') {
            made.push('{');
        } else {
            made.push_str("\\{");
        }
        rest = &after[1..];
    }
    made + rest
}

/// One requirement of a label selector.
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Requirement {
    fn holds(&self, labels: Option<&Map<String, Value>>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).map(scalar_text);
        match self {
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
            Self::In(key, wanted) => value(key).is_some_and(|value| wanted.contains(&value)),
            Self::NotIn(key, unwanted) => value(key).is_none_or(|value| !unwanted.contains(&value)),
        }
    }
}

/// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`; none when it is not of that form.
fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut all = Vec::new();
    let mut depth = 0_usize;
    let parts = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let key = |text: &str| {
            let text = text.trim();
            (!text.is_empty() && !text.contains([' ', '(', ')', '='])).then(|| text.to_owned())
        };
        let list = |text: &str| {
            let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
            Some(inner.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
        };
        all.push(if let Some(name) = part.strip_prefix('!') {
            Requirement::Absent(key(name)?)
        } else if let Some((name, values)) = part.split_once(" notin ") {
            Requirement::NotIn(key(name)?, list(values)?)
        } else if let Some((name, values)) = part.split_once(" in ") {
            Requirement::In(key(name)?, list(values)?)
        } else if let Some((name, value)) = part.split_once("!=") {
            Requirement::NotIn(key(name)?, vec![value.trim().to_owned()])
        } else if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            Requirement::In(key(name)?, vec![value.trim().to_owned()])
        } else {
            Requirement::Exists(key(part)?)
        });
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_are_those_of_kubernetes() {
        let labels = json!({"app": "web", "tier": "front"});
        let fits = |text: &str| requirements(text).map(|all| all.iter().all(|one| one.holds(labels.as_object())));
        for text in ["", "app", "app=web", "app == web, tier!=back", "app in (web, api)", "tier notin (back)", "!other"]
        {
            assert_eq!(fits(text), Some(true), "{text}");
        }
        for text in ["other", "app=api", "app in (api)", "tier notin (front,back)", "!app"] {
            assert_eq!(fits(text), Some(false), "{text}");
        }
        for text in ["a b", "= x", "app in web"] {
            assert_eq!(fits(text), None, "{text}");
        }
    }
}
