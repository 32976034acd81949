//! Selectors of labels and annotations, as Kubernetes reads them: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
use crate::render::node::{Map, Node};
use std::{iter::Peekable, str::Chars};

/// Longest value, and longest name of a key.
const MAX_LENGTH: usize = 63;
/// Longest prefix of a key.
const MAX_PREFIX: usize = 253;

/// What a selector asks of one key.
#[derive(Debug)]
pub(in crate::render) enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Above(String, i64),
    Below(String, i64),
}

impl Requirement {
    /// Whether labels are as it asks.
    pub(in crate::render) fn holds(&self, labels: Option<&Map>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::text);
        let number = |key: &str| value(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
            Self::In(key, wanted) => value(key).is_some_and(|value| wanted.iter().any(|wanted| wanted == value)),
            Self::NotIn(key, unwanted) => {
                value(key).is_none_or(|value| unwanted.iter().all(|unwanted| unwanted != value))
            }
            Self::Above(key, bound) => number(key).is_some_and(|number| number > *bound),
            Self::Below(key, bound) => number(key).is_some_and(|number| number < *bound),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// One of `=`, `==`, `!=`, `!`, `<`, `>`, `(`, `)`, `,`.
    Mark(String),
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let is_mark = |c: &char| matches!(c, '=' | '!' | '(' | ')' | ',' | '<' | '>');
        while self.rest.next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).is_some() {}
        let Some(first) = self.rest.next_if(is_mark) else {
            let mut word = String::new();
            while let Some(c) = self.rest.next_if(|c| !is_mark(c) && !matches!(c, ' ' | '\t' | '\n' | '\r')) {
                word.push(c);
            }
            return (!word.is_empty()).then_some(Token::Word(word));
        };
        let mut mark = String::from(first);
        if matches!(first, '=' | '!') {
            mark.extend(self.rest.next_if_eq(&'='));
        }
        Some(Token::Mark(mark))
    }
}

type Tokens = Peekable<std::vec::IntoIter<Token>>;

/// Reads a selector; none when it is not one.
pub(in crate::render) fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let all: Vec<Token> = std::iter::from_fn(|| reader.next()).collect();
    let mut tokens = all.into_iter().peekable();
    let mut requirements = Vec::new();
    if tokens.peek().is_none() {
        return Some(requirements);
    }
    loop {
        requirements.push(requirement(&mut tokens)?);
        match tokens.next() {
            None => return Some(requirements),
            Some(token) => is(&token, ",").then_some(())?,
        }
    }
}

fn is(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Mark(mark) if mark == wanted)
}

fn requirement(tokens: &mut Tokens) -> Option<Requirement> {
    let is_absent = tokens.next_if(|token| is(token, "!")).is_some();
    let Some(Token::Word(key)) = tokens.next() else { return None };
    is_key(&key).then_some(())?;
    if is_absent {
        return Some(Requirement::Absent(key));
    }
    let operator = match tokens.peek() {
        None => return Some(Requirement::Exists(key)),
        Some(token) if is(token, ",") => return Some(Requirement::Exists(key)),
        Some(Token::Word(text) | Token::Mark(text)) => text.clone(),
    };
    tokens.next();
    match operator.as_str() {
        "in" => Some(Requirement::In(key, list(tokens)?)),
        "notin" => Some(Requirement::NotIn(key, list(tokens)?)),
        "=" | "==" => Some(Requirement::In(key, vec![value(tokens)?])),
        "!=" => Some(Requirement::NotIn(key, vec![value(tokens)?])),
        ">" => Some(Requirement::Above(key, value(tokens)?.parse().ok()?)),
        "<" => Some(Requirement::Below(key, value(tokens)?.parse().ok()?)),
        _ => None,
    }
}

/// A value; none at all is the empty one.
fn value(tokens: &mut Tokens) -> Option<String> {
    match tokens.peek() {
        None => Some(String::new()),
        Some(token) if is(token, ",") => Some(String::new()),
        Some(_) => match tokens.next() {
            Some(Token::Word(word)) => is_value(&word).then_some(word),
            _ => None,
        },
    }
}

/// Values in parentheses, of which there must be one.
fn list(tokens: &mut Tokens) -> Option<Vec<String>> {
    is(&tokens.next()?, "(").then_some(())?;
    let mut values = vec![String::new()];
    let mut is_empty = true;
    loop {
        match (tokens.next()?, values.last_mut()) {
            (Token::Word(word), Some(last)) if last.is_empty() && is_value(&word) => *last = word,
            (token, _) if is(&token, ",") => values.push(String::new()),
            (token, _) if is(&token, ")") => return (!is_empty).then_some(values),
            _ => return None,
        }
        is_empty = false;
    }
}

/// Letters and digits, with dashes, dots and underscores between.
fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [text.bytes().next(), text.bytes().last()];
    text.len() <= MAX_LENGTH && text.bytes().all(is_inner) && ends.iter().flatten().all(u8::is_ascii_alphanumeric)
}

fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// A name, perhaps after a domain and a slash.
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_domain = |prefix: &str| {
        let is_label = |label: &str| is_name(label) && !label.is_empty() && !label.contains('_');
        prefix.len() <= MAX_PREFIX && prefix.split('.').all(is_label) && !prefix.contains(|c: char| c.is_uppercase())
    };
    !name.is_empty() && is_name(name) && prefix.is_none_or(is_domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_selectors_are_those_of_kubernetes() {
        let labels = json!({"app": "web", "tier": "front", "level": "7"});
        let labels = labels.as_object().map(Map::from);
        let fits = |text: &str| requirements(text).map(|all| all.iter().all(|one| one.holds(labels.as_ref())));
        for text in [
            "",
            "app",
            "app=web",
            "app == web, tier!=back",
            "app in (web, api)",
            "tier notin (back)",
            "!other",
            "level>6,level<8",
            "app in(web),tier",
            "other notin (,a)",
            "a.b/c!=x",
        ] {
            assert_eq!(fits(text), Some(true), "{text}");
        }
        for text in ["other", "app=api", "app in (api)", "tier notin (front,back)", "!app", "app=", "level>7"] {
            assert_eq!(fits(text), Some(false), "{text}");
        }
        for text in [
            "a b",
            "= x",
            "app in web",
            "a=b c",
            "a,",
            ",a",
            "!a=b",
            "a in ()",
            "a in (b c)",
            "a>b",
            "-a",
            "a=-b",
            "A/b/c",
            "/a",
        ] {
            assert_eq!(fits(text), None, "{text}");
        }
    }
}
