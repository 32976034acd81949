//! A look at a pack on its way to the index: what would take too much memory never gets there.
//!
//! libgit2 believes a pack's own numbers: it makes room for as many objects as the header claims, and for
//! as large a result as a delta claims. Both are read here first.
//!
//! Source: gitformat-pack.
use super::packets::bad;
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Write};

/// Most objects of a pack.
const MAX_OBJECTS: u32 = 2_000_000;
/// Largest commit, tree, tag, delta, and result of a delta: they are held in memory as a whole.
const MAX_HELD: u64 = 128 << 20;
/// Length of the checksum at the end.
const TRAILER: usize = 20;

/// What comes next.
enum State {
    /// The header, of which some bytes are here.
    Header(Vec<u8>),
    /// Type and size of an object.
    Entry { kind: u8, size: u64, shift: u32, is_begun: bool },
    /// Where the base of a delta begins.
    BaseOffset { size: u64 },
    /// The name of the base of a delta, of which so many bytes are missing.
    BaseName { size: u64, missing: usize },
    /// Compressed content.
    Content { size: u64, produced: u64, head: Option<Vec<u8>> },
    /// The checksum.
    Trailer,
}

/// Passes a pack on to `to`, as far as it keeps within bounds.
pub(super) struct PackGuard<W> {
    to: W,
    state: State,
    left: u32,
    inflater: Decompress,
    scratch: Vec<u8>,
    trailer: usize,
}

impl<W: Write> PackGuard<W> {
    pub(super) fn new(to: W) -> Self {
        Self {
            to,
            state: State::Header(Vec::new()),
            left: 0,
            inflater: Decompress::new(true),
            scratch: vec![0; 32 << 10],
            trailer: 0,
        }
    }

    /// What the pack was passed on to.
    ///
    /// # Errors
    /// When the pack is not complete.
    pub(super) fn finish(self) -> io::Result<W> {
        match self.state {
            State::Trailer if self.trailer == TRAILER => Ok(self.to),
            _ => Err(bad("its pack is cut off")),
        }
    }

    fn next_entry(&mut self) {
        self.state = if self.left == 0 {
            State::Trailer
        } else {
            self.left -= 1;
            State::Entry { kind: 0, size: 0, shift: 0, is_begun: false }
        };
    }

    fn begin_content(&mut self, size: u64, is_delta: bool) -> io::Result<()> {
        if is_delta && size > MAX_HELD {
            return Err(too_large("a delta", size));
        }
        self.inflater.reset(true);
        self.state = State::Content { size, produced: 0, head: is_delta.then(Vec::new) };
        Ok(())
    }

    /// Looks at bytes, and says how many of them were used.
    fn step(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Header(head) => {
                let used = bytes.len().min(12 - head.len());
                head.extend_from_slice(&bytes[..used]);
                if let Some(count) = header(head)? {
                    self.left = count;
                    self.next_entry();
                }
                Ok(used)
            }
            State::Entry { .. } => self.entry(bytes[0]).map(|()| 1),
            State::BaseOffset { size } => {
                let size = *size;
                if bytes[0] & 0x80 == 0 {
                    self.begin_content(size, true)?;
                }
                Ok(1)
            }
            State::BaseName { size, missing } => {
                let used = bytes.len().min(*missing);
                *missing -= used;
                if *missing == 0 {
                    let size = *size;
                    self.begin_content(size, true)?;
                }
                Ok(used)
            }
            State::Content { .. } => self.content(bytes),
            State::Trailer => {
                self.trailer += bytes.len();
                if self.trailer > TRAILER { Err(bad("something comes after its pack")) } else { Ok(bytes.len()) }
            }
        }
    }

    fn entry(&mut self, byte: u8) -> io::Result<()> {
        let State::Entry { kind, size, shift, is_begun } = &mut self.state else { return Ok(()) };
        if *is_begun {
            let bits = u64::from(byte & 0x7f);
            *size |= bits
                .checked_shl(*shift)
                .filter(|value| value >> *shift == bits)
                .ok_or_else(|| bad("the size of an object is no number"))?;
            *shift += 7;
        } else {
            (*kind, *size, *shift, *is_begun) = ((byte >> 4) & 7, u64::from(byte & 0x0f), 4, true);
        }
        if byte & 0x80 != 0 {
            return Ok(());
        }
        let (kind, size) = (*kind, *size);
        match kind {
            1 | 2 | 4 if size > MAX_HELD => Err(too_large("a commit, tree or tag", size)),
            1..=4 => self.begin_content(size, false),
            6 => {
                self.state = State::BaseOffset { size };
                Ok(())
            }
            7 => {
                self.state = State::BaseName { size, missing: 20 };
                Ok(())
            }
            _ => Err(bad("an object of its pack has no known type")),
        }
    }

    fn content(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let State::Content { size, produced, head } = &mut self.state else { return Ok(0) };
        let (before_in, before_out) = (self.inflater.total_in(), self.inflater.total_out());
        let status = self
            .inflater
            .decompress(bytes, &mut self.scratch, FlushDecompress::None)
            .ok()
            .ok_or_else(|| bad("an object of its pack is not compressed as it should be"))?;
        let used = usize::try_from(self.inflater.total_in() - before_in).unwrap_or(usize::MAX);
        let made = self.inflater.total_out() - before_out;
        *produced += made;
        if *produced > *size {
            return Err(bad("an object of its pack is larger than it claims"));
        }
        if let Some(head) = head {
            let made = usize::try_from(made).unwrap_or(usize::MAX);
            head.extend(self.scratch.iter().take(made.min(32_usize.saturating_sub(head.len()))));
        }
        if status == Status::StreamEnd {
            if *produced != *size {
                return Err(bad("an object of its pack is smaller than it claims"));
            }
            if let Some(result) = head.as_deref().map(result_size).transpose()?
                && result > MAX_HELD
            {
                return Err(too_large("the result of a delta", result));
            }
            self.next_entry();
        } else if used == 0 && made == 0 {
            return Err(bad("an object of its pack is not compressed as it should be"));
        }
        Ok(used)
    }
}

impl<W: Write> Write for PackGuard<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = self.step(rest)?;
            rest = &rest[used..];
        }
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn too_large(what: &str, size: u64) -> io::Error {
    bad(format!("its pack has {what} of {size} bytes, and may have {MAX_HELD}"))
}

/// The number of objects, once the header is whole.
fn header(head: &[u8]) -> io::Result<Option<u32>> {
    let [b'P', b'A', b'C', b'K', 0, 0, 0, version, count @ ..] = head else {
        return if head.len() < 8 { Ok(None) } else { Err(bad("it sends no pack")) };
    };
    let Ok(count) = <[u8; 4]>::try_from(count) else { return Ok(None) };
    let count = u32::from_be_bytes(count);
    match version {
        2 | 3 if count > MAX_OBJECTS => {
            Err(bad(format!("its pack claims {count} objects, and may have {MAX_OBJECTS}")))
        }
        2 | 3 => Ok(Some(count)),
        _ => Err(bad("its pack is of an unknown version")),
    }
}

/// The size of what a delta makes: its second number.
fn result_size(delta: &[u8]) -> io::Result<u64> {
    let mut bytes = delta.iter();
    let mut number = || {
        let (mut value, mut shift) = (0_u64, 0_u32);
        for byte in bytes.by_ref() {
            let bits = u64::from(byte & 0x7f);
            value |= bits.checked_shl(shift).filter(|value| value >> shift == bits).ok_or(())?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(())
    };
    number().and_then(|_| number()).map_err(|()| bad("a delta of its pack has no sizes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;

    fn pack(count: u32, entries: &[Vec<u8>]) -> Vec<u8> {
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend(count.to_be_bytes());
        pack.extend(entries.concat());
        pack.extend([0; TRAILER]);
        pack
    }

    fn entry(kind: u8, mut size: u64, base: &[u8], content: &[u8]) -> Vec<u8> {
        let mut entry = Vec::new();
        let mut byte = (kind << 4) | (size & 0x0f) as u8;
        size >>= 4;
        while size > 0 {
            entry.push(byte | 0x80);
            byte = (size & 0x7f) as u8;
            size >>= 7;
        }
        entry.push(byte);
        entry.extend(base);
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(content).expect("compressed");
        entry.extend(deflated.finish().expect("compressed"));
        entry
    }

    fn passed(pack: &[u8], step: usize) -> io::Result<Vec<u8>> {
        let mut guard = PackGuard::new(Vec::new());
        for part in pack.chunks(step) {
            guard.write_all(part)?;
        }
        guard.finish()
    }

    #[test]
    fn a_good_pack_passes_unchanged_however_it_is_cut() {
        let big = vec![7; 100_000];
        let good = pack(
            4,
            &[
                entry(3, 5, b"", b"hello"),
                entry(3, big.len() as u64, b"", &big),
                entry(7, 4, &[9; 20], &[5, 5, 0x90, 5]),
                entry(6, 4, &[0x81, 0x02], &[5, 5, 0x90, 5]),
            ],
        );
        for step in [1, 7, 4096, good.len()] {
            assert_eq!(passed(&good, step).ok().as_deref(), Some(good.as_slice()), "in steps of {step}");
        }
    }

    #[test]
    fn what_claims_too_much_is_refused_before_it_is_passed_on() {
        let delta = [&[5][..], &[0xff, 0xff, 0xff, 0xff, 0x7f], &[0x90, 5]].concat();
        for (name, pack, says) in [
            ("count", pack(u32::MAX, &[]), "claims 4294967295 objects"),
            ("tree", pack(1, &[entry(2, 1 << 40, b"", b"")]), "a commit, tree or tag of 1099511627776 bytes"),
            ("delta", pack(1, &[entry(7, 1 << 40, &[0; 20], b"")]), "a delta of 1099511627776 bytes"),
            ("result", pack(1, &[entry(7, delta.len() as u64, &[0; 20], &delta)]), "the result of a delta"),
            ("larger", pack(1, &[entry(3, 2, b"", b"hello")]), "larger than it claims"),
            ("smaller", pack(1, &[entry(3, 9, b"", b"hello")]), "smaller than it claims"),
            ("type", pack(1, &[entry(5, 5, b"", b"hello")]), "no known type"),
            ("garbage", pack(1, &[vec![0x35, 1, 2, 3, 4]]), "not compressed"),
            ("more", pack(0, &[vec![1]]), "comes after"),
            ("html", b"<!DOCTYPE html>".to_vec(), "no pack"),
        ] {
            let error = passed(&pack, 64).expect_err(name).to_string();
            assert!(error.contains(says), "{name}: {error}");
        }
        let whole = pack(1, &[entry(3, 5, b"", b"hello")]);
        for length in 0..whole.len() {
            assert!(passed(&whole[..length], 64).is_err(), "cut after {length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(passed(&bytes, 16));
            drop(passed(&[b"PACK\0\0\0\x02\0\0\0\x05".to_vec(), bytes].concat(), 16));
        }
    }
}
