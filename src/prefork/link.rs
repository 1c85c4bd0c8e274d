//! One process, as the run sees it: what it was asked, what it was told and what it has answered.
//!
//! Two tasks serve a link, one that writes and one that reads, both parked most of the time; fetches only put words into
//! its outbox. Knows what a process has in hand. Refuses to know how it was started and what follows its end.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::balance::Standing;
use super::standstill::StallWire;
use super::wire::{self, Blueprint, Garbled, Job, Order, Report};
use crate::check::Check;
use crate::event::Trace;
use crate::http::{Tracer, unfinished_file};
use crate::outcome::{Attempt, Class, Failure, Phase};
use crate::request::{Request, Subject};
use crate::runtime::children::Leash;
use crate::runtime::{Clock, Runtime, Slot, Socket};

/// Sets of checks that a process remembers.
const CHECKS_REMEMBERED: u32 = 256;

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// SIGKILL (signal(7)).
pub(super) const SIGKILL: i32 = 9;

/// A process that makes attempts.
pub(super) struct Link {
    /// Its number.
    pub(super) process: u32,
    leash: Arc<Leash>,
    clock: Clock,
    capacity: usize,
    load: AtomicUsize,
    answered: AtomicU64,
    is_told_to_stop: AtomicBool,
    /// So often something was heard of it.
    heard: AtomicU64,
    /// It was hailed, and nothing was heard since.
    is_hailed: AtomicBool,
    /// It did not answer and was ended for that.
    stood_still: AtomicBool,
    /// `--output-dir`.
    folder: Option<PathBuf>,
    /// Where the task waits that writes.
    writer: Arc<Slot>,
    /// What it says of its worker is noted there.
    runtime: Runtime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outbox: Vec<u8>,
    asked: HashMap<u64, Asked>,
    last_id: u64,
    checks: Checks,
    is_gone: bool,
}

/// Somebody who waits for an attempt.
struct Asked {
    slot: Arc<Slot>,
    tracer: Tracer,
    reply: Arc<Reply>,
    since: Instant,
    /// What of its body may be on the disk until it is whole.
    unfinished: Option<PathBuf>,
}

/// Where an attempt is put.
#[derive(Default)]
struct Reply(Mutex<Option<Box<Attempt>>>);

/// By which an answer is waited for.
pub(super) struct Ticket {
    reply: Arc<Reply>,
}

impl Ticket {
    /// The attempt, once it has come.
    pub(super) fn take(&self) -> Option<Box<Attempt>> {
        self.reply.lock().take()
    }
}

impl Reply {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The checks that a process knows, and by which number. A list of ten thousand lines has few sets of them, mostly.
#[derive(Default)]
struct Checks {
    numbers: HashMap<usize, u32>,
    /// Kept, so that an address means the same set as long as it has a number.
    known: Vec<Arc<[Check]>>,
    next: u32,
}

impl Checks {
    /// The number of a set, which is told first where it is new; `None` for none.
    fn number(&mut self, checks: &Arc<[Check]>, outbox: &mut Vec<u8>) -> Option<u32> {
        if checks.is_empty() {
            return None;
        }
        if let Some(number) = self.numbers.get(&address(checks)) {
            return Some(*number);
        }
        let number = self.next;
        self.next = (number + 1) % CHECKS_REMEMBERED;
        wire::write(&Order::Checks(number, checks.iter().map(Blueprint::of).collect()), outbox);
        match self.known.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) {
            Some(place) => {
                let forgotten = std::mem::replace(place, Arc::clone(checks));
                self.numbers.remove(&address(&forgotten));
            }
            None => self.known.push(Arc::clone(checks)),
        }
        self.numbers.insert(address(checks), number);
        Some(number)
    }
}

fn address(checks: &Arc<[Check]>) -> usize {
    checks.as_ptr().addr()
}

impl Link {
    pub(super) fn new(
        process: u32,
        leash: Arc<Leash>,
        capacity: u32,
        folder: Option<PathBuf>,
        writer: Arc<Slot>,
        runtime: Runtime,
    ) -> Link {
        Link {
            process,
            folder,
            leash,
            clock: Clock::read(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            load: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            is_told_to_stop: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            is_hailed: AtomicBool::new(false),
            stood_still: AtomicBool::new(false),
            writer,
            runtime,
            state: Mutex::default(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { load: self.load.load(Ordering::Relaxed), capacity: self.capacity }
    }

    /// Whether it has made any attempt.
    pub(super) fn was_of_use(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > 0
    }

    /// Asks for an attempt. Gives the tracer back when the process is gone.
    pub(super) fn ask(
        &self,
        request: &Request,
        slot: &Arc<Slot>,
        tracer: Tracer,
        now: Instant,
    ) -> Result<Ticket, Tracer> {
        let folder = self.folder.as_ref();
        let unfinished = folder.map(|folder| unfinished_file(folder, request, self.process));
        let mut guard = self.state();
        let state = &mut *guard;
        if state.is_gone {
            return Err(tracer);
        }
        state.last_id += 1;
        let (id, reply) = (state.last_id, Arc::<Reply>::default());
        let ticket = Ticket { reply: Arc::clone(&reply) };
        let has_words = !state.outbox.is_empty();
        let checks = state.checks.number(&request.checks, &mut state.outbox);
        wire::write(&Order::Fetch(Job::of(id, request, checks, tracer.is_some())), &mut state.outbox);
        // Until it says more of it.
        slot.relay(Phase::Send, now);
        let asked = Asked { slot: Arc::clone(slot), tracer, reply, since: now, unfinished };
        state.asked.insert(id, asked);
        self.load.store(state.asked.len(), Ordering::Relaxed);
        drop(guard);
        if !has_words {
            self.writer.wake();
        }
        Ok(ticket)
    }

    /// Has it cancel what it has in hand.
    pub(super) fn stop(&self) {
        if !self.is_told_to_stop.swap(true, Ordering::Relaxed) {
            wire::write(&Order::Stop, &mut self.state().outbox);
            self.writer.wake();
        }
    }

    /// A number that grows whenever something is heard of the process.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(Ordering::SeqCst)
    }

    /// Asks whether the process is there; gives what had been heard before.
    pub(super) fn hail(&self) -> u64 {
        let heard = self.heard();
        if !self.is_hailed.swap(true, Ordering::SeqCst) {
            wire::write(&Order::Hail, &mut self.state().outbox);
            self.writer.wake();
        }
        heard
    }

    /// Ends the process, which is there but does not go on.
    pub(super) fn end_as_still(&self) {
        self.stood_still.store(true, Ordering::SeqCst);
        self.kill();
    }

    /// Whether it was ended for that.
    pub(super) fn stood_still(&self) -> bool {
        self.stood_still.load(Ordering::SeqCst)
    }

    /// Ends the process at once.
    pub(super) fn kill(&self) {
        self.leash.pull(SIGKILL);
    }

    /// The process is gone, and this is what is to be said of it to all who wait; what it has left on the disk is removed:
    /// for a thread that may wait.
    pub(super) fn lose(&self, why: &str, now: Instant) {
        let lost = std::mem::take(&mut self.state().asked);
        for asked in lost.into_values() {
            // Mostly it is not there; and what cannot be removed has a name that says what it is.
            let _ = asked.unfinished.as_deref().map(fs::remove_file);
            let failure = Failure::new(Class::Internal, asked.slot.phase(), why);
            let mut attempt = Box::new(Attempt::failed(asked.since, now, failure));
            attempt.is_lost = true;
            *asked.reply.lock() = Some(attempt);
            asked.slot.wake();
        }
    }

    fn release(&self, id: u64) -> Option<Asked> {
        let mut state = self.state();
        let asked = state.asked.remove(&id);
        self.load.store(state.asked.len(), Ordering::Relaxed);
        asked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task that writes: until the process is gone.
    pub(super) fn write(&self, socket: &Socket) {
        let mut words = Vec::new();
        loop {
            {
                let mut state = self.state();
                if state.is_gone {
                    return;
                }
                std::mem::swap(&mut state.outbox, &mut words);
            }
            if words.is_empty() {
                self.writer.park(None);
                continue;
            }
            // That it does not listen any more is heard by who reads, and said there.
            let _ = send_all(socket, &words, &self.writer, |bytes| socket.send(bytes));
            words.clear();
        }
    }

    /// The task that reads: until the process is gone.
    pub(super) fn read(&self, socket: &Socket, slot: &Slot) {
        let mut block = vec![0; READ_BYTES].into_boxed_slice();
        let mut words = Vec::new();
        loop {
            match socket.recv(&mut block) {
                Ok(count @ 1..) => {
                    // In this order: who hails looks at them in the other one.
                    self.is_hailed.store(false, Ordering::SeqCst);
                    self.heard.fetch_add(1, Ordering::SeqCst);
                    words.extend_from_slice(&block[..count]);
                    if self.hear(&mut words).is_err() {
                        self.kill();
                        break;
                    }
                    if count == block.len() {
                        slot.yield_through_selector();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.wait_readable(slot, None);
                }
                Ok(0) | Err(_) => break,
            }
        }
    }

    /// It is gone: it is asked nothing more, and told nothing.
    pub(super) fn end(&self) {
        self.state().is_gone = true;
        self.writer.wake();
        self.runtime.note_stall_of(self.process, None);
    }

    /// Takes all that came whole.
    fn hear(&self, words: &mut Vec<u8>) -> Result<(), Garbled> {
        let mut rest = &words[..];
        while let Some((message, behind)) = wire::first(rest)? {
            self.take(wire::parse(message)?)?;
            rest = behind;
        }
        let heard = words.len() - rest.len();
        words.drain(..heard);
        Ok(())
    }

    fn take(&self, report: Report<'_>) -> Result<(), Garbled> {
        match report {
            Report::Done(id, attempt) => {
                let attempt = attempt.read(&self.clock)?;
                self.answered.fetch_add(1, Ordering::Relaxed);
                if let Some(asked) = self.release(id) {
                    *asked.reply.lock() = Some(attempt);
                    asked.slot.wake();
                }
            }
            Report::Trace(id, trace) => self.trace(id, trace.read()?),
            Report::Phases(phases) => self.relay(&phases)?,
            Report::Stall(stall) => self.note(stall)?,
            Report::Here => {}
            Report::Ready(_) | Report::Refused(_) => return Err(Garbled),
        }
        Ok(())
    }

    fn trace(&self, id: u64, trace: Trace) {
        let tracer = self.state().asked.get(&id).and_then(|asked| asked.tracer.clone());
        if let Some(tracer) = tracer {
            tracer(trace);
        }
    }

    fn note(&self, stall: Option<StallWire>) -> Result<(), Garbled> {
        let stall = stall.map(|stall| stall.read(|urlnum| self.entry(urlnum))).transpose()?;
        self.runtime.note_stall_of(self.process, stall);
        Ok(())
    }

    /// That of this number, where it has one in hand.
    fn entry(&self, urlnum: u64) -> Option<Arc<Subject>> {
        let (state, now) = (self.state(), Instant::now());
        let mut entries = state.asked.values().filter_map(|asked| Some(asked.slot.parked(now)?.subject));
        entries.find(|subject| subject.urlnum == urlnum)
    }

    fn relay(&self, phases: &[(u64, u8, u64)]) -> Result<(), Garbled> {
        let state = self.state();
        for (id, phase, since) in phases {
            if let Some(asked) = state.asked.get(id) {
                asked.slot.relay(wire::phase(*phase)?, self.clock.moment(*since));
            }
        }
        Ok(())
    }
}

/// Sends it all by `send`, however often that has to wait.
///
/// # Errors
/// What the connection died of.
pub(super) fn send_all(
    socket: &Socket,
    mut bytes: &[u8],
    slot: &Slot,
    send: impl Fn(&[u8]) -> io::Result<usize>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match send(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                socket.wait_writable(slot, None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
