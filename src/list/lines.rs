//! Bytes become lines, in whatever blocks they come.
//!
//! Knows line ends, the mark at the start of a text and how long a line may be. Refuses to know what a line means and
//! to hold more than one line and one block, whatever is in them.

use std::io::{self, Read};

use memchr::memchr;

/// The longest line in bytes, without its end.
pub(super) const LINE_MAX: usize = 64 << 10;
/// The most that one read brings.
const BLOCK: usize = 64 << 10;
/// What is held at first: most lists are short, and memory that is never touched was never cleared.
const FIRST: usize = 8 << 10;
/// What is held of a list that goes on.
const MOST: usize = LINE_MAX + UNCOUNTED + BLOCK;
/// Bytes of a line that do not count: a byte order mark and a carriage return.
const UNCOUNTED: usize = MARK.len() + 1;
/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A line without its end, not looked at yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawLine<'a> {
    /// From 1.
    pub(super) number: u32,
    /// What stands there.
    pub(super) bytes: &'a [u8],
    /// There was more than `LINE_MAX`; these are the first `LINE_MAX`.
    pub(super) is_cut: bool,
}

/// Splits what a reader brings. `fill` asks the reader, `next` never does: so whoever reads a pipe can deal with all
/// that has arrived before waiting for more.
pub(super) struct Lines {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes from `start` on that have no line end: they are not searched twice.
    searched: usize,
    number: u32,
    /// Inside the rest of a line that was cut.
    is_skipping: bool,
    has_ended: bool,
}

impl Lines {
    pub(super) fn new() -> Lines {
        let buffer = vec![0; FIRST];
        Lines { buffer, start: 0, end: 0, searched: 0, number: 0, is_skipping: false, has_ended: false }
    }

    /// Reads once. False at the end of the text; a last line without an end is then complete.
    pub(super) fn fill(&mut self, reader: &mut dyn Read) -> io::Result<bool> {
        // The read before brought all that there was room for, or a line is long: what comes is more.
        if self.end == self.buffer.len() || self.end - self.start > FIRST / 2 {
            self.buffer.resize(MOST, 0);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let space = &mut self.buffer[self.end..];
        let size = space.len().min(BLOCK);
        let count = loop {
            match reader.read(&mut space[..size]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?.min(size),
            }
        };
        self.end += count;
        self.has_ended = count == 0;
        Ok(!self.has_ended)
    }

    /// The next complete line of what was read.
    pub(super) fn next(&mut self) -> Option<RawLine<'_>> {
        loop {
            let from = self.start + self.searched;
            let Some(found) = memchr(b'\n', &self.buffer[from..self.end]) else {
                return self.next_without_end();
            };
            let start = self.start;
            self.start = from + found + 1;
            self.searched = 0;
            if !std::mem::take(&mut self.is_skipping) {
                return Some(self.raw(start, from + found));
            }
        }
    }

    /// What was read of a line that has no end yet.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The number of the line that came last; 0 before the first.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// No line end is in sight: a line is there only if it is too long already, or the last.
    fn next_without_end(&mut self) -> Option<RawLine<'_>> {
        self.searched = self.end - self.start;
        let is_long = self.searched > LINE_MAX + UNCOUNTED;
        let is_last = self.has_ended && self.searched > 0;
        if !(self.is_skipping || is_long || is_last) {
            return None;
        }
        let start = self.start;
        self.start = self.end;
        self.searched = 0;
        if self.is_skipping {
            return None;
        }
        self.is_skipping = !self.has_ended;
        Some(self.raw(start, self.end))
    }

    fn raw(&mut self, start: usize, end: usize) -> RawLine<'_> {
        self.number = self.number.saturating_add(1);
        let mut bytes = &self.buffer[start..end];
        if self.number == 1 {
            bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let is_cut = bytes.len() > LINE_MAX;
        RawLine { number: self.number, bytes: &bytes[..bytes.len().min(LINE_MAX)], is_cut }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Brings a text in blocks of a size.
    struct Blocks<'a>(&'a [u8], usize);

    impl Read for Blocks<'_> {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(space.len()).min(self.0.len());
            space[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &[u8], block: usize) -> Vec<(u32, Vec<u8>, bool)> {
        let (mut lines, mut reader, mut all) = (Lines::new(), Blocks(text, block), Vec::new());
        loop {
            let more = lines.fill(&mut reader).unwrap();
            while let Some(line) = lines.next() {
                all.push((line.number, line.bytes.to_vec(), line.is_cut));
            }
            if !more {
                return all;
            }
        }
    }

    fn texts(text: &[u8]) -> Vec<String> {
        read(text, 7).into_iter().map(|(_, bytes, _)| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    #[test]
    fn line_ends_of_both_kinds_a_mark_and_a_missing_last_end_are_fine() {
        for (text, expected) in [
            (&b""[..], &[][..]),
            (b"a", &["a"]),
            (b"a\n", &["a"]),
            (b"a\nb", &["a", "b"]),
            (b"a\r\nb\r\n", &["a", "b"]),
            (b"a\n\n\nb", &["a", "", "", "b"]),
            (b"\xef\xbb\xbfa\nb", &["a", "b"]),
            (b"\xef\xbb\xbf", &[""]),
            (b"a\r", &["a"]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_mark_or_a_return_anywhere_else_is_left_alone() {
        assert_eq!(texts(b"a\n\xef\xbb\xbfb\rc\r\r\n"), ["a", "\u{feff}b\rc\r"]);
    }

    #[test]
    fn a_long_line_is_cut_and_its_neighbours_are_whole() {
        for (length, is_cut) in
            [(LINE_MAX, false), (LINE_MAX + 1, true), (LINE_MAX + 9, true), (3 << 20, true)]
        {
            for end in ["\n", "\r\n"] {
                let text = format!("first{end}{}{end}last", "x".repeat(length));
                let lines = read(text.as_bytes(), 64 << 10);
                assert_eq!(lines.len(), 3, "{length}");
                assert_eq!((lines[1].1.len(), lines[1].2), (length.min(LINE_MAX), is_cut), "{length}");
                assert_eq!(lines[2], (3, b"last".to_vec(), false), "{length}");
            }
        }
    }

    #[test]
    fn a_long_last_line_is_cut_too() {
        let text = "x".repeat(LINE_MAX + 1);
        assert_eq!(read(text.as_bytes(), 1 << 10), [(1, vec![b'x'; LINE_MAX], true)]);
    }

    #[test]
    fn a_failed_read_is_told() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        assert!(Lines::new().fill(&mut Broken).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn blocks_do_not_matter(
            pieces in proptest::collection::vec((0..3_usize, 0..70_000_usize), 0..6), block in 1..70_000_usize,
        ) {
            let text: Vec<u8> = pieces.iter().flat_map(|&(kind, length)| {
                let (byte, length) = [(b'\n', length % 3), (b'x', length), (b'\r', length % 3)][kind];
                std::iter::repeat_n(byte, length)
            }).collect();
            prop_assert_eq!(read(&text, block), read(&text, usize::MAX));
        }
    }
}
