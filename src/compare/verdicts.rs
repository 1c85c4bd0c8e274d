//! What the table shows, as a person would say it: which mode is faster, by how much, and how much was possible (pure).
//!
//! Knows sentences. Refuses to call a difference one that may be noise.

use std::fmt::Write;

use super::findings::{Ceiling, Findings, Pair};
use super::table::{WIDTH, mean, seconds};
use crate::sanitize::{escape, shorten};

/// So much of the slowest URL is shown: it has a line of its own.
const URL_CHARS: usize = WIDTH - 2;

/// A sentence for every pair of modes, and the URL that sets the ceiling.
pub(super) fn of(findings: &Findings) -> String {
    let mut text: String = findings.pairs.iter().map(|pair| wrapped(&sentence(findings, pair))).collect();
    let ceiling =
        findings.ceiling.as_ref().filter(|_| findings.pairs.iter().any(|pair| says_ceiling(findings, pair)));
    if let Some(ceiling) = ceiling {
        let url = escape(&ceiling.url).into_owned();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "the slowest URL:\n  {}", shorten(&url, URL_CHARS));
    }
    text
}

fn sentence(findings: &Findings, pair: &Pair) -> String {
    let (fast, slow) = (&findings.modes[pair.faster], &findings.modes[pair.slower]);
    let times = format!("{} → {}", seconds(slow.wall.mean), seconds(fast.wall.mean));
    let (fast_name, slow_name) = (&fast.label, &slow.label);
    if let Some(cut) = [slow, fast].into_iter().find(|mode| !mode.is_whole) {
        return format!(
            "{slow_name} and {fast_name} are not compared: {} did not come to the end of the list",
            cut.label
        );
    }
    if findings.n_runs == 1 {
        return format!(
            "{slow_name} and {fast_name}: {times}; a single run of each cannot tell that from noise (--runs)"
        );
    }
    let Some(ratio) = pair.times_faster.filter(|_| pair.can_be_told_apart) else {
        let (fast, slow) = (mean(&fast.wall), mean(&slow.wall));
        return format!("{fast_name} and {slow_name} cannot be told apart ({fast}, {slow})");
    };
    let saved = seconds(pair.saved.value);
    let ceiling = findings.reached(pair).zip(findings.ceiling.as_ref());
    let ceiling =
        ceiling.map_or_else(String::new, |(reached, ceiling)| of_ceiling(findings, reached, ceiling));
    format!(
        "{fast_name} {} times faster than {slow_name} ({times}, {saved} less){ceiling}",
        times_faster(ratio)
    )
}

fn says_ceiling(findings: &Findings, pair: &Pair) -> bool {
    findings.n_runs > 1 && pair.can_be_told_apart && findings.reached(pair).is_some()
}

fn of_ceiling(findings: &Findings, reached: f64, ceiling: &Ceiling) -> String {
    let slowest = seconds(ceiling.slowest.as_secs_f64());
    let percent = reached * 100.0;
    let most = ceiling.times_faster;
    if findings.possible(ceiling) < most {
        let jobs = findings.jobs;
        return format!(
            "; {percent:.0} % of the {jobs} that --jobs allows; the ceiling is {most:.1}: the slowest URL takes {slowest}"
        );
    }
    format!("; {percent:.0} % of the ceiling of {most:.1}: the slowest URL takes {slowest}")
}

/// `4.1 ± 0.2`, with a digit more where the error would be nothing without it.
fn times_faster(ratio: crate::stats::Estimate) -> String {
    let stddev = ratio.stddev.unwrap_or(0.0);
    let digits = if stddev < 0.05 || ratio.value < 1.05 { 2 } else { 1 };
    format!("{:.digits$} ± {stddev:.digits$}", ratio.value)
}

/// The words on lines of 80 columns, those after the first indented. A number stays with what it counts.
pub(super) fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut column = 0;
    let glued = |word: &str| word.ends_with(|last: char| last.is_ascii_digit() || last == '±');
    let mut words = text.split(' ');
    while let Some(first) = words.next() {
        let mut group = first.to_owned();
        while let (true, Some(next)) = (glued(&group), words.clone().next()) {
            group = format!("{group} {next}");
            words.next();
        }
        let width = group.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            lines.push_str("\n ");
            column = 1;
        }
        if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(&group);
        column += width;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::{ALL, findings, usual};
    use super::*;
    use crate::config::Mode;

    #[test]
    fn a_person_would_say_it_like_this() {
        let expected = "\
threads 8.3 ± 0.1 times faster than sync (5.12 s → 0.616 s, 4.50 s less); 98 %
  of the ceiling of 8.5: the slowest URL takes 0.600 s
coroutines 8.3 ± 0.1 times faster than sync (5.12 s → 0.613 s, 4.51 s less);
  98 % of the ceiling of 8.5: the slowest URL takes 0.600 s
coroutines and threads cannot be told apart (0.613 ± 0.004 s, 0.616 ± 0.004 s)
the slowest URL:
  http://a.example/\\x1b[2J?slow
";
        let text = of(&usual());
        assert_eq!(text, expected);
    }

    #[test]
    fn a_run_that_was_cut_short_is_not_called_faster() {
        let mut cut = findings(&ALL[..2], 50, &[&[1_000, 5_000], &[1_001, 5_001], &[1_002, 5_002]]);
        cut.modes[0].is_whole = false;
        assert_eq!(of(&cut), "threads and sync are not compared: sync did not come to the end of the list\n");
    }

    #[test]
    fn jobs_below_the_ceiling_are_what_was_possible() {
        let text = of(&findings(&ALL[..2], 4, &[&[5_000, 1_300], &[5_010, 1_310], &[5_020, 1_290]]));
        let text = text.replace("\n  ", " ");
        assert!(text.contains("96 % of the 4 that --jobs allows; the ceiling is 8.5"), "{text}");
    }

    #[test]
    fn equal_things_and_single_runs_are_not_told_apart() {
        let twice = [Mode::Coroutines, Mode::Coroutines];
        let text = of(&findings(&twice, 50, &[&[500, 510], &[520, 505], &[507, 512]]));
        let expected =
            "coroutines 2 and coroutines 1 cannot be told apart (0.509 ± 0.004 s,\n  0.509 ± 0.010 s)\n";
        assert_eq!(text, expected);
        let text = of(&findings(&ALL[..2], 50, &[&[5_000, 500]]));
        assert!(text.starts_with("sync and threads: 5.00 s → 0.500 s; a single run"), "{text}");
        assert!(!text.contains("slowest"), "{text}");
    }

    #[test]
    fn a_mode_that_is_slower_is_called_slower_by_naming_the_faster_first() {
        let text = of(&findings(&ALL[..2], 50, &[&[500, 1_000], &[501, 1_001], &[502, 1_002]]));
        assert!(text.starts_with("sync 2.00 ± 0.00 times faster than threads (1.00 s → 0.501 s"), "{text}");
        assert!(!text.contains("ceiling"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal() {
        let long = findings(&[ALL, ALL].concat(), 3, &[&[99_000_000, 1, 7, 99_000_000, 2, 3]; 3]);
        assert!(of(&long).lines().all(|line| line.chars().count() <= WIDTH), "{}", of(&long));
    }
}
