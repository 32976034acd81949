//! Flow collections: `[a, b]` and `{a: b}`, and so all of JSON.
use super::{MAX_SIMPLE_KEY, Map, Node, ParseError, Parser, Properties, Scalar, Style};

impl Parser<'_> {
    /// Reads the list or map that begins here.
    pub(super) fn flow_collection(&mut self) -> Result<Node, ParseError> {
        self.deeper()?;
        self.flow += 1;
        self.allowed = true;
        let is_list = self.peek(0) == b'[';
        self.at += 1;
        let node = if is_list { Node::List(self.flow_list()?) } else { Node::Map(self.flow_map()?) };
        self.flow -= 1;
        self.depth -= 1;
        self.allowed = false;
        Ok(node)
    }

    fn flow_list(&mut self) -> Result<Vec<Node>, ParseError> {
        let mut items = Vec::new();
        loop {
            self.next_in_flow()?;
            if self.peek(0) == b']' {
                self.at += 1;
                return Ok(items);
            }
            let (begin, line) = (self.at, self.line_start);
            let is_explicit = self.explicit_mark();
            let node =
                if is_explicit && self.ends_entry() { self.empty(Properties::default())? } else { self.flow_node()? };
            self.next_in_flow()?;
            items.push(if self.peek(0) == b':' || is_explicit {
                self.check_flow_key(begin, line, is_explicit)?;
                let key = self.key(node, Properties::default())?;
                let value = self.flow_value()?;
                Node::Map(self.collected(vec![(key, value)])?)
            } else {
                node
            });
            self.separator(b']')?;
        }
    }

    fn flow_map(&mut self) -> Result<Map, ParseError> {
        let mut entries: Vec<(Scalar, Node)> = Vec::new();
        loop {
            self.next_in_flow()?;
            if self.peek(0) == b'}' {
                self.at += 1;
                return self.collected(entries);
            }
            let (begin, line) = (self.at, self.line_start);
            let is_explicit = self.explicit_mark();
            let node =
                if is_explicit && self.ends_entry() { self.empty(Properties::default())? } else { self.flow_node()? };
            self.next_in_flow()?;
            if self.peek(0) == b':' {
                self.check_flow_key(begin, line, is_explicit)?;
            }
            let key = self.key(node, Properties::default())?;
            let value = self.flow_value()?;
            entries.push((key, value));
            self.separator(b'}')?;
        }
    }

    fn collected(&self, entries: Vec<(Scalar, Node)>) -> Result<Map, ParseError> {
        let merges = entries.iter().any(|(key, _)| key.text == "<<");
        let map: Map = entries.into_iter().map(super::Entry::from).collect();
        if merges { self.merged(map) } else { Ok(map) }
    }

    /// Goes to the next token; there must be one.
    fn next_in_flow(&mut self) -> Result<(), ParseError> {
        self.skip();
        if self.is_over() { Err(self.error("a [ or { that is not closed")) } else { Ok(()) }
    }

    /// Goes over the `?` before a key.
    fn explicit_mark(&mut self) -> bool {
        let found = self.peek(0) == b'?';
        if found {
            self.at += 1;
            self.skip();
        }
        found
    }

    fn ends_entry(&self) -> bool {
        matches!(self.peek(0), b',' | b']' | b'}' | b':')
    }

    fn check_flow_key(&self, begin: usize, line: usize, is_explicit: bool) -> Result<(), ParseError> {
        if is_explicit || line == self.line_start && self.at - begin <= MAX_SIMPLE_KEY * 4 {
            Ok(())
        } else {
            Err(self.error("a key inside { } or [ ] must stand on one line with its colon"))
        }
    }

    /// What stands after the colon of a key, or null.
    fn flow_value(&mut self) -> Result<Node, ParseError> {
        if self.peek(0) != b':' {
            return self.empty(Properties::default());
        }
        self.at += 1;
        self.next_in_flow()?;
        if matches!(self.peek(0), b',' | b']' | b'}') { self.empty(Properties::default()) } else { self.flow_node() }
    }

    /// Goes over a comma; the end of the collection is left.
    fn separator(&mut self, end: u8) -> Result<(), ParseError> {
        self.next_in_flow()?;
        match self.peek(0) {
            b',' => {
                self.at += 1;
                Ok(())
            }
            byte if byte == end => Ok(()),
            _ => Err(self.error("expected a comma or the end of a [ ] or { }")),
        }
    }

    fn flow_node(&mut self) -> Result<Node, ParseError> {
        let mut properties = Properties::default();
        while matches!(self.peek(0), b'&' | b'!') {
            self.property(&mut properties)?;
            self.next_in_flow()?;
        }
        if !properties.is_empty() && self.ends_entry() {
            return self.empty(properties);
        }
        let node = match self.peek(0) {
            b'*' if properties.is_empty() => self.alias()?,
            b'*' => return Err(self.error("an anchor or tag before an alias")),
            b'[' | b'{' => self.flow_collection()?,
            b'"' | b'\'' => {
                self.count()?;
                Node::Scalar(self.quoted()?)
            }
            b':' => return Err(self.error("a \":\" without a key")),
            _ => {
                self.count()?;
                let mut scalar = self.plain()?;
                if scalar.text.contains(':') {
                    // It is printed in quotes, so that a time stays the text that it was.
                    scalar.style = Style::Quoted;
                }
                Node::Scalar(scalar)
            }
        };
        Ok(self.finish(node, properties))
    }
}
