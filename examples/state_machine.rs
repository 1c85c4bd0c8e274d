//! The same parser twice, over the same bytes: as straight code that switches away for more, and as a state machine.
//!
//! The idea: a parser that is fed block by block must stop anywhere. Without a stack of its own it has to remember
//! where it was, in a state for each place; with one, the place is where it stands in the code. From the greenlet
//! documentation, where a command loop becomes a parser for a GUI's key events by switching.
//!
//! The format is HTTP's chunks (RFC 9112 §7.1), without extensions and trailers: `5\r\nhello\r\n0\r\n\r\n`.
//!
//! In greenfetch: both. ureq's own parser and src/http/wire.rs `receive` are straight code in a coroutine. The strict
//! look at chunk framing, src/http/chunk.rs `step`, is a state machine: it runs over blocks that are there already, and
//! can be tested byte by byte without a runtime.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use generator::{Generator, Gn, Scope};

/// The body, or what was wrong with its framing.
type Parsed = Result<Vec<u8>, &'static str>;

/// What is fed with bytes until it says what they come to.
trait Parser {
    fn feed(&mut self, byte: u8) -> Option<Parsed>;
}

// As straight code.

struct Straight(Generator<'static, u8, Option<Parsed>>);

/// Switches to whoever has bytes, and is back with one.
type Bytes<'a> = Scope<'a, 'static, u8, Option<Parsed>>;

fn next(bytes: &mut Bytes<'_>) -> u8 {
    bytes.yield_(None).unwrap_or_default()
}

fn body(bytes: &mut Bytes<'_>) -> Parsed {
    let mut body = Vec::new();
    loop {
        let size = size_line(bytes)?;
        for _ in 0..size {
            body.push(next(bytes));
        }
        if next(bytes) != b'\r' || next(bytes) != b'\n' {
            return Err("no CR LF after a chunk");
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

fn size_line(bytes: &mut Bytes<'_>) -> Result<u32, &'static str> {
    let mut size = 0;
    loop {
        match next(bytes) {
            b'\r' => break,
            byte => size = with_digit(size, byte)?,
        }
    }
    if next(bytes) == b'\n' { Ok(size) } else { Err("no LF after a size") }
}

impl Straight {
    fn new() -> Straight {
        let mut parser = Gn::new_scoped(|mut bytes| Some(body(&mut bytes)));
        // Up to where it wants its first byte.
        parser.resume();
        Straight(parser)
    }
}

impl Parser for Straight {
    fn feed(&mut self, byte: u8) -> Option<Parsed> {
        self.0.send(byte)
    }
}

// As a state machine.

enum State {
    Size { size: u32 },
    SizeLf { size: u32 },
    Data { left: u32 },
    Cr { is_last: bool },
    Lf { is_last: bool },
}

struct Machine {
    state: State,
    body: Vec<u8>,
}

impl Machine {
    fn new() -> Machine {
        Machine { state: State::Size { size: 0 }, body: Vec::new() }
    }
}

impl Parser for Machine {
    fn feed(&mut self, byte: u8) -> Option<Parsed> {
        self.state = match (&self.state, byte) {
            (State::Size { size }, b'\r') => State::SizeLf { size: *size },
            (State::Size { size }, _) => match with_digit(*size, byte) {
                Ok(size) => State::Size { size },
                Err(fault) => return Some(Err(fault)),
            },
            (State::SizeLf { size: 0 }, b'\n') => State::Cr { is_last: true },
            (State::SizeLf { size }, b'\n') => State::Data { left: *size },
            (State::SizeLf { .. }, _) => return Some(Err("no LF after a size")),
            (State::Data { left }, _) => {
                self.body.push(byte);
                if *left > 1 { State::Data { left: left - 1 } } else { State::Cr { is_last: false } }
            }
            (State::Cr { is_last }, b'\r') => State::Lf { is_last: *is_last },
            (State::Lf { is_last: false }, b'\n') => State::Size { size: 0 },
            (State::Lf { is_last: true }, b'\n') => return Some(Ok(std::mem::take(&mut self.body))),
            (State::Cr { .. } | State::Lf { .. }, _) => return Some(Err("no CR LF after a chunk")),
        };
        None
    }
}

// What both have in common.

fn with_digit(size: u32, byte: u8) -> Result<u32, &'static str> {
    let digit = char::from(byte).to_digit(16).ok_or("a size that is no number")?;
    size.checked_mul(16).map(|size| size + digit).ok_or("a size that is too large")
}

/// What a parser makes of a text: how many bytes it took, and what it said; `None` when it wants more.
fn parse(mut parser: impl Parser, text: &str) -> (usize, Option<Parsed>) {
    let mut fed = text.bytes().zip(1..).map(|(byte, taken)| (taken, parser.feed(byte)));
    fed.find(|(_, parsed)| parsed.is_some()).unwrap_or((text.len(), None))
}

fn main() {
    for text in [
        "5\r\nhello\r\n0\r\n\r\n",
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nHTTP/1.1",
        "5\r\nhel",
        "5\r\nhello, world",
        "five\r\nhello",
        "123456789\r\n",
        "5\nhello",
        "0\r\r",
    ] {
        let (straight, machine) = (parse(Straight::new(), text), parse(Machine::new(), text));
        let verdict = if straight == machine { "the same" } else { "DIFFERENT" };
        println!("{text:?}: {} after {} bytes, {verdict}", words(straight.1), straight.0);
    }
}

fn words(parsed: Option<Parsed>) -> String {
    match parsed {
        Some(Ok(body)) => format!("{:?}", String::from_utf8_lossy(&body)),
        Some(Err(fault)) => fault.to_owned(),
        None => "wants more".to_owned(),
    }
}
