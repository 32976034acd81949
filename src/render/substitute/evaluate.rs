//! The values of expressions.
use super::{
    glob::{BadPattern, Pattern},
    template::{Expression, Operator, Piece, Which, Word},
};
use std::collections::BTreeMap;

/// Most bytes read and written for one object, so that no template and no value makes it grow without end.
const MAX_WORK: usize = 32 << 20;

/// Why an expression has no value. Holds no value of a variable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum EvaluationError {
    #[error(
        "variable {variable:?} is not given and has no default; add it to postBuild.substitute, or write \
         ${{{variable}:=default}}"
    )]
    Missing { variable: String },
    #[error("variable {variable:?} is required, and is not given or empty; add it to postBuild.substitute")]
    Required { variable: String },
    #[error("the offset or length for variable {variable:?} is not an integer")]
    NotAnInteger { variable: String },
    #[error("the pattern for variable {variable:?} is malformed; close its [ and end it with something other than \\")]
    Pattern { variable: String },
    #[error("substitution takes more than {MAX_WORK} bytes")]
    TooMuch,
}

/// Evaluates expressions within one budget of work.
pub(super) struct Evaluator<'v> {
    variables: &'v BTreeMap<String, String>,
    work: usize,
}

impl<'v> Evaluator<'v> {
    pub(super) fn new(variables: &'v BTreeMap<String, String>) -> Self {
        Self { variables, work: 0 }
    }

    /// The text with its expressions replaced by their values.
    pub(super) fn expand(&mut self, word: &[Piece]) -> Result<String, EvaluationError> {
        let mut out = String::new();
        for piece in word {
            match piece {
                Piece::Text(text) => {
                    self.spend(text.len())?;
                    out.push_str(text);
                }
                Piece::Expression(expression) => out.push_str(&self.value(expression)?),
            }
        }
        Ok(out)
    }

    fn value(&mut self, Expression { variable, operator }: &Expression) -> Result<String, EvaluationError> {
        let given = self.variables.get(variable).map(|value| value.replace('\n', ""));
        self.spend(given.as_ref().map_or(1, |value| value.len() + 1))?;
        let value = match (given, operator) {
            (Some(value), _) if !value.is_empty() => value,
            (_, Operator::Default(word)) => return self.expand(word),
            (_, Operator::Required) => return Err(EvaluationError::Required { variable: variable.clone() }),
            (Some(value), _) => value,
            (None, _) => return Err(EvaluationError::Missing { variable: variable.clone() }),
        };
        match operator {
            Operator::Value | Operator::Default(_) | Operator::Required => Ok(value),
            Operator::Length => Ok(value.chars().count().to_string()),
            Operator::Slice(offset, length) => self.slice(variable, &value, offset, length.as_ref()),
            Operator::Case { upper, all } => Ok(cased(&value, *upper, *all)),
            Operator::Trim { at_end, longest, pattern } => self.trim(variable, &value, *at_end, *longest, pattern),
            Operator::Replace { which, text, word } => self.replace(&value, *which, text, word),
        }
    }

    /// Characters from an offset on, and at most so many; both count from the end when negative.
    fn slice(
        &mut self,
        variable: &str,
        value: &str,
        offset: &Word,
        length: Option<&Word>,
    ) -> Result<String, EvaluationError> {
        let mut integer = |word: &Word| {
            let text = self.expand(word)?;
            text.trim().parse().ok().ok_or_else(|| EvaluationError::NotAnInteger { variable: variable.to_owned() })
        };
        let offset: isize = integer(offset)?;
        let length: Option<isize> = length.map(&mut integer).transpose()?;
        let count = value.chars().count();
        let from = |start: usize, distance: isize| {
            if distance < 0 {
                count.saturating_sub(distance.unsigned_abs())
            } else {
                start.saturating_add(distance.unsigned_abs())
            }
        };
        let start = from(0, offset);
        let end = length.map_or(count, |length| from(start, length));
        Ok(value.chars().take(end).skip(start).collect())
    }

    /// Cuts the shortest or longest match of a pattern off the start or the end.
    fn trim(
        &mut self,
        variable: &str,
        value: &str,
        at_end: bool,
        longest: bool,
        pattern: &Word,
    ) -> Result<String, EvaluationError> {
        let bad = |BadPattern| EvaluationError::Pattern { variable: variable.to_owned() };
        let pattern = Pattern::new(&self.expand(pattern)?).map_err(bad)?;
        self.spend(pattern.len().saturating_mul(value.len()))?;
        let kept = if at_end {
            let cut = pattern.reversed().matched(value.chars().rev(), longest);
            value.char_indices().rev().take(cut).last().map_or(value, |(at, _)| &value[..at])
        } else {
            let cut = pattern.matched(value.chars(), longest);
            value.char_indices().nth(cut).map_or("", |(at, _)| &value[at..])
        };
        Ok(kept.to_owned())
    }

    /// Replaces occurrences of a text, which is no pattern; an empty text occurs nowhere.
    fn replace(&mut self, value: &str, which: Which, text: &Word, word: &Word) -> Result<String, EvaluationError> {
        let text = self.expand(text)?;
        let word = self.expand(word)?;
        if text.is_empty() {
            return Ok(value.to_owned());
        }
        match which {
            Which::First => Ok(value.replacen(&text, &word, 1)),
            Which::All => {
                self.spend(value.matches(&text).count().saturating_mul(word.len()))?;
                Ok(value.replace(&text, &word))
            }
            Which::AtStart => Ok(value.strip_prefix(&text).map_or(value.to_owned(), |rest| word + rest)),
            Which::AtEnd => Ok(value.strip_suffix(&text).map_or(value.to_owned(), |rest| format!("{rest}{word}"))),
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.work = self.work.saturating_add(bytes);
        if self.work > MAX_WORK { Err(EvaluationError::TooMuch) } else { Ok(()) }
    }
}

fn cased(value: &str, upper: bool, all: bool) -> String {
    let change = |text: &str| if upper { text.to_uppercase() } else { text.to_lowercase() };
    let first = if all { value.len() } else { value.chars().next().map_or(0, char::len_utf8) };
    let (changed, kept) = value.split_at(first);
    change(changed) + kept
}
