//! The way from the loop to the reporter: events in batches, and the loop slows down when they are not taken.
//!
//! Knows when a batch leaves. Refuses to know who listens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Scribe};
use crate::outcome::Outcome;

/// A batch leaves when it has so many events. An event with all it holds has 1.4 KiB, so that what goes round between
/// two threads stays in a processor's second cache.
const BATCH: usize = 256;

/// Or when its first event is so old: nobody at a terminal sees the difference, and a thread is woken 200 times a
/// second at most.
const PATIENCE: Duration = Duration::from_millis(5);

/// Events, or entries with a line, that are not taken before no more requests are started: a slow reader of standard output slows the run.
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
    /// How much they are.
    weight: usize,
    /// What the reporter has taken and not finished with.
    in_hand: usize,
    is_over: bool,
    /// The loop waits for room.
    loop_waits: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, state: &State) {
        self.untaken.store(state.weight + state.in_hand, Ordering::Relaxed);
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Option<Instant>) -> MutexGuard<'a, State> {
        let Some(until) = until else {
            return self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let left = until.saturating_duration_since(Instant::now());
        self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Puts events in and wakes the reporter. From any thread.
    pub fn put(&self, events: &mut Vec<Event>) {
        let mut state = self.state();
        state.is_over |= events.iter().any(|event| matches!(event, Event::RunFinished(_)));
        state.weight += events.iter().map(weight).sum::<usize>();
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

/// How many events this is in place of.
fn weight(event: &Event) -> usize {
    if let Event::Lines(lines) = event { lines.entries } else { 1 }
}

/// The loop's end.
pub(super) struct Teller {
    queue: Arc<Queue>,
    batch: Vec<Event>,
    scribe: Option<Box<dyn Scribe>>,
    /// When the batch leaves at the latest.
    leaves_at: Option<Instant>,
}

/// The reporter's end: an iterator over batches, whose last one ends with `RunFinished`.
pub struct Batches {
    queue: Arc<Queue>,
    /// Tells the loop that there is room again.
    room: Box<dyn Fn() + Send>,
    is_over: bool,
    pace: Option<Pace>,
    look: Option<Look>,
}

/// How far apart batches are.
struct Pace {
    gap: Duration,
    /// When the next one may be handed out.
    next_at: Instant,
}

/// What is told besides, at times.
struct Look {
    step: Duration,
    next_at: Instant,
    look: Box<dyn Fn(Instant) -> Event + Send>,
}

/// Both ends, and the queue itself for those who tell from elsewhere.
pub(super) fn channel(room: impl Fn() + Send + 'static) -> (Teller, Batches, Arc<Queue>) {
    let queue =
        Arc::new(Queue { state: Mutex::default(), untaken: AtomicUsize::new(0), bell: Condvar::new() });
    let teller = Teller { queue: Arc::clone(&queue), batch: Vec::new(), scribe: None, leaves_at: None };
    let batches =
        Batches { queue: Arc::clone(&queue), room: Box::new(room), is_over: false, pace: None, look: None };
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

    /// What this one can tell of outcomes becomes no event.
    pub(super) fn employ(&mut self, scribe: Box<dyn Scribe>) {
        self.scribe = Some(scribe);
    }

    /// An entry's end: by the scribe, or as an event.
    pub(super) fn finished(&mut self, outcome: Outcome) {
        if self.scribe.as_ref().is_some_and(|scribe| scribe.is_full()) {
            self.flush();
        }
        if !self.scribe.as_mut().is_some_and(|scribe| scribe.tell(&outcome)) {
            self.tell(Event::Finished(Box::new(outcome)));
        }
    }

    fn has_lines(&self) -> bool {
        self.scribe.as_ref().is_some_and(|scribe| !scribe.is_empty())
    }

    /// When the loop has to be awake for what it has not told yet; looks at the clock once a batch.
    pub(super) fn leaves_at(&mut self, now: Instant) -> Option<Instant> {
        if self.batch.is_empty() && !self.has_lines() {
            return None;
        }
        Some(*self.leaves_at.get_or_insert(now + PATIENCE))
    }

    /// Whether a batch has begun of which nobody knows yet when it leaves.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        self.leaves_at.is_none() && self.leaves_at(now).is_some()
    }

    /// Lets the batch leave when its time has come.
    pub(super) fn flush_when_due(&mut self, now: Instant) {
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        self.leaves_at = None;
        if let Some(scribe) = self.scribe.as_mut().filter(|scribe| !scribe.is_empty()) {
            // Before the events: the last of them ends the run.
            self.batch.insert(0, Event::Lines(scribe.take()));
        }
        if !self.batch.is_empty() {
            self.queue.put(&mut self.batch);
            // Mostly it went as it was, and the next one need not grow step by step.
            if self.scribe.is_none() {
                self.batch.reserve(BATCH);
            }
        }
    }

    /// Whether the reporter is so far behind that nothing should be started; it will say when there is room.
    pub(super) fn is_behind(&mut self) -> bool {
        // Asked before every start, so without the lock that the reporter takes too.
        if self.queue.untaken.load(Ordering::Relaxed) <= MOST_UNTAKEN {
            return false;
        }
        let mut state = self.queue.state();
        state.loop_waits = state.weight + state.in_hand > MOST_UNTAKEN;
        state.loop_waits
    }
}

impl Batches {
    /// The same, handed out in steps of this length, for somebody who draws them on a screen: when nothing has happened
    /// the batch is empty. The last one comes at once.
    #[must_use]
    pub fn in_steps(self, gap: Duration) -> Batches {
        Batches { pace: Some(Pace { gap, next_at: Instant::now() }), ..self }
    }

    /// The same, and every so often what is seen then, until the last event. The reporter's thread looks, so that nothing
    /// gathers while it is held up.
    #[must_use]
    pub fn looking_each(self, step: Duration, look: impl Fn(Instant) -> Event + Send + 'static) -> Batches {
        let next_at = Instant::now() + step;
        Batches { look: Some(Look { step, next_at, look: Box::new(look) }), ..self }
    }

    fn is_time_to_look(&self, now: Instant) -> bool {
        self.look.as_ref().is_some_and(|look| look.next_at <= now)
    }

    fn look(&mut self, now: Instant) -> Option<Event> {
        let look = self.look.as_mut()?;
        look.next_at = now + look.step;
        Some((look.look)(now))
    }

    fn hand_out(&mut self, state: &mut State, now: Instant) -> Vec<Event> {
        let events = std::mem::take(&mut state.events);
        state.in_hand = std::mem::take(&mut state.weight);
        self.queue.count(state);
        self.is_over = state.is_over;
        if let Some(pace) = &mut self.pace {
            pace.next_at = now + pace.gap;
        }
        if std::mem::take(&mut state.loop_waits) {
            (self.room)();
        }
        events
    }

    /// When there is something to do though nothing happens.
    fn wakes_at(&self) -> Option<Instant> {
        let step = self.pace.as_ref().map(|pace| pace.next_at);
        step.into_iter().chain(self.look.as_ref().map(|look| look.next_at)).min()
    }

    fn is_step(&self, now: Instant) -> bool {
        self.pace.as_ref().is_some_and(|pace| pace.next_at <= now)
    }
}

impl Iterator for Batches {
    type Item = Vec<Event>;

    fn next(&mut self) -> Option<Vec<Event>> {
        if self.is_over {
            return None;
        }
        let queue = Arc::clone(&self.queue);
        let mut state = queue.state();
        state.in_hand = 0;
        queue.count(&state);
        loop {
            let now = Instant::now();
            if self.is_time_to_look(now) && !state.is_over {
                // Nobody waits for the queue meanwhile.
                drop(state);
                return self.look(now).map(|seen| vec![seen]);
            }
            let has_events = !state.events.is_empty();
            if self.is_step(now) || has_events && (self.pace.is_none() || state.is_over || state.loop_waits) {
                return Some(self.hand_out(&mut state, now));
            }
            if state.is_over {
                return None;
            }
            if std::mem::take(&mut state.loop_waits) {
                (self.room)();
            }
            state = queue.wait(state, self.wakes_at());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Lines, ParkedTable, Summary};
    use crate::outcome::{Class, Failure, Kind, Phase};
    use crate::record::samples::{outcome, passed};

    const HOUR: Duration = Duration::from_secs(3600);

    fn remark() -> Event {
        Event::Warning("x".to_owned())
    }

    fn end() -> Event {
        Event::RunFinished(Summary::default())
    }

    #[test]
    fn steps_gather_what_happens_and_come_also_when_nothing_does() {
        let (_, batches, _) = channel(|| ());
        assert!(batches.in_steps(Duration::ZERO).take(3).all(|batch| batch.is_empty()));

        let (_, batches, queue) = channel(|| ());
        let mut batches = batches.in_steps(HOUR);
        assert_eq!(batches.next().map(|batch| batch.len()), Some(0));
        queue.put(&mut vec![remark()]);
        queue.put(&mut vec![remark(), end()]);
        // The last one does not wait for its step.
        assert_eq!(batches.next().map(|batch| batch.len()), Some(3));
        assert!(batches.next().is_none());
    }

    #[test]
    fn a_loop_that_waits_for_room_does_not_wait_for_a_step() {
        let (mut teller, batches, queue) = channel(|| ());
        let mut batches = batches.in_steps(HOUR);
        assert!(batches.next().is_some());
        queue.put(&mut vec![remark(); MOST_UNTAKEN + 1]);
        assert!(teller.is_behind());
        assert_eq!(batches.next().map(|batch| batch.len()), Some(MOST_UNTAKEN + 1));
    }

    /// Tells of what passed, and is full with three.
    #[derive(Default)]
    struct Tally(usize);

    impl Scribe for Tally {
        fn tell(&mut self, outcome: &Outcome) -> bool {
            self.0 += usize::from(outcome.kind == Kind::Pass);
            outcome.kind == Kind::Pass
        }

        fn is_empty(&self) -> bool {
            self.0 == 0
        }

        fn is_full(&self) -> bool {
            self.0 >= 3
        }

        fn take(&mut self) -> Lines {
            Lines { text: Vec::new(), entries: std::mem::take(&mut self.0) }
        }
    }

    #[test]
    fn a_scribe_tells_what_it_can_and_its_lines_count_as_the_events_that_they_replace() {
        let (mut teller, mut batches, queue) = channel(|| ());
        teller.employ(Box::new(Tally::default()));
        (1..=4).for_each(|line| teller.finished(passed(line, 1)));
        assert_eq!(queue.untaken.load(Ordering::Relaxed), 3);
        teller.finished(outcome(5, Failure::new(Class::Closed, Phase::Wait, "reset")));
        teller.tell(end());
        teller.flush();
        let told: Vec<Event> = std::iter::from_fn(|| batches.next()).flatten().collect();
        let entries = |event: &Event| if let Event::Lines(lines) = event { lines.entries } else { 0 };
        assert_eq!(told.iter().map(entries).collect::<Vec<_>>(), [3, 1, 0, 0]);
        assert!(matches!(told[2..], [Event::Finished(_), Event::RunFinished(_)]));
    }

    #[test]
    fn looks_come_between_batches_until_the_last_event() {
        let (_, batches, queue) = channel(|| ());
        let look = |_| Event::Live { table: ParkedTable::default(), at: Duration::ZERO };
        let mut batches = batches.looking_each(Duration::ZERO, look);
        queue.put(&mut vec![remark()]);
        for _ in 0..3 {
            assert!(matches!(batches.next().as_deref(), Some([Event::Live { .. }])));
        }
        queue.put(&mut vec![end()]);
        assert_eq!(batches.next().map(|batch| batch.len()), Some(2));
        assert!(batches.next().is_none());
    }
}
