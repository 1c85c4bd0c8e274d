//! The way from the loop to the reporter: events in batches, and the loop slows down when they are not taken.
//!
//! Knows when a batch leaves. Refuses to know who listens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::event::Event;

/// A batch leaves when it has so many events. An event with all it holds has 1.4 KiB, so that what goes round between
/// two threads stays in a processor's second cache.
const BATCH: usize = 256;

/// Or when its first event is so old: nobody at a terminal sees the difference, and a thread is woken 200 times a
/// second at most.
const PATIENCE: Duration = Duration::from_millis(5);

/// Events that are not taken before no more requests are started: a slow reader of standard output slows the run.
const MOST_UNTAKEN: usize = 4096;

/// The queue between the loop's thread and the reporter's.
pub struct Queue {
    state: Mutex<State>,
    /// What the reporter has not finished with, as it was when the state was last changed.
    untaken: AtomicUsize,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    /// What the reporter has taken and not finished with.
    in_hand: usize,
    is_over: bool,
    /// The loop waits for room.
    loop_waits: bool,
}

impl Queue {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State) {
        self.untaken.store(state.events.len() + state.in_hand, Ordering::Relaxed);
    }

    /// Puts events in and wakes the reporter. From any thread.
    pub fn put(&self, events: &mut Vec<Event>) {
        let mut state = self.state();
        state.is_over |= events.iter().any(|event| matches!(event, Event::RunFinished(_)));
        if state.events.is_empty() {
            std::mem::swap(&mut state.events, events);
        } else {
            state.events.append(events);
        }
        self.count(&state);
        self.bell.notify_one();
    }

    /// Nothing more will come: the batches end, without `RunFinished` if it was not told.
    pub(super) fn close(&self) {
        self.state().is_over = true;
        self.bell.notify_one();
    }
}

/// The loop's end.
pub(super) struct Teller {
    queue: Arc<Queue>,
    batch: Vec<Event>,
    /// When the batch leaves at the latest.
    leaves_at: Option<Instant>,
}

/// The reporter's end: an iterator over batches, whose last one ends with `RunFinished`.
pub struct Batches {
    queue: Arc<Queue>,
    /// Tells the loop that there is room again.
    room: Box<dyn Fn() + Send>,
    is_over: bool,
}

/// Both ends, and the queue itself for those who tell from elsewhere.
pub(super) fn channel(room: impl Fn() + Send + 'static) -> (Teller, Batches, Arc<Queue>) {
    let queue =
        Arc::new(Queue { state: Mutex::default(), untaken: AtomicUsize::new(0), bell: Condvar::new() });
    let teller = Teller { queue: Arc::clone(&queue), batch: Vec::new(), leaves_at: None };
    let batches = Batches { queue: Arc::clone(&queue), room: Box::new(room), is_over: false };
    (teller, batches, queue)
}

impl Teller {
    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.batch.push(event);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// When the loop has to be awake for what it has not told yet; looks at the clock once a batch.
    pub(super) fn leaves_at(&mut self, now: Instant) -> Option<Instant> {
        if self.batch.is_empty() {
            return None;
        }
        Some(*self.leaves_at.get_or_insert(now + PATIENCE))
    }

    /// Lets the batch leave when its time has come.
    pub(super) fn flush_when_due(&mut self, now: Instant) {
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        self.leaves_at = None;
        if !self.batch.is_empty() {
            self.queue.put(&mut self.batch);
            // Mostly it went as it was, and the next one need not grow step by step.
            self.batch.reserve(BATCH);
        }
    }

    /// Whether the reporter is so far behind that nothing should be started; it will say when there is room.
    pub(super) fn is_behind(&mut self) -> bool {
        // Asked before every start, so without the lock that the reporter takes too.
        if self.queue.untaken.load(Ordering::Relaxed) <= MOST_UNTAKEN {
            return false;
        }
        let mut state = self.queue.state();
        state.loop_waits = state.events.len() + state.in_hand > MOST_UNTAKEN;
        state.loop_waits
    }
}

impl Iterator for Batches {
    type Item = Vec<Event>;

    fn next(&mut self) -> Option<Vec<Event>> {
        if self.is_over {
            return None;
        }
        let mut state = self.queue.state();
        state.in_hand = 0;
        self.queue.count(&state);
        while state.events.is_empty() {
            if state.is_over {
                return None;
            }
            if std::mem::take(&mut state.loop_waits) {
                (self.room)();
            }
            state = self.queue.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let events = std::mem::take(&mut state.events);
        state.in_hand = events.len();
        self.queue.count(&state);
        self.is_over = state.is_over;
        if std::mem::take(&mut state.loop_waits) {
            (self.room)();
        }
        Some(events)
    }
}
