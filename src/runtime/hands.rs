//! Coroutines that have done one task and wait for the next: a stack is set up once and not for every URL.
//!
//! To start a coroutine takes six allocations and 1500 instructions more than to wake one that is there (2026-11), and
//! its stack keeps the pages that it has touched either way.
//!
//! Knows who is idle. Refuses to know what a task does and how a coroutine is started (`green`).

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use may::coroutine::{self, Coroutine};

/// What a task is.
pub(super) type Errand = Box<dyn FnOnce() + Send>;

/// The coroutines that wait for a task.
#[derive(Default)]
pub(super) struct Hands {
    crew: Mutex<Crew>,
}

#[derive(Default)]
struct Crew {
    idle: Vec<Arc<Hand>>,
    /// Nobody will have a task any more: who is done goes home.
    is_dismissed: bool,
}

/// One coroutine, as those see it who have a task for it.
struct Hand {
    coroutine: Coroutine,
    order: Mutex<Order>,
}

enum Order {
    Wait,
    Do(Errand),
    GoHome,
}

impl Hand {
    fn give(&self, order: Order) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = order;
        self.coroutine.unpark();
    }

    /// Parks until there is an order; `None` is to go home. Wake-ups may be spurious.
    fn next(&self) -> Option<Errand> {
        loop {
            let order = std::mem::replace(
                &mut *self.order.lock().unwrap_or_else(PoisonError::into_inner),
                Order::Wait,
            );
            match order {
                Order::Wait => coroutine::park(),
                Order::Do(errand) => return Some(errand),
                Order::GoHome => return None,
            }
        }
    }
}

impl Hands {
    /// Has an idle coroutine do it, when it is its turn. Gives the task back where none is idle.
    pub(super) fn give<T: FnOnce() + Send + 'static>(&self, task: T) -> Result<(), T> {
        let Some(hand) = self.crew().idle.pop() else { return Err(task) };
        hand.give(Order::Do(Box::new(task)));
        Ok(())
    }

    /// What a coroutine does: its first task, and then all that it is given.
    pub(super) fn serve(&self, first: impl FnOnce()) {
        contain(first);
        let hand = Hand { coroutine: coroutine::current(), order: Mutex::new(Order::Wait) };
        let hand = Arc::new(hand);
        while self.line_up(&hand) {
            let Some(errand) = hand.next() else { return };
            contain(errand);
        }
    }

    fn line_up(&self, hand: &Arc<Hand>) -> bool {
        let mut crew = self.crew();
        if !crew.is_dismissed {
            crew.idle.push(Arc::clone(hand));
        }
        !crew.is_dismissed
    }

    /// There will be tasks.
    pub(super) fn muster(&self) {
        self.crew().is_dismissed = false;
    }

    /// There will be no more tasks.
    pub(super) fn dismiss(&self) {
        let idle = {
            let mut crew = self.crew();
            crew.is_dismissed = true;
            std::mem::take(&mut crew.idle)
        };
        for hand in idle {
            hand.give(Order::GoHome);
        }
    }

    fn crew(&self) -> std::sync::MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic ends a task and not the coroutine; who waits for the task hears of it from the task's own guards.
fn contain(task: impl FnOnce()) {
    let _ = panic::catch_unwind(AssertUnwindSafe(task));
}
