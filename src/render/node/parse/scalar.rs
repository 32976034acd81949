//! Scalars: plain, quoted, and in blocks.
use super::{ParseError, Parser, Scalar, Style};

fn quoted(text: &str) -> Scalar {
    Scalar { style: Style::Quoted, ..Scalar::plain(text) }
}

impl Parser<'_> {
    /// Reads a scalar without quotes, with the lines that go on it.
    pub(super) fn plain(&mut self) -> Result<Scalar, ParseError> {
        let begins = match self.peek(0) {
            b'-' => !self.is_blank_at(self.at + 1),
            b'?' | b':' => self.flow == 0 && !self.is_blank_at(self.at + 1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
            | b'`' => false,
            _ => !self.is_blank_at(self.at),
        };
        if !begins {
            return Err(self.error(if self.peek(0) == b'\t' {
                "a tab in the indentation: use spaces"
            } else {
                "a character that cannot begin a value: quote the text"
            }));
        }
        let begin = self.at;
        let end = self.plain_line();
        if !self.goes_on()? {
            return Ok(Scalar::plain(&self.text[begin..end]));
        }
        let mut text = self.text[begin..end].to_owned();
        loop {
            let (breaks, next) = self.breaks_ahead()?;
            text.push_str(if breaks.is_empty() { " " } else { &breaks });
            self.at = next;
            let begin = self.at;
            let end = self.plain_line();
            text.push_str(&self.text[begin..end]);
            if !self.goes_on()? {
                return Ok(Scalar::plain(text));
            }
        }
    }

    /// Goes over the rest of a line of a plain scalar; gives where its text ends.
    fn plain_line(&mut self) -> usize {
        let mut end = self.at;
        let mut at = self.at;
        loop {
            match self.bytes.get(at) {
                None | Some(b'\n' | b'\r') => break,
                Some(b':') if self.is_blank_at(at + 1) => break,
                Some(b',' | b'?' | b'[' | b']' | b'{' | b'}') if self.flow > 0 => break,
                Some(b' ' | b'\t') => {
                    at += 1;
                    if self.bytes.get(at) == Some(&b'#') {
                        break;
                    }
                    continue;
                }
                Some(0xc2 | 0xe2) if self.break_at(at) > 0 => break,
                Some(_) => {}
            }
            at += 1;
            end = at;
        }
        self.at = end;
        end
    }

    /// Whether the plain scalar that ends here goes on after line breaks. Where it does not, these are gone over.
    fn goes_on(&mut self) -> Result<bool, ParseError> {
        let mut at = self.at;
        while matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        if self.break_at(at) == 0 {
            return Ok(false);
        }
        let (_, next, line) = self.ahead(at)?;
        let column = (next - line).cast_signed();
        let ends = match self.bytes.get(next) {
            _ if self.flow == 0 && column <= self.indent => true,
            None | Some(b'#') => true,
            Some(b':') => self.is_blank_at(next + 1),
            Some(b',' | b'?' | b'[' | b']' | b'{' | b'}') => self.flow > 0,
            Some(b'-' | b'.') if column == 0 => {
                let rest = &self.bytes[next..];
                (rest.starts_with(b"---") || rest.starts_with(b"...")) && self.is_blank_at(next + 3)
            }
            Some(_) => false,
        };
        if ends {
            (self.at, self.line_start, self.allowed) = (next, line, true);
        }
        Ok(!ends)
    }

    /// The text that the line breaks ahead stand for, but for the first one, and where the text goes on.
    fn breaks_ahead(&mut self) -> Result<(String, usize), ParseError> {
        let mut at = self.at;
        while matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        let (breaks, next, line) = self.ahead(at)?;
        self.line_start = line;
        Ok((breaks, next))
    }

    /// From a line break: the breaks that count, the next character that is not blank, and where its line begins.
    fn ahead(&self, mut at: usize) -> Result<(String, usize, usize), ParseError> {
        let mut breaks = String::new();
        let mut line = at;
        let mut is_first = true;
        loop {
            match self.bytes.get(at) {
                Some(b' ') => at += 1,
                Some(b'\t') => {
                    if (at - line).cast_signed() <= self.indent {
                        return Err(self.error("a tab in the indentation: use spaces"));
                    }
                    at += 1;
                }
                _ => match self.break_at(at) {
                    0 => return Ok((breaks, at, line)),
                    length => {
                        // Separators of lines and paragraphs stay, even as the first.
                        if length == 3 {
                            breaks.push_str(&self.text[at..at + 3]);
                        } else if !is_first {
                            breaks.push('\n');
                        }
                        is_first = false;
                        at += length;
                        line = at;
                    }
                },
            }
        }
    }

    /// Reads a scalar in quotes.
    pub(super) fn quoted(&mut self) -> Result<Scalar, ParseError> {
        let quote = self.peek(0);
        self.at += 1;
        let begin = self.at;
        let special = |byte: &u8| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r' | 0xc2 | 0xe2);
        let plain = self.bytes[begin..].iter().position(special).unwrap_or(self.bytes.len() - begin);
        let end = begin + plain;
        if self.bytes.get(end) == Some(&quote) && !(quote == b'\'' && self.bytes.get(end + 1) == Some(&b'\'')) {
            self.at = end + 1;
            return Ok(quoted(&self.text[begin..end]));
        }
        let mut text = String::new();
        loop {
            if self.is_over() {
                return Err(self.error("a quote that is not closed"));
            }
            let mut joins = false;
            while !self.is_blank_at(self.at) {
                let byte = self.peek(0);
                if byte == quote {
                    if quote == b'\'' && self.peek(1) == b'\'' {
                        text.push('\'');
                        self.at += 2;
                        continue;
                    }
                    self.at += 1;
                    return Ok(quoted(&text));
                }
                if byte == b'\\' && quote == b'"' {
                    let length = self.break_at(self.at + 1);
                    if length > 0 {
                        self.at += 1 + length;
                        self.line_start = self.at;
                        joins = true;
                        break;
                    }
                    self.escape(&mut text)?;
                    continue;
                }
                let length = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                text.push_str(&self.text[self.at..self.at + length]);
                self.at += length;
            }
            self.blanks(&mut text, joins);
        }
    }

    /// Goes over white space inside quotes: it stays within a line, and is folded over the ends of lines.
    fn blanks(&mut self, text: &mut String, joins: bool) {
        let begin = self.at;
        let mut breaks = String::new();
        let (mut ended, mut kept) = (joins, false);
        loop {
            match self.peek(0) {
                b' ' | b'\t' => self.at += 1,
                _ => match self.break_at(self.at) {
                    0 => break,
                    length => {
                        if length == 3 {
                            breaks.push_str(&self.text[self.at..self.at + 3]);
                        } else if ended {
                            breaks.push('\n');
                        }
                        kept = kept || length == 3 && !ended;
                        ended = true;
                        self.at += length;
                        self.line_start = self.at;
                    }
                },
            }
        }
        if !ended {
            text.push_str(&self.text[begin..self.at]);
        } else if !breaks.is_empty() || kept {
            text.push_str(&breaks);
        } else if !joins {
            text.push(' ');
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), ParseError> {
        let digits = match self.peek(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            other => {
                text.push(match other {
                    b'0' => '\0',
                    b'a' => '\u{7}',
                    b'b' => '\u{8}',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\u{b}',
                    b'f' => '\u{c}',
                    b'r' => '\r',
                    b'e' => '\u{1b}',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\'' => '\'',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{a0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => return Err(self.error("an escape that YAML does not know")),
                });
                self.at += 2;
                return Ok(());
            }
        };
        let hex = self.text.get(self.at + 2..self.at + 2 + digits).unwrap_or_default();
        let is_hex = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = u32::from_str_radix(hex, 16).ok().filter(|_| is_hex).and_then(char::from_u32);
        let found = found.ok_or_else(|| self.error("an escape that is no character"))?;
        text.push(found);
        self.at += 2 + digits;
        Ok(())
    }

    /// Reads a literal (`|`) or folded (`>`) block.
    pub(super) fn block_scalar(&mut self) -> Result<Scalar, ParseError> {
        let is_literal = self.peek(0) == b'|';
        self.at += 1;
        let (chomping, increment) = self.block_header()?;
        let mut indent = increment.map(|increment| self.indent.max(0) + increment);
        let mut text = String::new();
        let mut trailing = self.block_breaks(&mut indent)?;
        let indent = indent.unwrap_or(1);
        let mut known = Some(indent);
        let mut leading = "";
        let mut was_blank = false;
        while self.column() == indent && self.at < self.bytes.len() {
            let is_blank = matches!(self.peek(0), b' ' | b'\t');
            if !is_literal && leading == "\n" && !was_blank && !is_blank {
                if trailing.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(leading);
            }
            text.push_str(&trailing);
            was_blank = is_blank;
            let begin = self.at;
            while self.at < self.bytes.len() && self.break_at(self.at) == 0 {
                self.at += 1;
            }
            text.push_str(&self.text[begin..self.at]);
            leading = self.take_break();
            trailing = self.block_breaks(&mut known)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(leading);
        }
        if chomping == Chomping::Keep {
            text.push_str(&trailing);
        }
        Ok(Scalar { style: if is_literal { Style::Quoted } else { Style::Folded }, ..quoted(&text) })
    }

    fn block_header(&mut self) -> Result<(Chomping, Option<isize>), ParseError> {
        let mut chomping = Chomping::Clip;
        let mut increment = None;
        loop {
            match self.peek(0) {
                b'+' if chomping == Chomping::Clip => chomping = Chomping::Keep,
                b'-' if chomping == Chomping::Clip => chomping = Chomping::Strip,
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(isize::from(digit - b'0')),
                _ => break,
            }
            self.at += 1;
        }
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        if self.peek(0) == b'#' {
            while self.at < self.bytes.len() && self.break_at(self.at) == 0 {
                self.at += 1;
            }
        }
        if self.at < self.bytes.len() && self.break_at(self.at) == 0 {
            return Err(self.error("expected the end of the line after | or >"));
        }
        self.take_break();
        Ok((chomping, increment))
    }

    /// Goes over a line break; gives the text that it stands for.
    fn take_break(&mut self) -> &'static str {
        let length = self.break_at(self.at);
        let stands_for = match (length, self.bytes.get(self.at + 2)) {
            (0, _) => return "",
            (3, Some(0xa8)) => "\u{2028}",
            (3, _) => "\u{2029}",
            _ => "\n",
        };
        self.at += length;
        self.line_start = self.at;
        stands_for
    }

    /// Goes over empty lines and indentation; finds the indentation where it is not known.
    fn block_breaks(&mut self, indent: &mut Option<isize>) -> Result<String, ParseError> {
        let mut breaks = String::new();
        let mut deepest = 0;
        loop {
            let is_inside = |column: isize| indent.is_none_or(|indent| column < indent);
            while is_inside(self.column()) && self.peek(0) == b' ' {
                self.at += 1;
            }
            deepest = deepest.max(self.column());
            if is_inside(self.column()) && self.peek(0) == b'\t' {
                return Err(self.error("a tab in the indentation: use spaces"));
            }
            if self.break_at(self.at) == 0 {
                break;
            }
            breaks.push_str(self.take_break());
        }
        if indent.is_none() {
            *indent = Some(deepest.max(self.indent + 1).max(1));
        }
        Ok(breaks)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}
