//! How the run's gates came out, a line each on stderr.
//!
//! Knows the words for a verdict. Refuses to judge (`slo`).

use super::Teller;
use super::page::Page;
use crate::check::Verdict;
use crate::event::Event;

/// Tells the gates at the end.
pub(super) struct Gates {
    /// Those that passed too.
    pub(super) all: bool,
}

impl Teller for Gates {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        let Event::RunFinished(summary) = event else { return };
        for gate in &summary.gates {
            match gate.pass {
                Some(true) if self.all => passed(gate, page),
                Some(true) => {}
                Some(false) | None => failed(gate, page),
            }
        }
    }
}

/// `slo p95<500ms met: 0.21 s over 200 URLs`.
fn passed(gate: &Verdict, page: &mut Page) {
    page.push("slo ");
    page.escaped(&gate.check);
    page.push(" met: ");
    page.escaped(gate.actual.as_deref().unwrap_or_default());
    page.push("\n");
}

/// `greenfetch: slo p95<500ms missed: expected below 0.5 s, got 0.81 s over 200 URLs`.
fn failed(gate: &Verdict, page: &mut Page) {
    page.push("greenfetch: slo ");
    page.escaped(&gate.check);
    page.red(" missed");
    page.push(": expected ");
    page.escaped(&gate.expected);
    match &gate.actual {
        Some(actual) => {
            page.push(", got ");
            page.escaped(actual);
        }
        None => page.push(", but nothing was measured"),
    }
    page.push("\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Summary;
    use crate::report::told;

    fn gate(actual: Option<&str>, pass: Option<bool>) -> Verdict {
        Verdict {
            check: "p95<500ms".into(),
            expected: "below 0.5 s".into(),
            actual: actual.map(Into::into),
            pass,
        }
    }

    #[test]
    fn a_missed_gate_says_what_was_expected_and_seen_and_one_that_was_met_only_when_asked() {
        let gates = vec![
            gate(Some("0.2 s over 9 URLs"), Some(true)),
            gate(Some("0.8 s over 9 URLs"), Some(false)),
            gate(None, None),
        ];
        let end = Event::RunFinished(Summary { gates, ..Summary::default() });
        let missed = "\
greenfetch: slo p95<500ms missed: expected below 0.5 s, got 0.8 s over 9 URLs
greenfetch: slo p95<500ms missed: expected below 0.5 s, but nothing was measured
";
        assert_eq!(told(&mut Gates { all: false }, false, [end.clone()]), missed);
        let all = format!("slo p95<500ms met: 0.2 s over 9 URLs\n{missed}");
        assert_eq!(told(&mut Gates { all: true }, false, [end]), all);
    }
}
