//! The loop's next step, done by whoever has just made an attempt.
//!
//! While the loop waits, its state lies here. Most attempts pass, and then their outcome is told and the next one begins
//! where the last one ended, on the same stack while it is warm: without a message, a wake-up of the loop and a switch to
//! and fro, which took a tenth of our own part of a small request (2026-11). What is not as plain as that goes to the loop.
//!
//! Knows what is plain, and when the loop has to look up. Refuses to start anything: it gives the next task to whoever
//! asks.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::task::{Finished, Means, Task};
use super::{Engine, Message};
use crate::runtime::deep;
use crate::schedule::Next;

/// Where the loop's state lies while the loop waits.
#[derive(Default)]
pub(super) struct Desk(Mutex<Books>);

#[derive(Default)]
struct Books {
    /// `None` while the loop works.
    engine: Option<Box<Engine>>,
    /// Something is on its way to the loop that may end the run: nobody starts anything before it has heard of that.
    is_called: bool,
}

impl Desk {
    /// The loop is about to wait.
    pub(super) fn lay(&self, engine: Box<Engine>) {
        *self.books() = Books { engine: Some(engine), is_called: false };
    }

    /// The loop goes on; `None` when a step of it went wrong meanwhile.
    pub(super) fn take(&self) -> Option<Box<Engine>> {
        self.books().engine.take()
    }

    /// Held without a wait, so that nobody waits for it for long.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Means {
    /// An attempt is over. Gives the one that is to be made next by the one who made it, if there is one.
    pub(super) fn settle(&self, finished: Finished) -> Option<Task> {
        if self.verbose {
            // What was told on its way is a message that the loop may not have read yet, and comes first.
            self.sender.send(Message::Finished(finished));
            return None;
        }
        let mut books = self.desk.books();
        let is_called = books.is_called;
        let engine = books.engine.as_mut().filter(|engine| !is_called && engine.is_plain(&finished));
        let Some(engine) = engine else {
            books.is_called = true;
            drop(books);
            self.sender.send(Message::Finished(finished));
            return None;
        };
        // It goes deeper than a fetch that waits.
        let step = panic::catch_unwind(AssertUnwindSafe(|| deep(|| engine.pass_on(finished))));
        step.unwrap_or_else(|_| {
            books.engine = None;
            self.sender.send(Message::Look);
            None
        })
    }
}

impl Engine {
    /// Whether nothing is to be decided about what follows.
    fn is_plain(&self, finished: &Finished) -> bool {
        finished.attempt.failure.is_none() && self.rounds.is_none() && self.summary.stop.is_none()
    }

    /// What the loop would do if it were told.
    fn pass_on(&mut self, finished: Finished) -> Option<Task> {
        self.take_finished(finished);
        let now = Instant::now();
        let next = self.next_task(now);
        self.order_more();
        // The loop waits for what it knew of when it began to. Whatever else has become due, it sees when the batch leaves
        // in which this outcome is told.
        let has_news = self.teller.begins(now) || next.is_none();
        if has_news {
            self.means.sender.send(Message::Look);
        }
        next
    }

    fn next_task(&mut self, now: Instant) -> Option<Task> {
        if self.teller.is_behind() {
            return None;
        }
        self.take_up_what_may(now);
        let next = match self.schedule.next(now) {
            Next::Start(waiting) => self.prepare(waiting, now),
            Next::Late(waiting) => {
                self.settle(&waiting.request, waiting.earlier);
                return None;
            }
            _ => return None,
        };
        self.take_up_what_may(now);
        Some(next)
    }
}
