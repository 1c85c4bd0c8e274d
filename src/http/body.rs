//! The body: read to its end, counted, held to its limit, handed to whoever saves it or looks into it.
//!
//! Knows readers and `--max-filesize`. Refuses to keep what it reads (`save`) and to decode it (`decode`).

use std::io::{self, Read};
use std::sync::Arc;

use super::buffers::Lender;
use super::connection::Deadline;
use super::decode::Turns;
use super::head::Framing;
use super::save::Saving;
use crate::check::Examination;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::Slot;

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
    /// The wire has no complaint, but we have: a limit, a coding, a file.
    Failed(Failure),
}

/// What becomes of the bytes of a body.
pub(super) struct Delivery<'a> {
    /// `--max-filesize`.
    pub(super) limit: Option<u64>,
    /// How many they are, after decoding.
    pub(super) delivered: &'a mut u64,
    /// `None` keeps none of them.
    pub(super) saving: Option<&'a mut Saving>,
    /// `None` looks at none of them.
    pub(super) examining: Option<Examining<'a>>,
}

/// A look at the bytes as they come, and the turns of others meanwhile: it takes longer than to receive them.
pub(super) struct Examining<'a> {
    examination: &'a mut Examination,
    turns: Turns,
}

impl<'a> Examining<'a> {
    pub(super) fn new(examination: &'a mut Examination, slot: &Arc<Slot>, total: Deadline) -> Examining<'a> {
        Examining { examination, turns: Turns::new(slot, total) }
    }
}

impl Delivery<'_> {
    /// Whether anybody wants to see the bytes; else it is enough to know how many came.
    pub(super) fn wants_bytes(&self) -> bool {
        self.saving.is_some() || self.examining.is_some()
    }

    /// Where the bytes may go without a look at them; `None` when somebody wants one, or nobody keeps them.
    pub(super) fn unseen(&mut self) -> Option<&mut Saving> {
        self.saving.as_deref_mut().filter(|_| self.examining.is_none())
    }

    /// Counts bytes that were not looked at.
    ///
    /// # Errors
    /// `size`.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        *self.delivered += bytes as u64;
        check_delivered(*self.delivered, self.limit)
    }

    /// Takes bytes without a wait, so that a lent buffer can be given back before `settle`.
    ///
    /// # Errors
    /// `size`.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.count(bytes.len())?;
        if let Some(saving) = &mut self.saving {
            saving.take(bytes);
        }
        if let Some(examining) = &mut self.examining {
            examining.examination.take(bytes);
        }
        Ok(())
    }

    /// Writes what has come together, if it is worth it, and lets others have a turn after much was looked at.
    ///
    /// # Errors
    /// `write`, or a limit of time.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        if let Some(Examining { examination, turns }) = &mut self.examining {
            turns.spend(examination.take_work())?;
        }
        self.saving.as_mut().map_or(Ok(()), |saving| saving.settle())
    }
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

/// Reads a body to its end. One that came whole with its head is read through a lent buffer, as nothing can park
/// meanwhile; else the buffer is small until it proves too small.
pub(super) fn receive(
    reader: impl Read,
    is_whole: bool,
    lender: &Lender,
    delivery: &mut Delivery<'_>,
) -> Ended {
    let mut buffer = if is_whole { lender.lend() } else { vec![0; SMALL] };
    let ended = read_all(reader, &mut buffer, is_whole, delivery);
    lender.take_back(buffer);
    ended
}

fn read_all(
    mut reader: impl Read,
    buffer: &mut Vec<u8>,
    keeps_size: bool,
    delivery: &mut Delivery<'_>,
) -> Ended {
    loop {
        match reader.read(buffer) {
            Ok(0) => return Ended::Whole,
            Ok(count) => {
                let taken = delivery.take(&buffer[..count]).and_then(|()| delivery.settle());
                if let Err(failure) = taken {
                    return Ended::Failed(failure);
                }
                if !keeps_size {
                    fit(buffer, count);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return broken(error),
        }
    }
}

/// A decoder says what it has to say as a `Failure` inside its error; all else comes from ureq.
fn broken(error: io::Error) -> Ended {
    match error.downcast::<Failure>() {
        Ok(failure) => Ended::Failed(failure),
        Err(error) => Ended::Broken(error.into()),
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
        let mut delivery = Delivery { limit, delivered: &mut 0, saving: None, examining: None };
        let whole = receive(body(), true, &lender, &mut delivery);
        let mut delivery = Delivery { limit, delivered: &mut delivered, saving: None, examining: None };
        let ended = receive(body(), false, &lender, &mut delivery);
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
