//! One connection of the demo's origin: requests are read, their steps done, in order, until it ends.
//!
//! Knows keep-alive, pipelining, limits of time and size, and how bytes are waited for. Refuses to know what the paths
//! mean: `script` says it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::gate::Gates;
use super::head::{self, Framing, Head, MOST_BODY_BYTES, Refusal};
use super::script::{self, Step, Tally};
use crate::runtime::{Slot, Socket, Wake};

/// The longest wait for a request, for its body, and for room to send.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a refused client may go on sending before the connection ends: closing at once would reset it, and a reset
/// can overtake our answer (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(1);

/// Bytes moved between two waits before others get their turn.
const TURN_BYTES: usize = 256 << 10;

/// What a request counts towards a turn, however small it is.
const REQUEST_BYTES: usize = 4 << 10;

/// The longest line of a chunk's size or of a trailer.
const MOST_LINE_BYTES: usize = 4 << 10;

/// What `/bytes` sends, over and over: lines of sixteen bytes.
static PATTERN: [u8; 64 << 10] = pattern();

#[expect(clippy::large_stack_arrays, reason = "the compiler runs it; nobody's stack holds it")]
const fn pattern() -> [u8; 64 << 10] {
    const LINE: &[u8; 16] = b"0123456789abcde\n";
    let mut block = [0; 64 << 10];
    let mut at = 0;
    while at < block.len() {
        block[at] = LINE[at % LINE.len()];
        at += 1;
    }
    block
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nothing is left to say: one end has closed, is late, or the run is being stopped.
    Over,
    /// The client is told what was wrong.
    Refused(Refusal),
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Ending {
        Ending::Refused(refusal)
    }
}

/// Serves a connection to its end.
pub(super) fn serve(socket: Socket, slot: &Arc<Slot>, tally: &Mutex<Tally>, gates: &Gates) {
    // It only makes us faster.
    let _ = socket.set_nodelay();
    let mut connection =
        Connection { socket, slot, gates, incoming: Vec::new(), outgoing: Vec::new(), moved: 0 };
    if let Ending::Refused(refusal) = connection.converse(tally) {
        connection.refuse(refusal);
    }
}

struct Connection<'a> {
    socket: Socket,
    slot: &'a Arc<Slot>,
    gates: &'a Gates,
    /// What has arrived and is not yet read. Holds no memory while the connection is idle.
    incoming: Vec<u8>,
    /// What is to be sent with the next flush.
    outgoing: Vec<u8>,
    /// Bytes moved since the last wait.
    moved: usize,
}

impl Connection<'_> {
    fn converse(&mut self, tally: &Mutex<Tally>) -> Ending {
        loop {
            match self.exchange(tally) {
                Ok(true) => {}
                Ok(false) => return Ending::Over,
                Err(ending) => return ending,
            }
        }
    }

    /// One request and its answer; says whether another may follow.
    fn exchange(&mut self, tally: &Mutex<Tally>) -> Result<bool, Ending> {
        let head = self.read_head()?;
        let body = self.read_body(&head)?;
        let steps = {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            script::steps_for(&head, body, &mut tally)
        };
        for step in steps {
            self.perform(step, &head)?;
        }
        self.flush()?;
        self.count(REQUEST_BYTES);
        Ok(head.keeps_alive)
    }

    fn perform(&mut self, step: Step, head: &Head) -> Result<(), Ending> {
        match step {
            Step::Wait(time) => self.pause_until(Instant::now() + time),
            Step::Gate(n) => self.pass_gate(n),
            Step::Begin(response) => {
                self.outgoing.extend(response.to_bytes(head.keeps_alive));
                Ok(())
            }
            Step::Send(_) | Step::Fill(_) | Step::Drip { .. } if head.is_head => Ok(()),
            Step::Send(bytes) => {
                self.outgoing.extend(bytes);
                Ok(())
            }
            Step::Fill(n) => self.send_pattern(n),
            Step::Drip { bytes, over } => self.drip(bytes, over),
            Step::Cut => {
                self.flush()?;
                Err(Ending::Over)
            }
            Step::Reset => {
                self.flush()?;
                let _ = self.socket.set_reset_on_close();
                Err(Ending::Over)
            }
            Step::Hang => Err(self.discard(usize::MAX, None)),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.outgoing.clear();
        for step in script::text(refusal.status(), refusal.to_string()) {
            match step {
                Step::Begin(response) => self.outgoing.extend(response.to_bytes(false)),
                Step::Send(bytes) => self.outgoing.extend(bytes),
                _ => {}
            }
        }
        if self.flush().is_ok() {
            self.discard(MOST_BODY_BYTES, Some(Instant::now() + LINGER));
        }
    }

    fn read_head(&mut self) -> Result<Head, Ending> {
        let until = Instant::now() + PATIENCE;
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
        let mut seen = 0;
        loop {
            if let Some(len) = head::find_end(&self.incoming, seen)? {
                let head = head::parse(&self.incoming[..len])?;
                self.incoming.drain(..len);
                return Ok(head);
            }
            seen = self.incoming.len();
            self.receive(until)?;
        }
    }

    fn read_body(&mut self, head: &Head) -> Result<Vec<u8>, Ending> {
        let until = Instant::now() + PATIENCE;
        if head.expects_continue && head.framing != Framing::Length(0) && self.incoming.is_empty() {
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match head.framing {
            Framing::Length(len) => self.take(len, until),
            Framing::Chunked => self.read_chunks(until),
        }
    }

    fn read_chunks(&mut self, until: Instant) -> Result<Vec<u8>, Ending> {
        let mut body = Vec::new();
        // Lines and trailers count too: chunks of one byte with an extension of a thousand are no way around a limit.
        let mut framing_bytes = 0;
        let mut is_trailer = false;
        loop {
            let line = self.take_line(until)?;
            framing_bytes += line.len() + 2;
            if framing_bytes > MOST_BODY_BYTES {
                return Err(Refusal::BodyTooLong.into());
            }
            if is_trailer {
                if line.is_empty() {
                    return Ok(body);
                }
                continue;
            }
            let size = head::chunk_size(&line)?;
            is_trailer = size == 0;
            if size > MOST_BODY_BYTES - body.len() {
                return Err(Refusal::BodyTooLong.into());
            }
            if size > 0 {
                body.extend(self.take(size, until)?);
                if self.take(2, until)? != b"\r\n" {
                    return Err(Refusal::Malformed("a chunk is not as long as it said").into());
                }
            }
        }
    }

    /// The next line, without its CR LF.
    fn take_line(&mut self, until: Instant) -> Result<Vec<u8>, Ending> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.incoming[seen..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.take(seen + at + 1, until)?;
                line.pop();
                return match line.pop() {
                    Some(b'\r') => Ok(line),
                    _ => Err(Refusal::Malformed("a line of the body's framing does not end in CR LF").into()),
                };
            }
            seen = self.incoming.len();
            if seen > MOST_LINE_BYTES {
                return Err(Refusal::Malformed("a line of the body's framing is too long").into());
            }
            self.receive(until)?;
        }
    }

    /// The next `len` bytes.
    fn take(&mut self, len: usize, until: Instant) -> Result<Vec<u8>, Ending> {
        while self.incoming.len() < len {
            self.receive(until)?;
        }
        Ok(self.incoming.drain(..len).collect())
    }

    /// Waits for at least one byte more.
    fn receive(&mut self, until: Instant) -> Result<(), Ending> {
        let mut block = [0; 4 << 10];
        let len = self.receive_into(&mut block, Some(until))?;
        self.incoming.extend_from_slice(&block[..len]);
        Ok(())
    }

    fn receive_into(&mut self, block: &mut [u8], until: Option<Instant>) -> Result<usize, Ending> {
        loop {
            match self.socket.recv(block) {
                Ok(0) => return Err(Ending::Over),
                Ok(len) => {
                    self.count(len);
                    return Ok(len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wake = self.socket.wait_readable(self.slot, until);
                    self.has_waited(wake)?;
                }
                Err(_) => return Err(Ending::Over),
            }
        }
    }

    /// Reads and forgets until the other end closes, it is late, or there was more than enough.
    fn discard(&mut self, most: usize, until: Option<Instant>) -> Ending {
        let mut block = [0; 4 << 10];
        let mut seen = 0_usize;
        while seen < most {
            match self.receive_into(&mut block, until) {
                Ok(len) => seen = seen.saturating_add(len),
                Err(ending) => return ending,
            }
        }
        Ending::Over
    }

    fn send_pattern(&mut self, mut n: u64) -> Result<(), Ending> {
        self.flush()?;
        while n > 0 {
            let len = usize::try_from(n).map_or(PATTERN.len(), |n| n.min(PATTERN.len()));
            self.send(&PATTERN[..len])?;
            n -= u64::try_from(len).unwrap_or(n);
        }
        Ok(())
    }

    /// Each byte has its time, counted from the first, so that waits that come late do not add up.
    fn drip(&mut self, bytes: u64, over: Duration) -> Result<(), Ending> {
        let begun = Instant::now();
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        for nth in 1..=count {
            self.pause_until(begun + over * nth / count)?;
            let at = usize::try_from(nth - 1).unwrap_or(0) % PATTERN.len();
            self.send(&PATTERN[at..=at])?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Ending> {
        let outgoing = std::mem::take(&mut self.outgoing);
        self.send(&outgoing)
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<(), Ending> {
        while !bytes.is_empty() {
            match self.socket.send(bytes) {
                Ok(len) => {
                    bytes = &bytes[len..];
                    self.count(len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wake = self.socket.wait_writable(self.slot, Some(Instant::now() + PATIENCE));
                    self.has_waited(wake)?;
                }
                Err(_) => return Err(Ending::Over),
            }
        }
        Ok(())
    }

    fn pause_until(&mut self, until: Instant) -> Result<(), Ending> {
        self.flush()?;
        loop {
            match self.slot.park(Some(until)) {
                Wake::Woken => {}
                Wake::Late => break,
                Wake::Stopped => return Err(Ending::Over),
            }
        }
        self.moved = 0;
        Ok(())
    }

    fn pass_gate(&mut self, awaited: u64) -> Result<(), Ending> {
        self.flush()?;
        let passed = self.gates.pass(awaited, self.slot, Instant::now() + PATIENCE);
        self.moved = 0;
        passed.map_err(|wake| if wake == Wake::Late { Refusal::Alone.into() } else { Ending::Over })
    }

    fn has_waited(&mut self, wake: Wake) -> Result<(), Ending> {
        self.moved = 0;
        if wake == Wake::Woken { Ok(()) } else { Err(Ending::Over) }
    }

    /// Counts bytes towards the turn and gives it up when it was long enough.
    fn count(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= TURN_BYTES {
            self.moved = 0;
            self.slot.yield_through_selector();
        }
    }
}
