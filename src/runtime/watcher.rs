//! The one who notices when the worker stands still: a light thread that looks whose turn it is.
//!
//! A turn that is still the same 50 ms later has held up everybody. Why is told by what the worker's thread had of a
//! processor meanwhile, and by its state: a false alarm on a loaded machine would send people to look for a fault that
//! is not there, so time without a processor is counted apart.
//!
//! Knows turns, and the worker's thread in /proc. Refuses to end anything, and to wake while nobody runs.

use std::fs;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::running::Turn;
use super::{Shared, sys};
use crate::event::{Stall, StallCause};

/// A turn of this length is told: what people begin to notice, and much more than the work between two waits takes.
const LONG: Duration = Duration::from_millis(50);

/// Between two looks.
const STEP: Duration = Duration::from_millis(25);

/// Between two looks while a turn lasts.
const SHORT_STEP: Duration = Duration::from_millis(5);

/// So long nobody has run: the watcher sleeps until somebody does.
const IDLE: Duration = Duration::from_secs(1);

/// Between two looks that are so far apart, the process itself was not running: stopped, or its machine was.
const PAUSE: Duration = Duration::from_secs(1);

/// No processor for so long is told: less than that happens on any busy machine.
const LONG_STARVED: Duration = Duration::from_secs(1);

/// What the watcher has seen.
#[derive(Default)]
pub(super) struct Stalls {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    worst: Option<Stall>,
    now: Option<Stall>,
    /// Those that last in other processes, one each.
    elsewhere: Vec<Stall>,
}

impl Seen {
    fn keep_worst(&mut self, stall: Option<&Stall>) {
        if stall.map(rank) > self.worst.as_ref().map(rank) {
            self.worst = stall.cloned();
        }
    }
}

/// What a worker did itself is worse than what was done to it, then the longest is.
fn rank(stall: &Stall) -> (bool, Duration) {
    (stall.cause != StallCause::Starved, stall.lasted)
}

impl Stalls {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worst so far.
    pub(super) fn worst(&self) -> Option<Stall> {
        self.seen().worst.clone()
    }

    /// The worst of those that last.
    pub(super) fn now(&self) -> Option<Stall> {
        let seen = self.seen();
        seen.now.iter().chain(&seen.elsewhere).max_by_key(|stall| rank(stall)).cloned()
    }

    /// What another process says of its worker; `None` when that goes on.
    pub(super) fn note_elsewhere(&self, process: u32, stall: Option<Stall>) {
        let mut seen = self.seen();
        seen.elsewhere.retain(|other| other.process != Some(process));
        let stall = stall.map(|stall| Stall { process: Some(process), ..stall });
        seen.keep_worst(stall.as_ref());
        seen.elsewhere.extend(stall);
    }

    fn note(&self, stall: Option<Stall>) {
        let mut seen = self.seen();
        seen.keep_worst(stall.as_ref());
        seen.now = stall;
    }
}

/// What is seen at one time.
struct Look {
    turn: Turn,
    /// Since the look before.
    elapsed: Duration,
    /// How long it was meant to be.
    step: Duration,
    /// What the worker's thread has had of a processor since it began.
    cpu: Duration,
    /// Its thread waits for something in the kernel.
    sleeps: bool,
}

/// What became of the time of one turn, as far as it was seen: never more than it was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Spent {
    busy: Duration,
    blocked: Duration,
    starved: Duration,
}

/// The turn that is looked at.
#[derive(Default)]
struct Watch {
    turn: Turn,
    cpu: Duration,
    slept: bool,
    spent: Spent,
    /// How long nobody has run.
    idle: Duration,
}

impl Watch {
    fn look(&mut self, look: &Look) -> Spent {
        let ran = look.cpu.saturating_sub(self.cpu).min(look.elapsed);
        let is_first = look.turn != self.turn;
        if is_first {
            self.spent = Spent::default();
        } else if look.turn.is_somebodys() {
            self.spend(ran, look);
        }
        let is_idle = !is_first && !look.turn.is_somebodys();
        self.idle = if is_idle { self.idle + look.elapsed } else { Duration::ZERO };
        (self.turn, self.cpu, self.slept) = (look.turn, look.cpu, look.sleeps && !is_first);
        self.spent
    }

    /// Who slept at both ends and had no processor in between has slept; with one end alone only a short time is
    /// believed.
    fn spend(&mut self, ran: Duration, look: &Look) {
        let rest = look.elapsed - ran;
        let is_sure = self.slept || look.elapsed <= 2 * look.step;
        self.spent.busy += ran;
        if look.sleeps && is_sure && look.elapsed < PAUSE {
            self.spent.blocked += rest;
        } else {
            self.spent.starved += rest;
        }
    }

    fn step(&self) -> Duration {
        if self.turn.is_somebodys() { SHORT_STEP } else { STEP }
    }
}

impl Spent {
    /// What to say of it; `None` when it is nothing.
    fn told(self) -> Option<(StallCause, Duration)> {
        let own = self.busy + self.blocked;
        if own >= LONG {
            let cause = if self.busy > self.blocked { StallCause::Busy } else { StallCause::Blocked };
            return Some((cause, own));
        }
        (self.starved >= LONG_STARVED).then_some((StallCause::Starved, self.starved))
    }
}

/// Watches the worker from now on, from a thread of its own; the second time does nothing. `tell` is called there after
/// each look, with the standstill that lasts; it must not wait for the worker.
///
/// # Errors
/// What the system said when there is no thread for it.
pub(super) fn start(
    shared: &Arc<Shared>,
    tell: impl FnMut(Option<&Stall>) + Send + 'static,
) -> io::Result<()> {
    let shared = Arc::clone(shared);
    let builder = thread::Builder::new().name("watcher".to_owned()).stack_size(64 << 10);
    builder.spawn(move || watch(&shared, tell)).map(drop)
}

fn watch(shared: &Shared, mut tell: impl FnMut(Option<&Stall>)) {
    let Some(hub) = shared.hub.as_ref().filter(|hub| hub.running.watch()) else { return };
    let (mut watch, mut before) = (Watch::default(), Instant::now());
    loop {
        let step = watch.step();
        thread::park_timeout(step);
        let now = Instant::now();
        let turn = hub.running.turn();
        let worker = shared.worker.load(Ordering::Relaxed);
        let lasts = turn == watch.turn && turn.is_somebodys();
        let look = Look {
            turn,
            elapsed: now - before,
            step,
            cpu: sys::thread_cpu_time(worker),
            sleeps: lasts && sleeps(worker),
        };
        before = now;
        let told = watch.look(&look).told();
        let stall = told.map(|(cause, lasted)| shared.stall(turn, cause, lasted, now));
        tell(stall.as_ref());
        hub.stalls.note(stall);
        if watch.idle >= IDLE {
            sleep_until_somebody_runs(shared, turn);
            (watch, before) = (Watch::default(), Instant::now());
        }
    }
}

/// Without a wake-up while nobody runs.
fn sleep_until_somebody_runs(shared: &Shared, seen: Turn) {
    let Some(hub) = &shared.hub else { return };
    hub.running.set_asleep(true);
    // A turn that began meanwhile may have missed it; by then all processors agree.
    thread::park_timeout(STEP);
    while hub.running.is_asleep() && hub.running.turn() == seen {
        thread::park();
    }
    hub.running.set_asleep(false);
}

impl Shared {
    fn stall(&self, turn: Turn, cause: StallCause, lasted: Duration, now: Instant) -> Stall {
        let slot = turn.slot().and_then(|index| self.slots().get(index).cloned());
        let parked = slot.and_then(|slot| slot.parked(now));
        let at = parked.map(|parked| (parked.subject, parked.phase));
        Stall { cause, lasted, at, process: None }
    }
}

/// Whether a thread of this process waits in the kernel, by the letter behind its name (proc(5)): `R` runs or would like
/// to, `T` was stopped.
fn sleeps(thread: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    matches!(state, Some('S' | 'D'))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::Mode;
    use crate::outcome::Phase;
    use crate::record::samples::subject;
    use crate::runtime::Runtime;

    const MILLI: Duration = Duration::from_millis(1);

    /// So many looks, `step` ms apart as they were meant to be, at the same turn of slot 3; each time the worker has had
    /// so much of a processor.
    fn after(looks: u32, elapsed: u32, step: u32, ran: u32, sleeps: bool) -> Spent {
        let mut watch = Watch::default();
        let turn = Turn::sample(9, Some(3));
        let mut spent = Spent::default();
        for n in 0..=looks {
            let cpu = n * ran * MILLI;
            spent = watch.look(&Look { turn, elapsed: elapsed * MILLI, step: step * MILLI, cpu, sleeps });
        }
        spent
    }

    #[test]
    fn what_the_worker_did_is_told_apart_from_what_was_done_to_it() {
        for (spent, told) in [
            (after(10, 5, 5, 5, false), Some((StallCause::Busy, 50))),
            (after(9, 5, 5, 5, false), None),
            (after(20, 5, 5, 0, true), Some((StallCause::Blocked, 100))),
            (after(4, 20, 5, 0, true), Some((StallCause::Blocked, 60))),
            // Another program has the processor: a hundred milliseconds of it are 2 s on the clock.
            (after(100, 20, 5, 1, false), Some((StallCause::Busy, 100))),
            (after(100, 19, 5, 0, false), Some((StallCause::Starved, 1900))),
            (after(10, 19, 5, 0, false), None),
            // The process was stopped, or its machine was.
            (after(1, 60_000, 5, 0, false), Some((StallCause::Starved, 60_000))),
            (after(2, 60_000, 5, 0, true), Some((StallCause::Starved, 120_000))),
        ] {
            let told = told.map(|(cause, millis)| (cause, millis * MILLI));
            assert_eq!(spent.told(), told, "{spent:?}");
        }
    }

    #[test]
    fn another_turn_begins_anew_and_nobodys_turn_is_none() {
        let mut watch = Watch::default();
        let mut look = |turn| {
            let look =
                Look { turn, elapsed: 40 * MILLI, step: 25 * MILLI, cpu: Duration::ZERO, sleeps: true };
            watch.look(&look).told()
        };
        for number in 1..9 {
            assert_eq!(look(Turn::sample(number, Some(1))), None);
            assert_eq!(look(Turn::sample(number, Some(1))), None);
        }
        for _ in 0..99 {
            assert_eq!(look(Turn::sample(9, None)), None);
        }
        assert!(watch.idle >= IDLE);
    }

    #[test]
    fn the_worst_is_the_longest_of_the_workers_own() {
        let stalls = Stalls::default();
        let stall = |cause, millis| Some(Stall { cause, lasted: millis * MILLI, at: None, process: None });
        for (cause, millis) in [
            (StallCause::Starved, 9_000),
            (StallCause::Busy, 60),
            (StallCause::Blocked, 80),
            (StallCause::Busy, 70),
            (StallCause::Starved, 9_000),
        ] {
            stalls.note(stall(cause, millis));
        }
        stalls.note(None);
        assert_eq!(
            stalls.worst().map(|worst| (worst.cause, worst.lasted)),
            Some((StallCause::Blocked, 80 * MILLI))
        );
        assert!(stalls.now().is_none());
    }

    #[test]
    fn what_other_processes_say_is_told_under_their_numbers_until_they_go_on() {
        let stalls = Stalls::default();
        let stall =
            |millis| Some(Stall { cause: StallCause::Busy, lasted: millis * MILLI, at: None, process: None });
        let told = |stall: Option<Stall>| stall.map(|stall| (stall.process, stall.lasted / 1_000_000));
        let nanos = Duration::from_nanos;
        stalls.note_elsewhere(7, stall(60));
        stalls.note_elsewhere(8, stall(80));
        stalls.note_elsewhere(7, stall(70));
        assert_eq!(told(stalls.now()), Some((Some(8), nanos(80))));
        stalls.note_elsewhere(8, None);
        assert_eq!(told(stalls.now()), Some((Some(7), nanos(70))));
        stalls.note(stall(90));
        assert_eq!(told(stalls.now()), Some((None, nanos(90))), "our own");
        stalls.note(None);
        stalls.note_elsewhere(7, None);
        assert_eq!((told(stalls.now()), told(stalls.worst())), (None, Some((None, nanos(90)))));
    }

    #[test]
    fn a_thread_that_runs_does_not_sleep_and_uses_the_processor() {
        let me = sys::thread_id();
        assert!(!sleeps(me) && !sleeps(i32::MAX));
        let before = sys::thread_cpu_time(me);
        assert!(before > Duration::ZERO);
        while sys::thread_cpu_time(me) == before {}
    }

    /// After this whoever waits in a test has waited in vain.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A URL's task that goes on until it is told to end, and what the watcher says of it meanwhile.
    fn seen_of(
        cause: StallCause,
        task: impl FnOnce(mpsc::Receiver<()>) + Send + 'static,
    ) -> (Runtime, Stall) {
        let runtime = Runtime::start(Mode::Coroutines, 2).unwrap();
        runtime.watch_worker().unwrap();
        let slot = runtime.slot();
        let (end, until) = mpsc::channel();
        let (ended, is_over) = mpsc::channel();
        let spawner = runtime.clone();
        let fetch = move || {
            slot.occupy(subject(7), 1, Instant::now());
            slot.enter(Phase::Check, Instant::now());
            task(until);
            let _ = ended.send(());
        };
        runtime.start_root(move || spawner.spawn(fetch).unwrap()).unwrap();
        let limit = Instant::now() + PATIENCE;
        let stall = loop {
            if let Some(stall) = runtime.stall().filter(|stall| stall.cause == cause) {
                break stall;
            }
            assert!(Instant::now() < limit, "{cause:?} was not noticed: {:?}", runtime.worst_stall());
            assert!(is_over.recv_timeout(MILLI).is_err());
        };
        let parked = runtime.parked(Instant::now());
        assert_eq!(parked.len(), 1, "the table comes while nobody goes on");
        end.send(()).unwrap();
        is_over.recv().unwrap();
        (runtime, stall)
    }

    #[test]
    fn a_task_that_blocks_the_worker_is_noticed_while_it_does_and_its_url_is_named() {
        let (runtime, stall) = seen_of(StallCause::Blocked, |until| until.recv().unwrap());
        let (at, phase) = stall.at.unwrap();
        assert_eq!((at.urlnum, phase), (6, Phase::Check));
        assert!(
            stall.lasted >= LONG && runtime.worst_stall().is_some_and(|worst| worst.lasted >= stall.lasted)
        );
    }

    #[test]
    fn a_task_that_computes_without_a_turn_for_others_is_told_apart_from_one_that_blocks() {
        let (_, stall) = seen_of(StallCause::Busy, |until| while until.try_recv().is_err() {});
        assert!(stall.lasted >= LONG && stall.at.is_some_and(|(at, _)| at.urlnum == 6));
    }

    /// Asleep, as after a second without a turn, it is woken by the next one; else this would never end.
    #[test]
    fn a_watcher_that_sleeps_is_woken_by_the_next_turn() {
        let runtime = Runtime::start(Mode::Coroutines, 2).unwrap();
        let shared = Arc::clone(&runtime.shared);
        let (woken, is_awake) = mpsc::channel();
        thread::spawn(move || {
            let running = &shared.hub.as_ref().unwrap().running;
            assert!(running.watch());
            sleep_until_somebody_runs(&shared, running.turn());
            woken.send(()).unwrap();
        });
        let running = &runtime.shared.hub.as_ref().unwrap().running;
        while !running.is_asleep() {
            thread::yield_now();
        }
        assert!(is_awake.try_recv().is_err());
        runtime.run_root(|| ()).unwrap();
        is_awake.recv_timeout(PATIENCE).unwrap();
    }
}
