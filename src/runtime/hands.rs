//! Coroutines that have done one task and wait for the next: a stack is set up once and not for every URL.
//!
//! To start a coroutine takes six allocations and 1500 instructions more than to wake one that is there (2026-11), and
//! its stack keeps the pages that it has touched either way.
//!
//! Knows who is idle. Refuses to know what a task does and how a coroutine is started (`green`).

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use may::coroutine::{self, Coroutine};

use super::running::{Running, Task};

/// What a task is.
pub(super) type Errand = Box<dyn FnOnce() + Send>;

/// The coroutines that wait for a task.
#[derive(Default)]
pub(super) struct Hands {
    crew: Mutex<Crew>,
}

#[derive(Default)]
struct Crew {
    hands: Vec<Hand>,
    /// The places of those that wait.
    idle: Vec<usize>,
    /// Nobody will have a task any more: who is done goes home.
    is_dismissed: bool,
}

/// One coroutine, as those see it who have a task for it.
struct Hand {
    coroutine: Coroutine,
    errand: Option<Errand>,
}

impl Hands {
    /// Has an idle coroutine do it, when it is its turn. Gives the task back where none is idle.
    pub(super) fn give<T: Send + 'static>(&self, task: T, run: fn(T)) -> Result<(), T> {
        let mut crew = self.crew();
        let Some(place) = crew.idle.pop() else { return Err(task) };
        let hand = &mut crew.hands[place];
        hand.errand = Some(Box::new(move || run(task)));
        hand.coroutine.unpark();
        Ok(())
    }

    /// What a coroutine does: its first task, and then all that it is given.
    pub(super) fn serve(&self, running: &Running, first: impl FnOnce()) {
        contain(running, first);
        let place = self.join();
        while let Some(errand) = self.next(place) {
            contain(running, errand);
        }
    }

    fn join(&self) -> usize {
        let mut crew = self.crew();
        crew.hands.push(Hand { coroutine: coroutine::current(), errand: None });
        crew.hands.len() - 1
    }

    /// Parks until there is a task; `None` is to go home. Wake-ups may be spurious.
    fn next(&self, place: usize) -> Option<Errand> {
        {
            let mut crew = self.crew();
            if crew.is_dismissed {
                return None;
            }
            crew.idle.push(place);
        }
        loop {
            coroutine::park();
            let mut crew = self.crew();
            let errand = crew.hands[place].errand.take();
            if errand.is_some() || crew.is_dismissed {
                return errand;
            }
        }
    }

    /// There will be tasks.
    pub(super) fn muster(&self) {
        self.crew().is_dismissed = false;
    }

    /// There will be no more tasks.
    pub(super) fn dismiss(&self) {
        let mut crew = self.crew();
        crew.is_dismissed = true;
        for place in std::mem::take(&mut crew.idle) {
            crew.hands[place].coroutine.unpark();
        }
    }

    fn crew(&self) -> std::sync::MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic ends a task and not the coroutine; who waits for the task hears of it from the task's own guards.
fn contain(running: &Running, task: impl FnOnce()) {
    let _ = panic::catch_unwind(AssertUnwindSafe(|| {
        let _turn = Task::begin(running);
        task();
    }));
}
