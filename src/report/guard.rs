//! A writer whose lines GitHub's runner takes for text: nothing from outside becomes a command of the log.
//!
//! Knows the two forms of commands: a line that begins with `::` after any blanks, and `##[` anywhere (actions/runner,
//! `ActionCommand.cs`). Refuses to know what is written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// One output for those that are guarded and the one that is not.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Shared {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Shared {
        Shared(Arc::new(Mutex::new(out)))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Spells out what would begin a command.
pub struct Guarded {
    out: Box<dyn Write + Send>,
    /// Escapes are JSON's.
    is_json: bool,
    is_blank: bool,
    hashes: u8,
    /// Taken, but not written yet: a pipe may be full in the middle.
    pending: Vec<u8>,
}

impl Guarded {
    /// Writes there; as JSON where lines are that.
    pub fn new(out: Box<dyn Write + Send>, is_json: bool) -> Guarded {
        Guarded { out, is_json, is_blank: true, hashes: 0, pending: Vec::new() }
    }

    fn take(&mut self, byte: u8) {
        match byte {
            b'[' if self.hashes == 2 => self.spell(byte),
            b':' if self.is_blank => self.spell(byte),
            _ => self.pending.push(byte),
        }
        self.hashes = if byte == b'#' { (self.hashes + 1).min(2) } else { 0 };
        // The runner trims all of Unicode's blanks; that a letter beyond ASCII is taken for one costs a colon its shape.
        self.is_blank = byte == b'\n' || self.is_blank && (byte == b' ' || byte == b'\t' || !byte.is_ascii());
    }

    fn spell(&mut self, byte: u8) {
        let escape = if self.is_json { "\\u00" } else { "\\x" };
        self.pending.extend_from_slice(format!("{escape}{byte:02x}").as_bytes());
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.out.write(&self.pending) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Write for Guarded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_pending()?;
        bytes.iter().for_each(|byte| self.take(*byte));
        match self.write_pending() {
            // What was taken is not taken again: the rest leaves with the next write or flush.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes a few bytes at a time, and every second time none.
    #[derive(Clone, Default)]
    struct Narrow(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut paper = self.0.lock().unwrap();
            paper.1 = !paper.1;
            if paper.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(3);
            paper.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn guarded(pieces: &[&str], is_json: bool) -> String {
        let paper = Narrow::default();
        let mut guarded = Guarded::new(Box::new(paper.clone()), is_json);
        for piece in pieces {
            let mut rest = piece.as_bytes();
            while !rest.is_empty() {
                rest = &rest[guarded.write(rest).unwrap_or(0)..];
            }
        }
        while guarded.flush().is_err() {}
        String::from_utf8(paper.0.lock().unwrap().0.clone()).unwrap()
    }

    #[test]
    fn what_would_be_a_command_is_spelled_out_and_all_else_is_left() {
        for (raw, text) in [
            ("::error::x\n", "\\x3a:error::x\n"),
            ("a\n \t::add-mask::x\n", "a\n \t\\x3a:add-mask::x\n"),
            ("\u{3000}\u{a0}::error::x\n", "\u{3000}\u{a0}\\x3a:error::x\n"),
            ("a ##[error]x\n", "a ##\\x5berror]x\n"),
            ("###[error]x\n", "###\\x5berror]x\n"),
            ("urls.txt:7: http://a/#[1]: x :: y\n", "urls.txt:7: http://a/#[1]: x :: y\n"),
            ("# [a] ## b\n", "# [a] ## b\n"),
        ] {
            assert_eq!(guarded(&[raw], false), text);
        }
        assert_eq!(guarded(&["{\"url\":\"##[x\"}\n"], true), "{\"url\":\"##\\u005bx\"}\n");
    }

    #[test]
    fn pieces_of_a_line_are_one_line() {
        assert_eq!(guarded(&[" ", ":", ":error::\n"], false), " \\x3a:error::\n");
        assert_eq!(guarded(&["#", "#", "[x"], false), "##\\x5bx");
        assert_eq!(guarded(&["a", "::b\n"], false), "a::b\n");
    }

    proptest! {
        #[test]
        fn no_text_is_a_command(pieces in prop::collection::vec("[ :#\\[\n\u{3000}a]{0,6}", 0..8)) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let text = guarded(&pieces, false);
            prop_assert!(!text.contains("##["), "{text}");
            prop_assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
        }

        #[test]
        fn json_means_the_same(text in any::<String>()) {
            let line = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&guarded(&[&line], true)).unwrap(), text);
        }
    }
}
