//! Block collections: what indentation says.
use super::{Entry, MAX_SIMPLE_KEY, Map, Node, ParseError, Parser, Properties, Scalar};

impl Parser<'_> {
    /// Reads the node at the token here. A list may stand at the indent of the map around it if `indentless`.
    pub(super) fn block_node(&mut self, indentless: bool) -> Result<Node, ParseError> {
        let mut properties = Properties::default();
        let (mut begin, mut begin_line, mut may_be_key) = (self.at, self.line_start, self.allowed);
        // What belongs to a map whose first key has properties of its own.
        let mut of_map = Properties::default();
        while matches!(self.peek(0), b'&' | b'!') {
            self.property(&mut properties)?;
            if self.skip() {
                of_map = self.joined(of_map, std::mem::take(&mut properties))?;
                if !self.holds_value(indentless) {
                    return self.empty(of_map);
                }
                (begin, begin_line, may_be_key) = (self.at, self.line_start, self.allowed);
            }
        }
        if self.is_over() {
            let properties = self.joined(of_map, properties)?;
            return self.empty(properties);
        }
        let column = (begin - begin_line).cast_signed();
        let node = match self.peek(0) {
            b'-' | b'?' if self.is_blank_at(self.at + 1) => {
                if !self.allowed {
                    return Err(self.error("a list or map may not begin here"));
                }
                if self.is_entry() { self.block_list(self.column())? } else { self.block_map(self.column(), None)? }
            }
            b'|' | b'>' => {
                let scalar = self.block_scalar()?;
                self.allowed = true;
                self.count()?;
                Node::Scalar(scalar)
            }
            byte => {
                let node = self.inline_node(&properties)?;
                if self.is_value_mark() {
                    self.check_key(begin, begin_line, may_be_key)?;
                    let key = self.key(node, properties)?;
                    let node = self.block_map(column, Some(key))?;
                    return Ok(self.finish(node, of_map));
                }
                if byte == b'*' && !of_map.is_empty() {
                    return Err(self.error("an anchor or tag before an alias"));
                }
                node
            }
        };
        let properties = self.joined(of_map, properties)?;
        Ok(self.finish(node, properties))
    }

    /// What stands before a value, on its line and on the lines before.
    fn joined(&self, before: Properties, here: Properties) -> Result<Properties, ParseError> {
        if before.anchor.is_some() && here.anchor.is_some() || before.tag.is_some() && here.tag.is_some() {
            return Err(self.error("a second anchor or tag for one value"));
        }
        Ok(Properties { anchor: here.anchor.or(before.anchor), tag: here.tag.or(before.tag) })
    }

    /// A scalar, alias or flow collection, wherever it stands in a block.
    fn inline_node(&mut self, properties: &Properties) -> Result<Node, ParseError> {
        self.allowed = false;
        Ok(match self.peek(0) {
            b'*' if properties.is_empty() => self.alias()?,
            b'*' => return Err(self.error("an anchor or tag before an alias")),
            b'[' | b'{' => self.flow_collection()?,
            b'"' | b'\'' => {
                self.count()?;
                Node::Scalar(self.quoted()?)
            }
            _ => {
                self.count()?;
                Node::Scalar(self.plain()?)
            }
        })
    }

    /// Whether a colon follows on the line, that ends a key; goes to it.
    fn is_value_mark(&mut self) -> bool {
        // A plain scalar goes over the end of its line.
        if self.allowed {
            return false;
        }
        let mut at = self.at;
        while matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        let found = self.bytes.get(at) == Some(&b':') && self.is_blank_at(at + 1);
        if found {
            self.at = at;
        }
        found
    }

    /// Whether what stands between a place and here can be a key.
    fn check_key(&self, begin: usize, begin_line: usize, may_be_key: bool) -> Result<(), ParseError> {
        let is_short = self.at - begin <= MAX_SIMPLE_KEY
            || self.text.get(begin..self.at).is_none_or(|text| text.chars().count() <= MAX_SIMPLE_KEY);
        if may_be_key && begin_line == self.line_start && is_short {
            Ok(())
        } else {
            Err(self.error("a value may not stand here: check the indentation, and quote texts that hold \": \""))
        }
    }

    pub(super) fn key(&mut self, node: Node, properties: Properties) -> Result<Scalar, ParseError> {
        match self.finish(node, properties) {
            Node::Scalar(scalar) => Ok(scalar),
            Node::List(_) | Node::Map(_) => Err(self.error("a key that is a list or a map")),
        }
    }

    /// Whether a list entry begins here.
    fn is_entry(&self) -> bool {
        self.peek(0) == b'-' && self.is_blank_at(self.at + 1)
    }

    /// Reads a list whose dashes stand in a column.
    fn block_list(&mut self, column: isize) -> Result<Node, ParseError> {
        self.deeper()?;
        let outer = self.indent;
        let is_indentless = column <= outer;
        self.indent = column;
        let mut items = Vec::new();
        loop {
            self.at += 1;
            self.allowed = true;
            let ended = self.skip();
            let is_empty = self.is_over() || ended && !self.holds_value(false);
            items.push(if is_empty { self.empty(Properties::default())? } else { self.block_node(false)? });
            self.skip();
            if self.is_over() || self.column() < column {
                break;
            }
            if self.column() == column && self.allowed && self.is_entry() {
                continue;
            }
            if self.column() == column && self.allowed && is_indentless {
                break;
            }
            return Err(self.error("expected a list entry: check the indentation"));
        }
        self.indent = outer;
        self.depth -= 1;
        Ok(Node::List(items))
    }

    /// Reads a map whose keys stand in a column; its first key may have been read as far as its colon.
    fn block_map(&mut self, column: isize, first: Option<Scalar>) -> Result<Node, ParseError> {
        self.deeper()?;
        let outer = self.indent;
        self.indent = column;
        let mut map = Map::default();
        let mut merges = false;
        let mut next = first;
        loop {
            let (key, value) = match next.take() {
                Some(key) => (key, self.block_value()?),
                None if self.peek(0) == b'?' && self.is_blank_at(self.at + 1) => self.explicit_entry(column)?,
                None => (self.simple_key()?, self.block_value()?),
            };
            merges = merges || key.text == "<<";
            map.push(key, value);
            self.skip();
            if self.is_over() || self.column() < column {
                break;
            }
            if self.column() > column || !self.allowed {
                return Err(self.error("expected a key: check the indentation"));
            }
        }
        self.indent = outer;
        self.depth -= 1;
        Ok(Node::Map(if merges { self.merged(map)? } else { map }))
    }

    /// Reads a key as far as its colon.
    fn simple_key(&mut self) -> Result<Scalar, ParseError> {
        let (begin, begin_line, may_be_key) = (self.at, self.line_start, self.allowed);
        let mut properties = Properties::default();
        while matches!(self.peek(0), b'&' | b'!') {
            self.property(&mut properties)?;
            if self.skip() {
                return Err(self.error("expected a key after its anchor or tag"));
            }
        }
        if self.is_entry() || matches!(self.peek(0), b'|' | b'>') {
            return Err(self.error("expected a key: check the indentation"));
        }
        let node = self.inline_node(&properties)?;
        if !self.is_value_mark() {
            return Err(self.error("expected \":\" after a key"));
        }
        self.check_key(begin, begin_line, may_be_key)?;
        self.key(node, properties)
    }

    /// Reads what stands after the colon of a key.
    fn block_value(&mut self) -> Result<Node, ParseError> {
        self.at += 1;
        self.allowed = false;
        let ended = self.skip();
        if self.is_over() || ended && !self.holds_value(true) {
            return self.empty(Properties::default());
        }
        self.block_node(true)
    }

    /// Whether what stands on a line of its own belongs to the key or dash before it.
    fn holds_value(&self, indentless: bool) -> bool {
        // A block scalar needs no indentation of its mark.
        let needs_none = indentless && self.is_entry() || matches!(self.peek(0), b'|' | b'>');
        self.column() > self.indent || self.column() == self.indent && needs_none
    }

    /// Reads `? key` and `: value`.
    fn explicit_entry(&mut self, column: isize) -> Result<(Scalar, Node), ParseError> {
        self.at += 1;
        self.allowed = true;
        let ended = self.skip();
        let has_key = !self.is_over() && (!ended || self.holds_value(true));
        let node = if has_key { self.block_node(true)? } else { self.empty(Properties::default())? };
        let key = self.key(node, Properties::default())?;
        self.skip();
        if self.is_over() || self.column() != column || self.peek(0) != b':' || !self.is_blank_at(self.at + 1) {
            return Ok((key, self.empty(Properties::default())?));
        }
        self.at += 1;
        self.allowed = true;
        let ended = self.skip();
        let has_value = !self.is_over() && (!ended || self.holds_value(true));
        let value = if has_value { self.block_node(true)? } else { self.empty(Properties::default())? };
        Ok((key, value))
    }
}

impl From<(Scalar, Node)> for Entry {
    fn from((key, value): (Scalar, Node)) -> Self {
        Self { key, value }
    }
}
