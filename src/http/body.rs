//! The body: read to its end, counted, held to its limit.
//!
//! Knows ureq's reader and `--max-filesize`. Refuses to keep what it reads.

use std::io::{self, Read};

use super::head::Framing;
use crate::outcome::{Class, Failure, Phase};

/// The first read of a body asks for so much: a parked body holds no more than this.
const SMALL: usize = 4 << 10;

/// As long as reads fill it, the next one asks for so much.
const LARGE: usize = 64 << 10;

/// What became of a body.
pub(super) enum Ended {
    /// Read to its end.
    Whole,
    /// ureq's reader failed; the wire or this error knows why.
    Broken(ureq::Error),
    /// A limit was reached.
    Limited(Failure),
}

/// Refuses a body that says beforehand that it is too long.
///
/// # Errors
/// `size`, before a byte of it is read.
pub(super) fn check_declared(framing: Framing, limit: Option<u64>) -> Result<(), Failure> {
    match (framing, limit) {
        (Framing::Length(length), Some(limit)) if length > limit => {
            Err(too_large(&format!("a body of {length} bytes"), limit))
        }
        _ => Ok(()),
    }
}

fn too_large(what: &str, limit: u64) -> Failure {
    let message = format!("{what} is over the limit of {limit} bytes (--max-filesize)");
    Failure::new(Class::Size, Phase::Receive, message)
}

/// Reads a body to its end and counts it into `delivered`.
pub(super) fn receive(mut reader: impl Read, limit: Option<u64>, delivered: &mut u64) -> Ended {
    let mut buffer = vec![0; SMALL];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ended::Whole,
            Ok(count) => {
                *delivered += count as u64;
                if let Some(limit) = limit.filter(|limit| *delivered > *limit) {
                    return Ended::Limited(too_large("the body", limit));
                }
                let fills = count == buffer.len();
                buffer.resize(if fills { LARGE } else { SMALL }, 0);
                if !fills {
                    buffer.shrink_to_fit();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ended::Broken(error.into()),
        }
    }
}

/// Reads the rest of a body that nobody wants, if it is short, so that its connection can be used again. Whether it
/// was read to its end.
pub(super) fn drain(mut reader: impl Read, most: u64) -> bool {
    let mut buffer = vec![0; SMALL];
    let mut left = most;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return true,
            Ok(count) if (count as u64) <= left => left -= count as u64,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: usize, limit: Option<u64>) -> (bool, u64) {
        let mut delivered = 0;
        let ended = receive(io::repeat(b'x').take(bytes as u64), limit, &mut delivered);
        (matches!(ended, Ended::Whole), delivered)
    }

    #[test]
    fn the_limit_itself_passes_and_one_more_does_not() {
        assert_eq!(received(100_000, Some(100_000)), (true, 100_000));
        assert!(!received(100_001, Some(100_000)).0);
        assert_eq!(received(0, Some(0)), (true, 0));
        assert_eq!(received(1_000_000, None), (true, 1_000_000));
        assert!(check_declared(Framing::Length(5), Some(4)).is_err());
        assert!(check_declared(Framing::Length(5), Some(5)).is_ok());
    }

    #[test]
    fn only_short_rests_are_drained() {
        assert!(drain(io::repeat(0).take(10_000), 10_000));
        assert!(!drain(io::repeat(0), 10_000));
    }
}
