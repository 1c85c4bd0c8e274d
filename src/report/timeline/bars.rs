//! What one record looks like on the time axis: a row of bars, one after another (pure).
//!
//! Knows how marks, attempts and waits of a record follow each other in time. Refuses to know how a bar is drawn.

use crate::outcome::Phase;
use crate::record::Record;

/// What a stretch of time went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stretch {
    /// A phase of the last hop of the last attempt; `Queue` and `Backoff` are the waits before and between attempts.
    In(Phase),
    /// An attempt that failed and was followed by another, as a whole.
    Try,
    /// The hops before the last one, as a whole.
    Redirect,
}

impl Stretch {
    /// All that can be drawn, in the order of a URL's life.
    pub(super) const ALL: [Stretch; 12] = [
        Stretch::In(Phase::Queue),
        Stretch::Try,
        Stretch::In(Phase::Backoff),
        Stretch::Redirect,
        Stretch::In(Phase::Dns),
        Stretch::In(Phase::Connect),
        Stretch::In(Phase::Tls),
        Stretch::In(Phase::Send),
        Stretch::In(Phase::Wait),
        Stretch::In(Phase::Receive),
        Stretch::In(Phase::Check),
        Stretch::In(Phase::Write),
    ];

    /// The word for it: that of the phase.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Stretch::In(phase) => phase.as_str(),
            Stretch::Try => "failed try",
            Stretch::Redirect => "redirects",
        }
    }
}

/// A stretch of time; seconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) stretch: Stretch,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Everything in order, without gaps, from when the entry was taken up to its end.
pub(super) fn bars(record: &Record) -> Vec<Bar> {
    let mut row = Bars { bars: Vec::new(), at: record.t_start - record.time_queue };
    row.until(Stretch::In(Phase::Queue), record.t_start);
    // What was cancelled between two tries has no last one.
    let ended_waiting = ended_in(record) == Some(Phase::Backoff);
    let tries = record.attempts.len();
    let earlier = if ended_waiting { tries } else { tries.saturating_sub(1) };
    for attempt in &record.attempts[..earlier] {
        row.lasting(Stretch::In(Phase::Backoff), attempt.wait);
        row.lasting(Stretch::Try, attempt.time_total);
    }
    let began = record.attempts.get(earlier).map_or(record.t_end, |last| record.t_end - last.time_total);
    row.until(Stretch::In(Phase::Backoff), began);
    last_attempt(&mut row, record, began);
    row.bars
}

/// The phases of the last hop, by the marks that were reached; what is left is where it ended.
fn last_attempt(row: &mut Bars, record: &Record, began: f64) {
    let marks = &record.marks;
    let is_first_hop = marks.time_redirect <= 0.0;
    row.until(Stretch::Redirect, began + marks.time_redirect);
    let send = record.phases.send.filter(|_| is_first_hop && record.attempts.len() == 1);
    for (phase, mark) in [
        (Phase::Dns, marks.time_namelookup),
        (Phase::Connect, marks.time_connect),
        (Phase::Tls, marks.time_appconnect),
        (Phase::Send, marks.time_pretransfer.map(|mark| mark + send.unwrap_or_default())),
        (Phase::Wait, marks.time_starttransfer),
    ] {
        if let Some(mark) = mark {
            row.until(Stretch::In(phase), (record.t_start + mark).min(record.t_end));
        }
    }
    let behind = [(Phase::Check, record.phases.check), (Phase::Write, record.phases.write)];
    let after: f64 = behind.iter().filter_map(|(_, lasted)| *lasted).sum();
    row.until(Stretch::In(last_phase(record)), record.t_end - after);
    for (phase, lasted) in behind {
        row.lasting(Stretch::In(phase), lasted.unwrap_or_default().min(record.t_end - row.at));
    }
}

/// The phase that the last mark opened: the one in which it ended, unless it ended while it was judged or written.
fn last_phase(record: &Record) -> Phase {
    let marks = &record.marks;
    if marks.time_starttransfer.is_some() {
        return Phase::Receive;
    }
    ended_in(record).unwrap_or(Phase::Wait)
}

/// Where it failed; `None` for what passed.
fn ended_in(record: &Record) -> Option<Phase> {
    let phase = record.error.as_ref()?.phase.as_ref();
    Phase::ALL.into_iter().find(|candidate| candidate.as_str() == phase)
}

struct Bars {
    bars: Vec<Bar>,
    at: f64,
}

impl Bars {
    /// A bar up to a moment; none where that is not later.
    fn until(&mut self, stretch: Stretch, to: f64) {
        if to > self.at {
            self.bars.push(Bar { stretch, from: self.at, to });
            self.at = to;
        }
    }

    fn lasting(&mut self, stretch: Stretch, seconds: f64) {
        self.until(stretch, self.at + seconds);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::{Attempt, Class, Failure, Outcome};
    use crate::record::samples::{at, attempt, run, subject};
    use crate::response::Hop;

    fn drawn(attempts: Vec<Attempt>) -> Vec<(&'static str, i64, i64)> {
        let record = Record::from_outcome(&Outcome::new(subject(1), attempts), &run());
        let millis = |seconds: f64| (seconds * 1e3).round() as i64;
        let bars = bars(&record);
        bars.iter().map(|bar| (bar.stretch.as_str(), millis(bar.from), millis(bar.to))).collect()
    }

    fn failed(mut attempt: Attempt, phase: Phase) -> Attempt {
        attempt.failure = Some(Failure::new(Class::Timeout, phase, "x"));
        attempt
    }

    fn millis(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn a_fresh_connection_has_every_phase() {
        let mut fresh = attempt(at(500), 400);
        fresh.timings.namelookup = millis(10);
        fresh.timings.connect = millis(40);
        fresh.timings.appconnect = millis(90);
        fresh.timings.pretransfer = millis(90);
        fresh.timings.phases.add(Phase::Send, Duration::from_millis(5));
        fresh.timings.phases.add(Phase::Write, Duration::from_millis(50));
        let expected = [
            ("queue", 250, 500),
            ("dns", 500, 510),
            ("connect", 510, 540),
            ("tls", 540, 590),
            ("send", 590, 595),
            ("wait", 595, 700),
            ("receive", 700, 850),
            ("write", 850, 900),
        ];
        assert_eq!(drawn(vec![fresh]), expected);
    }

    #[test]
    fn earlier_tries_and_hops_are_bars_as_a_whole() {
        let first = failed(attempt(at(500), 100), Phase::Wait);
        let mut last = attempt(at(800), 400);
        last.wait_before = Duration::from_millis(200);
        last.timings.redirect = Duration::from_millis(150);
        last.timings.namelookup = millis(150);
        last.timings.pretransfer = millis(150);
        last.timings.starttransfer = millis(300);
        last.response.redirects =
            vec![Hop { url: url::Url::parse("http://a.example/").unwrap(), response_code: 302 }];
        let expected = [
            ("queue", 250, 500),
            ("failed try", 500, 600),
            ("backoff", 600, 800),
            ("redirects", 800, 950),
            ("wait", 950, 1100),
            ("receive", 1100, 1200),
        ];
        assert_eq!(drawn(vec![first, last]), expected);
    }

    #[test]
    fn what_failed_ends_in_the_phase_that_it_failed_in() {
        let mut cut = failed(attempt(at(500), 300), Phase::Connect);
        cut.timings.namelookup = millis(100);
        (cut.timings.pretransfer, cut.timings.starttransfer) = (None, None);
        assert_eq!(drawn(vec![cut]), [("queue", 250, 500), ("dns", 500, 600), ("connect", 600, 800)]);
    }

    #[test]
    fn what_was_cancelled_between_two_tries_ends_in_the_wait() {
        let first = failed(attempt(at(500), 100), Phase::Wait);
        let mut waiting = Attempt::begin(at(900));
        waiting.failure = Some(Failure::new(Class::Cancelled, Phase::Backoff, "x"));
        let expected = [("queue", 250, 500), ("failed try", 500, 600), ("backoff", 600, 900)];
        assert_eq!(drawn(vec![first, waiting]), expected);
    }

    #[test]
    fn what_never_began_has_only_waited() {
        let mut waiting = Attempt::begin(at(900));
        waiting.timings.queue = Duration::from_millis(900);
        waiting.failure = Some(Failure::new(Class::Cancelled, Phase::Queue, "x"));
        assert_eq!(drawn(vec![waiting]), [("queue", 0, 900)]);
    }
}
