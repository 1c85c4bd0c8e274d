//! A run of four URLs for the tests of whoever draws one.
//!
//! Knows a pass, one that waited for its slot, one that failed and one that was tried twice. Refuses to be in the
//! product.

use std::time::Duration;

use super::Lane;
use crate::outcome::{Attempt, Class, Failure, Outcome, Phase};
use crate::record::Record;
use crate::record::samples::{at, attempt, run, subject};

/// The lane, by this title.
pub(super) fn lane(title: &str) -> Lane {
    let mut lane = Lane::new(title);
    let first = slotted(attempt(at(0), 1000), 0);
    let second = slotted(attempt(at(250), 500), 250);
    let mut third = failed(slotted(attempt(at(250), 250), 250), Phase::Connect);
    third.timings.namelookup = Some(Duration::from_millis(30));
    (third.timings.pretransfer, third.timings.starttransfer) = (None, None);
    let tried = failed(slotted(attempt(at(0), 120), 0), Phase::Wait);
    let mut again = slotted(attempt(at(400), 240), 0);
    again.wait_before = Duration::from_millis(280);
    for (line, attempts) in [(1, vec![first]), (2, vec![second]), (3, vec![third]), (4, vec![tried, again])] {
        lane.add(&Record::from_outcome(&Outcome::new(subject(line), attempts), &run()));
    }
    lane
}

fn slotted(mut attempt: Attempt, queue: u64) -> Attempt {
    attempt.timings.queue = Duration::from_millis(queue);
    attempt.timings.pretransfer = Some(Duration::ZERO);
    attempt
}

fn failed(mut attempt: Attempt, phase: Phase) -> Attempt {
    attempt.failure = Some(Failure::new(Class::Timeout, phase, "x"));
    attempt
}
