//! What happened when: the one interface between running and telling.
//!
//! Knows events, owned so that they can cross to the reporter's thread, and what a listener is.
//! Refuses to know who listens.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::check::Verdict;
use crate::config::Mode;
use crate::outcome::{Attempt, Class, Outcome};
use crate::request::Subject;

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// The first event of every run.
    RunStarted(RunInfo),
    /// A request has its slot.
    Started(Arc<Subject>),
    /// An attempt failed and another will follow.
    Retrying {
        /// Which entry.
        subject: Arc<Subject>,
        /// The attempt that failed.
        attempt: Box<Attempt>,
        /// How long until the next one.
        wait: Duration,
    },
    /// Something on the way that `-v` or `-vv` asked for.
    Trace(Arc<Subject>, Trace),
    /// An entry's end; exactly one for each entry taken up, but for those whose lines are in `Lines`.
    Finished(Box<Outcome>),
    /// What a scribe wrote of entries that passed, in place of an event for each.
    Lines(Lines),
    /// A sentence for the person at the shell, such as a limit that was lowered.
    Warning(String),
    /// The table of what is parked where, asked for by SIGUSR1 or written when a signal or the deadline ends the run.
    Parked(ParkedTable),
    /// The same, for `--live` without a screen.
    Live {
        /// What was seen.
        table: ParkedTable,
        /// When, from the run's start.
        at: Duration,
    },
    /// A round of `--until-pass` has ended and left something to ask again.
    Round(Round),
    /// The last event of every run.
    RunFinished(Summary),
}

/// Whole lines for standard output, written where the outcomes came to be.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Escaped, and without secrets.
    pub text: Vec<u8>,
    /// Of so many entries.
    pub entries: usize,
}

/// Tells outcomes where they come to be, when nobody wants to know more of them than a line: what an outcome holds is
/// then given back on the thread that made it, while it is in its processor's cache.
pub trait Scribe: Send {
    /// Writes all that is told of an outcome; false when there is more to tell than it can: then nothing was written.
    fn tell(&mut self, outcome: &Outcome) -> bool;

    /// Whether nothing was written since it was last taken.
    fn is_empty(&self) -> bool;

    /// Whether it is time to take it.
    fn is_full(&self) -> bool;

    /// What was written since it was last taken.
    fn take(&mut self) -> Lines;
}

/// What is told on the way, for `-v` and `-vv`.
#[derive(Debug, Clone)]
pub enum Trace {
    /// A redirect is followed: its status and the next URL.
    Redirect(u16, url::Url),
    /// A line of the wire log as curl prints it: `* ` remarks, `> ` sent, `< ` received. Secrets are masked already;
    /// bytes from outside are raw: escape before showing.
    Wire(String),
}

/// What a run is, known before its first request.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Random, in hex, the same in every record of the run.
    pub run_id: String,
    /// How tasks run.
    pub mode: Mode,
    /// The zero of `t_start` and `t_end`.
    pub started: Instant,
    /// The same moment as a date.
    pub started_at: SystemTime,
    /// The number of entries, when the list's length is known before the run; `None` for standard input.
    pub entries: Option<u64>,
}

/// What a round left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// Entries that are not settled: they are asked again.
    pub open: u64,
    /// All entries of the run.
    pub entries: u64,
    /// Why those failed that did, the most frequent first; the others have passed, but not often enough.
    pub failing: Vec<(Class, u64)>,
    /// The rounds in a row that each has to pass.
    pub in_a_row: u32,
    /// The rest before the next round.
    pub wait: Duration,
}

/// What the unfinished URLs wait for, at one moment.
#[derive(Debug, Clone, Default)]
pub struct ParkedTable {
    /// Those in flight.
    pub rows: Vec<Parked>,
    /// Entries that wait for their first slot; as the loop knew it last.
    pub queued: u64,
    /// Entries that wait for their next try.
    pub asleep: u64,
    /// How long until the first of these wakes; `None` when there is none.
    pub next_try: Option<Duration>,
    /// That a worker stands still; `None` when none does.
    pub stall: Option<Stall>,
}

impl ParkedTable {
    /// Whether nothing is unfinished.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.queued == 0 && self.asleep == 0
    }
}

/// One line of the parked table.
#[derive(Debug, Clone)]
pub struct Parked {
    /// Which entry.
    pub subject: Arc<Subject>,
    /// Where in its life it is.
    pub phase: crate::outcome::Phase,
    /// How long it has been there.
    pub since: Duration,
    /// Which try it is in, from 1.
    pub attempt: u32,
}

/// A time in which the worker switched to nobody, so that no coroutine went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// What the worker did.
    pub cause: StallCause,
    /// How long, as far as it was seen: it was no less.
    pub lasted: Duration,
    /// Whose turn it was, and in which phase; `None` when it was no URL's.
    pub at: Option<(Arc<Subject>, crate::outcome::Phase)>,
    /// Whose worker it is, by its number; `None` for our own.
    pub process: Option<u32>,
}

/// Why the worker switched to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StallCause {
    /// It computed.
    Busy,
    /// It waited in a call of the system that blocks its thread.
    Blocked,
    /// It had no processor, or the process was stopped: nothing that it did.
    Starved,
}

/// Why a run ended before its list did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal that ends processes: INT, TERM or HUP, by its number.
    Signal(i32),
    /// `--deadline` struck.
    Deadline,
    /// `--fail-fast` and a failure.
    FailFast,
    /// Standard output's reader went away and nothing else wants the results.
    OutputClosed,
}

/// What limited a run, as far as the loop can see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limiters {
    /// Time during which nothing could start because `--jobs` slots were taken.
    pub jobs: Duration,
    /// Time during which slots were free and entries waited for their host's limit alone.
    pub per_host: Duration,
    /// The same for `--rate`.
    pub rate: Duration,
    /// Time during which all that was left waited before another try.
    pub backoff: Duration,
    /// Time during which the list had nothing to offer though slots were free.
    pub list: Duration,
    /// Time during which the sinks had not yet taken what had happened.
    pub output: Duration,
}

/// What a run came to: counts by the loop that owns them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries taken up: each has one outcome.
    pub taken_up: u64,
    /// Passed.
    pub passed: u64,
    /// Failed, lines that are no URL and `write` failures included.
    pub failed: u64,
    /// Failed on a soft line.
    pub soft: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Of the failed: those whose only failure is that a file could not be written.
    pub failed_write: u64,
    /// Of the failed: bugs of ours.
    pub internal: u64,
    /// Whether the list was read to its end.
    pub list_ended: bool,
    /// A list that could not be read to its end or, from standard input, had an error: exit 2.
    pub list_error: Option<String>,
    /// Entries that `--only`, `--skip` or `--tag` left out.
    pub not_chosen: u64,
    /// Entries that belong to another shard.
    pub other_shards: u64,
    /// Why the run ended before its list; `None` when it did not.
    pub stop: Option<Stop>,
    /// The most requests that were in flight at once.
    pub most_in_flight: u32,
    /// What held the run back.
    pub limiters: Limiters,
    /// How each gate of `--slo` came out, in the order given.
    pub gates: Vec<Verdict>,
    /// From the run's start to its last outcome.
    pub wall: Duration,
    /// What the process had of processors in that time, threads of its own included.
    pub cpu: Duration,
    /// The worst standstill of a worker, that of each process among them; `None` when there was none, or no worker.
    pub stall: Option<Box<Stall>>,
    /// What the process came to; `None` unless somebody measures it.
    pub measures: Option<Measures>,
}

impl Summary {
    /// Why nothing was taken up of a list that was read to its end; `None` when something was, or an error of the list
    /// says it.
    pub fn why_nothing(&self) -> Option<&'static str> {
        match (self.taken_up, self.list_ended) {
            _ if self.list_error.is_some() => None,
            (0, true) if self.other_shards > 0 => Some("nothing to fetch in this shard (--shard)"),
            (0, true) if self.not_chosen > 0 => {
                Some("nothing to fetch: all of the list is left out (--only, --skip, --tag)")
            }
            (0, true) => Some("nothing to fetch: the list is empty"),
            _ => None,
        }
    }
}

/// What only a process itself can say of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measures {
    /// The most threads of the system at once.
    pub peak_threads: u64,
    /// Bytes resident at most; 0 when the system does not say.
    pub peak_memory: u64,
    /// Bytes resident before the first request; 0 when the system does not say.
    pub memory_before: u64,
}

/// A listener. It writes to what it was given and nothing else.
pub trait Sink {
    /// Takes one event.
    ///
    /// # Errors
    /// What its output said. A sink that fails is not asked again, and the run ends with 5, or as SIGPIPE does when it
    /// was standard output's reader that went away.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Everything that happened so far has been told: show it. Called after each batch.
    ///
    /// # Errors
    /// As for `event`.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
