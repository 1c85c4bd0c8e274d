//! A door for `fuzz/`: Retry-After as a server sent it, with what must hold of any text.
//!
//! Knows what the product never does. Refuses to be part of it: nothing in `src` calls this.

use std::time::{Duration, SystemTime};

use super::retry_after::{self, Asked};

/// A Retry-After: a wait is more than nothing and a year at most, whatever the date is.
///
/// # Panics
/// When it is not.
pub fn retry_after(text: &str, now: SystemTime) -> String {
    let most = Duration::from_secs(365 * 24 * 60 * 60);
    match retry_after::parse(text, now) {
        Asked::Wait(wait) => {
            assert!(wait > Duration::ZERO && wait <= most, "{wait:?}");
            format!("wait {}", wait.as_secs().ilog2())
        }
        asked => format!("{asked:?}"),
    }
}
