//! How many entries the loop is ready to take up: the back-pressure between it and the reading thread.
//!
//! Knows a count, and that it may be over. Refuses to know what is counted.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A count that one side gives and the other takes, blocking while there is none. Giving never waits, so the loop may
/// do it from a coroutine.
#[derive(Debug, Default)]
pub struct Credits {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    left: usize,
    closed: bool,
}

impl Credits {
    /// A count of zero.
    pub fn new() -> Credits {
        Credits::default()
    }

    /// Lets so many more entries come.
    pub fn give(&self, n: usize) {
        let mut state = self.lock();
        state.left = state.left.saturating_add(n);
        self.changed.notify_one();
    }

    /// Takes 1 to `max` credits, waiting for the first; 0 means that nothing is wanted any more.
    pub fn take(&self, max: usize) -> usize {
        let waits = |state: &mut State| state.left == 0 && !state.closed;
        let mut state = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return 0;
        }
        let taken = state.left.min(max);
        state.left -= taken;
        taken
    }

    /// Nothing is wanted any more: whoever waits is let go.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether nothing is wanted any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A number and a flag are whole whoever panicked while holding them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn what_was_given_can_be_taken_in_pieces() {
        let credits = Credits::new();
        credits.give(3);
        credits.give(2);
        assert_eq!((credits.take(4), credits.take(4)), (4, 1));
    }

    #[test]
    fn a_taker_waits_for_a_giver() {
        let credits = Arc::new(Credits::new());
        let taker = thread::spawn({
            let credits = Arc::clone(&credits);
            move || credits.take(64)
        });
        credits.give(1);
        assert_eq!(taker.join().unwrap(), 1);
    }

    #[test]
    fn closing_ends_the_waiting_and_what_was_left() {
        let credits = Arc::new(Credits::new());
        let taker = thread::spawn({
            let credits = Arc::clone(&credits);
            move || credits.take(64)
        });
        credits.close();
        credits.give(7);
        assert_eq!((taker.join().unwrap(), credits.take(1), credits.is_closed()), (0, 0, true));
    }
}
