//! `greenfetch demo`: works offline, right after the install.
//!
//! Knows that it is a run like any other, on an origin of its own. Refuses to know what that origin serves.

use crate::support::Greenfetch;

#[test]
fn the_demo_needs_nothing_and_passes() {
    Greenfetch::new()
        .args(["demo"])
        .in_every_mode()
        .stdout_judged(|text| {
            assert!(text.lines().count() > 1, "{text}");
            assert!(text.lines().all(|line| line.contains(" bytes received from http://")), "{text}");
        })
        .stderr("")
        .status(0);
}

#[test]
fn the_demo_takes_the_options_of_a_run() {
    Greenfetch::new()
        .args(["demo", "-j", "2"])
        .json(|records| {
            assert!(!records.is_empty());
            assert!(records.iter().all(|record| record["outcome"] == "pass"), "{records:?}");
            assert!(records.iter().all(|record| record["remote_ip"] == "127.0.0.1"), "{records:?}");
        })
        .stderr("")
        .status(0);
    Greenfetch::new().args(["demo", "--nonsense"]).stdout("").stderr_has("--nonsense").status(2);
}

#[test]
fn a_file_called_demo_is_a_file() {
    Greenfetch::new().file("demo", "# nothing\n").operand("./demo").stdout("").any_stderr().status(3);
}
