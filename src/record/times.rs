//! The times of a record: one axis over all attempts, from the moment the entry had its first slot (pure).
//!
//! Knows how attempts and the waits between them add up. Refuses to know how each was measured (`http`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::RunInfo;
use crate::outcome::{Attempt, Outcome, Phase};

/// curl's `time_…`: seconds since the first slot, cumulative, of the last attempt's last hop. `None` = never reached; a
/// mark that was skipped, as on a reused connection, carries the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    /// The name was resolved.
    pub time_namelookup: Option<f64>,
    /// The connection stood.
    pub time_connect: Option<f64>,
    /// The TLS handshake was done; `None` for plain http.
    pub time_appconnect: Option<f64>,
    /// The request was about to be sent.
    pub time_pretransfer: Option<f64>,
    /// The first byte of the response arrived.
    pub time_starttransfer: Option<f64>,
    /// The end.
    pub time_total: f64,
    /// How long the hops before the last one took.
    pub time_redirect: f64,
}

/// How long each phase took over all attempts and hops, in seconds; `None` where it did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the phases, described at `outcome::Phase`")]
pub struct Phases {
    pub dns: Option<f64>,
    pub connect: Option<f64>,
    pub tls: Option<f64>,
    pub send: Option<f64>,
    pub wait: Option<f64>,
    pub receive: Option<f64>,
    pub check: Option<f64>,
    pub write: Option<f64>,
    pub backoff: Option<f64>,
}

impl Marks {
    pub(super) fn of(outcome: &Outcome, is_tls: bool) -> Marks {
        let offset = before_last(outcome);
        let timings = &outcome.last().timings;
        let mut marks = [
            timings.namelookup,
            timings.connect,
            timings.appconnect,
            timings.pretransfer,
            timings.starttransfer,
        ];
        carry(&mut marks);
        if !is_tls && timings.appconnect.is_none() {
            marks[2] = None;
        }
        let [namelookup, connect, appconnect, pretransfer, starttransfer] =
            marks.map(|mark| mark.map(|mark| seconds(offset.saturating_add(mark))));
        Marks {
            time_namelookup: namelookup,
            time_connect: connect,
            time_appconnect: appconnect,
            time_pretransfer: pretransfer,
            time_starttransfer: starttransfer,
            time_total: seconds(time_total(outcome)),
            time_redirect: seconds(timings.redirect),
        }
    }
}

/// Gives each mark that is missing before one that was reached the value of the one before it.
fn carry(marks: &mut [Option<Duration>]) {
    let reached = marks.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let mut before = Duration::ZERO;
    for mark in &mut marks[..reached] {
        before = *mark.get_or_insert(before);
    }
}

impl Phases {
    pub(super) fn of(outcome: &Outcome) -> Phases {
        let phase = |phase| sum_of(outcome, phase).map(seconds);
        Phases {
            dns: phase(Phase::Dns),
            connect: phase(Phase::Connect),
            tls: phase(Phase::Tls),
            send: phase(Phase::Send),
            wait: phase(Phase::Wait),
            receive: phase(Phase::Receive),
            check: phase(Phase::Check),
            write: phase(Phase::Write),
            backoff: backoff(outcome).map(seconds),
        }
    }
}

fn sum_of(outcome: &Outcome, phase: Phase) -> Option<Duration> {
    outcome
        .attempts
        .iter()
        .filter_map(|attempt| attempt.timings.phases.get(phase))
        .reduce(Duration::saturating_add)
}

/// All that lay between the attempts, the second wait for a slot included; `None` when there was only one.
fn backoff(outcome: &Outcome) -> Option<Duration> {
    let (_, earlier) = outcome.attempts.split_last()?;
    let busy: Duration = earlier.iter().map(|attempt| attempt.timings.total).sum();
    (!earlier.is_empty()).then(|| before_last(outcome).saturating_sub(busy))
}

/// From the first slot to the last attempt's slot.
fn before_last(outcome: &Outcome) -> Duration {
    let first = outcome.attempts.first().map_or(outcome.last().started, |first| first.started);
    outcome.last().started.saturating_duration_since(first)
}

/// How long an entry took from its first slot to its end: all attempts and the waits between them.
pub fn time_total(outcome: &Outcome) -> Duration {
    before_last(outcome).saturating_add(outcome.last().timings.total)
}

/// How often an entry was tried; 0 when it never had a slot.
pub fn tries(outcome: &Outcome) -> usize {
    had_slots(outcome).count()
}

/// The attempts that really were some.
pub(super) fn had_slots(outcome: &Outcome) -> impl Iterator<Item = &Attempt> {
    outcome.attempts.iter().map(Box::as_ref).filter(|attempt| had_slot(attempt))
}

/// What ended while it waited to begin is an attempt only in that it holds the failure.
fn had_slot(attempt: &Attempt) -> bool {
    let waiting = |phase| matches!(phase, Phase::Queue | Phase::Backoff);
    !attempt.failure.as_ref().is_some_and(|failure| waiting(failure.phase))
}

/// From the run's beginning to the first slot.
pub(super) fn since_run_began(outcome: &Outcome, run: &RunInfo) -> Duration {
    outcome
        .attempts
        .first()
        .map_or(Duration::ZERO, |first| first.started.saturating_duration_since(run.started))
}

/// Seconds, rounded to the microsecond: so many digits survive being written and read.
pub(super) fn seconds(duration: Duration) -> f64 {
    let micros = duration.as_nanos().saturating_add(500) / 1000;
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_to_the_microsecond() {
        for (nanos, expected) in
            [(0, 0.0), (499, 0.0), (500, 1e-6), (1_500_000_000, 1.5), (123_456_789, 0.123457)]
        {
            assert_eq!(seconds(Duration::from_nanos(nanos)).to_bits(), f64::to_bits(expected), "{nanos}");
        }
        assert!(seconds(Duration::MAX).is_finite());
    }

    #[test]
    fn a_skipped_mark_carries_the_one_before_and_one_not_reached_stays_away() {
        let some = |millis| Some(Duration::from_millis(millis));
        for (mut marks, expected) in [
            ([None, None, some(5), None], [some(0), some(0), some(5), None]),
            ([some(1), None, None, some(9)], [some(1), some(1), some(1), some(9)]),
            ([None; 4], [None; 4]),
            ([some(1), some(2), None, None], [some(1), some(2), None, None]),
        ] {
            carry(&mut marks);
            assert_eq!(marks, expected);
        }
    }
}
