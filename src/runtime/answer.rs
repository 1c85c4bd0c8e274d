//! An answer that several tasks wait for and one job gives.
//!
//! Knows who waits. Refuses to know what is asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::slot::{Slot, Wake};

/// Given once, taken by as many as ask. An answer that comes too late for one is there for the next.
pub struct Answer<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Option<T>,
    waiting: Vec<Arc<Slot>>,
}

impl<T: Clone> Default for Answer<T> {
    fn default() -> Answer<T> {
        Answer { state: Mutex::new(State { value: None, waiting: Vec::new() }) }
    }
}

impl<T: Clone> Answer<T> {
    /// Gives the answer and wakes all who wait. The first one stays.
    pub fn give(&self, value: T) {
        let waiting = {
            let mut state = self.state();
            state.value.get_or_insert(value);
            std::mem::take(&mut state.waiting)
        };
        for slot in waiting {
            slot.wake();
        }
    }

    /// The answer, when it is there.
    pub fn get(&self) -> Option<T> {
        self.state().value.clone()
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// `Late` or `Stopped` when waiting ended before it came.
    pub fn wait(&self, slot: &Arc<Slot>, until: Option<Instant>) -> Result<T, Wake> {
        {
            let mut state = self.state();
            if let Some(value) = &state.value {
                return Ok(value.clone());
            }
            // Once, without a look at the others: ten thousand may wait.
            state.waiting.push(Arc::clone(slot));
        }
        loop {
            let wake = slot.park(until);
            let mut state = self.state();
            if let Some(value) = &state.value {
                return Ok(value.clone());
            }
            if wake != Wake::Woken {
                state.waiting.retain(|waiting| !Arc::ptr_eq(waiting, slot));
                return Err(wake);
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
