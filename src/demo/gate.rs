//! Gates: requests that wait for each other, so that an answer proves that all of them were there at once.
//!
//! Knows who waits at which gate. Refuses to know requests and answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::runtime::{Answer, Slot, Wake};

/// All gates, by how many each waits for. A gate is there while somebody waits at it.
#[derive(Default)]
pub(super) struct Gates {
    closed: Mutex<BTreeMap<u64, Gate>>,
}

#[derive(Default)]
struct Gate {
    waiting: u64,
    opened: Arc<Answer<()>>,
}

impl Gates {
    /// Waits until `awaited` tasks wait at the same gate; the last one opens it for all, and the next one comes to a
    /// closed gate again.
    ///
    /// # Errors
    /// `Late` or `Stopped` when waiting ended before enough had come.
    pub(super) fn pass(&self, awaited: u64, slot: &Arc<Slot>, until: Instant) -> Result<(), Wake> {
        let opened = self.join(awaited);
        let passed = opened.wait(slot, Some(until));
        if passed.is_err() {
            self.leave(awaited, &opened);
        }
        passed
    }

    fn join(&self, awaited: u64) -> Arc<Answer<()>> {
        let mut closed = self.closed();
        let gate = closed.entry(awaited).or_default();
        gate.waiting += 1;
        let opened = Arc::clone(&gate.opened);
        if gate.waiting >= awaited {
            closed.remove(&awaited);
            drop(closed);
            opened.give(());
        }
        opened
    }

    /// Gives the place up; a gate that has opened in the meantime has none to give up.
    fn leave(&self, awaited: u64, opened: &Arc<Answer<()>>) {
        let mut closed = self.closed();
        let Some(gate) = closed.get_mut(&awaited).filter(|gate| Arc::ptr_eq(&gate.opened, opened)) else {
            return;
        };
        gate.waiting -= 1;
        if gate.waiting == 0 {
            closed.remove(&awaited);
        }
    }

    fn closed(&self) -> MutexGuard<'_, BTreeMap<u64, Gate>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::config::Mode;
    use crate::runtime::Runtime;

    #[test]
    fn the_last_one_opens_the_gate_for_all_and_it_closes_behind_them() {
        let runtime = Runtime::start(Mode::Threads, 3).unwrap();
        let gates = Gates::default();
        let past = Instant::now();
        for _ in 0..2 {
            assert_eq!(gates.pass(3, &runtime.slot(), past), Err(Wake::Late));
        }
        assert!(gates.closed().is_empty(), "those who left are not counted");
        thread::scope(|scope| {
            let pass = || gates.pass(3, &runtime.slot(), past + std::time::Duration::from_secs(20));
            let all: Vec<_> = (0..3).map(|_| scope.spawn(pass)).collect();
            assert!(all.into_iter().all(|one| one.join().unwrap() == Ok(())));
        });
        assert_eq!(gates.pass(3, &runtime.slot(), past), Err(Wake::Late), "it has closed");
        assert_eq!(gates.pass(1, &runtime.slot(), past), Ok(()), "who waits for himself alone need not wait");
    }

    #[test]
    fn a_stop_ends_the_waiting() {
        let runtime = Runtime::start(Mode::Threads, 1).unwrap();
        runtime.stop();
        let late = Instant::now() + std::time::Duration::from_secs(20);
        assert_eq!(Gates::default().pass(2, &runtime.slot(), late), Err(Wake::Stopped));
    }
}
