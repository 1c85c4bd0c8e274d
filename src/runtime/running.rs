//! Whose turn it is on the worker: one word that the worker writes and any thread may read.
//!
//! Knows turns by number and by slot. Refuses to look at a clock: a turn costs the worker two stores, and how long it
//! lasts is seen by who looks twice (`watcher`).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

/// The bits of the word that say who; those above count turns.
const WHO_BITS: u32 = 32;

/// Nobody: the worker is with the hub, in the selector mostly.
const NOBODY: u64 = 0;

/// A task that has not said yet in which slot it is.
const SOMEBODY: u64 = 1;

/// Who runs since when, counted in turns. Two equal ones say that nobody else has had a turn between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Turn(u64);

impl Turn {
    /// Whether a task runs, and not the hub.
    pub(super) fn is_somebodys(self) -> bool {
        self.who() != NOBODY
    }

    /// The slot in which it runs, as far as it is known.
    pub(super) fn slot(self) -> Option<usize> {
        usize::try_from(self.who().checked_sub(SOMEBODY + 1)?).ok()
    }

    fn who(self) -> u64 {
        self.0 & ((1 << WHO_BITS) - 1)
    }

    fn next(self, who: u64) -> Turn {
        Turn((self.0 >> WHO_BITS).wrapping_add(1) << WHO_BITS | who)
    }

    #[cfg(test)]
    pub(super) fn sample(number: u64, slot: Option<usize>) -> Turn {
        Turn(number << WHO_BITS | slot.map_or(NOBODY, who_in))
    }
}

fn who_in(slot: usize) -> u64 {
    u64::try_from(slot).unwrap_or(0).saturating_add(SOMEBODY + 1) & ((1 << WHO_BITS) - 1)
}

/// The word, and the one who looks at it.
#[derive(Default)]
pub(super) struct Running {
    word: AtomicU64,
    /// Set while the watcher sleeps until somebody runs.
    watcher_sleeps: AtomicBool,
    watcher: OnceLock<Thread>,
}

impl Running {
    /// Whose turn it is now.
    pub(super) fn turn(&self) -> Turn {
        Turn(self.word.load(Ordering::Relaxed))
    }

    /// On the worker: the task in this slot has its turn.
    pub(super) fn begin(&self, slot: usize) {
        self.pass_to(who_in(slot));
    }

    /// On the worker: a task has its turn that does not know its slot yet.
    pub(super) fn begin_unknown(&self) {
        self.pass_to(SOMEBODY);
    }

    /// On the worker: who started another one goes on.
    pub(super) fn resume(&self, before: Turn) {
        self.pass_to(before.who());
    }

    /// On the worker: whoever ran waits or is done.
    pub(super) fn end(&self) {
        self.word.store(self.turn().next(NOBODY).0, Ordering::Relaxed);
    }

    fn pass_to(&self, who: u64) {
        // The worker alone writes, so that this is no race, and a plain store.
        self.word.store(self.turn().next(who).0, Ordering::Relaxed);
        if self.watcher_sleeps.load(Ordering::Relaxed) {
            self.wake_watcher();
        }
    }

    #[cold]
    fn wake_watcher(&self) {
        if self.watcher_sleeps.swap(false, Ordering::Relaxed)
            && let Some(watcher) = self.watcher.get()
        {
            watcher.unpark();
        }
    }

    /// The calling thread is the one to wake; false when there is one already.
    pub(super) fn watch(&self) -> bool {
        self.watcher.set(std::thread::current()).is_ok()
    }

    /// The watcher says whether it wants to be woken by the next turn. What began just before may not have seen it, so
    /// it looks once more before it sleeps.
    pub(super) fn set_asleep(&self, asleep: bool) {
        self.watcher_sleeps.store(asleep, Ordering::Relaxed);
    }

    /// Whether nobody has woken it since.
    pub(super) fn is_asleep(&self) -> bool {
        self.watcher_sleeps.load(Ordering::Relaxed)
    }
}

/// A task's turn from its start to its end, also when it panics.
pub(super) struct Task<'a>(&'a Running);

impl<'a> Task<'a> {
    /// It begins.
    pub(super) fn begin(running: &'a Running) -> Task<'a> {
        running.begin_unknown();
        Task(running)
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_is_another_one_and_says_whose_it_is() {
        let running = Running::default();
        assert!(!running.turn().is_somebodys());
        running.begin(7);
        let first = running.turn();
        assert_eq!((first.is_somebodys(), first.slot()), (true, Some(7)));
        running.end();
        assert!(!running.turn().is_somebodys());
        running.begin(7);
        assert_ne!(running.turn(), first, "the same slot, another turn");
    }

    #[test]
    fn who_starts_another_one_goes_on_afterwards_and_a_panic_ends_a_turn() {
        let running = Running::default();
        running.begin(3);
        let before = running.turn();
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _task = Task::begin(&running);
            assert_eq!((running.turn().is_somebodys(), running.turn().slot()), (true, None));
            std::panic::resume_unwind(Box::new("quietly"));
        }));
        assert!(!running.turn().is_somebodys());
        running.resume(before);
        assert_eq!(running.turn().slot(), Some(3));
    }
}
