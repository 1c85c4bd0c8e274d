//! What came of a request: attempts, and the failure or pass that they add up to.
//!
//! Knows the stable words of the contract: classes and phases. Refuses to know how they are
//! printed or which exit status they give.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::check::Verdict;
use crate::request::Subject;
use crate::response::{Response, Timings};

/// Why a URL failed, one stable word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The entry is no URL that can be fetched.
    Url,
    /// The name did not resolve.
    Dns,
    /// No connection: refused, unreachable, or a proxy's refusal.
    Connect,
    /// Handshake or verification.
    Tls,
    /// A limit of time.
    Timeout,
    /// The connection ended before the response did: reset, FIN, truncation.
    Closed,
    /// What came is not valid HTTP.
    Protocol,
    /// Content coding.
    Decode,
    /// A limit of size.
    Size,
    /// Limit, loop, forbidden target or bad Location.
    Redirect,
    /// The status is not the one expected.
    Status,
    /// An expectation was not met.
    Check,
    /// A file could not be written.
    Write,
    /// Never finished: signal, deadline, fail-fast.
    Cancelled,
    /// A bug of ours.
    Internal,
}

impl Class {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Url => "url",
            Class::Dns => "dns",
            Class::Connect => "connect",
            Class::Tls => "tls",
            Class::Timeout => "timeout",
            Class::Closed => "closed",
            Class::Protocol => "protocol",
            Class::Decode => "decode",
            Class::Size => "size",
            Class::Redirect => "redirect",
            Class::Status => "status",
            Class::Check => "check",
            Class::Write => "write",
            Class::Cancelled => "cancelled",
            Class::Internal => "internal",
        }
    }
}

/// Where in its life a URL was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Waiting for a slot.
    Queue = 0,
    /// Looking up the name.
    Dns = 1,
    /// Connecting.
    Connect = 2,
    /// The TLS handshake.
    Tls = 3,
    /// Sending the request.
    Send = 4,
    /// Waiting for the first byte of the response.
    Wait = 5,
    /// Receiving head and body.
    Receive = 6,
    /// Judging what was received.
    Check = 7,
    /// Writing the body to a file.
    Write = 8,
    /// Waiting before another attempt.
    Backoff = 9,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All of them in the order of a URL's life.
    pub const ALL: [Phase; Phase::COUNT] = [
        Phase::Queue,
        Phase::Dns,
        Phase::Connect,
        Phase::Tls,
        Phase::Send,
        Phase::Wait,
        Phase::Receive,
        Phase::Check,
        Phase::Write,
        Phase::Backoff,
    ];

    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Queue => "queue",
            Phase::Dns => "dns",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Send => "send",
            Phase::Wait => "wait",
            Phase::Receive => "receive",
            Phase::Check => "check",
            Phase::Write => "write",
            Phase::Backoff => "backoff",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An address that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Address and port.
    pub addr: SocketAddr,
    /// Why not: `refused`, `no route to host`.
    pub message: String,
}

/// Why an attempt failed: a value, never a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class} ({phase}): {message}")]
pub struct Failure {
    /// The stable word.
    pub class: Class,
    /// Where it happened.
    pub phase: Phase,
    /// The cause in words, a fragment without full stop. May quote bytes from outside: escape before showing.
    pub message: String,
    /// The addresses tried in vain before; empty when none was.
    pub tried: Vec<Tried>,
}

impl Failure {
    /// A failure that tried no address in vain.
    pub fn new(class: Class, phase: Phase, message: impl Into<String>) -> Failure {
        Failure { class, phase, message: message.into(), tried: Vec::new() }
    }
}

/// One try at a request, however it ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it had its slot.
    pub started: Instant,
    /// What took how long.
    pub timings: Timings,
    /// How long it lay in back-off before; zero for the first.
    pub wait_before: Duration,
    /// What was seen, also of an attempt that failed.
    pub response: Response,
    /// What was expected of it and how that was judged, in the order of the list; empty where nothing but the default was.
    pub verdicts: Vec<Verdict>,
    /// `None` when the attempt passed.
    pub failure: Option<Failure>,
    /// The process that made it ended under it: it may do better in another one, and nothing was seen of it.
    pub is_lost: bool,
}

impl Attempt {
    /// One that has its slot now and has seen nothing yet.
    pub fn begin(now: Instant) -> Attempt {
        Attempt {
            started: now,
            timings: Timings::default(),
            wait_before: Duration::ZERO,
            response: Response::default(),
            verdicts: Vec::new(),
            failure: None,
            is_lost: false,
        }
    }

    /// The same in the box that it stays in: it is large, and moved through several hands. Apart, so that the room in which
    /// it is put together is not on the stack of who waits.
    #[inline(never)]
    pub fn begin_boxed(now: Instant) -> Box<Attempt> {
        Box::new(Attempt::begin(now))
    }

    /// One of which nothing is known but that it failed, in one phase from beginning to end.
    pub fn failed(started: Instant, now: Instant, failure: Failure) -> Attempt {
        let mut attempt = Attempt::begin(started);
        attempt.timings.total = now.saturating_duration_since(started);
        attempt.timings.phases.add(failure.phase, attempt.timings.total);
        attempt.failure = Some(failure);
        attempt
    }

    /// When it gave its slot back.
    pub fn ended(&self) -> Instant {
        self.started + self.timings.total
    }
}

/// Tries at one request in order, each in the box that it was made in: they are large.
pub type Attempts = Vec<Box<Attempt>>;

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All that was expected was seen.
    Pass,
    /// Something was not.
    Fail,
    /// Failed, but the line is soft.
    Soft,
    /// Never finished.
    Cancelled,
}

impl Kind {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pass => "pass",
            Kind::Fail => "fail",
            Kind::Soft => "soft",
            Kind::Cancelled => "cancelled",
        }
    }
}

/// A list entry's end. There is exactly one for each entry taken up.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which entry.
    pub subject: Arc<Subject>,
    /// All tries in order, at least one; an entry that ended while it waited has one that only holds its failure.
    pub attempts: Attempts,
    /// What they add up to.
    pub kind: Kind,
    /// The round of `--until-pass` that these tries belong to, from 1; `None` without.
    pub round: Option<u32>,
}

impl Outcome {
    /// What a finished series of attempts adds up to.
    pub fn new(subject: Arc<Subject>, attempts: impl IntoIterator<Item: Into<Box<Attempt>>>) -> Outcome {
        let attempts: Attempts = attempts.into_iter().map(Into::into).collect();
        let kind = match attempts.last().and_then(|last| last.failure.as_ref()) {
            None => Kind::Pass,
            Some(failure) if failure.class == Class::Cancelled => Kind::Cancelled,
            Some(_) if subject.soft => Kind::Soft,
            Some(_) => Kind::Fail,
        };
        Outcome { subject, attempts, kind, round: None }
    }

    /// An entry that failed or was cancelled before it ever had a slot.
    pub fn without_a_slot(subject: Arc<Subject>, failure: Failure, queue: Duration, now: Instant) -> Outcome {
        let mut attempt = Attempt::begin_boxed(now);
        attempt.timings.queue = queue;
        attempt.failure = Some(failure);
        Outcome::new(subject, vec![attempt])
    }

    /// The attempt that decided.
    pub fn last(&self) -> &Attempt {
        self.attempts.last().expect("an outcome has at least one attempt")
    }

    /// Why it did not pass; `None` when it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.last().failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Location, Method};

    fn subject(soft: bool) -> Arc<Subject> {
        Arc::new(Subject {
            urlnum: 0,
            location: Location { source: "list".into(), line: 1 },
            listed: "http://a/".to_owned(),
            leads_to: None,
            name: None,
            tags: Arc::default(),
            method: Method::GET,
            host: "a".into(),
            soft,
            curl: None,
            again: None,
        })
    }

    #[test]
    fn the_last_attempt_decides_and_soft_lines_only_warn() {
        let failed = |soft, class| {
            let failure = Failure::new(class, Phase::Wait, "x");
            Outcome::without_a_slot(subject(soft), failure, Duration::ZERO, Instant::now()).kind
        };
        assert_eq!(failed(false, Class::Closed), Kind::Fail);
        assert_eq!(failed(true, Class::Closed), Kind::Soft);
        assert_eq!(failed(true, Class::Cancelled), Kind::Cancelled);
    }

    #[test]
    fn phases_stand_at_their_own_index() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, index);
        }
    }
}
