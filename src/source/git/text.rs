//! Text that a remote sent, made fit for a log, an event or a status.

/// Most characters of a remote's text that are repeated.
const LONGEST: usize = 300;

/// One line without control or direction characters, at most 300 characters long.
///
/// Nothing in the result can move a cursor, start a new log line or hide what is written.
pub(super) fn tame(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain: String = text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect();
    let mut line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(at);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::tame;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(tame(b"\x1b[31mred\x1b[0m\r\n\nnext\x07"), "[31mred [0m next");
        assert_eq!(tame("a\u{202e}b\u{9b}c".as_bytes()), "a b c");
        assert_eq!(tame(&[b'x'; 10_000]).chars().count(), 301);
        assert_eq!(tame(&[0xff, b'a']), "\u{fffd}a");
    }
}
