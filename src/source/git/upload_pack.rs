//! Asking a server for a pack, and taking it.
//!
//! Source: gitprotocol-pack, "Packfile Negotiation" and "Packfile Data" (version 0). One round: what is
//! wanted, what is here already, done.
use super::{
    FetchError,
    advertisement::Advertised,
    packets::{Packet, Packets, bad, put, put_flush},
    text::tame,
};
use git2::Oid;
use std::io::{self, Read};

/// A commit that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// The commit.
    pub(super) commit: Oid,
    /// Whether its parents are not here.
    pub(super) is_shallow: bool,
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The object.
    pub(super) want: Oid,
    /// Only the commit itself, or its whole history too.
    pub(super) is_shallow: bool,
    /// What need not be sent again. Of no use together with a whole history, which has gaps to fill then.
    pub(super) tips: Vec<Tip>,
}

impl Request {
    /// The request as it is sent.
    ///
    /// # Errors
    /// When the server cannot multiplex its answer, which no server of the last fifteen years cannot.
    pub(super) fn encode(&self, server: &Advertised, url: &str) -> Result<Vec<u8>, FetchError> {
        let band = ["side-band-64k", "side-band"].into_iter().find(|band| server.can(band));
        let band = band.ok_or_else(|| FetchError::Unsupported {
            url: url.to_owned(),
            what: "is served by a server too old to be fetched from: it has no side-band".to_owned(),
        })?;
        let mut words = vec![band];
        words.extend(
            ["multi_ack_detailed", "thin-pack", "ofs-delta", "no-progress"].iter().filter(|word| server.can(word)),
        );
        if server.can("object-format=sha1") {
            words.push("object-format=sha1");
        }
        let mut bytes = Vec::new();
        put(
            &mut bytes,
            &format!("want {} {} agent=arcwright/{}\n", self.want, words.join(" "), env!("CARGO_PKG_VERSION")),
        );
        if self.is_shallow && server.can("shallow") {
            for tip in self.tips.iter().filter(|tip| tip.is_shallow) {
                put(&mut bytes, &format!("shallow {}\n", tip.commit));
            }
            put(&mut bytes, "deepen 1\n");
        }
        put_flush(&mut bytes);
        for tip in &self.tips {
            put(&mut bytes, &format!("have {}\n", tip.commit));
        }
        put(&mut bytes, "done\n");
        Ok(bytes)
    }
}

/// Reads a server's answer up to where the pack begins, and gives the pack.
///
/// # Errors
/// When the server refuses or breaks off.
pub(super) fn answer<'a>(from: impl Read + 'a, url: &str) -> io::Result<Pack<impl Read + 'a>> {
    let mut packets = Packets::new(from);
    loop {
        let rest = match packets.next()? {
            // The end of the list of shallow commits.
            Packet::Flush => continue,
            Packet::Data([1, rest @ ..]) => rest.to_vec(),
            Packet::Data([2, ..]) => continue,
            Packet::Data([3, message @ ..]) => return Err(refused(url, message)),
            packet @ Packet::Data(_) => {
                let line = packet.line().unwrap_or_default();
                if let Some(message) = line.strip_prefix(b"ERR ") {
                    return Err(refused(url, message));
                }
                let is_known =
                    [&b"NAK"[..], b"ACK ", b"shallow ", b"unshallow "].iter().any(|word| line.starts_with(word));
                if is_known {
                    continue;
                }
                return Err(bad("it neither acknowledges nor sends a pack"));
            }
        };
        return Ok(Pack { packets, rest, at: 0, is_over: false, url: url.to_owned() });
    }
}

fn refused(url: &str, message: &[u8]) -> io::Error {
    FetchError::Refused { url: url.to_owned(), message: tame(message) }.into()
}

/// The bytes of a pack. What the server says besides is dropped.
pub(super) struct Pack<R> {
    packets: Packets<R>,
    rest: Vec<u8>,
    at: usize,
    is_over: bool,
    url: String,
}

impl<R: Read> Read for Pack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.rest.len() && !self.is_over {
            match self.packets.next()? {
                Packet::Flush => self.is_over = true,
                Packet::Data([1, data @ ..]) => {
                    self.rest.clear();
                    self.rest.extend_from_slice(data);
                    self.at = 0;
                }
                Packet::Data([2, ..]) => {}
                Packet::Data([3, message @ ..]) => return Err(refused(&self.url, message)),
                Packet::Data(_) => return Err(bad("a part of the pack is on no known band")),
            }
        }
        let bytes = (&self.rest[self.at..]).read(buffer)?;
        self.at += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: u8) -> Oid {
        Oid::from_bytes(&[digit; 20]).expect("an oid")
    }

    fn server(capabilities: &[&str]) -> Advertised {
        Advertised {
            capabilities: capabilities.iter().map(|word| (*word).to_owned()).collect(),
            ..Advertised::default()
        }
    }

    #[test]
    fn a_request_says_what_is_here_already() {
        let request =
            Request { want: oid(0xaa), is_shallow: true, tips: vec![Tip { commit: oid(0xbb), is_shallow: true }] };
        let server = server(&["side-band-64k", "shallow", "thin-pack"]);
        let text = String::from_utf8(request.encode(&server, "u").expect("a request")).expect("text");
        let (a, b) = ("aa".repeat(20), "bb".repeat(20));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(&format!("want {a} side-band-64k thin-pack agent=arcwright/")), "{text}");
        assert_eq!(lines[1], format!("0035shallow {b}"));
        assert_eq!(lines[2..], ["000ddeepen 1".to_owned(), format!("00000032have {b}"), "0009done".to_owned()]);
    }

    #[test]
    fn a_server_without_side_band_is_named() {
        let request = Request { want: oid(1), is_shallow: true, tips: Vec::new() };
        assert!(
            request
                .encode(&server(&[]), "https://example.org/a")
                .is_err_and(|error| error.to_string().contains("too old"))
        );
    }

    fn packet(band: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{:04x}", data.len() + 5).into_bytes();
        bytes.push(band);
        bytes.extend_from_slice(data);
        bytes
    }

    fn take(parts: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        let bytes = parts.concat();
        let mut pack = Vec::new();
        answer(bytes.as_slice(), "https://example.org/a")?.read_to_end(&mut pack)?;
        Ok(pack)
    }

    #[test]
    fn only_the_pack_is_taken_from_an_answer() {
        let parts = [
            b"0034shallow aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0000".to_vec(),
            b"0008NAK\n".to_vec(),
            packet(2, b"\x1b[31mcounting\n"),
            packet(1, b"PA"),
            packet(2, b"more"),
            packet(1, b""),
            packet(1, b"CK"),
            b"0000".to_vec(),
        ];
        assert_eq!(take(&parts).ok().as_deref(), Some(&b"PACK"[..]));
    }

    #[test]
    fn a_refusal_is_told_and_a_broken_answer_is_no_pack() {
        let refused = take(&[b"0008NAK\n".to_vec(), packet(3, b"out of \x07disk\n")]);
        assert!(refused.is_err_and(|error| error.to_string() == "https://example.org/a refused: out of disk"));
        let late = take(&[b"0008NAK\n".to_vec(), packet(1, b"PACK"), packet(3, b"died")]);
        assert!(late.is_err_and(|error| error.to_string().contains("died")));
        let cut = take(&[b"0008NAK\n".to_vec(), packet(1, b"PACK")]);
        assert!(cut.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
        assert!(take(&[b"0009what\n".to_vec()]).is_err());
    }
}
