//! Coroutines: a stack for each task, one worker thread, and a hub that switches whenever a task would block.
//!
//! This is where greenfetch is gevent. A fetch is written as if it blocked; when its socket has nothing to say, `may`
//! saves a handful of registers, leaves the stack where it is and runs whoever is ready. Nothing is copied and nothing
//! is turned inside out, so the code that parks reads like the code that blocks. All coroutines share one thread, so
//! between two waits a task has the world to itself, and a task that blocks that thread blocks everybody: names, disks
//! and terminals are therefore asked elsewhere (`offload`).
//!
//! Knows may's start-up, the table of deadlines and the turns of busy tasks. Refuses to know sockets beyond their
//! readiness. may's own timers are not used: they would resume a coroutine on may's timer thread, beside the worker.
#![expect(unsafe_code, reason = "may's spawn is unsafe: see `spawn_local`")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use super::hands::Hands;
use super::running::{Running, Task};
use super::watched::Watching;
use super::watcher::Stalls;
use super::{Shared, Slot, sys};

/// Coroutine stack in machine words (may's unit), even so that may does not print its footprint: 256 KiB in release.
/// https through ureq used 37.4 KiB there (2026-11, x86-64); memory follows the pages touched, not the size. Debug
/// builds use larger frames.
pub(super) const STACK_WORDS: usize = if cfg!(debug_assertions) { 0x2_0000 } else { 0x8000 };

/// The same in bytes.
pub(super) const STACK_BYTES: usize = STACK_WORDS * size_of::<usize>();

/// Slots beside those of the jobs: the loop's own and a few of the demo's.
const SPARE_SLOTS: usize = 64;

/// The timer does not fire more often than this, so that looking through 10 000 deadlines stays cheap.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// What coroutines wait by: deadlines and turns.
pub(super) struct Hub {
    /// For each slot the nanosecond at which it wants to be woken; 0 is never. Waiting stores one number here: the
    /// minimum heap of gevent's hub in a form that costs a store.
    deadlines: Box<[AtomicU64]>,
    /// The nanosecond for which the timer is armed; `u64::MAX` when it is not.
    armed_for: AtomicU64,
    timer: OwnedFd,
    /// The slots that gave up their turn.
    turns: Mutex<Vec<usize>>,
    turn_bell: OwnedFd,
    hands: Hands,
    /// Whose turn it is.
    pub(super) running: Running,
    /// When it was one's for too long.
    pub(super) stalls: Stalls,
}

impl Hub {
    /// Sets up may, once a process, before anything of it is touched: a first use without this starts as many workers
    /// as there are processors, pins them and allocates a thousand stacks, and later settings are ignored silently.
    pub(super) fn new(jobs: u32) -> io::Result<Hub> {
        set_up_may(jobs)?;
        let slots = usize::try_from(jobs).unwrap_or(usize::MAX).saturating_add(SPARE_SLOTS);
        Ok(Hub {
            deadlines: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            armed_for: AtomicU64::new(u64::MAX),
            timer: sys::timerfd()?,
            turns: Mutex::new(Vec::new()),
            turn_bell: sys::eventfd()?,
            hands: Hands::default(),
            running: Running::default(),
            stalls: Stalls::default(),
        })
    }

    /// Stores a slot's deadline and arms the timer when it is the earliest.
    pub(super) fn expect_wake_at(&self, index: usize, nanos: Option<u64>, epoch: Instant) {
        self.deadlines[index].store(nanos.unwrap_or(0), Ordering::Relaxed);
        if let Some(nanos) = nanos
            && nanos < self.armed_for.load(Ordering::Relaxed)
        {
            self.arm(nanos, epoch);
        }
    }

    fn arm(&self, nanos: u64, epoch: Instant) {
        self.armed_for.store(nanos, Ordering::Relaxed);
        let left = Duration::from_nanos(nanos).saturating_sub(epoch.elapsed());
        sys::arm(self.timer.as_raw_fd(), left).expect("a valid time arms a valid timer");
    }

    /// Takes the slots out of the table that are late, and arms the timer for the next. Only so many slots were made;
    /// the table has room for all that may be.
    fn take_late(&self, n_slots: usize, epoch: Instant) -> Vec<usize> {
        self.armed_for.store(u64::MAX, Ordering::Relaxed);
        let now = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut late = Vec::new();
        let mut earliest = u64::MAX;
        for (index, deadline) in self.deadlines.iter().take(n_slots).enumerate() {
            match deadline.load(Ordering::Relaxed) {
                0 => {}
                at if at <= now => {
                    deadline.store(0, Ordering::Relaxed);
                    late.push(index);
                }
                at => earliest = earliest.min(at),
            }
        }
        if earliest < u64::MAX {
            let soonest = now.saturating_add(u64::try_from(TIMER_STEP.as_nanos()).unwrap_or(0));
            self.arm(earliest.max(soonest), epoch);
        }
        late
    }

    /// Goes to the end of the line: behind all that are ready, sockets included.
    pub(super) fn wait_for_turn(&self, slot: &Slot) {
        let first = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.push(slot.index);
            turns.len() == 1
        };
        if first {
            sys::notify(self.turn_bell.as_raw_fd());
        }
        slot.park(None);
    }
}

/// Whether a stack is being asked for: may panics in the spawner when there is none, and that is an answer here.
static SPAWNING: AtomicBool = AtomicBool::new(false);

/// Done when may may be used.
static SET_UP: Once = Once::new();

/// Whether the caller is a coroutine. May itself is not asked where it was never set up: it would make a context for each
/// thread that asks and never free it, 200 bytes for every URL in threads mode.
pub(super) fn is_coroutine() -> bool {
    SET_UP.is_completed() && may::coroutine::is_coroutine()
}

fn set_up_may(jobs: u32) -> io::Result<()> {
    let mut result = Ok(());
    SET_UP.call_once(|| {
        // Two processes pinned to one core took twice as long (2026-11), so nobody is pinned.
        may::config().set_workers(1).set_stack_size(STACK_WORDS).set_pool_capacity(1).set_worker_pin(false);
        keep_quiet_about_stacks();
        // One thread does nearly all that allocates. An arena for each helper would be made at every start, which takes
        // 30 µs each (2026-11).
        sys::limit_arenas(1);
        // may starts its threads here and panics where the system gives none.
        result = catching(|| unsafe { may::coroutine::Builder::new().spawn(|| {}) }).map(drop);
        // Only now: the pool allocates as many stacks as its capacity says when may starts.
        may::config().set_pool_capacity(usize::try_from(jobs).unwrap_or(usize::MAX).saturating_add(2));
    });
    result
}

/// Runs what asks for a stack and makes its panic an error.
pub(super) fn catching<T>(spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    SPAWNING.store(true, Ordering::Relaxed);
    let caught = panic::catch_unwind(AssertUnwindSafe(spawn));
    SPAWNING.store(false, Ordering::Relaxed);
    match caught {
        Ok(result) => result,
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::OutOfMemory, "no memory or thread for another coroutine"))
        }
    }
}

fn keep_quiet_about_stacks() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !SPAWNING.load(Ordering::Relaxed) {
            usual(info);
        }
    }));
}

/// Starts the hub's two coroutines: the timer, and the one that gives turns.
pub(super) fn start_hub(shared: &Arc<Shared>) -> io::Result<()> {
    let hub = shared.hub.as_ref().expect("coroutines have a hub");
    let timer = Watching::begin(hub.timer.try_clone()?)?;
    let for_timer = Arc::clone(shared);
    spawn(move || run_timer(&for_timer, &timer))?;
    let bell = Watching::begin(hub.turn_bell.try_clone()?)?;
    let for_turns = Arc::clone(shared);
    spawn(move || give_turns(&for_turns, &bell))
}

fn run_timer(shared: &Shared, timer: &Watching) {
    let hub = shared.hub.as_ref().expect("coroutines have a hub");
    loop {
        timer.wait();
        sys::drain(hub.timer.as_raw_fd());
        let n_slots = shared.slots().len();
        let late = hub.take_late(n_slots, shared.epoch);
        if !late.is_empty() {
            let slots = shared.slots();
            for slot in late.into_iter().filter_map(|index| slots.get(index)) {
                slot.nudge();
            }
        }
    }
}

fn give_turns(shared: &Shared, bell: &Watching) {
    let hub = shared.hub.as_ref().expect("coroutines have a hub");
    loop {
        bell.wait();
        sys::drain(hub.turn_bell.as_raw_fd());
        let turns = std::mem::take(&mut *hub.turns.lock().unwrap_or_else(PoisonError::into_inner));
        let slots = shared.slots();
        for slot in turns.into_iter().filter_map(|index| slots.get(index)) {
            slot.wake();
        }
    }
}

/// Starts a coroutine from a thread: over a queue and an eventfd.
fn spawn(task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // SAFETY: as for `spawn_local`.
    catching(|| unsafe { may::coroutine::Builder::new().spawn(task) }).map(drop)
}

/// Starts the coroutine that starts all others.
pub(super) fn spawn_root(shared: Arc<Shared>, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    spawn(move || {
        shared.worker.store(sys::thread_id(), Ordering::Relaxed);
        let hub = shared.hub.as_ref().expect("coroutines have a hub");
        let hands = &hub.hands;
        hands.muster();
        let ended = panic::catch_unwind(AssertUnwindSafe(|| {
            let _turn = Task::begin(&hub.running);
            task();
        }));
        hands.dismiss();
        if let Err(panic) = ended {
            panic::resume_unwind(panic);
        }
    })
}

/// Has a coroutine of the worker that is idle do a task, as soon as it is its turn. Gives the task back where none is.
pub(super) fn give<T: Send + 'static>(shared: &Shared, task: T, run: fn(T)) -> Result<(), T> {
    shared.assert_on_worker();
    shared.hub.as_ref().expect("coroutines have a hub").hands.give(task, run)
}

/// Has a coroutine of the worker do a task: one that is idle as soon as it is its turn, else a new one, which runs at
/// once and up to its first wait.
pub(super) fn spawn_local(shared: &Arc<Shared>, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let Err(task) = give(shared, task, |task| task()) else { return Ok(()) };
    let hub = shared.hub.as_ref().expect("coroutines have a hub");
    let of_hand = Arc::clone(shared);
    let before = hub.running.turn();
    // SAFETY: may asks for two things. Thread locals must not be held across a wait, as other coroutines of the thread
    // see them too: nobody here does (CONTRIBUTING.md). The stack must suffice: its size is more than twice what a
    // fetch was measured to use, below it lies a guard page, and a test measures the head-room.
    let spawned = catching(|| unsafe {
        may::coroutine::Builder::new().spawn_local(move || {
            let hub = of_hand.hub.as_ref().expect("coroutines have a hub");
            hub.hands.serve(&hub.running, task);
        })
    });
    // The new one ran up to its first wait; now the one that started it goes on.
    hub.running.resume(before);
    spawned.map(drop)
}
