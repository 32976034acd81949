//! The packets in which Git servers and clients talk.
//!
//! Source: gitprotocol-common, "pkt-line Format".
use std::io::{self, Read};

/// Longest packet, its four digits included.
const LONGEST: usize = 65_520;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// The end of a section.
    Flush,
    /// Content, up to 65 516 bytes.
    Data(&'a [u8]),
}

impl<'a> Packet<'a> {
    /// The content as a line: without the newline at its end.
    pub(super) fn line(&self) -> Option<&'a [u8]> {
        match self {
            Self::Flush => None,
            Self::Data(data) => Some(data.strip_suffix(b"\n").unwrap_or(data)),
        }
    }
}

/// Reads packets, one at a time, into one buffer.
pub(super) struct Packets<R> {
    from: R,
    buffer: Vec<u8>,
}

impl<R: Read> Packets<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: Vec::new() }
    }

    /// The next packet.
    ///
    /// # Errors
    /// When the stream ends, or is none of packets: of the kind `InvalidData` then.
    pub(super) fn next(&mut self) -> io::Result<Packet<'_>> {
        let mut digits = [0; 4];
        self.from.read_exact(&mut digits)?;
        let length = digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| std::str::from_utf8(&digits).ok())
            .flatten()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or_else(|| bad("a packet does not begin with its length"))?;
        match length {
            0 => return Ok(Packet::Flush),
            1..4 => return Err(bad("a packet has a length that this version of the protocol has not")),
            _ if length > LONGEST => return Err(bad("a packet is too long")),
            _ => self.buffer.resize(length - 4, 0),
        }
        self.from.read_exact(&mut self.buffer)?;
        Ok(Packet::Data(&self.buffer))
    }
}

/// A fault of the remote, to be told as "does not answer as a Git server does".
pub(super) fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Appends a packet.
pub(super) fn put(to: &mut Vec<u8>, line: &str) {
    to.extend_from_slice(format!("{:04x}{line}", line.len() + 4).as_bytes());
}

/// Appends the end of a section.
pub(super) fn put_flush(to: &mut Vec<u8>) {
    to.extend_from_slice(b"0000");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_come_back_as_they_were_put() {
        let mut bytes = Vec::new();
        put(&mut bytes, "want x\n");
        put_flush(&mut bytes);
        assert_eq!(bytes, b"000bwant x\n0000");
        let mut packets = Packets::new(bytes.as_slice());
        assert_eq!(packets.next().ok().and_then(|packet| packet.line().map(<[u8]>::to_vec)), Some(b"want x".to_vec()));
        assert_eq!(packets.next().ok(), Some(Packet::Flush));
        assert!(packets.next().is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in ["<!DOCTYPE html>", "0001", "0003", "ffff", "+001", "-001x", "0x05a"] {
            let mut packets = Packets::new(text.as_bytes());
            assert!(packets.next().is_err_and(|error| error.kind() == io::ErrorKind::InvalidData), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut packets = Packets::new(bytes.as_slice());
            while packets.next().is_ok() {}
        }
    }
}
