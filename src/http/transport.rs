//! The monkey patch: ureq's `Connector` and `Transport` over a connection that parks in place of blocking.
//!
//! ureq runs here as gevent runs urllib: an ordinary blocking client that does not know that its reads switch to
//! another coroutine. Under it, the wire shows ureq only whole, strictly checked heads and plain framing, remembers how
//! the connection ended, and stamps the phases.
//!
//! Knows one exchange: a request and its response. Refuses to know redirects, pools and names.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::{Lender, WireBuffers};
use super::chunk::{self, Scanner};
use super::connection::{Connection, Received};
use super::error::{self, Limit};
use super::head::{self, Asked, Framing, Head};
use super::stopwatch::Stopwatch;
use crate::event::Trace;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::{Slot, Wake};

/// 1xx heads before the answer that are skipped; a server that sends more never answers.
const MOST_INTERIM: u32 = 32;

/// Bytes that may be read without a wait before the others have a turn: 100 small requests beside 8 large downloads
/// waited 3.3 ms at worst, against 179 ms without (2026-11).
const TURN_BYTES: usize = 256 << 10;

/// Who is told of what goes over the wire; `None` tells nobody.
pub(super) type Tracer = Option<Arc<dyn Fn(Trace) + Send + Sync>>;

/// The limits of time of one exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// When the attempt is over; `None` = no limit.
    pub(super) total_at: Option<Instant>,
    /// `--max-time`, for the message.
    pub(super) total: Duration,
    /// The longest silence once the response has begun; `None` = no limit.
    pub(super) stall: Option<Duration>,
}

/// One exchange over one connection.
pub(super) struct Wire {
    pub(super) connection: Connection,
    slot: Arc<Slot>,
    pub(super) watch: Stopwatch,
    limits: TimeLimits,
    asked: Asked,
    tracer: Tracer,
    logs_wire: bool,
    buffers: WireBuffers,
    reading: Reading,
    /// A head that came in pieces.
    partial: Vec<u8>,
    interim: u32,
    bytes_in_turn: usize,
    /// The final head, until it is put where the exchange can see it.
    head: Option<Head>,
    /// Bytes of all heads.
    pub(super) size_header: u64,
    /// Bytes of body, without framing.
    pub(super) size_body: u64,
    pub(super) size_upload: u64,
    /// The request was begun.
    is_sending: bool,
    /// The request went out without ureq; what ureq writes is swallowed.
    is_asked: bool,
    /// What ureq writes first is to be kept, and what that was.
    keeps_written: bool,
    written: Option<Vec<u8>>,
    /// Sending failed; the answer may have come before.
    send_error: Option<io::Error>,
    /// Any byte came.
    pub(super) is_answered: bool,
    /// Why the exchange failed, when the wire knows.
    pub(super) failure: Option<Failure>,
    /// ureq would use the connection again.
    asked_open: bool,
    /// Bytes came that belong to no response.
    is_dirty: bool,
}

/// What the next bytes are.
enum Reading {
    Head,
    Length { left: u64 },
    Chunked(Scanner),
    UntilClose,
    Done,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?})", self.connection)
    }
}

/// What one exchange needs to know.
pub(super) struct Terms {
    pub(super) limits: TimeLimits,
    pub(super) is_head: bool,
    pub(super) tracer: Tracer,
    pub(super) logs_wire: bool,
    /// What ureq writes is worth remembering.
    pub(super) keeps_written: bool,
}

impl Wire {
    pub(super) fn new(
        connection: Connection,
        terms: &Terms,
        slot: Arc<Slot>,
        watch: Stopwatch,
        lender: Lender,
    ) -> Box<Wire> {
        Box::new(Wire {
            connection,
            slot,
            watch,
            limits: terms.limits,
            asked: Asked { is_head: terms.is_head, wants_headers: false },
            tracer: terms.tracer.clone(),
            logs_wire: terms.logs_wire,
            buffers: WireBuffers::new(lender),
            reading: Reading::Head,
            partial: Vec::new(),
            interim: 0,
            bytes_in_turn: 0,
            head: None,
            size_header: 0,
            size_body: 0,
            size_upload: 0,
            is_sending: false,
            is_asked: false,
            keeps_written: terms.keeps_written,
            written: None,
            send_error: None,
            is_answered: false,
            failure: None,
            asked_open: false,
            is_dirty: false,
        })
    }

    /// Whether the connection may serve another request: ureq and the framing both say so, and nothing is left over.
    pub(super) fn is_reusable(&mut self) -> bool {
        let is_over = matches!(self.reading, Reading::Done);
        self.asked_open
            && is_over
            && !self.is_dirty
            && self.send_error.is_none()
            && self.connection.is_drained()
    }

    /// Keeps the connection and gives up the rest.
    pub(super) fn into_connection(self: Box<Wire>) -> Connection {
        self.connection
    }

    fn fail(&mut self, failure: Failure) -> ureq::Error {
        self.failure.get_or_insert(failure);
        // ureq takes some kinds for an orderly end; this one it hands on as it is.
        ureq::Error::Io(io::Error::other("the exchange failed"))
    }

    fn phase(&self) -> Phase {
        self.watch.phase()
    }

    /// Waits until bytes may have come.
    fn wait(&mut self) -> Result<(), Failure> {
        self.bytes_in_turn = 0;
        let stall = self.limits.stall.filter(|_| self.is_answered).map(|stall| Instant::now() + stall);
        let until = [self.limits.total_at, stall].into_iter().flatten().min();
        match self.connection.wait_readable(&self.slot, until) {
            Wake::Woken => Ok(()),
            Wake::Stopped => Err(error::cancelled(self.phase())),
            Wake::Late => match self.limits.stall {
                Some(stall) if until != self.limits.total_at => {
                    Err(error::late(Limit::Stall(stall), self.phase()))
                }
                _ => Err(self.total_late()),
            },
        }
    }

    fn total_late(&self) -> Failure {
        error::late(Limit::Total(self.limits.total), self.phase())
    }

    fn check_total(&self) -> Result<(), Failure> {
        match self.limits.total_at {
            Some(at) if at <= Instant::now() => Err(self.total_late()),
            _ => Ok(()),
        }
    }

    /// After many bytes without a wait: the others first, and a look at the clock, as a server that always has
    /// something to say never lets us wait.
    fn give_turn(&mut self, received: usize) -> Result<(), Failure> {
        self.bytes_in_turn += received;
        if self.bytes_in_turn < TURN_BYTES {
            return Ok(());
        }
        self.bytes_in_turn = 0;
        self.slot.yield_through_selector();
        if self.slot.is_stopped() {
            return Err(error::cancelled(self.phase()));
        }
        self.check_total()
    }

    /// Receives into a lent buffer, waiting as long as it takes. The buffer is lent only once there is something: a
    /// connection that waits holds none.
    fn receive(&mut self, most: usize) -> Result<(Vec<u8>, Received), Failure> {
        // After a request nothing can be there yet, so the wait comes first; within a body it mostly is.
        let mut waits_first = !self.is_answered && !self.connection.has_decrypted();
        loop {
            if waits_first {
                self.wait()?;
            }
            let mut buffer = self.buffers.lender().lend();
            let room = most.min(buffer.len() - chunk::GROWTH);
            match self.connection.recv(&mut buffer[..room]) {
                Ok(received) => {
                    self.note_answer(received);
                    return Ok((buffer, received));
                }
                Err(error) => {
                    self.buffers.lender().take_back(buffer);
                    if error.kind() != io::ErrorKind::WouldBlock {
                        return Err(self.broken(&error));
                    }
                    waits_first = true;
                    self.check_total()?;
                }
            }
        }
    }

    fn note_answer(&mut self, received: Received) {
        if !self.is_answered && received != Received::End {
            self.is_answered = true;
            self.watch.answered();
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let failure = error::broken(error, self.phase(), &self.progress());
        match &self.send_error {
            Some(sending) if !self.is_answered => {
                error::broken(sending, Phase::Send, "while the request was sent")
            }
            _ => failure,
        }
    }

    /// How far the response came, in words.
    fn progress(&self) -> String {
        match self.reading {
            Reading::Head if self.is_answered => "inside the response head".to_owned(),
            Reading::Head => "before any byte of the response".to_owned(),
            Reading::Length { left } => {
                format!("after {} of {} bytes", self.size_body, self.size_body + left)
            }
            _ => format!("after {} bytes of the body", self.size_body),
        }
    }

    fn cut(&self) -> Failure {
        Failure::new(Class::Closed, self.phase(), format!("ended {}", self.progress()))
    }

    /// Reads until the final head is whole and found good, and shows it to ureq.
    fn read_head(&mut self) -> Result<(), Failure> {
        loop {
            let (buffer, received) = self.receive(usize::MAX)?;
            let Received::Bytes(count) = received else {
                self.buffers.lender().take_back(buffer);
                return Err(match &self.send_error {
                    Some(sending) if !self.is_answered => {
                        error::broken(sending, Phase::Send, "while the request was sent")
                    }
                    _ => self.cut(),
                });
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
            self.give_turn(count)?;
        }
    }

    /// Looks for the final head in `buffer[..end]`, of which `from` bytes were looked at before. What is not whole is
    /// kept aside in its own size, so that slow heads do not hold large buffers.
    fn look_for_head(&mut self, buffer: Vec<u8>, end: usize, from: usize) -> Result<bool, Failure> {
        let (mut start, mut from) = (0, from);
        loop {
            let Some(head) = head::look(&buffer[start..end], from, self.asked)? else {
                self.partial = buffer[start..end].to_vec();
                self.buffers.lender().take_back(buffer);
                return Ok(false);
            };
            self.size_header += head.len as u64;
            self.log_head(&buffer[start..start + head.len]);
            if !head.is_interim() {
                self.begin_body(buffer, start, start + head.len, end, head);
                return self.failure.take().map_or(Ok(true), Err);
            }
            self.interim += 1;
            if self.interim > MOST_INTERIM {
                let message = format!("more than {MOST_INTERIM} interim (1xx) responses");
                return Err(Failure::new(Class::Protocol, Phase::Receive, message));
            }
            (start, from) = (start + head.len, 0);
        }
    }

    /// Shows the head to ureq with what came behind it, as far as that belongs to the body.
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

    /// Runs a block through the chunk scanner; says how much of `out` was written. A fault is kept for the caller.
    fn scan(&mut self, block: &[u8], out: &mut [u8]) -> usize {
        let Reading::Chunked(scanner) = &mut self.reading else { return 0 };
        match scanner.feed(block, out) {
            Ok((read, written)) => {
                self.size_body = scanner.body_bytes();
                if scanner.is_done() {
                    self.reading = Reading::Done;
                    self.is_dirty |= read < block.len();
                }
                written
            }
            Err(fault) => {
                self.failure = Some(Failure::new(Class::Protocol, Phase::Receive, fault));
                0
            }
        }
    }

    /// Reads some of the body and shows it to ureq; `false` is its orderly end.
    fn read_body(&mut self) -> Result<bool, Failure> {
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
                if let Some(failure) = self.failure.take() {
                    return Err(failure);
                }
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
        self.give_turn(count)?;
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

    /// Sends a whole request that has no body and waits for the head of the answer, without ureq.
    pub(super) fn ask(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.watch.sending(self.connection.is_tls());
        let sent = self.connection.send_all(request, &self.slot, self.limits.total_at);
        self.note_sent(sent)?;
        self.is_asked = true;
        self.watch.enter(Phase::Wait);
        self.read_head()
    }

    /// The head that `ask` waited for.
    pub(super) fn seen_head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Takes the head for an answer that is read without ureq.
    pub(super) fn take_head(&mut self) -> Option<Head> {
        if let Some(head) = &self.head {
            self.buffers.input_consume(head.len);
        }
        self.head.take()
    }

    /// Reads a body of known length to its end without ureq, counting it into `delivered`.
    pub(super) fn read_plain_body(&mut self, limit: Option<u64>, delivered: &mut u64) -> Result<(), Failure> {
        loop {
            let count = self.buffers.input().len();
            self.buffers.input_consume(count);
            *delivered += count as u64;
            super::body::check_delivered(*delivered, limit)?;
            if matches!(self.reading, Reading::Done) {
                self.asked_open = true;
                return Ok(());
            }
            self.read_body()?;
        }
    }

    /// The request that ureq wrote, when it was asked to be kept.
    pub(super) fn take_written(&mut self) -> Option<Vec<u8>> {
        self.written.take()
    }

    fn send(&mut self, amount: usize) -> Result<(), Failure> {
        if self.is_asked {
            // The answer is here already: ureq writes the request once more only to judge the answer.
            self.buffers.release_output();
            return Ok(());
        }
        if self.is_sending {
            self.size_upload += amount as u64;
        } else {
            self.is_sending = true;
            self.watch.sending(self.connection.is_tls());
            self.log_sent(amount);
            self.written = self.keeps_written.then(|| self.buffers.sent(amount).to_vec());
        }
        let bytes = self.buffers.sent(amount);
        let sent = self.connection.send_all(bytes, &self.slot, self.limits.total_at);
        self.buffers.release_output();
        self.note_sent(sent)
    }

    fn note_sent(&mut self, sent: io::Result<()>) -> Result<(), Failure> {
        match sent {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(self.total_late()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error::cancelled(self.phase())),
            Err(error) => {
                // A server may answer and close before it has read all: the answer is read first.
                self.send_error.get_or_insert(error);
                Ok(())
            }
        }
    }

    fn log_sent(&self, amount: usize) {
        self.log('>', self.buffers.sent(amount));
    }

    fn log_head(&self, head: &[u8]) {
        self.log('<', head);
    }

    fn log(&self, mark: char, head: &[u8]) {
        let Some(tracer) = self.tracer.as_ref().filter(|_| self.logs_wire) else { return };
        let text = String::from_utf8_lossy(head);
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            tracer(Trace::Wire(format!("{mark} {line}")));
        }
    }
}

/// ureq's end of a wire. When ureq lets go of it, for whatever reason, the wire is home again.
pub(super) struct Patched {
    wire: Option<Box<Wire>>,
    home: Home,
}

/// Where a wire comes back to, and where the head is known while ureq still holds the wire.
pub(super) type Home = Arc<Mutex<AtHome>>;

/// What lies at home.
#[derive(Default)]
pub(super) struct AtHome {
    wire: Option<Box<Wire>>,
    head: Option<Head>,
    /// The whole body came with the head.
    is_whole: bool,
}

fn at(home: &Home) -> std::sync::MutexGuard<'_, AtHome> {
    home.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a wire that has come home.
pub(super) fn take_home(home: &Home) -> Option<Box<Wire>> {
    at(home).wire.take()
}

/// Takes the head of the answer.
pub(super) fn take_head(home: &Home) -> Option<Head> {
    at(home).head.take()
}

/// Whether the whole body came with the head, so that reading it waits for nothing.
pub(super) fn is_whole(home: &Home) -> bool {
    at(home).is_whole
}

impl fmt::Debug for Patched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.wire)
    }
}

impl Drop for Patched {
    fn drop(&mut self) {
        at(&self.home).wire = self.wire.take();
    }
}

impl Patched {
    fn wire(&mut self) -> &mut Wire {
        self.wire.as_mut().expect("the wire goes home only when ureq lets go")
    }
}

impl Transport for Patched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.wire().buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), ureq::Error> {
        let wire = self.wire();
        wire.send(amount).map_err(|failure| wire.fail(failure))
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let wire = self.wire();
        if !matches!(wire.reading, Reading::Head) {
            return wire.read_body().map_err(|failure| wire.fail(failure));
        }
        if !wire.is_answered && wire.phase() != Phase::Wait {
            wire.watch.enter(Phase::Wait);
        }
        wire.read_head().map_err(|failure| wire.fail(failure))?;
        let (head, is_whole) = (wire.head.take(), matches!(wire.reading, Reading::Done));
        let mut home = at(&self.home);
        (home.head, home.is_whole) = (head, is_whole);
        Ok(true)
    }

    /// ureq asks when it would put the connection into its pool. The answer is no, so that it lets go of it; ours is
    /// told that it asked.
    fn is_open(&mut self) -> bool {
        self.wire().asked_open = true;
        false
    }

    fn is_tls(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.connection.is_tls())
    }
}

thread_local! {
    /// The wire for the call of ureq's that is about to begin. Put here and taken by `HandOver::connect` without a wait
    /// between, so no other coroutine of the thread can see it.
    static NEXT: RefCell<Option<Patched>> = const { RefCell::new(None) };
}

/// Gives ureq's next call on this thread its wire. A head that has been read already is at home from the start.
pub(super) fn hand_over(mut wire: Box<Wire>, home: &Home) {
    if let Some(head) = wire.head.take() {
        let mut home = at(home);
        (home.head, home.is_whole) = (Some(head), matches!(wire.reading, Reading::Done));
    }
    NEXT.set(Some(Patched { wire: Some(wire), home: Arc::clone(home) }));
}

/// Sends a wire home that ureq did not take.
pub(super) fn take_back() {
    drop(NEXT.take());
}

/// ureq's connector: the connection stands already.
#[derive(Debug)]
pub(super) struct HandOver;

impl Connector for HandOver {
    type Out = Patched;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Patched>, ureq::Error> {
        Ok(NEXT.take())
    }
}

/// ureq's resolver: nobody asks it anything.
#[derive(Debug)]
pub(super) struct Nobody;

impl Resolver for Nobody {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
