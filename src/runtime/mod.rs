//! How tasks run and wait: coroutines on one worker or threads of the system, behind the same words.
//!
//! Knows may, the sockets and the helper threads. Refuses to know HTTP, lists and schedules: a task is a closure, and
//! the URL in a slot is only remembered so that it can be named.

mod answer;
mod census;
pub mod children;
mod clock;
mod deep;
mod green;
mod hands;
pub mod kin;
pub mod limits;
mod mailbox;
mod names;
mod offload;
mod outlet;
mod pow;
mod running;
mod slot;
mod race;
mod socket;
mod sys;
mod watched;
mod watcher;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

pub use answer::Answer;
pub use clock::Clock;
pub use deep::deep;
pub use mailbox::{Mailbox, Sender};
pub use names::addresses;
pub use offload::{Job, NoResult, Offload};
pub use outlet::Outlet;
pub use race::ConnectError;
pub use slot::{Slot, Wake};
pub use socket::{Listener, Socket, is_exhaustion};

use crate::config::Mode;
use crate::event::{Measures, Parked, Stall};
use census::Census;

/// The runtime of a process. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
    names: Arc<Offload>,
    disks: Arc<Offload>,
}

/// What slots, sockets and the runtime have in common.
struct Shared {
    /// The zero of all deadlines.
    epoch: Instant,
    /// Set once: the run is being stopped.
    stopped: AtomicBool,
    /// For threads that wait for a socket: readable for ever once stopped.
    stop_bell: OwnedFd,
    /// For whoever writes to a stream of the process: readable for ever once the run is to be over soon.
    hurry_bell: OwnedFd,
    /// `None` when tasks are threads.
    hub: Option<green::Hub>,
    /// Thread number of the worker; 0 before it is known and when tasks are threads.
    worker: AtomicI32,
    slots: Mutex<Vec<Arc<Slot>>>,
    census: Arc<Census>,
}

impl Runtime {
    /// Starts the runtime that a mode asks for. Coroutines can be started once in a process: may's worker and its
    /// settings are the process's.
    ///
    /// # Errors
    /// What the system said when a descriptor or a thread could not be had.
    pub fn start(mode: Mode, jobs: u32) -> io::Result<Runtime> {
        let hub = match mode {
            Mode::Coroutines => Some(green::Hub::new(jobs)?),
            Mode::Sync | Mode::Threads => None,
        };
        let census = Arc::new(Census::default());
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            stopped: AtomicBool::new(false),
            stop_bell: sys::eventfd()?,
            hurry_bell: sys::eventfd()?,
            hub,
            worker: AtomicI32::new(0),
            slots: Mutex::new(Vec::new()),
            census: Arc::clone(&census),
        });
        if shared.hub.is_some() {
            green::start_hub(&shared)?;
        }
        let disks = Arc::new(Offload::new(Arc::clone(&census)));
        Ok(Runtime { shared, names: Arc::new(Offload::new(census)), disks })
    }

    /// A new slot for a task that ends when the run is stopped.
    pub fn slot(&self) -> Arc<Slot> {
        self.new_slot(true)
    }

    /// A new slot for a task that goes on when the run is stopped, such as the loop that stops it.
    pub fn lasting_slot(&self) -> Arc<Slot> {
        self.new_slot(false)
    }

    fn new_slot(&self, heeds_stop: bool) -> Arc<Slot> {
        let mut slots = self.shared.slots();
        let slot = Arc::new(Slot::new(Arc::clone(&self.shared), slots.len(), heeds_stop));
        slots.push(Arc::clone(&slot));
        slot
    }

    /// Starts the task that starts all others: the root coroutine on the worker, or a thread.
    ///
    /// # Errors
    /// What the system said when there is no memory or thread for it.
    pub fn start_root(&self, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match self.shared.hub {
            Some(_) => green::spawn_root(Arc::clone(&self.shared), task),
            None => spawn_thread("engine", task),
        }
    }

    /// Starts the root and blocks the calling thread until it has ended; says what it returned.
    ///
    /// # Errors
    /// What the system said when there is no memory or thread for it, or that it ended in a panic.
    pub fn run_root<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (done, result) = mpsc::channel();
        self.start_root(move || drop(done.send(task())))?;
        result.recv().map_err(|_| io::Error::other("the root task ended in a panic"))
    }

    /// Starts a task, from inside the root: a thread, or a coroutine that has its turn at the root's next wait at the
    /// latest.
    ///
    /// # Errors
    /// What the system said when there is no memory or thread for it: start fewer.
    pub fn spawn(&self, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
        match self.shared.hub {
            Some(_) => green::spawn_local(&self.shared, task),
            None => spawn_thread("fetch", task),
        }
    }

    /// Has a coroutine that has done its last task do this one, from inside the root: nothing can fail. Gives the task
    /// back where none is idle, and where tasks are threads: `spawn` it.
    ///
    /// # Errors
    /// The task.
    pub fn hand_over<T: Send + 'static>(&self, task: T, run: fn(T)) -> Result<(), T> {
        if self.shared.hub.is_some() { green::give(&self.shared, task, run) } else { Err(task) }
    }

    /// Measures this process from now on: called before the first request.
    pub fn begin_census(&self) {
        self.shared.census.begin();
    }

    /// Called when more tasks are there than ever before.
    pub fn note_threads(&self) {
        self.shared.census.note_threads();
    }

    /// What the process came to since `begin_census`; `None` without it.
    pub fn measures(&self) -> Option<Measures> {
        self.shared.census.measures()
    }

    /// What this process has had of processors, all threads together.
    pub fn cpu_time(&self) -> Duration {
        sys::cpu_time()
    }

    /// A queue into a task, and the task's end of it.
    pub fn mailbox<T: Send>(&self) -> (Sender<T>, Mailbox<T>) {
        mailbox::new(self.lasting_slot())
    }

    /// Threads for looking up names, which may take for ever: so these have their own.
    pub fn names(&self) -> &Arc<Offload> {
        &self.names
    }

    /// Threads for what else would block the worker: disks, and work without a turn.
    pub fn offload(&self) -> &Arc<Offload> {
        &self.disks
    }

    /// Ends the waits of all slots that heed it, now and from now on.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        sys::notify(self.shared.stop_bell.as_raw_fd());
        let slots = self.shared.slots().clone();
        for slot in slots {
            slot.wake();
        }
    }

    /// A stream of the process as one to write to that does not wait for its reader once somebody is in a hurry.
    ///
    /// # Errors
    /// What the system said when there is no descriptor for it.
    pub fn outlet(&self, stream: impl AsFd) -> io::Result<Outlet> {
        Outlet::new(stream, Arc::clone(&self.shared))
    }

    /// Somebody has asked for the end: a stream that nobody reads is waited for no longer.
    pub fn hurry(&self) {
        sys::notify(self.shared.hurry_bell.as_raw_fd());
    }

    /// What every occupied slot is parked on. From any thread, also while the worker is blocked.
    pub fn parked(&self, now: Instant) -> Vec<Parked> {
        self.shared.slots().iter().filter_map(|slot| slot.parked(now)).collect()
    }

    /// Notices from now on when the worker stands still. Nothing where tasks are threads, which hold up nobody.
    ///
    /// # Errors
    /// What the system said when there is no thread for it.
    pub fn watch_worker(&self) -> io::Result<()> {
        self.watch_worker_and_tell(|_| ())
    }

    /// The same, and says so again and again while a standstill lasts, and once it does not: on a thread of its own, also
    /// while the worker is blocked. Who is told must not wait for the worker.
    ///
    /// # Errors
    /// As for `watch_worker`.
    pub fn watch_worker_and_tell(&self, tell: impl FnMut(Option<&Stall>) + Send + 'static) -> io::Result<()> {
        if self.shared.hub.is_some() { watcher::start(&self.shared, tell) } else { Ok(()) }
    }

    /// Another process of the run says that its worker stands still, or with `None` that it goes on.
    pub fn note_stall_of(&self, process: u32, stall: Option<Stall>) {
        if let Some(hub) = &self.shared.hub {
            hub.stalls.note_elsewhere(process, stall);
        }
    }

    /// The worst standstill so far, of our worker and those noted; `None` when there was none, and without `watch_worker`.
    pub fn worst_stall(&self) -> Option<Stall> {
        self.shared.hub.as_ref()?.stalls.worst()
    }

    /// That which lasts now.
    pub fn stall(&self) -> Option<Stall> {
        self.shared.hub.as_ref()?.stalls.now()
    }

    /// Whether the calling thread is the one on which all coroutines run; false when tasks are threads.
    pub fn is_worker(&self) -> bool {
        self.shared.worker.load(Ordering::Relaxed) == sys::thread_id()
    }
}

/// Stack of a fetch's thread: 512 KiB is more than twice what https through ureq takes in a debug build.
const THREAD_STACK_BYTES: usize = 512 << 10;

fn spawn_thread(name: &str, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(THREAD_STACK_BYTES);
    builder.spawn(task).map(drop)
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn stop_bell(&self) -> BorrowedFd<'_> {
        self.stop_bell.as_fd()
    }

    fn hurry_bell(&self) -> BorrowedFd<'_> {
        self.hurry_bell.as_fd()
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds from the epoch, at least 1: 0 says "no deadline" in the table.
    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX).max(1)
    }

    /// Coroutines never leave the worker. A wait on another thread would mean that something resumed one elsewhere, as
    /// may's own timers do; debug builds stop there.
    fn assert_on_worker(&self) {
        debug_assert_eq!(
            self.worker.load(Ordering::Relaxed),
            sys::thread_id(),
            "a coroutine left the worker"
        );
    }

    fn expect_wake_at(&self, index: usize, until: Option<Instant>) {
        if let Some(hub) = &self.hub {
            hub.expect_wake_at(index, until.map(|until| self.nanos(until)), self.epoch);
        }
    }

    /// The task in this slot goes on after a wait, or says for the first time where it is.
    fn begin_turn(&self, index: usize) {
        if let Some(hub) = &self.hub {
            hub.running.begin(index);
        }
    }

    /// It waits: the others have their turn.
    fn end_turn(&self) {
        if let Some(hub) = &self.hub {
            hub.running.end();
        }
    }

    fn wait_for_turn(&self, slot: &Slot) {
        if let Some(hub) = &self.hub {
            hub.wait_for_turn(slot);
        }
    }
}

/// Whether a descriptor has something to read, its end included, before so much time is over. For threads that may wait;
/// what cannot be asked is taken to have.
pub fn is_readable_within(descriptor: BorrowedFd<'_>, patience: Duration) -> bool {
    let until = Some(Instant::now() + patience);
    sys::poll(&[(descriptor, sys::Interest::Read)], until).is_ok_and(|ready| ready == [true])
}

/// Gives a file a name that nothing has yet: what is there already, a link included, is never replaced, not even when it
/// comes to be there at the same moment.
///
/// # Errors
/// `AlreadyExists`, or what the system said.
pub fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match sys::rename_without_replacing(from, to) {
        // File systems that cannot, such as NFS, can link.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        renamed => renamed,
    }
}

/// How many columns a terminal has; `None` for what is none, or when it does not say.
pub fn terminal_columns(stream: impl AsFd) -> Option<usize> {
    sys::columns(stream.as_fd())
}

/// Whether the process was started with a signal ignored, as nohup does with HUP.
pub fn is_signal_ignored(signal: i32) -> bool {
    sys::is_ignored(signal)
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn the_root_says_what_it_came_to() {
        for mode in [Mode::Coroutines, Mode::Threads] {
            let runtime = Runtime::start(mode, 1).unwrap();
            assert_eq!(runtime.run_root(|| 42).unwrap(), 42);
            let crashed = runtime.run_root(|| panic::resume_unwind(Box::new("quietly"))).unwrap_err();
            assert_eq!(crashed.to_string(), "the root task ended in a panic", "{mode:?}");
        }
    }
}
