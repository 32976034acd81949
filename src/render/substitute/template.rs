//! The syntax: text with expressions `${name}`, which may have an operator and nest in its words.
//!
//! Source: `github.com/fluxcd/pkg/envsubst`, the syntax of Flux's post-build substitution. It differs where
//! that gives a wrong result without a word: `:+` is refused, `:?` fails when it should, an offset may have
//! spaces before it and must be a number, and lengths count characters instead of bytes.

/// Most levels of expressions within expressions.
const MAX_DEPTH: usize = 32;

/// A piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Text(String),
    /// `${...}`.
    Expression(Box<Expression>),
}

/// Text with expressions, for an operator's argument.
pub(super) type Word = Vec<Piece>;

/// A variable and what is done to its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expression {
    pub(super) variable: String,
    pub(super) operator: Operator,
}

/// What is done to the value of a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `${v}`
    Value,
    /// `${#v}`: its length in characters.
    Length,
    /// `${v:=word}`, `${v:-word}`, `${v=word}`, `${v-word}`: the word when it is not given or empty.
    Default(Word),
    /// `${v:?word}`: an error when it is not given or empty.
    Required,
    /// `${v:offset}`, `${v:offset:length}`, in characters.
    Slice(Word, Option<Word>),
    /// `${v^}`, `${v^^}`, `${v,}`, `${v,,}`: the first character, or all of them, in the other case.
    Case { upper: bool, all: bool },
    /// `${v#pattern}`, `${v##pattern}`, `${v%pattern}`, `${v%%pattern}`: cuts what matches off an end.
    Trim { at_end: bool, longest: bool, pattern: Word },
    /// `${v/text/word}`, `${v//text/word}`, `${v/#text/word}`, `${v/%text/word}`.
    Replace { which: Which, text: Word, word: Word },
}

/// Which occurrences of a text are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    First,
    All,
    AtStart,
    AtEnd,
}

/// Why a text is not a template.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SyntaxError {
    #[error("a ${{ is not closed by }}; write $${{ for the characters ${{")]
    Unclosed,
    #[error(
        "what follows a ${{ is not the name of a variable (letters, digits and _, no digit first); \
         write $${{ for the characters ${{"
    )]
    Name,
    #[error("variable {variable:?} is followed by an operator that is not known; write $${{ for the characters ${{")]
    Operator { variable: String },
    #[error(
        "variable {variable:?} has the operator `:+`, which Flux and shells take for opposites; use `:=`, or give the \
         variable the text to print"
    )]
    Alternative { variable: String },
    #[error("expressions are nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Parses a text. `$$` is one dollar; a dollar before anything but `{` and `$` is itself.
pub(super) fn parse(text: &str) -> Result<Word, SyntaxError> {
    let mut parser = Parser { rest: text, depth: 0 };
    parser.word(&[], Escapes::Dollar)
}

/// Which characters can be escaped in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// None: `$$` is two dollars.
    None,
    /// `$$` is a dollar.
    Dollar,
    /// `$$` is a dollar, `\/` a slash and `\\` a backslash.
    DollarAndSlash,
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    /// Text and expressions up to the first of the stops, which stays; up to the end without stops.
    fn word(&mut self, stops: &[char], escapes: Escapes) -> Result<Word, SyntaxError> {
        let mut word = Word::new();
        let mut text = String::new();
        while let Some(next) = self.rest.chars().next() {
            if stops.contains(&next) {
                break;
            }
            if self.take("${") {
                if !text.is_empty() {
                    word.push(Piece::Text(std::mem::take(&mut text)));
                }
                word.push(Piece::Expression(Box::new(self.expression()?)));
                continue;
            }
            text.push(match escapes {
                Escapes::Dollar | Escapes::DollarAndSlash if self.take("$$") => '$',
                Escapes::DollarAndSlash if self.take("\\/") => '/',
                Escapes::DollarAndSlash if self.take("\\\\") => '\\',
                Escapes::None | Escapes::Dollar | Escapes::DollarAndSlash => {
                    self.rest = &self.rest[next.len_utf8()..];
                    next
                }
            });
        }
        if !text.is_empty() {
            word.push(Piece::Text(text));
        }
        Ok(word)
    }

    /// An expression from after its `${` to after its `}`.
    fn expression(&mut self) -> Result<Expression, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        let has_length = self.take("#");
        let variable = self.name()?;
        let operator = if has_length { Operator::Length } else { self.operator(&variable)? };
        if !self.take("}") {
            return Err(self.wrong(variable));
        }
        self.depth -= 1;
        Ok(Expression { variable, operator })
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        let end = self.rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(SyntaxError::Name);
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn operator(&mut self, variable: &str) -> Result<Operator, SyntaxError> {
        if [":=", ":-", "=", "-"].iter().any(|mark| self.take(mark)) {
            return Ok(Operator::Default(self.word(&['}'], Escapes::None)?));
        }
        if self.take(":?") {
            self.word(&['}'], Escapes::None)?;
            return Ok(Operator::Required);
        }
        if self.take(":+") {
            return Err(SyntaxError::Alternative { variable: variable.to_owned() });
        }
        if self.take(":") {
            return self.slice();
        }
        if let Some((_, upper, all)) =
            [("^^", true, true), ("^", true, false), (",,", false, true), (",", false, false)]
                .into_iter()
                .find(|(mark, ..)| self.take(mark))
        {
            return Ok(Operator::Case { upper, all });
        }
        if let Some((_, at_end, longest)) =
            [("##", false, true), ("#", false, false), ("%%", true, true), ("%", true, false)]
                .into_iter()
                .find(|(mark, ..)| self.take(mark))
        {
            return Ok(Operator::Trim { at_end, longest, pattern: self.word(&['}'], Escapes::None)? });
        }
        if self.take("/") {
            return self.replace(variable);
        }
        Ok(Operator::Value)
    }

    fn slice(&mut self) -> Result<Operator, SyntaxError> {
        let offset = self.word(&[':', '}'], Escapes::None)?;
        let length = if self.take(":") { Some(self.word(&['}'], Escapes::None)?) } else { None };
        Ok(Operator::Slice(offset, length))
    }

    fn replace(&mut self, variable: &str) -> Result<Operator, SyntaxError> {
        let which = [("/", Which::All), ("#", Which::AtStart), ("%", Which::AtEnd)]
            .into_iter()
            .find_map(|(mark, which)| self.take(mark).then_some(which))
            .unwrap_or(Which::First);
        let text = self.word(&['/'], Escapes::DollarAndSlash)?;
        if !self.take("/") {
            return Err(self.wrong(variable.to_owned()));
        }
        let word = self.word(&['}'], Escapes::DollarAndSlash)?;
        Ok(Operator::Replace { which, text, word })
    }

    /// What is wrong where an expression does not go on as it must.
    fn wrong(&self, variable: String) -> SyntaxError {
        if self.rest.is_empty() { SyntaxError::Unclosed } else { SyntaxError::Operator { variable } }
    }

    fn take(&mut self, mark: &str) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
