//! A process of a run, from inside: told the terms, it makes attempts until nobody asks any more.
//!
//! The main thread reads and compiles checks, as the list's thread does in a run of one process; the root starts a task
//! for each attempt and writes what comes of it, in batches. Knows what it was asked. Refuses to know the run: lists,
//! schedules and retries are the parent's, and when that goes away, so do we.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::CHILD_VARIABLE;
use super::link::send_all;
use super::standstill::{self, Mouth};
use super::wire::{self, Garbled, Order, Report, TraceWire};
use crate::check::Check;
use crate::config::Config;
use crate::engine::survive;
use crate::event::Trace;
use crate::http::{Client, Fetch, Tracer};
use crate::outcome::{Attempt, Class, Failure, Phase};
use crate::request::Request;
use crate::runtime::{Clock, Mailbox, Runtime, Sender, Slot, Socket, kin, limits};

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// How old may be what the parent knows of where attempts are.
const STEP: Duration = Duration::from_millis(50);

/// After so many starts in a row the others have a turn.
const STARTS_IN_A_ROW: usize = 64;

/// Serves the process that started this one, to its end.
///
/// # Errors
/// A sentence: nobody has started it so, or what was said is garbled.
pub fn serve() -> Result<(), String> {
    let unusable = |why: &dyn std::fmt::Display| {
        format!("{CHILD_VARIABLE} is for greenfetch's own processes, leave it unset: {why}")
    };
    let parent = Arc::new(kin::inherited().map_err(|error| unusable(&error))?);
    match attend(&parent) {
        Err(error) if is_parting(&error) => Ok(()),
        attended => attended.map_err(|error| unusable(&error)),
    }
}

/// Whether it says that the parent has gone, which is an end like any other.
fn is_parting(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn attend(parent: &Arc<UnixStream>) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(READ_BYTES, kin::Ear(parent));
    let mut message = Vec::new();
    if !wire::read(&mut stream, &mut message)? {
        return Ok(());
    }
    let Ok(Order::Terms(terms)) = wire::parse(&message) else { return Err(garbled(Garbled)) };
    let config = terms.config().map_err(garbled)?;
    match Desk::open(&config, parent) {
        Ok((desk, capacity)) => {
            say(parent, &Report::Ready(capacity))?;
            desk.serve(&mut stream)
        }
        Err(why) => say(parent, &Report::Refused(&why)),
    }
}

fn say(mut parent: &UnixStream, report: &Report<'_>) -> io::Result<()> {
    let mut words = Vec::new();
    wire::write(report, &mut words);
    parent.write_all(&words)
}

fn garbled(garbled: Garbled) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, garbled)
}

/// What the root is told.
enum Message {
    /// Attempts to be made.
    Asked(Vec<Errand>),
    /// One is over, and this is how it is said.
    Done(u64, Vec<u8>),
    /// Something else to be said.
    Say(Vec<u8>),
}

/// An attempt to be made.
struct Errand {
    id: u64,
    request: Arc<Request>,
    is_traced: bool,
}

/// The main thread's part.
struct Desk {
    runtime: Runtime,
    sender: Sender<Message>,
    mouth: Arc<Mouth>,
    /// Sets of checks by their number.
    checks: HashMap<u32, Arc<[Check]>>,
}

impl Desk {
    /// Sets up the client and the root; says how many attempts can be under way.
    fn open(config: &Config, parent: &Arc<UnixStream>) -> Result<(Desk, u32), String> {
        let concurrency = &config.concurrency;
        let each = config.output.descriptors_each();
        let (capacity, _) = limits::jobs_allowed(concurrency.mode, concurrency.jobs, each);
        let cannot = |error: io::Error| format!("cannot start a process (--processes): {error}");
        let runtime = Runtime::start(concurrency.mode, capacity).map_err(cannot)?;
        let client = Arc::new(Client::new(config, &runtime)?.sharing_folder(std::process::id()));
        let (sender, mailbox) = runtime.mailbox();
        let mouth = Mouth::new(Arc::clone(parent));
        runtime.watch_worker_and_tell(standstill::teller(Arc::clone(&mouth))).map_err(cannot)?;
        let socket = parent.try_clone().map_err(cannot)?;
        let shift = Shift {
            writer: runtime.lasting_slot(),
            runtime: runtime.clone(),
            mouth: Arc::clone(&mouth),
            client,
            sender: sender.clone(),
            clock: Clock::read(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            queue: VecDeque::new(),
            under_way: HashMap::new(),
            free_slots: Vec::new(),
            words: Vec::new(),
            looked_at: Instant::now(),
        };
        let root = move || {
            // A parent that is gone is noticed by the main thread.
            let _ = Socket::adopt(socket.into()).map(|socket| shift.work(&mailbox, &socket));
        };
        runtime.start_root(root).map_err(cannot)?;
        Ok((Desk { runtime, sender, mouth, checks: HashMap::new() }, capacity))
    }

    /// Reads to the end, which is that of the parent.
    fn serve(mut self, stream: &mut BufReader<kin::Ear<'_>>) -> io::Result<()> {
        self.mouth.open();
        let (mut message, mut errands) = (Vec::new(), Vec::new());
        while wire::read(stream, &mut message)? {
            match wire::parse(&message).map_err(garbled)? {
                Order::Fetch(job) => {
                    let (id, is_traced) = (job.id, job.is_traced);
                    let checks = job.checks.map(|number| self.checks.get(&number).cloned().ok_or(Garbled));
                    let checks = checks.transpose().map_err(garbled)?.unwrap_or_default();
                    let request = Arc::new(job.request(checks).map_err(garbled)?);
                    errands.push(Errand { id, request, is_traced });
                }
                Order::Checks(number, blueprints) => {
                    let compiled: Result<Arc<[Check]>, _> =
                        blueprints.iter().map(wire::Blueprint::compile).collect();
                    self.checks.insert(number, compiled.map_err(garbled)?);
                }
                Order::Stop => self.runtime.stop(),
                Order::Hail => standstill::answer_hail(&self.mouth),
                Order::Terms(_) => return Err(garbled(Garbled)),
            }
            if stream.buffer().is_empty() && !errands.is_empty() {
                self.sender.send(Message::Asked(std::mem::take(&mut errands)));
            }
        }
        Ok(())
    }
}

/// The root's part.
struct Shift {
    runtime: Runtime,
    client: Arc<Client>,
    sender: Sender<Message>,
    clock: Clock,
    capacity: usize,
    queue: VecDeque<Errand>,
    under_way: HashMap<u64, UnderWay>,
    free_slots: Vec<Arc<Slot>>,
    /// What is to be said.
    words: Vec<u8>,
    mouth: Arc<Mouth>,
    writer: Arc<Slot>,
    looked_at: Instant,
}

/// An attempt, and where the parent believes it to be.
struct UnderWay {
    slot: Arc<Slot>,
    told: Option<(Phase, Instant)>,
}

impl Shift {
    fn work(mut self, mailbox: &Mailbox<Message>, socket: &Socket) {
        let mut messages = VecDeque::new();
        loop {
            let until = (!self.under_way.is_empty()).then(|| self.looked_at + STEP);
            mailbox.receive(until, &mut messages);
            messages.drain(..).for_each(|message| self.take(message));
            self.start_what_may(mailbox);
            self.look_at_phases(Instant::now());
            let words = std::mem::take(&mut self.words);
            if send_all(socket, &words, &self.writer, |bytes| self.mouth.send(socket, bytes)).is_err() {
                return;
            }
            // The memory is used again.
            self.words = words;
            self.words.clear();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Asked(errands) => self.queue.extend(errands),
            Message::Say(words) => self.words.extend_from_slice(&words),
            Message::Done(id, words) => {
                self.words.extend_from_slice(&words);
                if let Some(UnderWay { slot, .. }) = self.under_way.remove(&id) {
                    slot.vacate();
                    self.free_slots.push(slot);
                }
            }
        }
    }

    fn start_what_may(&mut self, mailbox: &Mailbox<Message>) {
        let mut started = 0;
        while self.under_way.len() < self.capacity
            && let Some(errand) = self.queue.pop_front()
        {
            self.start(errand);
            started += 1;
            if started % STARTS_IN_A_ROW == 0 {
                mailbox.yield_through_selector();
            }
        }
    }

    fn start(&mut self, errand: Errand) {
        let Errand { id, request, is_traced } = errand;
        let for_task = Arc::clone(&request);
        let slot = self.free_slots.pop().unwrap_or_else(|| self.runtime.slot());
        let now = Instant::now();
        slot.occupy(Arc::clone(&request.subject), 1, now);
        let (client, sender, clock) = (Arc::clone(&self.client), self.sender.clone(), self.clock);
        let tracer = is_traced.then(|| tracer(id, sender.clone())).flatten();
        let of_task = Arc::clone(&slot);
        let task = move || {
            let attempt = survive(&*client as &dyn Fetch, &for_task, &of_task, tracer, now);
            sender.send(Message::Done(id, done(id, &attempt, &clock)));
        };
        if self.under_way.is_empty() {
            self.looked_at = now;
        }
        match self.runtime.spawn(task) {
            Ok(()) => _ = self.under_way.insert(id, UnderWay { slot, told: None }),
            Err(error) => {
                slot.vacate();
                self.free_slots.push(slot);
                self.do_with_less(Errand { id, request, is_traced }, now, &error);
            }
        }
    }

    /// The machine gives no stack or thread for another fetch: what is under way is what it can do.
    fn do_with_less(&mut self, errand: Errand, now: Instant, error: &io::Error) {
        if !self.under_way.is_empty() {
            self.capacity = self.under_way.len();
            self.queue.push_front(errand);
            return;
        }
        let mut attempt = Attempt::begin(now);
        let why = format!("not even one fetch can be started in its process: {error}");
        attempt.failure = Some(Failure::new(Class::Internal, Phase::Queue, why));
        self.words.extend_from_slice(&done(errand.id, &attempt, &self.clock));
    }

    /// Says where attempts are that have gone on since it was said last: of those that take their time alone.
    fn look_at_phases(&mut self, now: Instant) {
        if now < self.looked_at + STEP {
            return;
        }
        self.looked_at = now;
        let mut phases = Vec::new();
        for (id, attempt) in &mut self.under_way {
            let at = (attempt.slot.phase(), attempt.slot.phase_began());
            if attempt.told != Some(at) {
                attempt.told = Some(at);
                phases.push((*id, at.0 as u8, self.clock.nanos(at.1)));
            }
        }
        if !phases.is_empty() {
            wire::write(&Report::Phases(phases), &mut self.words);
        }
    }
}

fn done(id: u64, attempt: &Attempt, clock: &Clock) -> Vec<u8> {
    let mut words = Vec::new();
    wire::write_done(id, attempt, clock, &mut words);
    words
}

fn tracer(id: u64, sender: Sender<Message>) -> Tracer {
    Some(Arc::new(move |trace: Trace| {
        let mut words = Vec::new();
        wire::write(&Report::Trace(id, TraceWire::of(&trace)), &mut words);
        sender.send(Message::Say(words));
    }))
}
