//! One exchange over one connection: a request out, a response in, with every wait, limit and phase on the way.
//!
//! Knows how to wait, when to give others a turn, and in what words an exchange failed. Refuses to know redirects, pools
//! and names; what the bytes mean is told by `reading`.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::Buffers;

use super::buffers::{Lender, WireBuffers};
use super::chunk;
use super::connection::{Connection, Received};
use super::error::{self, Limit};
use super::head::{Asked, Head};
use super::reading::Reading;
use super::sending::{Early, Sending};
use super::stopwatch::Stopwatch;
use crate::event::Trace;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::Wake;

/// ureq sends nothing once for an empty body. More often it does so only when it waits for a body that never comes, and
/// then it would never end.
const MOST_EMPTY_SENDS: u32 = 3;

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
    pub(super) watch: Stopwatch,
    pub(super) limits: TimeLimits,
    pub(super) asked: Asked,
    pub(super) tracer: Tracer,
    pub(super) logs_wire: bool,
    pub(super) buffers: WireBuffers,
    pub(super) reading: Reading,
    /// A head that came in pieces.
    pub(super) partial: Vec<u8>,
    pub(super) interim: u32,
    pub(super) bytes_in_turn: usize,
    /// The final head, until it is put where the exchange can see it.
    pub(super) head: Option<Head>,
    /// Bytes of all heads.
    pub(super) size_header: u64,
    /// Bytes of body, without framing.
    pub(super) size_body: u64,
    pub(super) size_upload: u64,
    /// How often ureq sent nothing.
    empty_sends: u32,
    /// The request was begun.
    pub(super) is_sending: bool,
    /// What is put before the path of the request line.
    absolute: Option<Box<str>>,
    /// The request went out without ureq; what ureq writes is swallowed.
    pub(super) is_asked: bool,
    /// Sending failed; the answer may have come before.
    pub(super) send_error: Option<io::Error>,
    /// What came before the request was sent to its end.
    pub(super) early: Early,
    /// Any byte came.
    pub(super) is_answered: bool,
    /// The response has begun: bytes came that are not those of an interim (1xx) one that is over.
    is_begun: bool,
    /// Why the exchange failed, when the wire knows.
    pub(super) failure: Option<Failure>,
    /// Another request may follow over the connection: by its head or, where ureq reads the answer, by ureq.
    pub(super) stays: bool,
    /// Bytes came that belong to no response.
    pub(super) is_dirty: bool,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({:?})", self.connection)
    }
}

/// What one exchange needs to know.
pub(super) struct Terms {
    pub(super) limits: TimeLimits,
    pub(super) asked: Asked,
    /// Scheme, host and port, where a proxy is asked for the whole URL (RFC 9112 §3.2.2).
    pub(super) absolute: Option<Box<str>>,
    pub(super) tracer: Tracer,
    pub(super) logs_wire: bool,
}

impl Wire {
    pub(super) fn new(connection: Connection, terms: &Terms, watch: Stopwatch, lender: Lender) -> Box<Wire> {
        Box::new(Wire {
            connection,
            watch,
            limits: terms.limits,
            asked: terms.asked,
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
            empty_sends: 0,
            is_sending: false,
            absolute: terms.absolute.clone(),
            is_asked: false,
            send_error: None,
            early: Early::default(),
            is_answered: false,
            is_begun: false,
            failure: None,
            stays: false,
            is_dirty: false,
        })
    }

    /// Whether the connection may serve another request: ureq and the framing both say so, and nothing is left over.
    pub(super) fn is_reusable(&mut self) -> bool {
        let is_over = matches!(self.reading, Reading::Done);
        self.stays && is_over && !self.is_dirty && self.send_error.is_none() && self.connection.is_drained()
    }

    /// Keeps the connection and gives up the rest.
    pub(super) fn into_connection(self: Box<Wire>) -> Connection {
        self.connection
    }

    pub(super) fn fail(&mut self, failure: Failure) -> ureq::Error {
        self.failure.get_or_insert(failure);
        // ureq takes some kinds for an orderly end; this one it hands on as it is.
        ureq::Error::Io(io::Error::other("the exchange failed"))
    }

    pub(super) fn phase(&self) -> Phase {
        self.watch.phase()
    }

    /// Waits until bytes may have come.
    pub(super) fn wait(&mut self) -> Result<(), Failure> {
        self.bytes_in_turn = 0;
        let stall = self.limits.stall.filter(|_| self.is_begun).map(|stall| Instant::now() + stall);
        let until = [self.limits.total_at, stall].into_iter().flatten().min();
        match self.connection.wait_readable(self.watch.slot(), until) {
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
    pub(super) fn give_turn(&mut self) -> Result<(), Failure> {
        if self.bytes_in_turn < TURN_BYTES {
            return Ok(());
        }
        self.watch.slot().yield_through_selector();
        self.begin_turn()
    }

    /// After others had their turn: whether there is still time.
    pub(super) fn begin_turn(&mut self) -> Result<(), Failure> {
        self.bytes_in_turn = 0;
        if self.watch.slot().is_stopped() {
            return Err(error::cancelled(self.phase()));
        }
        self.check_total()
    }

    /// Receives into a lent buffer, waiting as long as it takes. The buffer is lent only once there is something: a
    /// connection that waits holds none.
    pub(super) fn receive(&mut self, most: usize) -> Result<(Vec<u8>, Received), Failure> {
        self.until_ready(|wire| {
            let mut buffer = wire.buffers.lender().lend();
            let room = most.min(buffer.len() - chunk::GROWTH);
            match wire.connection.recv(&mut buffer[..room]) {
                Ok(received) => {
                    wire.note_answer(received);
                    Ok((buffer, received))
                }
                Err(error) => {
                    wire.buffers.lender().take_back(buffer);
                    Err(error)
                }
            }
        })
    }

    /// Has the kernel throw away some of a body, waiting as long as it takes. They count as fewer bytes in a turn, as
    /// they take less of it: a quarter of what copying them takes (2026-11).
    pub(super) fn discard(&mut self, most: usize) -> Result<Received, Failure> {
        let received = self.until_ready(|wire| wire.connection.discard(most))?;
        if let Received::Bytes(count) = received {
            self.bytes_in_turn += count / 4;
        }
        Ok(received)
    }

    /// Tries to receive until there is something, or it is too late.
    fn until_ready<T>(&mut self, mut receive: impl FnMut(&mut Wire) -> io::Result<T>) -> Result<T, Failure> {
        // After a request nothing can be there yet, so the wait comes first; within a body it mostly is.
        let mut waits_first = !self.is_answered && !self.connection.has_decrypted();
        loop {
            if waits_first {
                self.wait()?;
            }
            match receive(self) {
                Ok(received) => return Ok(received),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(self.broken(&error)),
                Err(_) => {
                    waits_first = true;
                    self.check_total()?;
                }
            }
        }
    }

    pub(super) fn note_answer(&mut self, received: Received) {
        if let Received::Bytes(count) = received {
            self.bytes_in_turn += count;
        }
        if !self.is_begun && received != Received::End {
            (self.is_answered, self.is_begun) = (true, true);
            self.watch.answered();
        }
    }

    pub(super) fn broken(&self, error: &io::Error) -> Failure {
        self.unsent().unwrap_or_else(|| error::broken(error, self.phase(), &self.progress()))
    }

    /// Sending failed and no answer came before: then that is what there is to tell.
    fn unsent(&self) -> Option<Failure> {
        let sending = self.send_error.as_ref().filter(|_| !self.is_answered)?;
        Some(error::broken(sending, Phase::Send, "while the request was sent"))
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

    /// An interim response is over and nothing came behind it: the server is thinking again.
    pub(super) fn await_anew(&mut self) {
        self.is_begun = false;
        self.watch.enter(Phase::Wait);
    }

    /// The connection ended in good order before the response did.
    pub(super) fn cut(&self) -> Failure {
        let cut = || Failure::new(Class::Closed, self.phase(), format!("ended {}", self.progress()));
        self.unsent().unwrap_or_else(cut)
    }

    /// Sends a whole request that has no body and waits for the head of the answer, without ureq.
    pub(super) fn ask(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.watch.sending(self.connection.is_tls());
        let sent = self.connection.send_all(request, self.watch.slot(), self.limits.total_at);
        self.note_sent(sent)?;
        self.is_asked = true;
        self.watch.enter(Phase::Wait);
        self.read_head()
    }

    /// Takes the head that `ask` waited for, if the answer is one to be read without ureq.
    pub(super) fn take_head_if(&mut self, is_plain: impl FnOnce(&Head) -> bool) -> Option<Head> {
        let head = self.head.take_if(|head| is_plain(head))?;
        self.buffers.input_consume(head.len);
        Some(head)
    }

    pub(super) fn send(&mut self, amount: usize) -> Result<(), Failure> {
        if self.is_asked || self.early.is_refusal || self.send_error.is_some() {
            // The answer is here already: ureq writes the request once more only to judge the answer, or the rest of a
            // body that nobody wants. Or nothing can be sent any more, and the answer is all that may still come.
            self.buffers.release_output();
            return Ok(());
        }
        if amount == 0 {
            self.empty_sends += 1;
            if self.empty_sends > MOST_EMPTY_SENDS {
                return Err(error::internal(Phase::Send, "the request promises more body than there is"));
            }
        }
        let sent = if self.is_sending { self.send_body(amount) } else { self.send_head(amount) };
        self.buffers.release_output();
        self.note_sent(sent)
    }

    fn send_head(&mut self, amount: usize) -> io::Result<()> {
        self.is_sending = true;
        self.watch.sending(self.connection.is_tls());
        let mut written = Cow::Borrowed(self.buffers.sent(amount));
        if let Some(origin) = &self.absolute {
            written = absolute_form(&written, origin).into();
        }
        self.log('>', &written);
        self.connection.send_all(&written, self.watch.slot(), self.limits.total_at)
    }

    fn send_body(&mut self, amount: usize) -> io::Result<()> {
        let sending = Sending {
            connection: &mut self.connection,
            early: &mut self.early,
            lender: self.buffers.lender(),
            slot: self.watch.slot(),
            until: self.limits.total_at,
        };
        let mut left = self.buffers.sent(amount);
        let sent = sending.send(&mut left);
        self.size_upload += (amount - left.len()) as u64;
        if self.early.is_refusal {
            return Err(io::Error::other("the server answered before it had read the request"));
        }
        sent
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

    pub(super) fn log_head(&self, head: &[u8]) {
        self.log('<', head);
    }

    fn log(&self, mark: char, head: &[u8]) {
        log(self.tracer.as_ref().filter(|_| self.logs_wire), mark, head);
    }
}

/// Tells a head line by line.
pub(super) fn log(tracer: Option<&Arc<dyn Fn(Trace) + Send + Sync>>, mark: char, head: &[u8]) {
    if let Some(tracer) = tracer {
        let text = String::from_utf8_lossy(head);
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            tracer(Trace::Wire(format!("{mark} {line}")));
        }
    }
}

/// A head as a proxy wants it: ureq writes `GET /path` for every request that has its own connection.
fn absolute_form(head: &[u8], origin: &str) -> Vec<u8> {
    let path = head.iter().position(|byte| *byte == b' ').map_or(0, |blank| blank + 1);
    [&head[..path], origin.as_bytes(), &head[path..]].concat()
}
