//! What the loop does when the machine gives no stack or thread for another fetch.
//!
//! Knows how many fetches are in flight, and how long there was none. Refuses to know what the machine ran out of.

use std::io;
use std::time::{Duration, Instant};

use super::Engine;
use crate::event::Event;
use crate::outcome::Class;
use crate::schedule::Waiting;

/// How long a machine that gives not even one is asked again: a thread that ends soon, such as the list's or one that
/// has had nothing to do for 5 s, makes room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two times that it is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Since when not even one fetch could be started.
#[derive(Default)]
pub(super) struct Scarcity {
    since: Option<Instant>,
}

impl Scarcity {
    /// One could be started.
    pub(super) fn ends(&mut self) {
        self.since = None;
    }

    /// When to ask again; `None` once that was done for long enough.
    fn asks_again_at(&mut self, now: Instant) -> Option<Instant> {
        let since = *self.since.get_or_insert(now);
        (now.saturating_duration_since(since) < PATIENCE).then(|| now + PAUSE)
    }
}

impl Engine {
    /// What is in flight is what the machine can do. With nothing in flight, says when it is to be asked again, or gives
    /// the entry up.
    pub(super) fn do_with_less(
        &mut self,
        waiting: Waiting,
        now: Instant,
        error: &io::Error,
    ) -> Option<Instant> {
        let others = self.schedule.in_flight() - 1;
        if others > 0 {
            self.schedule.lower_jobs(others);
            self.teller.tell(Event::Warning(format!("--jobs lowered to {others}: {error}")));
            self.schedule.put_back(waiting);
            return None;
        }
        let again_at = self.scarcity.asks_again_at(now);
        if again_at.is_some() {
            self.schedule.put_back(waiting);
        } else {
            self.schedule.finish(&waiting.request);
            let seconds = PATIENCE.as_secs();
            let message =
                format!("no thread or stack for a fetch in {seconds} s: {error} (ulimit -u, ulimit -v)");
            self.give_up(waiting, now, Class::Timeout, message);
        }
        again_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_asked_again_for_a_while_and_anew_when_it_gave_one() {
        let (mut scarcity, now) = (Scarcity::default(), Instant::now());
        let late = now + PATIENCE;
        assert_eq!(scarcity.asks_again_at(now), Some(now + PAUSE));
        assert_eq!(scarcity.asks_again_at(late - PAUSE), Some(late));
        assert_eq!(scarcity.asks_again_at(late), None);
        assert_eq!(scarcity.asks_again_at(late + PATIENCE), None);
        scarcity.ends();
        assert_eq!(scarcity.asks_again_at(late), Some(late + PAUSE));
    }
}
