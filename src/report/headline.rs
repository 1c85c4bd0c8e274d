//! What a run came to, in the words that stand above its reports (pure).
//!
//! Knows which news comes first, and that nothing is called passed that was not. Refuses to know what must be escaped
//! where: a page says so itself.

use super::figures::count;
use crate::record::{CheckRecord, SummaryRecord};

/// `3 of 9 URLs failed`.
pub(super) fn headline(summary: &SummaryRecord) -> String {
    let urls = count(summary.results, "URL", "URLs");
    let gates = if missed(summary).next().is_some() { ", slo missed" } else { "" };
    match (summary.failed, summary.cancelled, summary.soft) {
        (0, 0, 0) => format!("{urls} passed{gates}"),
        (0, 0, soft) => format!("{} of {urls} passed, {soft} soft{gates}", summary.passed),
        (0, cancelled, _) => format!("{cancelled} of {urls} not finished"),
        (failed, ..) => format!("{failed} of {urls} failed"),
    }
}

/// Whether it is bad news: a soft failure is none.
pub(super) fn is_bad(summary: &SummaryRecord) -> bool {
    summary.failed + summary.cancelled > 0 || missed(summary).next().is_some()
}

/// The gates that did not hold, with what was expected and seen: `p95<500ms` and `expected below 0.5 s, got 0.81 s`.
pub(super) fn missed(summary: &SummaryRecord) -> impl Iterator<Item = (&str, String)> {
    let missed = summary.gates.iter().filter(|gate| gate.pass != Some(true));
    missed.map(|gate| (&*gate.check, words(gate)))
}

/// What was expected of a gate that did not hold, and what was seen.
pub(super) fn words(gate: &CheckRecord) -> String {
    let expected = gate.expected.as_deref().unwrap_or_default();
    match &gate.actual {
        Some(actual) => format!("expected {expected}, got {actual}"),
        None => format!("expected {expected}, but nothing was measured"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::samples::Sample;
    use super::*;

    fn gate(pass: Option<bool>) -> CheckRecord {
        let actual = pass.map(|_| "0.8 s".to_owned());
        CheckRecord { check: "p95<1s".to_owned(), expected: Some("below 1 s".to_owned()), actual, pass }
    }

    #[test]
    fn nothing_is_called_passed_that_was_not() {
        let sample = Sample::long(3);
        for ((passed, failed, soft, cancelled), gates, line, is_worse) in [
            ((3, 0, 0, 0), vec![], "3 URLs passed", false),
            ((3, 0, 0, 0), vec![gate(Some(true))], "3 URLs passed", false),
            ((3, 0, 0, 0), vec![gate(Some(true)), gate(None)], "3 URLs passed, slo missed", true),
            ((2, 0, 1, 0), vec![], "2 of 3 URLs passed, 1 soft", false),
            ((0, 0, 3, 0), vec![gate(Some(false))], "0 of 3 URLs passed, 3 soft, slo missed", true),
            ((0, 0, 1, 2), vec![gate(Some(false))], "2 of 3 URLs not finished", true),
            ((0, 1, 1, 1), vec![], "1 of 3 URLs failed", true),
        ] {
            let of = sample.whole().summary.clone();
            let summary = SummaryRecord { passed, failed, soft, cancelled, gates, ..of };
            assert_eq!((headline(&summary).as_str(), is_bad(&summary)), (line, is_worse));
        }
    }

    #[test]
    fn a_gate_that_was_missed_says_what_was_seen() {
        let mut summary = Sample::long(1).whole().summary.clone();
        summary.gates = vec![gate(Some(true)), gate(Some(false)), gate(None)];
        let told: Vec<_> = missed(&summary).map(|(gate, words)| format!("{gate}: {words}")).collect();
        let expected =
            ["p95<1s: expected below 1 s, got 0.8 s", "p95<1s: expected below 1 s, but nothing was measured"];
        assert_eq!(told, expected);
    }
}
