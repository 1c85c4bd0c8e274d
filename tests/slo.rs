//! Gates on the times of a run: which are met, what is said of them, and the exit status.
//!
//! Knows limits that nothing reaches and that nothing meets. Refuses to measure: that is `slo`'s, by tables.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::Script;

fn origin() -> Origin {
    Origin::start().script("/", Script::ok("hello")).script("/500", Script::status(500))
}

#[test]
fn a_gate_that_is_met_is_named_in_the_summary_alone() {
    for quiet in [true, false] {
        let origin = origin();
        let chain =
            Greenfetch::new().args(["--slo", "p95<1m", "--slo", "ttfb.max=60"]).list([origin.url("/")]);
        let chain = if quiet { chain.stderr("") } else { chain.with_summary() };
        let text = "slo p95<1m met: [TIME] s over 1 URL\nslo ttfb.max=60 met: [TIME] s over 1 URL\n\
            1 passed; 5 bytes in [TIME] s\n";
        let chain = if quiet { chain } else { chain.in_order().stderr(text) };
        chain.in_every_mode().stdout("5 bytes received from {origin}/.\n").status(0);
    }
}

/// So many bytes take longer than a millisecond on any machine.
#[test]
fn a_gate_that_is_missed_is_exit_4_when_every_url_passed() {
    let origin = Origin::start().script("/", Script::ok("x".repeat(40_000_000)));
    Greenfetch::new()
        .args(["--slo", "max<1ms", "--slo", "p50<1m"])
        .list([origin.url("/")])
        .in_every_mode()
        .stdout("40000000 bytes received from {origin}/.\n")
        .stderr("greenfetch: slo max<1ms missed: expected below [TIME] s, got [TIME] s over 1 URL\n")
        .status(4);
}

#[test]
fn a_failure_comes_before_a_gate_and_nothing_measured_is_a_missed_one() {
    let origin = origin();
    Greenfetch::new()
        .args(["--slo", "max<1m"])
        .list([origin.url("/500"), "mailto:nobody".to_owned()])
        .in_every_mode()
        .stdout("")
        .any_stderr()
        .status(1);
    Greenfetch::new()
        .args(["--slo", "max<1m", "--slo", "ttfb.p95<1m"])
        .list(["mailto:nobody"])
        .stdout("")
        .stderr_has("greenfetch: slo max<1m missed: expected below 60 s, but nothing was measured\n")
        .status(1);
}

#[test]
fn a_report_that_is_read_as_a_page_says_which_gate_was_missed() {
    Greenfetch::new()
        .args(["--slo", "ttfb.max<1m", "--report", "md=/dev/stdout"])
        .list(["http://127.0.0.1:1/ soft"])
        .stdout_has("### greenfetch: 0 of 1 URL passed, 1 soft, slo missed\n")
        .stdout_has("slo <code>ttfb&#46;max&#60;1m</code> **missed**: <code>expected below 60 s, but nothing was measured")
        .any_stderr()
        .status(4);
}

#[test]
fn with_nothing_said_at_all_the_status_still_tells() {
    let origin = Origin::start().script("/", Script::ok("x".repeat(40_000_000)));
    Greenfetch::new()
        .args(["--slo", "max<1ms", "-qq"])
        .list([origin.url("/")])
        .stdout("")
        .stderr("")
        .status(4);
}

#[test]
fn a_gate_on_what_does_not_exist_sends_nothing() {
    let origin = origin();
    Greenfetch::new()
        .args(["--slo", "foo<3"])
        .list([origin.url("/")])
        .stdout("")
        .stderr_has("greenfetch: --slo: there is no 'foo'; write p95<500ms")
        .status(2);
    Greenfetch::new()
        .args(["--slo", "p95<1s", "--compare"])
        .list([origin.url("/")])
        .stdout("")
        .stderr_has("greenfetch: --slo: is about a single run and means nothing with --compare")
        .status(2);
    assert_eq!(origin.requests("/"), 0);
}

/// One URL at a time: what comes behind the failure is never asked for, and its time is nobody's.
#[test]
fn fail_fast_holds_beside_a_gate() {
    let origin = origin();
    Greenfetch::new()
        .args(["--slo", "max<1m", "--fail-fast", "-j", "1"])
        .list([origin.url("/500"), origin.url("/")])
        .with_summary()
        .stdout("")
        .stderr_has("slo max<1m met: [TIME] s over 1 URL\n")
        .status(1);
    assert_eq!(origin.requests("/"), 0);
}
