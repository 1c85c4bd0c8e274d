//! `--slo`: whether the times of a run came to what was asked of them (pure).
//!
//! Knows which times count: those of the last attempts, failures included. Refuses to measure, and to say what follows:
//! that is `exit`'s.

use std::time::Duration;

use crate::check::Verdict;
use crate::config::{Judged, Objective};
use crate::outcome::{Kind, Outcome};
use crate::record::tries;
use crate::stats::Durations;

/// What a run's times have to come to, and the times so far: at most 140 kB for each of the two kinds.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    objectives: Vec<Objective>,
    total: Durations,
    ttfb: Durations,
}

impl Gates {
    /// No time yet.
    pub fn new(objectives: Vec<Objective>) -> Gates {
        Gates { objectives, ..Gates::default() }
    }

    /// Takes an outcome's times. What was cancelled or never tried has none of its own, and where no byte came there was
    /// no first one.
    pub fn add(&mut self, outcome: &Outcome) {
        if self.objectives.is_empty() || outcome.kind == Kind::Cancelled || tries(outcome) == 0 {
            return;
        }
        let timings = &outcome.last().timings;
        self.total.add(timings.total);
        timings.starttransfer.into_iter().for_each(|ttfb| self.ttfb.add(ttfb));
    }

    /// How each came out, in the order given; one for which nothing was measured did not pass.
    pub fn verdicts(&mut self) -> Vec<Verdict> {
        let Gates { objectives, total, ttfb } = self;
        let judged = objectives.iter().map(|objective| match objective.of {
            Judged::Total => verdict(objective, total),
            Judged::Ttfb => verdict(objective, ttfb),
        });
        judged.collect()
    }
}

fn verdict(objective: &Objective, times: &mut Durations) -> Verdict {
    let limit = objective.limit;
    let came_to = times.quantile(objective.rank);
    let urls = if times.count() == 1 { "URL" } else { "URLs" };
    let comparison = if objective.is_strict { "below" } else { "at most" };
    Verdict {
        check: objective.text.as_str().into(),
        expected: format!("{comparison} {}", seconds(limit)).into(),
        actual: came_to.map(|time| format!("{} over {} {urls}", seconds(time), times.count()).into()),
        pass: came_to.map(|time| time < limit || !objective.is_strict && time == limit),
    }
}

/// To the microsecond, so that a limit missed by little does not look as if it were met.
fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{at, attempt, outcome, subject};

    const MILLI: Duration = Duration::from_millis(1);

    fn objective(of: Judged, rank: u32, is_strict: bool) -> Objective {
        Objective { text: "p95<500ms".to_owned(), of, rank, limit: 500 * MILLI, is_strict }
    }

    fn took(millis: u64) -> Outcome {
        Outcome::new(subject(1), vec![attempt(at(0), millis)])
    }

    fn judged(objective: Objective, outcomes: impl IntoIterator<Item = Outcome>) -> Verdict {
        let mut gates = Gates::new(vec![objective]);
        outcomes.into_iter().for_each(|outcome| gates.add(&outcome));
        gates.verdicts().remove(0)
    }

    #[test]
    fn the_limit_itself_is_too_long_only_for_less_than() {
        for (millis, is_strict, pass) in
            [(499, true, true), (500, true, false), (500, false, true), (501, false, false)]
        {
            let verdict = judged(objective(Judged::Total, 95_000, is_strict), [took(millis)]);
            assert_eq!(verdict.pass, Some(pass), "{millis} {is_strict}");
        }
    }

    #[test]
    fn ranks_are_nearest_and_a_verdict_says_what_was_seen() {
        let hundred = || (1..=100).map(|n| took(n * 10));
        for (rank, actual) in [
            (95_000, "0.95 s over 100 URLs"),
            (95_001, "0.96 s over 100 URLs"),
            (99_900, "1 s over 100 URLs"),
            (1, "0.01 s over 100 URLs"),
        ] {
            let verdict = judged(objective(Judged::Total, rank, true), hundred());
            assert_eq!(verdict.actual.as_deref(), Some(actual));
        }
        let verdict = judged(objective(Judged::Ttfb, 100_000, true), [took(2_000)]);
        let expected = ("below 0.5 s", Some("1 s over 1 URL"), Some(false));
        assert_eq!((&*verdict.expected, verdict.actual.as_deref(), verdict.pass), expected);
    }

    #[test]
    fn the_last_attempt_counts_and_so_does_a_failure() {
        let mut twice = took(5);
        twice.attempts.insert(0, Box::new(attempt(at(0), 9_000)));
        assert_eq!(judged(objective(Judged::Total, 100_000, true), [twice]).pass, Some(true));
        let mut late = took(900);
        late.attempts[0].failure = Some(Failure::new(Class::Timeout, Phase::Wait, "x"));
        late.kind = Kind::Fail;
        assert_eq!(judged(objective(Judged::Total, 100_000, true), [late]).pass, Some(false));
    }

    #[test]
    fn nothing_measured_is_no_pass() {
        let cancelled = outcome(1, Failure::new(Class::Cancelled, Phase::Wait, "interrupted"));
        let mut silent = took(900);
        silent.attempts[0].timings.starttransfer = None;
        for (of, outcomes) in
            [(Judged::Total, vec![]), (Judged::Total, vec![cancelled]), (Judged::Ttfb, vec![silent])]
        {
            let verdict = judged(objective(of, 95_000, true), outcomes);
            assert_eq!((verdict.actual, verdict.pass), (None, None));
        }
    }
}
