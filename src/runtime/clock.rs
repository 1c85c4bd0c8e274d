//! Moments that another process of this machine understands.
//!
//! Knows that `Instant` counts from the same moment in all of them. Refuses to compare machines.

use std::time::{Duration, Instant};

use super::sys;

/// An `Instant` and what the machine's clock says of it: between two processes they agree to a microsecond.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    here: Instant,
    since_boot: Duration,
}

impl Clock {
    /// Looks at both.
    pub fn read() -> Clock {
        Clock { here: Instant::now(), since_boot: sys::monotonic_time() }
    }

    /// A moment as nanoseconds that every process understands; 0 for one before all of them.
    pub fn nanos(&self, at: Instant) -> u64 {
        let later = self.since_boot + at.saturating_duration_since(self.here);
        let since_boot = later.saturating_sub(self.here.saturating_duration_since(at));
        u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The moment that another process has named so.
    pub fn moment(&self, nanos: u64) -> Instant {
        let since_boot = Duration::from_nanos(nanos);
        let later = self.here.checked_add(since_boot.saturating_sub(self.since_boot)).unwrap_or(self.here);
        later.checked_sub(self.since_boot.saturating_sub(since_boot)).unwrap_or(self.here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_as_it_went_and_clocks_agree() {
        let (one, other) = (Clock::read(), Clock::read());
        let now = Instant::now();
        for at in [now, now + Duration::from_secs(5), now.checked_sub(Duration::from_millis(7)).unwrap()] {
            assert_eq!(one.moment(one.nanos(at)), at);
            let elsewhere = other.moment(one.nanos(at));
            let apart = elsewhere.max(at).duration_since(elsewhere.min(at));
            assert!(apart < Duration::from_secs(1), "{apart:?}");
        }
        assert!(one.moment(u64::MAX) >= now && one.moment(0) <= now);
    }
}
