//! Content codings, undone while a body is read: gzip, deflate, br and zstd, as blocking readers over the body.
//!
//! Knows the names of codings and the order in which they are undone (RFC 9110 §8.4). Refuses to know where bytes come
//! from and how many may come (`body`).

mod stream;
mod zstd;

use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use super::connection::Deadline;
use super::error;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::Slot;

/// What `Accept-Encoding` says with `--compressed`.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// More codings on top of each other than this are an attack and no answer (curl CVE-2022-32206; its limit too).
const MOST_CODINGS: usize = 5;

/// So many bytes of work, read and written, and the others have a turn.
const TURN_BYTES: usize = 256 << 10;

/// What a step of a decoder counts as besides its bytes: there are steps that yield nothing, such as empty members.
const STEP_BYTES: usize = 1 << 10;

/// A content coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952, one member after another.
    Gzip,
    /// RFC 1950; RFC 1951 without its wrapper is taken too, as that is what some servers send.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, one frame after another.
    Zstd,
}

impl Coding {
    fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }
}

/// The codings that a `Content-Encoding` names, in the order in which the server applied them.
///
/// # Errors
/// `decode` for one that is not known, and for too many.
pub(super) fn codings(header: &str) -> Result<Vec<Coding>, Failure> {
    let mut codings = Vec::new();
    for name in header.split(',').map(str::trim) {
        codings.push(match name.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => return Err(failure(format!("the content coding {name:?} is not known"))),
        });
    }
    if codings.len() > MOST_CODINGS {
        return Err(failure(format!(
            "{} content codings on top of each other, at most {MOST_CODINGS} are undone",
            codings.len()
        )));
    }
    Ok(codings)
}

/// Whether a `Content-Encoding` names nothing that would have to be undone.
pub(super) fn is_identity(header: &str) -> bool {
    codings(header).is_ok_and(|codings| codings.is_empty())
}

/// A reader of what the codings were applied to. Its errors are the body's own, or hold a `Failure`.
pub(super) fn reader<'r>(body: impl Read + 'r, codings: &[Coding], turns: &'r Turns) -> Box<dyn Read + 'r> {
    let layer = |inner: Box<dyn Read + 'r>, coding: &Coding| -> Box<dyn Read + 'r> {
        match coding {
            Coding::Zstd => Box::new(zstd::Frames::new(inner, turns)),
            coding => Box::new(stream::Layer::new(inner, *coding, turns)),
        }
    };
    codings.iter().rev().fold(Box::new(body), layer)
}

/// The turns of others while decoders work: a small body can be hours of it. Shared by all layers, as the work of an
/// inner one need not show in what the outermost yields.
pub(super) struct Turns {
    slot: Arc<Slot>,
    total: Deadline,
    work: Cell<usize>,
}

impl Turns {
    pub(super) fn new(slot: &Arc<Slot>, total: Deadline) -> Turns {
        Turns { slot: Arc::clone(slot), total, work: Cell::new(0) }
    }

    /// Counts a step, and gives the others their turn when it is time; then looks at the clock, as nobody else does
    /// while nothing is waited for.
    ///
    /// # Errors
    /// `cancelled`, or `timeout`.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Failure> {
        let work = self.work.get() + bytes + STEP_BYTES;
        if work < TURN_BYTES {
            self.work.set(work);
            return Ok(());
        }
        self.work.set(0);
        self.slot.yield_through_selector();
        if self.slot.is_stopped() {
            return Err(error::cancelled(Phase::Receive));
        }
        match self.total.at {
            Some(at) if at <= Instant::now() => Err(error::late(self.total.limit, Phase::Receive)),
            _ => Ok(()),
        }
    }
}

/// A failure on its way through a reader; `body` takes it out again.
fn inside(failure: Failure) -> io::Error {
    io::Error::other(failure)
}

fn failure(message: impl Into<String>) -> Failure {
    Failure::new(Class::Decode, Phase::Receive, message)
}

/// The bytes are not what the coding makes.
fn invalid(coding: Coding, why: impl std::fmt::Display) -> io::Error {
    io::Error::other(failure(format!("the body is not valid {}: {why}", coding.as_str())))
}

/// The body came whole, what is in it did not.
fn cut(coding: Coding) -> io::Error {
    io::Error::other(failure(format!("the {} data ended before it was complete", coding.as_str())))
}

/// Something stands behind the end of what was coded.
fn garbage(coding: Coding) -> io::Error {
    io::Error::other(failure(format!("there are bytes behind the end of the {} data", coding.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_spelling_and_order_stays() {
        for (header, expected) in [
            ("gzip", &[Coding::Gzip][..]),
            (" X-GZIP ", &[Coding::Gzip]),
            ("identity", &[]),
            ("", &[]),
            ("Deflate, identity,, BR,zstd", &[Coding::Deflate, Coding::Brotli, Coding::Zstd]),
            (&"gzip,".repeat(5), &[Coding::Gzip; 5]),
        ] {
            assert_eq!(codings(header).as_deref(), Ok(expected), "{header}");
        }
    }

    /// A MiB of what needs every table that a decoder has.
    fn words() -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{:x} of {} ", state >> 20, (state >> 8) % 1000)
        };
        std::iter::repeat_with(|| next().into_bytes()).flatten().take(1 << 20).collect()
    }

    fn coded(coding: Coding) -> Vec<u8> {
        use std::io::Write as _;
        let text = words();
        match coding {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Brotli => {
                let mut coded = Vec::new();
                let params = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
                brotli::BrotliCompress(&mut &text[..], &mut coded, &params).unwrap();
                coded
            }
            Coding::Zstd => {
                ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest)
            }
        }
    }

    /// A coroutine has 256 KiB in release for everything, and no page behind them. A thread that overflows ends the
    /// tests, which cannot be overlooked.
    #[test]
    fn every_decoder_is_content_with_a_quarter_of_a_stack() {
        let runtime = crate::runtime::Runtime::start(crate::config::Mode::Threads, 1).unwrap();
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
            let (slot, coded) = (runtime.slot(), coded(coding));
            let total = Deadline { at: None, limit: error::Limit::Total(std::time::Duration::ZERO) };
            let decode = move || {
                let turns = Turns::new(&slot, total);
                io::copy(&mut reader(&coded[..], &[coding], &turns), &mut io::sink()).unwrap()
            };
            let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(decode).unwrap();
            assert_eq!(thread.join().unwrap(), 1 << 20, "{coding:?}");
        }
    }

    #[test]
    fn what_cannot_be_undone_is_named() {
        let message = |header: &str| codings(header).map_err(|failure| failure.message);
        assert_eq!(message("gzip, rot13"), Err("the content coding \"rot13\" is not known".to_owned()));
        assert!(codings("compress").is_err() && codings("gzip;q=1").is_err());
        assert!(
            message(&["gzip"; 6].join(",")).is_err_and(|message| message.starts_with("6 content codings"))
        );
    }
}
