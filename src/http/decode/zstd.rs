//! zstd: frames one after another, behind a reader.
//!
//! Knows ruzstd, the limit of the window and what is to be verified at the end of a frame. Refuses to decode a byte by
//! itself.
//!
//! ruzstd and not the C library: it is Rust like everything else that reads bytes from outside, needs no compiler for C,
//! checks the window before it allocates, and never makes more than 128 KiB at a step.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Coding, Turns, cut, invalid};

/// The largest window that HTTP may ask for (RFC 9659 §3).
const MOST_WINDOW_BYTES: u64 = 8 << 20;

/// The body, and what it said when it failed: ruzstd buries that in errors of its own.
struct Source<'r> {
    body: BufReader<Box<dyn Read + 'r>>,
    failed: Option<io::Error>,
    is_over: bool,
}

impl Source<'_> {
    /// Whether not a byte is left.
    fn is_at_end(&mut self) -> io::Result<bool> {
        self.body.fill_buf().map(<[u8]>::is_empty)
    }

    /// What really went wrong when ruzstd says so.
    fn reason(&mut self, error: &FrameDecoderError) -> io::Error {
        match self.failed.take() {
            Some(failed) => failed,
            None if self.is_over => cut(Coding::Zstd),
            None => invalid(Coding::Zstd, error),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        match self.body.read(output) {
            Ok(count) => {
                self.is_over |= count == 0 && !output.is_empty();
                Ok(count)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the body failed"))
            }
        }
    }
}

/// The reader of what a body was before it was coded.
pub(super) struct Frames<'r> {
    source: Source<'r>,
    turns: &'r Turns,
    /// `None` before the first byte.
    decoder: Option<Box<FrameDecoder>>,
    is_in_frame: bool,
    /// Bytes of this frame so far.
    frame_bytes: u64,
}

impl<'r> Frames<'r> {
    pub(super) fn new(body: Box<dyn Read + 'r>, turns: &'r Turns) -> Frames<'r> {
        let source = Source { body: BufReader::new(body), failed: None, is_over: false };
        Frames { source, turns, decoder: None, is_in_frame: false, frame_bytes: 0 }
    }

    /// One step; `None` is the orderly end.
    fn step(&mut self, output: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.is_in_frame && self.source.is_at_end()? {
            return Ok(None);
        }
        let decoder = self.decoder.get_or_insert_with(decoder);
        if !self.is_in_frame {
            self.is_in_frame = begin_frame(decoder, &mut self.source, self.turns)?;
            self.frame_bytes = 0;
            return Ok(Some(0));
        }
        let written = decoder.read(output)?;
        self.frame_bytes += written as u64;
        if written == 0 && decoder.is_finished() {
            check_frame(decoder, self.frame_bytes)?;
            self.is_in_frame = false;
        } else if written == 0 {
            let decoded = decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
            decoded.map_err(|error| self.source.reason(&error))?;
        }
        self.turns.spend(written).map_err(super::inside)?;
        Ok(Some(written))
    }
}

fn decoder() -> Box<FrameDecoder> {
    let mut decoder = Box::new(FrameDecoder::new());
    decoder.set_max_window_size(MOST_WINDOW_BYTES);
    decoder
}

/// Reads the head of a frame; false when it was one to be skipped, and was.
fn begin_frame(decoder: &mut FrameDecoder, source: &mut Source<'_>, turns: &Turns) -> io::Result<bool> {
    turns.spend(0).map_err(super::inside)?;
    match decoder.reset(&mut *source) {
        Ok(()) => Ok(true),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
            // What is skipped came over the wire, which gives turns by itself; a cut is seen by what is missing.
            let skipped = io::copy(&mut source.by_ref().take(u64::from(length)), &mut io::sink());
            match (source.failed.take(), skipped) {
                (Some(failed), _) => Err(failed),
                (None, Ok(skipped)) if skipped == u64::from(length) => Ok(false),
                (None, _) => Err(cut(Coding::Zstd)),
            }
        }
        Err(error) => Err(source.reason(&error)),
    }
}

/// ruzstd computes the checksum and leaves the comparison to us; so with the length that the head promised.
fn check_frame(decoder: &FrameDecoder, frame_bytes: u64) -> io::Result<()> {
    let promised = decoder.content_size();
    if promised != 0 && promised != frame_bytes {
        return Err(invalid(Coding::Zstd, format!("{frame_bytes} bytes in a frame of {promised}")));
    }
    let checksum = decoder.get_checksum_from_data();
    if checksum.is_some() && checksum != decoder.get_calculated_checksum() {
        return Err(invalid(Coding::Zstd, "the checksum does not match"));
    }
    Ok(())
}

impl Read for Frames<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.step(output)? {
                Some(0) => {}
                written => return Ok(written.unwrap_or(0)),
            }
        }
    }
}
