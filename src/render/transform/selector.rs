//! Which resources a patch is for.
mod labels;

use crate::render::{
    error::{Place, RenderError},
    kustomization::Selector,
    object::resource::{Previous, Resource},
};
use labels::{Requirement, requirements};
use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// A selector, its patterns compiled.
#[derive(Debug)]
pub(in crate::render) struct Compiled {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Compiled {
    /// Compiles a selector. Patterns are anchored at both ends; an empty one fits everything.
    ///
    /// # Errors
    /// When a pattern or a label selector is not one.
    pub(in crate::render) fn new(selector: &Selector, place: &Place<'_>) -> Result<Self, RenderError> {
        let pattern = |text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            Pattern::new(text).map(Some).ok_or_else(|| place.wrong(format!("{text:?} is not a pattern")))
        };
        let requirements =
            |text: &str| requirements(text).ok_or_else(|| place.wrong(format!("{text:?} is not a selector")));
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
    pub(in crate::render) fn fits(&self, resource: &Resource) -> bool {
        let (original, current) = (resource.original(), resource.current());
        self.fits_type(resource.group(), resource.version(), resource.kind())
            && (is(self.name.as_ref(), &original.name) || is(self.name.as_ref(), &current.name))
            && (is(self.namespace.as_ref(), &original.namespace) || is(self.namespace.as_ref(), &current.namespace))
            && self.fits_labels(resource)
    }

    /// Whether one name that a resource has or had fits. A namespace that was never written fits `default` only once
    /// the resource has been renamed.
    pub(in crate::render) fn fits_any_name(&self, resource: &Resource) -> bool {
        let now = Previous { namespace: resource.namespace().into(), ..resource.current() };
        resource.previous.iter().chain([&now]).any(|id| {
            self.fits_type(resource.group(), resource.version(), &id.kind)
                && is(self.name.as_ref(), &id.name)
                && is(self.namespace.as_ref(), &id.namespace)
        })
    }

    /// Whether the labels and annotations of a resource fit.
    pub(in crate::render) fn fits_labels(&self, resource: &Resource) -> bool {
        self.labels.iter().all(|requirement| requirement.holds(resource.labels()))
            && self.annotations.iter().all(|requirement| requirement.holds(resource.annotations()))
    }

    fn fits_type(&self, group: &str, version: &str, kind: &str) -> bool {
        is(self.group.as_ref(), group) && is(self.version.as_ref(), version) && is(self.kind.as_ref(), kind)
    }
}

fn is(pattern: Option<&Pattern>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.fits(text))
}

/// A pattern that is anchored at both ends.
#[derive(Debug)]
enum Pattern {
    /// Characters that stand for themselves, and points that stand for any. Most patterns are such, and need no compiling.
    Plain(String),
    Compiled(Regex),
}

impl Pattern {
    fn new(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('^').trim_end_matches('$');
        if is_plain(text) {
            return Some(Self::Plain(text.to_owned()));
        }
        let anchored = format!("^(?:{})$", literal_braces(text));
        RegexBuilder::new(&anchored).size_limit(MAX_PATTERN).build().ok().map(Self::Compiled)
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Plain(pattern) => fits_plain(pattern, text) == Some(""),
            Self::Compiled(pattern) => pattern.is_match(text),
        }
    }
}

/// Whether a pattern holds nothing but characters that stand for themselves, and points.
pub(in crate::render) fn is_plain(pattern: &str) -> bool {
    pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.' | b':' | b'@'))
}

/// What follows in a text that begins as a plain pattern says; none when it does not.
pub(in crate::render) fn fits_plain<'t>(pattern: &str, text: &'t str) -> Option<&'t str> {
    let mut rest = text.chars();
    for want in pattern.chars() {
        let have = rest.next()?;
        if want != have && (want != '.' || have == '\n') {
            return None;
        }
    }
    Some(rest.as_str())
}

/// A pattern in which braces that count nothing stand for themselves, as in Go's patterns.
pub(in crate::render) fn literal_braces(pattern: &str) -> String {
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
