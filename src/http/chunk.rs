//! The strict look at chunk framing (RFC 9112 §7.1): what ureq then sees is plain and valid.
//!
//! Knows sizes, extensions and trailers. Refuses to keep any of them: extensions and trailers are left out, so that
//! ureq's limit of 20 bytes a chunk line does not refuse what the RFC allows, and a fault gets a name of its own.

/// Extensions of one chunk, the zeros before its size, or all trailers together, may have so many bytes. curl caps a trailer line at 4 KiB.
const MOST_DISCARDED: usize = 64 << 10;

/// The longest line that is written for a chunk: 16 hex digits and CR LF, and the CR LF of the chunk before.
const LONGEST_LINE: usize = 20;

/// How much larger the output of one `feed` can be than its input.
pub(super) const GROWTH: usize = 2 * LONGEST_LINE;

/// Where in the framing the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the first digit of a size, or after some.
    Size {
        value: u64,
        digits: usize,
    },
    /// Blanks after the size: an extension may follow, or the end of the line.
    Blanks {
        value: u64,
        discarded: usize,
    },
    Extension {
        value: u64,
        discarded: usize,
    },
    SizeLf {
        value: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart {
        discarded: usize,
    },
    Trailer {
        discarded: usize,
    },
    TrailerLf {
        discarded: usize,
    },
    FinalLf,
    End,
}

/// What is wrong with the framing; a fragment for a sentence.
pub(super) type Fault = &'static str;

/// What a block came to.
pub(super) struct Fed {
    /// So much of it was read; the rest is behind the end, or behind a fault.
    pub(super) read: usize,
    /// So much was written.
    pub(super) written: usize,
    /// What stands where it was read to. Nothing is to be fed after it.
    pub(super) fault: Option<Fault>,
}

/// Follows the framing of one body, from block to block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner {
    state: State,
    /// Bytes of body seen.
    body: u64,
}

impl Scanner {
    pub(super) fn new() -> Scanner {
        Scanner { state: State::Size { value: 0, digits: 0 }, body: 0 }
    }

    /// Bytes of body seen so far.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body
    }

    /// Whether the body and its framing are over.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// Reads a block and writes it in plain form to `out`, which is at least `GROWTH` larger. What stands before a fault
    /// is written too: how much of a body there is must not depend on the blocks it comes in.
    pub(super) fn feed(&mut self, block: &[u8], out: &mut [u8]) -> Fed {
        let (mut read, mut written) = (0, 0);
        while read < block.len() && self.state != State::End {
            if let State::Data { left } = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(block.len() - read);
                out[written..written + taken].copy_from_slice(&block[read..read + taken]);
                (read, written) = (read + taken, written + taken);
                self.body += taken as u64;
                let left = left - taken as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data { left } };
            } else {
                match self.step(block[read], &mut out[written..]) {
                    Ok(more) => (read, written) = (read + 1, written + more),
                    Err(fault) => return Fed { read, written, fault: Some(fault) },
                }
            }
        }
        Fed { read, written, fault: None }
    }

    /// One byte of framing; says how much was written.
    fn step(&mut self, byte: u8, out: &mut [u8]) -> Result<usize, Fault> {
        use State::*;
        let mut written = 0;
        self.state = match (self.state, byte) {
            // Leading zeros say nothing; all others count.
            (Size { value, .. }, _) if value >> 60 != 0 && byte.is_ascii_hexdigit() => {
                return Err("a chunk size is longer than 16 digits");
            }
            (Size { digits, .. }, _) if digits >= MOST_DISCARDED => {
                return Err("a chunk size begins with more than 64 KiB of zeros");
            }
            (Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Size { value: value << 4 | digit, digits: digits + 1 }
            }
            (Size { digits: 0, .. }, _) => return Err("a chunk size is not a hexadecimal number"),
            (Size { value, .. }, b'\r') => SizeLf { value },
            (Size { value, .. } | Blanks { value, .. }, b';') => Extension { value, discarded: 0 },
            (Size { value, .. }, b' ' | b'\t') => Blanks { value, discarded: 0 },
            (Blanks { discarded, .. }, _) if discarded >= MOST_DISCARDED => {
                return Err("blanks after a chunk size are longer than 64 KiB");
            }
            (Blanks { value, discarded }, b' ' | b'\t') => Blanks { value, discarded: discarded + 1 },
            (Blanks { value, .. }, b'\r') => SizeLf { value },
            (Size { .. } | Blanks { .. }, _) => return Err("a chunk size is not a hexadecimal number"),
            (Extension { value, .. }, b'\r') => SizeLf { value },
            (Extension { .. }, b'\n' | 0) => return Err("a chunk extension has a bare LF or NUL"),
            (Extension { discarded, .. }, _) if discarded >= MOST_DISCARDED => {
                return Err("a chunk extension is longer than 64 KiB");
            }
            (Extension { value, discarded }, _) => Extension { value, discarded: discarded + 1 },
            (SizeLf { value: 0 }, b'\n') => TrailerStart { discarded: 0 },
            (SizeLf { value }, b'\n') => {
                written = write_line(value, out);
                Data { left: value }
            }
            (SizeLf { .. }, _) => return Err("a chunk line does not end in CR LF"),
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => {
                out[..2].copy_from_slice(b"\r\n");
                written = 2;
                Size { value: 0, digits: 0 }
            }
            (DataCr | DataLf, _) => return Err("chunk data is longer than its size says"),
            (TrailerStart { .. }, b'\r') => FinalLf,
            (TrailerStart { discarded } | Trailer { discarded }, _) if discarded >= MOST_DISCARDED => {
                return Err("trailers are longer than 64 KiB");
            }
            (Trailer { discarded }, b'\r') => TrailerLf { discarded },
            (TrailerStart { .. } | Trailer { .. }, b'\n' | 0) => {
                return Err("a trailer has a bare LF or NUL");
            }
            (TrailerStart { discarded } | Trailer { discarded }, _) => Trailer { discarded: discarded + 1 },
            (TrailerLf { discarded }, b'\n') => TrailerStart { discarded: discarded + 2 },
            (TrailerLf { .. }, _) => return Err("a trailer line does not end in CR LF"),
            (FinalLf, b'\n') => {
                written = write_end(out);
                End
            }
            (FinalLf, _) => return Err("the body does not end in CR LF"),
            (Data { .. } | End, _) => unreachable!("feed handles data and the end itself"),
        };
        Ok(written)
    }

    /// The connection ended in good order. After the zero size and its line only the last CR LF is missing: servers
    /// do that, nothing of the body is lost, and ureq takes it too. Says how much was written; `None` is a cut body.
    pub(super) fn finish(&mut self, out: &mut [u8]) -> Option<usize> {
        let complete = matches!(self.state, State::TrailerStart { discarded: 0 } | State::FinalLf);
        complete.then(|| {
            self.state = State::End;
            write_end(out)
        })
    }
}

fn write_line(value: u64, out: &mut [u8]) -> usize {
    let line = format!("{value:x}\r\n");
    out[..line.len()].copy_from_slice(line.as_bytes());
    line.len()
}

fn write_end(out: &mut [u8]) -> usize {
    out[..5].copy_from_slice(b"0\r\n\r\n");
    5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds in blocks of `step` bytes: what was written, whether it is over, what was left.
    fn scan(bytes: &[u8], step: usize) -> Result<(Vec<u8>, bool, usize), Fault> {
        let mut scanner = Scanner::new();
        let (mut all, mut left) = (Vec::new(), 0);
        for block in bytes.chunks(step) {
            let mut out = vec![0; block.len() + GROWTH];
            let fed = scanner.feed(block, &mut out);
            all.extend(&out[..fed.written]);
            if let Some(fault) = fed.fault {
                return Err(fault);
            }
            left += block.len() - fed.read;
        }
        Ok((all, scanner.is_done(), left))
    }

    #[test]
    fn what_the_rfc_allows_comes_out_plain() {
        let plain = b"5\r\nhello\r\n0\r\n\r\n".to_vec();
        for odd in [
            "5\r\nhello\r\n0\r\n\r\n",
            "0005\r\nhello\r\n000\r\n\r\n",
            "5;name=value;long=\"a quoted extension\"\r\nhello\r\n0;x\r\n\r\n",
            "5 \t\r\nhello\r\n0\r\nX-Trailer: yes\r\nY: z\r\n\r\n",
            "00000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        ] {
            for step in [1, 2, 7, 1000] {
                assert_eq!(scan(odd.as_bytes(), step), Ok((plain.clone(), true, 0)), "{odd:?} by {step}");
            }
        }
        assert_eq!(scan(b"A\r\n0123456789\r\n0\r\n\r\n", 3).map(|(_, done, _)| done), Ok(true));
    }

    #[test]
    fn faults_have_names() {
        for bad in [
            "x\r\n",
            "-5\r\nhello",
            "\r\n",
            "5\nhello\r\n",
            "5\r\nhelloX",
            "5\r\nhello\nX",
            "11111111111111111\r\n",
            "5;a\0\r\n",
            "0\r\nX\n\r\n",
            "0\r\n\rX",
            ";\r\n",
        ] {
            assert!(scan(bad.as_bytes(), 1000).is_err(), "{bad:?}");
            assert!(scan(bad.as_bytes(), 1).is_err(), "{bad:?} by one");
        }
        let long = format!("5;{}\r\n", "e".repeat(MOST_DISCARDED + 2));
        assert!(scan(long.as_bytes(), 100).is_err());
        assert!(scan("0".repeat(MOST_DISCARDED + 1).as_bytes(), 100).is_err());
        let trailers = format!("0\r\n{}", "X: yyyyyyyy\r\n".repeat(MOST_DISCARDED / 8));
        assert!(scan(trailers.as_bytes(), 100).is_err());
    }

    #[test]
    fn what_stands_before_a_fault_is_written() {
        let mut out = [0; 100];
        let fed = Scanner::new().feed(b"5\r\nhello\r\nxyz", &mut out);
        assert_eq!((fed.read, &out[..fed.written]), (10, b"5\r\nhello\r\n".as_slice()));
        assert!(fed.fault.is_some());
    }

    #[test]
    fn bytes_behind_the_end_are_left() {
        assert_eq!(scan(b"0\r\n\r\nHTTP/1.1", 1000), Ok((b"0\r\n\r\n".to_vec(), true, 8)));
    }

    #[test]
    fn only_an_end_after_the_last_chunk_is_an_end() {
        let end_after = |bytes: &[u8]| {
            let mut scanner = Scanner::new();
            let mut out = vec![0; bytes.len() + GROWTH];
            assert_eq!(scanner.feed(bytes, &mut out).fault, None);
            scanner.finish(&mut out)
        };
        assert_eq!(end_after(b"5\r\nhello\r\n0\r\n"), Some(5));
        for cut in [
            "",
            "5",
            "5\r",
            "5\r\n",
            "5\r\nhell",
            "5\r\nhello",
            "5\r\nhello\r\n",
            "0",
            "0\r",
            "0\r\nX: y\r\n",
        ] {
            assert_eq!(end_after(cut.as_bytes()), None, "{cut:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, step in 1_usize..50) {
            let _ = scan(&bytes, step);
        }
    }
}
