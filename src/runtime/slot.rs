//! A slot: the place in which one task runs, waits and can be woken.
//!
//! Knows parking, waking, being late and being told to stop, in a coroutine and in a thread. Refuses to know what the
//! task does; that a URL sits in it is only remembered for the table of what is parked where.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use may::coroutine::Coroutine;
use may::io::WaitIoWaker;

use super::{Shared, green};
use crate::event::Parked;
use crate::outcome::Phase;
use crate::request::Subject;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Somebody woke it, or what it waits for is ready. May be spurious: look again.
    Woken,
    /// It is late: the time is there.
    Late,
    /// The run is being stopped.
    Stopped,
}

/// What wakes a coroutine that is parked.
pub(super) enum Parking {
    /// It runs.
    Nothing,
    /// It is parked by itself.
    Coroutine(Coroutine),
    /// It waits for a descriptor.
    Descriptor(WaitIoWaker),
}

/// One task's place. Reused by one task after another; a wake-up meant for the one before is spurious.
pub struct Slot {
    pub(super) shared: Arc<Shared>,
    /// Its row in the table of deadlines.
    pub(super) index: usize,
    /// Whether `Runtime::stop` ends its waits.
    heeds_stop: AtomicBool,
    /// Somebody called `wake` since it last looked.
    woken: AtomicBool,
    pub(super) parking: Mutex<Parking>,
    /// For a thread: `woken` has changed.
    bell: Condvar,
    /// Who is in it, or was last.
    occupant: Mutex<Option<Arc<Subject>>>,
    is_vacant: AtomicBool,
    /// Which try it is, from 1.
    attempt: AtomicU32,
    phase: AtomicU8,
    /// Nanoseconds since the runtime's start at which the phase began.
    phase_since: AtomicU64,
}

/// Makes a slot heed a stop again, also when what it did panicked.
struct Restored<'a> {
    slot: &'a Slot,
    heeded: bool,
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.slot.heeds_stop.store(self.heeded, Ordering::Relaxed);
    }
}

impl Slot {
    pub(super) fn new(shared: Arc<Shared>, index: usize, heeds_stop: bool) -> Slot {
        Slot {
            shared,
            index,
            heeds_stop: AtomicBool::new(heeds_stop),
            woken: AtomicBool::new(false),
            parking: Mutex::new(Parking::Nothing),
            bell: Condvar::new(),
            occupant: Mutex::new(None),
            is_vacant: AtomicBool::new(true),
            attempt: AtomicU32::new(1),
            phase: AtomicU8::new(0),
            phase_since: AtomicU64::new(0),
        }
    }

    /// Waits until somebody calls `wake`, it is late, or the run is stopped. `None` is no limit.
    ///
    /// The wake-up may be spurious, so callers loop over the condition that they wait for.
    pub fn park(&self, until: Option<Instant>) -> Wake {
        if green::is_coroutine() { self.park_coroutine(until) } else { self.park_thread(until) }
    }

    fn park_coroutine(&self, until: Option<Instant>) -> Wake {
        self.shared.assert_on_worker();
        *self.parking() = Parking::Coroutine(may::coroutine::current());
        self.shared.expect_wake_at(self.index, until);
        let wake = loop {
            if let Some(wake) = self.reason_to_return(until) {
                break wake;
            }
            self.shared.end_turn();
            may::coroutine::park();
            self.shared.begin_turn(self.index);
        };
        self.shared.expect_wake_at(self.index, None);
        *self.parking() = Parking::Nothing;
        wake
    }

    fn park_thread(&self, until: Option<Instant>) -> Wake {
        let mut guard = self.parking();
        loop {
            if let Some(wake) = self.reason_to_return(until) {
                return wake;
            }
            guard = match until {
                None => self.bell.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let waited = self.bell.wait_timeout(guard, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn reason_to_return(&self, until: Option<Instant>) -> Option<Wake> {
        if self.woken.swap(false, Ordering::AcqRel) {
            return Some(Wake::Woken);
        }
        if self.is_stopped() {
            return Some(Wake::Stopped);
        }
        until.is_some_and(|until| until <= Instant::now()).then_some(Wake::Late)
    }

    /// Makes the slot look at the time and at the stop flag, without a word that it was woken.
    pub(super) fn nudge(&self) {
        let guard = self.parking();
        match &*guard {
            Parking::Nothing => {}
            Parking::Coroutine(coroutine) => coroutine.unpark(),
            Parking::Descriptor(waker) => waker.wakeup(),
        }
        self.bell.notify_one();
    }

    /// Ends the slot's wait, or its next one. From any thread; never blocks for longer than a store takes.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.nudge();
    }

    /// Whether the run is being stopped and this task should end: an ordinary error on the way out, never a kill.
    pub fn is_stopped(&self) -> bool {
        self.heeds_stop() && self.shared.is_stopped()
    }

    pub(super) fn heeds_stop(&self) -> bool {
        self.heeds_stop.load(Ordering::Relaxed)
    }

    /// Does something whose waits a stop does not end: what is begun on a disk is waited for, or nobody would tidy up.
    pub fn unstopped<R>(&self, work: impl FnOnce() -> R) -> R {
        let heeded = self.heeds_stop.swap(false, Ordering::Relaxed);
        let _restored = Restored { slot: self, heeded };
        work()
    }

    pub(super) fn parking(&self) -> std::sync::MutexGuard<'_, Parking> {
        self.parking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody else have a turn who is ready, those that wait for a socket included: for work that takes the
    /// processor for long. A bare yield would not do: the worker does not look at its sockets before its queue is empty
    /// (3.0 s against 4 ms for the neighbours, measured 2026-11).
    pub fn yield_through_selector(&self) {
        if green::is_coroutine() {
            self.shared.wait_for_turn(self);
        }
    }

    /// A URL takes the slot for a try, counted from 1.
    pub fn occupy(&self, subject: Arc<Subject>, attempt: u32, now: Instant) {
        self.attempt.store(attempt, Ordering::Relaxed);
        *self.occupant.lock().unwrap_or_else(PoisonError::into_inner) = Some(subject);
        self.note_phase(Phase::Queue, now);
        self.is_vacant.store(false, Ordering::Release);
    }

    /// The slot is free again. Who was in it is forgotten when the next one comes.
    pub fn vacate(&self) {
        self.is_vacant.store(true, Ordering::Release);
    }

    /// The URL in it enters a phase. Called by the task itself, whose turn it is.
    /// Says when that was, in the runtime's nanoseconds.
    pub fn enter(&self, phase: Phase, now: Instant) -> u64 {
        self.shared.begin_turn(self.index);
        self.note_phase(phase, now)
    }

    fn note_phase(&self, phase: Phase, now: Instant) -> u64 {
        let nanos = self.shared.nanos(now);
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.phase_since.store(nanos, Ordering::Relaxed);
        nanos
    }

    /// A moment in the runtime's nanoseconds: from its start on, at least 1.
    pub fn nanos(&self, at: Instant) -> u64 {
        self.shared.nanos(at)
    }

    /// What is known of a URL that is in this slot here and under way elsewhere: it entered a phase at that moment.
    pub fn relay(&self, phase: Phase, since: Instant) {
        self.note_phase(phase, since);
    }

    /// When the URL in it entered its phase.
    pub fn phase_began(&self) -> Instant {
        self.shared.epoch + Duration::from_nanos(self.phase_since.load(Ordering::Relaxed))
    }

    /// Where the URL in it is.
    pub fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Ordering::Relaxed)) % Phase::COUNT]
    }

    /// What the URL in it is parked on; `None` when none is.
    pub fn parked(&self, now: Instant) -> Option<Parked> {
        if self.is_vacant.load(Ordering::Acquire) {
            return None;
        }
        let subject = self.occupant.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let since = Duration::from_nanos(self.phase_since.load(Ordering::Relaxed));
        let since = Duration::from_nanos(self.shared.nanos(now)).saturating_sub(since);
        Some(Parked { subject, phase: self.phase(), since, attempt: self.attempt.load(Ordering::Relaxed) })
    }
}
