//! What a run and its processes say to each other, in frames: a length, and a message by postcard.
//!
//! Knows the wire form of requests, attempts and terms, and that both ends are the same executable, so that it needs no
//! version. Refuses to know who says what when, and to move bytes.

mod attempt;
mod job;
mod terms;

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use url::Url;

use super::standstill::StallWire;
use crate::event::Trace;
use crate::outcome::{Attempt, Phase};
use crate::runtime::Clock;

pub(super) use attempt::AttemptWire;
pub(super) use job::{Blueprint, Job};
pub(super) use terms::Terms;

/// Bytes of the length in front of a message.
const LENGTH_BYTES: usize = 4;

/// A longer message is none of ours: the largest has a request's body in it.
const MOST_BYTES: usize = 1 << 30;

/// A message that was not written by our like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a process of this run said what cannot be read")]
pub(super) struct Garbled;

/// What a run says to a process of its own.
#[expect(clippy::large_enum_variant, reason = "none is kept: it is there while it is written or read")]
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order<'a> {
    /// What all requests have in common; the first thing said, and once.
    Terms(Box<Terms>),
    /// Checks that jobs refer to from now on by this number; it may have meant others before.
    Checks(u32, #[serde(borrow)] Vec<Blueprint<'a>>),
    /// An attempt to be made.
    Fetch(#[serde(borrow)] Job<'a>),
    /// The run is to end: what is under way is cancelled.
    Stop,
    /// Is anybody there?
    Hail,
}

/// What a process says to its run.
#[expect(clippy::large_enum_variant, reason = "none is kept: it is there while it is written or read")]
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report<'a> {
    /// It can have so many attempts under way; the first thing said, and once.
    Ready(u32),
    /// In place of that: why it cannot do what the terms ask for, a sentence.
    Refused(&'a str),
    /// Where attempts are: number, phase, and since when.
    Phases(Vec<(u64, u8, u64)>),
    /// Something on the way of one.
    Trace(u64, #[serde(borrow)] TraceWire<'a>),
    /// Its worker stands still; `None` when it goes on.
    Stall(Option<StallWire>),
    /// One is over.
    Done(u64, #[serde(borrow)] AttemptWire<'a>),
    /// It is there, whatever its worker does.
    Here,
}

/// A trace.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TraceWire<'a> {
    Redirect(u16, &'a str),
    Wire(&'a str),
}

impl<'a> TraceWire<'a> {
    pub(super) fn of(trace: &'a Trace) -> TraceWire<'a> {
        match trace {
            Trace::Redirect(status, url) => TraceWire::Redirect(*status, url.as_str()),
            Trace::Wire(line) => TraceWire::Wire(line),
        }
    }

    pub(super) fn read(self) -> Result<Trace, Garbled> {
        Ok(match self {
            TraceWire::Redirect(status, to) => Trace::Redirect(status, url(to)?),
            TraceWire::Wire(line) => Trace::Wire(line.to_owned()),
        })
    }
}

/// A phase by its number.
pub(super) fn phase(number: u8) -> Result<Phase, Garbled> {
    Phase::ALL.get(usize::from(number)).copied().ok_or(Garbled)
}

fn url(text: &str) -> Result<Url, Garbled> {
    Url::parse(text).map_err(|_| Garbled)
}

/// Puts a message behind others.
pub(super) fn write(message: &impl Serialize, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0; LENGTH_BYTES]);
    let taken = std::mem::take(into);
    *into = postcard::to_extend(message, taken).expect("plain data, and memory that grows");
    let length = u32::try_from(into.len() - start - LENGTH_BYTES).expect("less than a body's limit");
    into[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// A finished attempt as a message, behind others.
pub(super) fn write_done(id: u64, attempt: &Attempt, clock: &Clock, into: &mut Vec<u8>) {
    write(&Report::Done(id, AttemptWire::of(attempt, clock)), into);
}

/// Understands one message.
///
/// # Errors
/// `Garbled`.
pub(super) fn parse<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Result<T, Garbled> {
    postcard::from_bytes(message).map_err(|_| Garbled)
}

/// A message, and the bytes behind it.
type Cut<'a> = (&'a [u8], &'a [u8]);

/// The first message that is whole, and what is behind it; `None` when more has to come.
///
/// # Errors
/// `Garbled` for a length that nobody writes.
pub(super) fn first(bytes: &[u8]) -> Result<Option<Cut<'_>>, Garbled> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = self::length(*length)?;
    Ok((rest.len() >= length).then(|| rest.split_at(length)))
}

/// Waits for a message and reads it, for a thread that may wait; false at the end.
///
/// # Errors
/// What the system said; `InvalidData` for what is garbled.
pub(super) fn read(stream: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    into.clear();
    if stream.fill_buf()?.is_empty() {
        return Ok(false);
    }
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length)?;
    let length =
        self::length(length).map_err(|garbled| io::Error::new(io::ErrorKind::InvalidData, garbled))?;
    into.resize(length, 0);
    stream.read_exact(into)?;
    Ok(true)
}

fn length(bytes: [u8; LENGTH_BYTES]) -> Result<usize, Garbled> {
    usize::try_from(u32::from_le_bytes(bytes)).ok().filter(|length| *length <= MOST_BYTES).ok_or(Garbled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_come_one_by_one_however_they_are_cut() {
        let mut bytes = Vec::new();
        write(&Report::Ready(7), &mut bytes);
        write(&Report::Refused("no"), &mut bytes);
        for cut in 0..bytes.len() {
            let whole = first(&bytes[..cut]).unwrap().map(|(message, _)| message.len());
            assert!(whole.is_none_or(|length| length + LENGTH_BYTES <= cut), "{cut}");
        }
        let (message, rest) = first(&bytes).unwrap().unwrap();
        assert!(matches!(parse(message), Ok(Report::Ready(7))));
        let (message, rest) = first(rest).unwrap().unwrap();
        assert!(matches!(parse(message), Ok(Report::Refused("no"))) && rest.is_empty());

        let (mut stream, mut message) = (&bytes[..], Vec::new());
        assert!(read(&mut stream, &mut message).unwrap() && read(&mut stream, &mut message).unwrap());
        assert!(!read(&mut stream, &mut message).unwrap());
        assert!(read(&mut &bytes[..3], &mut message).is_err(), "cut in the middle");
        assert_eq!(first(&[0xff; 9]), Err(Garbled));
    }

    #[test]
    fn traces_come_as_they_went() {
        let redirect = Trace::Redirect(302, Url::parse("http://a/b?c").unwrap());
        assert!(
            matches!(TraceWire::of(&redirect).read(), Ok(Trace::Redirect(302, to)) if to.as_str() == "http://a/b?c")
        );
        let line = Trace::Wire("< HTTP/1.1 200 \u{1b}".to_owned());
        assert!(matches!(TraceWire::of(&line).read(), Ok(Trace::Wire(line)) if line.ends_with('\u{1b}')));
        assert!(TraceWire::Redirect(302, "nowhere").read().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = first(&bytes);
            let _ = parse::<Report>(&bytes).map(drop);
            let _ = parse::<Order>(&bytes).map(drop);
        }
    }
}
