//! `--rate`: the least time between two starts (pure).
//!
//! Knows when the next start may be. Refuses to sleep.

use std::time::{Duration, Instant};

/// A pace; `None` is none.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Pace {
    pub(super) fn new(interval: Option<Duration>) -> Pace {
        Pace { interval, next: None }
    }

    /// Whether a start may be now, or when.
    pub(super) fn may_start(&self, now: Instant) -> Result<(), Instant> {
        match self.next {
            Some(at) if now < at => Err(at),
            _ => Ok(()),
        }
    }

    /// A start was made. One that came late does not make the next ones come faster: a pace is a promise to a server,
    /// not an average.
    pub(super) fn started(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            let due = self.next.unwrap_or(now);
            // A little late is the timer's doing: counted from when it was due, so that the rate is kept.
            let base = if now.saturating_duration_since(due) < interval { due } else { now };
            self.next = Some(base + interval);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_start_is_not_made_up_for() {
        let mut pace = Pace::new(Some(Duration::from_secs(1)));
        let now = Instant::now();
        assert_eq!(pace.may_start(now), Ok(()));
        pace.started(now);
        assert_eq!(pace.may_start(now), Err(now + Duration::from_secs(1)));
        let late = now + Duration::from_secs(10);
        pace.started(late);
        assert_eq!(pace.may_start(late), Err(late + Duration::from_secs(1)));
    }

    #[test]
    fn a_timers_lateness_does_not_lower_the_rate() {
        let mut pace = Pace::new(Some(Duration::from_secs(1)));
        let now = Instant::now();
        pace.started(now);
        pace.started(now + Duration::from_millis(1010));
        assert_eq!(pace.may_start(now), Err(now + Duration::from_secs(2)));
    }

    #[test]
    fn no_pace_never_waits() {
        let mut pace = Pace::new(None);
        let now = Instant::now();
        pace.started(now);
        assert_eq!(pace.may_start(now), Ok(()));
    }
}
