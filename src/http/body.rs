//! The body: read to its end, counted, held to its limit.
//!
//! Knows ureq's reader and `--max-filesize`. Refuses to keep what it reads.

use std::io::{self, Read};

use super::buffers::Lender;
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

/// Refuses a body that turns out to be too long.
///
/// # Errors
/// `size`.
pub(super) fn check_delivered(delivered: u64, limit: Option<u64>) -> Result<(), Failure> {
    match limit {
        Some(limit) if delivered > limit => Err(too_large("the body", limit)),
        _ => Ok(()),
    }
}

fn too_large(what: &str, limit: u64) -> Failure {
    let message = format!("{what} is over the limit of {limit} bytes (--max-filesize)");
    Failure::new(Class::Size, Phase::Receive, message)
}

/// Reads a body to its end and counts it into `delivered`. A body that came whole with its head is read through a lent
/// buffer, as nothing can park meanwhile; else the buffer is small until it proves too small.
pub(super) fn receive(
    reader: impl Read,
    is_whole: bool,
    lender: &Lender,
    limit: Option<u64>,
    delivered: &mut u64,
) -> Ended {
    let mut buffer = if is_whole { lender.lend() } else { vec![0; SMALL] };
    let ended = read_all(reader, &mut buffer, is_whole, limit, delivered);
    lender.take_back(buffer);
    ended
}

fn read_all(
    mut reader: impl Read,
    buffer: &mut Vec<u8>,
    keeps_size: bool,
    limit: Option<u64>,
    delivered: &mut u64,
) -> Ended {
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ended::Whole,
            Ok(count) => {
                *delivered += count as u64;
                if let Err(failure) = check_delivered(*delivered, limit) {
                    return Ended::Limited(failure);
                }
                if !keeps_size {
                    fit(buffer, count);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ended::Broken(error.into()),
        }
    }
}

/// Large while reads fill it, small when the next one may have to wait.
fn fit(buffer: &mut Vec<u8>, last_read: usize) {
    let fills = last_read == buffer.len();
    if fills != (buffer.len() == LARGE) {
        *buffer = vec![0; if fills { LARGE } else { SMALL }];
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
        let lender = Lender::default();
        let body = || io::repeat(b'x').take(bytes as u64);
        let whole = receive(body(), true, &lender, limit, &mut 0);
        let ended = receive(body(), false, &lender, limit, &mut delivered);
        assert_eq!(matches!(whole, Ended::Whole), matches!(ended, Ended::Whole));
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
