//! What the bytes of a response are: heads until the final one, then a body in its framing.
//!
//! Knows where in a response a wire is, and shows ureq only whole, strictly checked heads and plain framing. Refuses to
//! wait and to receive (`wire`).

use ureq::unversioned::transport::Buffers;

use super::body::Delivery;
use super::carrying::{self, End};
use super::chunk::{self, Scanner};
use super::connection::Received;
use super::head::{self, Framing, Head};
use super::save;
use super::wire::Wire;
use crate::outcome::{Class, Failure, Phase};

/// Bytes of an answer that is not HTTP that the wire log shows.
const MOST_LOGGED: usize = 4 << 10;

/// 1xx heads before the answer that are skipped; a server that sends more never answers.
pub(super) const MOST_INTERIM: u32 = 32;

/// A body is thrown away in pieces of so much: 256 MiB took 32 ms by 1 MiB and 138 ms when they were copied (2026-11).
const DISCARDED_BYTES: usize = 1 << 20;

/// The end of a body that is received all the same; a shorter body is received whole.
const RECEIVED_BYTES: u64 = 16 << 10;

/// A body of which more is left than this, a block of those that are written at once, can do without the worker.
const CARRIED_BYTES: u64 = save::BLOCK_BYTES as u64;

/// What the next bytes are.
pub(super) enum Reading {
    Head,
    Length { left: u64 },
    Chunked(Scanner),
    UntilClose,
    Done,
}

impl Wire {
    /// Reads until the final head is whole and found good, and shows it to ureq.
    pub(super) fn read_head(&mut self) -> Result<(), Failure> {
        let early = std::mem::take(&mut self.early.bytes);
        if !early.is_empty() {
            let end = early.len();
            self.note_answer(Received::Bytes(end));
            if self.look_for_head(early, end, 0)? {
                return Ok(());
            }
        }
        loop {
            let (buffer, received) = self.receive(usize::MAX)?;
            let Received::Bytes(count) = received else {
                self.buffers.lender().take_back(buffer);
                return Err(self.cut());
            };
            let done = if self.partial.is_empty() {
                self.look_for_head(buffer, count, 0)?
            } else {
                let from = self.partial.len();
                self.partial.extend_from_slice(&buffer[..count]);
                self.buffers.lender().take_back(buffer);
                let whole = std::mem::take(&mut self.partial);
                let end = whole.len();
                self.look_for_head(whole, end, from)?
            };
            if done {
                return Ok(());
            }
            self.give_turn()?;
        }
    }

    /// Looks for the final head in `buffer[..end]`, of which `from` bytes were looked at before. What is not whole is
    /// kept aside in its own size, so that slow heads do not hold large buffers.
    fn look_for_head(&mut self, buffer: Vec<u8>, end: usize, from: usize) -> Result<bool, Failure> {
        let (mut start, mut from) = (0, from);
        loop {
            let looked = head::look(&buffer[start..end], from, self.asked);
            if looked.is_err() {
                // What is wrong with it is best seen in the wire log.
                self.log_head(&buffer[start..end.min(start + MOST_LOGGED)]);
            }
            let Some(head) = looked? else {
                self.partial = buffer[start..end].to_vec();
                self.buffers.lender().take_back(buffer);
                return Ok(false);
            };
            self.size_header += head.len as u64;
            self.log_head(&buffer[start..start + head.len]);
            if !head.is_interim() {
                self.begin_body(buffer, start, start + head.len, end, head);
                return Ok(true);
            }
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                let message = format!("more than {MOST_INTERIM} interim (1xx) responses");
                return Err(Failure::new(Class::Protocol, Phase::Receive, message));
            }
            (start, from) = (start + head.len, 0);
            if start == end {
                self.await_anew();
            }
        }
    }

    /// Shows the head to ureq with what came behind it, as far as that belongs to the body. A fault in that is told when
    /// the body is read: what an answer comes to does not depend on the pieces it comes in.
    fn begin_body(&mut self, mut buffer: Vec<u8>, start: usize, body: usize, end: usize, head: Head) {
        let behind = end - body;
        self.reading = match head.framing {
            Framing::NoBody => Reading::Done,
            Framing::Length(0) => Reading::Done,
            Framing::Length(left) => Reading::Length { left },
            Framing::Chunked => Reading::Chunked(Scanner::new()),
            Framing::UntilClose => Reading::UntilClose,
        };
        let is_chunked = head.framing == Framing::Chunked;
        self.head = Some(head);
        let shown = match &mut self.reading {
            Reading::Chunked(_) => {
                let block = buffer[body..end].to_vec();
                buffer.resize(buffer.len().max(body + block.len() + chunk::GROWTH), 0);
                body + self.scan(&block, &mut buffer[body..])
            }
            Reading::Length { left } => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(behind);
                self.take_length(taken);
                body + taken
            }
            Reading::UntilClose => {
                self.size_body += behind as u64;
                end
            }
            Reading::Head | Reading::Done => body,
        };
        // The scanner tells by itself what lies behind the end of a chunked body.
        self.is_dirty |= !is_chunked && matches!(self.reading, Reading::Done) && shown < end;
        self.buffers.fill(buffer, start, shown);
    }

    fn take_length(&mut self, taken: usize) {
        if let Reading::Length { left } = &mut self.reading {
            *left -= taken as u64;
            self.size_body += taken as u64;
            if *left == 0 {
                self.reading = Reading::Done;
            }
        }
    }

    /// Runs a block through the chunk scanner; says how much of `out` was written. A fault is kept until that was read.
    fn scan(&mut self, block: &[u8], out: &mut [u8]) -> usize {
        let Reading::Chunked(scanner) = &mut self.reading else { return 0 };
        let fed = scanner.feed(block, out);
        self.size_body = scanner.body_bytes();
        if scanner.is_done() {
            self.reading = Reading::Done;
            self.is_dirty |= fed.read < block.len();
        }
        self.failure = fed.fault.map(|fault| Failure::new(Class::Protocol, Phase::Receive, fault));
        fed.written
    }

    /// Reads some of the body and shows it to ureq; `false` is its orderly end. Framing alone, such as half a chunk
    /// line, shows ureq nothing, and nothing would be the end to it: then more is read.
    pub(super) fn read_body(&mut self) -> Result<bool, Failure> {
        loop {
            // Before the next bytes and not after the last, so that no buffer is held meanwhile.
            self.give_turn()?;
            let goes_on = self.read_some()?;
            if !goes_on || !self.buffers.input().is_empty() || matches!(self.reading, Reading::Done) {
                return Ok(goes_on);
            }
        }
    }

    fn read_some(&mut self) -> Result<bool, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let most = match self.reading {
            // One more than there should be: a byte behind the end is seen here and not by the next request.
            Reading::Length { left } => usize::try_from(left).unwrap_or(usize::MAX).saturating_add(1),
            Reading::Done => return Ok(false),
            _ => usize::MAX,
        };
        let (buffer, received) = self.receive(most)?;
        let Received::Bytes(count) = received else {
            return self.end_of_connection(buffer);
        };
        match self.reading {
            Reading::Chunked(_) => {
                let mut plain = self.buffers.lender().lend();
                let written = self.scan(&buffer[..count], &mut plain);
                self.buffers.lender().take_back(buffer);
                self.buffers.fill(plain, 0, written);
            }
            Reading::Length { left } => {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(count);
                self.is_dirty |= taken < count;
                self.take_length(taken);
                self.buffers.fill(buffer, 0, taken);
            }
            _ => {
                self.size_body += count as u64;
                self.buffers.fill(buffer, 0, count);
            }
        }
        Ok(true)
    }

    /// An orderly end of the connection inside the body: the body's end, or a cut.
    fn end_of_connection(&mut self, mut buffer: Vec<u8>) -> Result<bool, Failure> {
        let written = match &mut self.reading {
            Reading::UntilClose => Some(0),
            Reading::Chunked(scanner) => scanner.finish(&mut buffer),
            _ => None,
        };
        let Some(written) = written else {
            self.buffers.lender().take_back(buffer);
            return Err(self.cut());
        };
        self.reading = Reading::Done;
        self.is_dirty = true;
        self.buffers.fill(buffer, 0, written);
        Ok(written > 0)
    }

    /// Reads a body of known length to its end without ureq.
    pub(super) fn read_plain_body(&mut self, delivery: &mut Delivery<'_>) -> Result<(), Failure> {
        loop {
            let count = self.buffers.input().len();
            delivery.take(self.buffers.input())?;
            self.buffers.input_consume(count);
            delivery.settle()?;
            if matches!(self.reading, Reading::Done) {
                return Ok(());
            }
            if !delivery.wants_bytes() && self.connection.can_discard() {
                self.discard_body(delivery)?;
            }
            self.carry_body(delivery)?;
            self.read_body()?;
        }
    }

    /// Has a body that nobody looks at thrown away where it is, but for its end: that is received, so that a byte
    /// behind it is seen as ever.
    fn discard_body(&mut self, delivery: &mut Delivery<'_>) -> Result<(), Failure> {
        while let Reading::Length { left } = self.reading
            && left > RECEIVED_BYTES
        {
            self.give_turn()?;
            let most = usize::try_from(left - RECEIVED_BYTES).unwrap_or(usize::MAX).min(DISCARDED_BYTES);
            let Received::Bytes(count) = self.discard(most)? else { return Err(self.cut()) };
            self.take_length(count);
            delivery.count(count)?;
        }
        Ok(())
    }

    /// Has a long body that is only saved received where it is written, as long as that is worth a job: little at a time
    /// is received here, and so is its end.
    fn carry_body(&mut self, delivery: &mut Delivery<'_>) -> Result<(), Failure> {
        let mut is_empty = false;
        while let Reading::Length { left } = self.reading
            && left > CARRIED_BYTES
            && let Some(saving) = delivery.unseen()
            && let Some(socket) = self.connection.share()
        {
            if std::mem::take(&mut is_empty) {
                self.wait()?;
            }
            if self.connection.waiting() < carrying::LEAST_BYTES {
                break;
            }
            let most = usize::try_from(left - RECEIVED_BYTES).unwrap_or(usize::MAX).min(carrying::MOST_BYTES);
            let carried = saving.carry(socket, most, self.buffers.lender());
            self.take_length(carried.received);
            delivery.count(carried.received)?;
            match carried.end? {
                End::Enough => {}
                End::Empty => is_empty = true,
                End::Fin => return Err(self.cut()),
                End::Broken(error) => return Err(self.broken(&error)),
            }
            self.begin_turn()?;
        }
        Ok(())
    }
}
