//! A queue into one task: messages from coroutines, threads and signals alike.
//!
//! Knows that a message on the same worker is a switch and not a futex. Refuses to bound the queue: who sends is bound
//! by the slots and credits that the receiver gives out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::slot::{Slot, Wake};

/// The sending end. Cheap to clone; sends from any thread and never waits for the receiver.
pub struct Sender<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { queue: Arc::clone(&self.queue) }
    }
}

/// The receiving end, for one task.
pub struct Mailbox<T> {
    queue: Arc<Queue<T>>,
}

struct Queue<T> {
    messages: Mutex<VecDeque<T>>,
    receiver: Arc<Slot>,
}

pub(super) fn new<T>(receiver: Arc<Slot>) -> (Sender<T>, Mailbox<T>) {
    let queue = Arc::new(Queue { messages: Mutex::new(VecDeque::new()), receiver });
    (Sender { queue: Arc::clone(&queue) }, Mailbox { queue })
}

impl<T> Sender<T> {
    /// Puts a message into the queue and wakes the receiver if it may be asleep.
    pub fn send(&self, message: T) {
        let was_empty = {
            let mut messages = self.queue.messages();
            messages.push_back(message);
            messages.len() == 1
        };
        if was_empty {
            self.queue.receiver.wake();
        }
    }
}

impl<T> Mailbox<T> {
    /// Moves everything that has come into `into`, which must be empty; waits for the first message when there is
    /// none. Returns with nothing when it is late; `None` is no limit.
    pub fn receive(&self, until: Option<Instant>, into: &mut VecDeque<T>) {
        loop {
            {
                let mut messages = self.queue.messages();
                if !messages.is_empty() {
                    std::mem::swap(&mut *messages, into);
                    return;
                }
            }
            if self.queue.receiver.park(until) == Wake::Late {
                return;
            }
        }
    }

    /// Whether a message waits.
    pub fn has_message(&self) -> bool {
        !self.queue.messages().is_empty()
    }

    /// Lets everybody have a turn who is ready; for the receiver's own task.
    pub fn yield_through_selector(&self) {
        self.queue.receiver.yield_through_selector();
    }
}

impl<T> Queue<T> {
    fn messages(&self) -> std::sync::MutexGuard<'_, VecDeque<T>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
