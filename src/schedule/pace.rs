//! `--rate`, the least time between two starts, and the rest of hosts that have too much to do (pure).
//!
//! Knows when the next start may be. Refuses to sleep.

use std::collections::HashMap;
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

/// Hosts that nobody asks for a while: one of their answers said that they are overloaded.
#[derive(Debug, Default)]
pub(super) struct Rests {
    until: HashMap<String, Instant>,
    /// Rests that are over are forgotten when there are so many: often enough, and not at each new one.
    forget_at: usize,
}

/// Fewer are not worth being looked through.
const FEW_RESTS: usize = 64;

impl Rests {
    /// A host rests until then, or longer when it does so already.
    pub(super) fn begin(&mut self, host: &str, until: Instant, now: Instant) {
        if self.until.len() >= self.forget_at {
            self.until.retain(|_, until| *until > now);
            self.forget_at = (self.until.len() * 2).max(FEW_RESTS);
        }
        match self.until.get_mut(host) {
            Some(at) => *at = until.max(*at),
            None => drop(self.until.insert(host.to_owned(), until)),
        }
    }

    /// When a host may be asked again; `None` is now.
    pub(super) fn until(&self, host: &str, now: Instant) -> Option<Instant> {
        self.until.get(host).copied().filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_rests_until_the_latest_that_was_said_and_is_then_forgotten() {
        let mut rests = Rests::default();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(rests.until("a", now), None);
        rests.begin("a", now + 2 * second, now);
        rests.begin("a", now + second, now);
        assert_eq!((rests.until("a", now), rests.until("b", now)), (Some(now + 2 * second), None));
        assert_eq!(rests.until("a", now + 2 * second), None);
        for n in 0..10_000 {
            let now = now + n * second;
            rests.begin(&n.to_string(), now + second, now);
        }
        assert!(rests.until.len() <= FEW_RESTS, "{}", rests.until.len());
    }

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
