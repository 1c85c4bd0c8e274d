//! The table: a column for each mode, a row for each figure, 80 columns wide at most (pure).
//!
//! Knows alignment and how many digits are worth reading. Refuses to judge: `verdicts` does.

use super::findings::{Findings, ModeFindings};
use crate::report::{bytes, count};
use crate::stats::Sample;

/// The widest line.
pub(super) const WIDTH: usize = 80;
/// The names of the rows.
const NAMES: usize = 20;
/// A mode's figures, right-aligned: three stand beside the names.
const COLUMN: usize = 20;
/// A nanosecond: a spread below it comes from adding numbers up.
const CLOCK_S: f64 = 1e-9;
/// More modes go into a second table below.
const COLUMNS: usize = (WIDTH - NAMES) / COLUMN;

/// A row: its name and what it says of a mode.
type Row = (&'static str, fn(&ModeFindings) -> String);

const ROWS: [Row; 10] = [
    ("wall time", |mode| mean(&mode.wall)),
    ("  least … most", |mode| ends(&mode.wall)),
    ("CPU, user + system", |mode| mean(&mode.cpu)),
    ("  least … most", |mode| ends(&mode.cpu)),
    ("URLs in flight", |mode| mode.most_in_flight.to_string()),
    ("threads at the peak", |mode| known(mode.peak_threads.map(|threads| threads.to_string()))),
    ("memory at the peak", |mode| bytes(mode.peak_memory)),
    ("  a URL in flight", |mode| known(mode.memory_per_url.map(|memory| bytes(memory.round() as u64)))),
    ("switches to wait", |mode| format!("{:.0}", mode.voluntary_switches)),
    ("  forced", |mode| format!("{:.0}", mode.involuntary_switches)),
];

/// Shown only where a URL did not pass.
const NOT_PASSED: Row = ("URLs not passed", |mode| mode.not_passed.to_string());

/// The whole of it, its heading first.
pub(super) fn of(findings: &Findings) -> String {
    let urls = count(findings.n_urls, "URL", "URLs");
    let runs = count(u64::from(findings.n_runs), "run", "runs");
    let mut text = format!("{urls}, {runs} in each mode after one that does not count; mean ± σ\n");
    let any_not_passed = findings.modes.iter().any(|mode| mode.not_passed > 0);
    for modes in findings.modes.chunks(COLUMNS) {
        text.push('\n');
        text.push_str(&line("", modes.iter().map(|mode| mode.label.clone())));
        for (name, figure) in ROWS.iter().chain(any_not_passed.then_some(&NOT_PASSED)) {
            text.push_str(&line(name, modes.iter().map(figure)));
        }
    }
    text
}

fn line(name: &str, figures: impl Iterator<Item = String>) -> String {
    let figures: String = figures.map(|figure| format!("{figure:>COLUMN$}")).collect();
    format!("{name:<NAMES$}{figures}\n")
}

fn known(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "?".to_owned())
}

/// `1.20 ± 0.02 s`; of a single run `1.20 s`.
pub(super) fn mean(sample: &Sample) -> String {
    let digits = digits_of(sample);
    match sample.stddev {
        Some(stddev) => format!("{:.digits$} ± {stddev:.digits$} s", sample.mean),
        None => format!("{:.digits$} s", sample.mean),
    }
}

fn ends(sample: &Sample) -> String {
    let digits = digits_of(sample);
    format!("{:.digits$} … {:.digits$} s", sample.min, sample.max)
}

/// `1.20 s`.
pub(super) fn seconds(seconds: f64) -> String {
    let digits = digits(seconds);
    format!("{seconds:.digits$} s")
}

/// One more where a spread would be nothing without it.
fn digits_of(sample: &Sample) -> usize {
    let digits = digits(sample.mean);
    let shown = |stddev: f64| format!("{stddev:.digits$}").bytes().any(|b| b.is_ascii_digit() && b != b'0');
    let vanishes = |stddev: f64| stddev > CLOCK_S && !shown(stddev);
    digits + usize::from(sample.stddev.is_some_and(vanishes))
}

/// Two figures of a difference are worth reading, so a second has three digits and an hour none.
fn digits(seconds: f64) -> usize {
    match seconds {
        1_000.0.. => 0,
        100.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::{ALL, findings, usual};
    use super::*;
    use crate::config::Mode;

    #[test]
    fn the_table_looks_like_this() {
        let expected = "\
10 URLs, 3 runs in each mode after one that does not count; mean ± σ

                                    sync             threads          coroutines
wall time                  5.12 ± 0.01 s     0.616 ± 0.004 s     0.613 ± 0.004 s
  least … most             5.11 … 5.13 s     0.612 … 0.620 s     0.610 … 0.618 s
CPU, user + system     0.0125 ± 0.0000 s   0.0125 ± 0.0000 s   0.0125 ± 0.0000 s
  least … most         0.0125 … 0.0125 s   0.0125 … 0.0125 s   0.0125 … 0.0125 s
URLs in flight                         1                  10                  10
threads at the peak                    5                  14                  14
memory at the peak                6.1 MB              7.0 MB              7.0 MB
  a URL in flight                 1.1 MB              200 kB              200 kB
switches to wait                      40                  40                  40
  forced                               3                   3                   3
";
        assert_eq!(of(&usual()), expected);
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_however_long_it_takes() {
        for wall in [1, 999, 123_456, 99_999_999, 3_000_000_000] {
            let six = [ALL, ALL].concat();
            let found = findings(&six, 50, &[&[wall; 6], &[wall * 3 / 2; 6], &[wall * 2; 6]]);
            let text = of(&found);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert_eq!(text.matches("wall time").count(), 2, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_and_what_failed_is_shown() {
        let mut found = findings(&[Mode::Sync, Mode::Threads], 50, &[&[1_000, 500]]);
        found.modes[0].peak_threads = None;
        found.modes[1].not_passed = 7;
        let text = of(&found);
        assert!(text.starts_with("10 URLs, 1 run in each mode"), "{text}");
        let row = |name| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        assert_eq!(row("threads at").split_whitespace().next_back(), Some("14"));
        assert!(row("threads at").contains(" ? "), "{text}");
        assert!(row("URLs not passed").ends_with("0                   7"), "{text}");
        assert!(row("wall time").ends_with("1.00 s             0.500 s"), "{text}");
    }
}
