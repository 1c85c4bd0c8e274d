//! An answer that is late, and whether the process that owes it is there at all.
//!
//! A process keeps the limits of its attempts by itself, so a late answer alone proves nothing: it is hailed, and a thread
//! of its own that only reads answers, however busy its worker is. Knows when to hail and when to give up. Refuses to
//! know what is asked, and what becomes of a process that is given up.

use std::time::{Duration, Instant};

use super::link::Link;
use crate::runtime::Slot;

/// So long after its limit an attempt may come back before its process is hailed; that costs two small messages.
const LATENESS: Duration = Duration::from_secs(1);

/// A process that says nothing for so long after it was hailed stands still: stopped by a signal, frozen, or thrashing.
const SILENCE: Duration = Duration::from_secs(3);

/// The waiting for one answer.
pub(super) struct Overdue<'a> {
    link: &'a Link,
    look_at: Option<Instant>,
    /// What had been heard of the process when it was hailed.
    hailed: Option<u64>,
}

impl<'a> Overdue<'a> {
    /// Of an attempt that is asked for now; `None` is no limit, and then nothing is ever late.
    pub(super) fn new(link: &'a Link, max_time: Option<Duration>) -> Overdue<'a> {
        let owed = max_time.and_then(|limit| Instant::now().checked_add(limit)?.checked_add(LATENESS));
        Overdue { link, look_at: owed, hailed: None }
    }

    /// When to `look` unless the answer has come; `None` is never.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// It has not come. Where the run itself was stopped for a while, the process is given its time from now on.
    pub(super) fn look(&mut self, slot: &Slot) {
        // What has come while nobody here had a turn is heard first.
        slot.yield_through_selector();
        let is_silent = self.hailed == Some(self.link.heard());
        if is_silent {
            self.link.end_as_still();
        }
        self.hailed = (!is_silent).then(|| self.link.hail());
        self.look_at = (!is_silent).then(|| Instant::now() + SILENCE);
    }
}
