//! gzip, deflate and br: decoders that are given input and fill output, behind one reader.
//!
//! Knows flate2 and brotli-decompressor. Refuses to decode a byte by itself.
//!
//! flate2 runs on zlib-rs: its default backend took 56 KiB of stack where this one takes 8 (2026-11), and a coroutine
//! has 256.

use std::io::{self, BufRead, BufReader, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};

use super::{Coding, Turns, cut, garbage, invalid};

/// zlib's largest window: what every gzip decoder has to be able to do (RFC 1952).
const GZIP_WINDOW_BITS: u8 = 15;

type Brotli = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// What a decoder did.
struct Step {
    read: usize,
    written: usize,
    /// The stream is complete, its checksum verified where it has one.
    is_end: bool,
}

/// A stream that is being decoded. Its state lies on the heap.
enum Decoder {
    Inflate(Decompress),
    Brotli(Box<Brotli>),
}

impl Decoder {
    /// The decoder for a stream that begins with this byte.
    fn new(coding: Coding, first: u8) -> Decoder {
        match coding {
            Coding::Gzip => Decoder::Inflate(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            // Without "large window", which no HTTP client offers: 16 MiB is the most that a stream can ask for.
            Coding::Brotli => {
                let new = StandardAlloc::default;
                Decoder::Brotli(Box::new(BrotliState::new_strict(new(), new(), new())))
            }
            Coding::Deflate | Coding::Zstd => Decoder::Inflate(Decompress::new(is_zlib(first))),
        }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
        match self {
            Decoder::Inflate(inflate) => step_inflate(inflate, input, output),
            Decoder::Brotli(state) => step_brotli(state, input, output),
        }
    }
}

/// Whether deflate's data has the wrapper that it should have. A bare stream begins with these bits only if it begins
/// with a stored block behind a padding of ones, which nothing writes.
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

fn step_inflate(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
    let before = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None);
    let status = status.map_err(|error| what_is_wrong(error.message()).to_owned())?;
    let grown = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
    Ok(Step {
        read: grown(inflate.total_in(), before.0),
        written: grown(inflate.total_out(), before.1),
        is_end: status == Status::StreamEnd,
    })
}

/// zlib-rs's words, but for what is wrong inside of a block: those hang on how many bytes came at once.
fn what_is_wrong(words: Option<&str>) -> &str {
    const INSIDE: [&str; 3] = ["invalid distance", "invalid literal", "repeated call"];
    let words = words.filter(|words| !INSIDE.iter().any(|inside| words.starts_with(inside)));
    words.unwrap_or("corrupt data")
}

fn step_brotli(state: &mut Brotli, input: &[u8], output: &mut [u8]) -> Result<Step, String> {
    let (mut input_left, mut output_left) = (input.len(), output.len());
    let (mut read, mut written, mut total) = (0, 0, 0);
    let result = BrotliDecompressStream(
        &mut input_left,
        &mut read,
        input,
        &mut output_left,
        &mut written,
        output,
        &mut total,
        state,
    );
    match result {
        BrotliResult::ResultFailure => Err("corrupt data".to_owned()),
        result => Ok(Step { read, written, is_end: matches!(result, BrotliResult::ResultSuccess) }),
    }
}

/// The reader of what a body was before it was coded.
pub(super) struct Layer<'r> {
    body: BufReader<Box<dyn Read + 'r>>,
    coding: Coding,
    turns: &'r Turns,
    /// `None` before the first byte of a stream: a body of none is an empty one, as servers label those too.
    decoder: Option<Decoder>,
    /// A stream was read to its end.
    has_ended: bool,
}

impl<'r> Layer<'r> {
    pub(super) fn new(body: Box<dyn Read + 'r>, coding: Coding, turns: &'r Turns) -> Layer<'r> {
        Layer { body: BufReader::new(body), coding, turns, decoder: None, has_ended: false }
    }

    /// One step; `None` is the orderly end. The body is read to its own end, behind that of the stream: only then is
    /// it known that it came whole, and that nothing stands there.
    fn step(&mut self, output: &mut [u8]) -> io::Result<Option<usize>> {
        let input = self.body.fill_buf()?;
        if self.decoder.is_none() {
            let Some(&first) = input.first() else { return Ok(None) };
            if self.has_ended && self.coding != Coding::Gzip {
                return Err(garbage(self.coding));
            }
            self.decoder = Some(Decoder::new(self.coding, first));
        }
        let is_over = input.is_empty();
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        let step = decoder
            .step(input, output)
            .map_err(|why| if self.has_ended { garbage(self.coding) } else { invalid(self.coding, why) })?;
        self.body.consume(step.read);
        if step.is_end {
            (self.decoder, self.has_ended) = (None, true);
        } else if step.read == 0 && step.written == 0 {
            return Err(if is_over { cut(self.coding) } else { invalid(self.coding, "it leads nowhere") });
        }
        self.turns.spend(step.read + step.written).map_err(super::inside)?;
        Ok(Some(step.written))
    }
}

impl Read for Layer<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.step(output)? {
                Some(0) => {}
                written => return Ok(written.unwrap_or(0)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;
    use crate::config::Mode;
    use crate::http::connection::Deadline;
    use crate::http::error::Limit;
    use crate::runtime::Runtime;

    /// Bytes that come so many at a time.
    struct Pieces<'b>(&'b [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buf.len());
            self.0.read(&mut buf[..most])
        }
    }

    #[test]
    fn what_is_wrong_does_not_hang_on_how_it_came() {
        let runtime = Runtime::start(Mode::Threads, 1).unwrap();
        let total = Deadline { at: None, limit: Limit::Total(Duration::ZERO) };
        let turns = Turns::new(&runtime.slot(), total);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        (0..400).for_each(|n| write!(encoder, "{} of {:x} ", n * n, n * 7919).unwrap());
        let coded = encoder.finish().unwrap();
        for at in 0..coded.len() {
            let mut wrong = coded.clone();
            wrong[at] ^= 0x10;
            let came_to = |(piece, room): (usize, usize)| {
                let mut layer = Layer::new(Box::new(Pieces(&wrong, piece)), Coding::Gzip, &turns);
                let mut buf = vec![0; room];
                std::iter::repeat_with(|| layer.read(&mut buf)).find_map(|read| match read {
                    Ok(0) => Some(String::new()),
                    Ok(_) => None,
                    Err(error) => {
                        Some(error.into_inner().map_or_else(String::new, |inner| inner.to_string()))
                    }
                })
            };
            let seen = [(1, 64), (7, 4096), (300, 4096), (usize::MAX, 64), (usize::MAX, 65536)].map(came_to);
            assert!(seen.iter().all(|one| *one == seen[0]), "byte {at}: {seen:?}");
        }
    }
}
