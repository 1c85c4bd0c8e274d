//! A page: text on its way out, gathered until a few large writes carry it off.
//!
//! Knows how to put numbers, colours and text from outside into bytes. Refuses to know where they go.

use std::fmt;
use std::io;

use crate::sanitize;

/// So much is gathered before it is written without being asked: 64 KiB, what a pipe on Linux holds.
pub(super) const FULL: usize = 64 << 10;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// Whole lines that wait to be written.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    color: bool,
}

impl Page {
    /// An empty one, on which colours show or do not.
    pub(super) fn new(color: bool) -> Page {
        Page { bytes: Vec::new(), color }
    }

    /// What stands on it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it should be written now.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Starts over. One long record must not hold its memory for the rest of the run.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(4 * FULL);
    }

    /// Our own words, as they are.
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Whole lines that were a page before.
    pub(super) fn lines(&mut self, lines: &[u8]) {
        self.bytes.extend_from_slice(lines);
    }

    /// What stands on it, which is empty again.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let empty = Vec::with_capacity(self.bytes.len());
        std::mem::replace(&mut self.bytes, empty)
    }

    /// Words from outside.
    pub(super) fn escaped(&mut self, text: &str) {
        self.push(&sanitize::escape(text));
    }

    /// Our own words with figures in them: for lines that are rare, as formatting takes its time.
    pub(super) fn say(&mut self, words: fmt::Arguments<'_>) {
        // A page takes everything.
        let _ = io::Write::write_fmt(self, words);
    }

    /// A number in decimal, by hand: it stands in the line of every URL.
    pub(super) fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// What went wrong.
    pub(super) fn red(&mut self, text: &str) {
        self.painted(RED, text);
    }

    /// What one should know.
    pub(super) fn yellow(&mut self, text: &str) {
        self.painted(YELLOW, text);
    }

    fn painted(&mut self, color: &str, text: &str) {
        if self.color {
            [color, text, PLAIN].into_iter().for_each(|piece| self.push(piece));
        } else {
            self.push(text);
        }
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_page(write: impl FnOnce(&mut Page), color: bool) -> String {
        let mut page = Page::new(color);
        write(&mut page);
        String::from_utf8(page.bytes).unwrap()
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 99, 100, 1_234_567, u64::MAX - 1, u64::MAX] {
            assert_eq!(on_page(|page| page.number(number), false), number.to_string());
        }
    }

    #[test]
    fn colours_show_only_where_they_are_wanted() {
        assert_eq!(on_page(|page| page.red("tls"), true), "\x1b[31mtls\x1b[0m");
        assert_eq!(on_page(|page| page.yellow("tls"), false), "tls");
    }

    #[test]
    fn a_long_page_gives_its_memory_back() {
        let mut page = Page::new(false);
        page.push(&"x".repeat(40 * FULL));
        assert!(page.is_full());
        page.clear();
        assert!(!page.is_full() && page.bytes.capacity() <= 4 * FULL);
    }
}
