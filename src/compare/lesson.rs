//! What the demo's comparison shows, in three sentences made of what was measured (pure).
//!
//! Knows what is worth learning from three modes. Refuses to say anything that a run did not show: each figure is one
//! of this run's, and nothing is called better that is only smaller.

use super::findings::{Findings, ModeFindings};
use super::table::seconds;
use super::verdicts::wrapped;
use crate::config::Mode;
use crate::report::bytes;

/// Nothing unless all three modes are there and came to the end of the list.
pub(super) fn sentences(findings: &Findings) -> String {
    let modes = [Mode::Sync, Mode::Threads, Mode::Coroutines].map(|mode| findings.first(mode));
    let [Some(sync), Some(threads), Some(coroutines)] = modes else { return String::new() };
    let sentences = [waiting(sync), together(findings, threads, coroutines), price(threads, coroutines)];
    std::iter::once("\n".to_owned()).chain(sentences.iter().map(|sentence| wrapped(sentence))).collect()
}

fn waiting(sync: &ModeFindings) -> String {
    let (wall, cpu) = (sync.wall.mean, sync.cpu.mean);
    let waited = (wall - cpu).max(0.0) / wall * 100.0;
    format!(
        "One URL after another took {}, of which {} were work and {waited:.0} % waiting for an answer.",
        seconds(wall),
        seconds(cpu)
    )
}

fn together(findings: &Findings, threads: &ModeFindings, coroutines: &ModeFindings) -> String {
    let slowest = findings.ceiling.as_ref().map_or(0.0, |ceiling| ceiling.slowest.as_secs_f64());
    format!(
        "With up to {} of them in flight the waits overlap: {} with threads, {} with coroutines, where the slowest \
         URL alone takes {}.",
        threads.most_in_flight.max(coroutines.most_in_flight),
        seconds(threads.wall.mean),
        seconds(coroutines.wall.mean),
        seconds(slowest)
    )
}

fn price(threads: &ModeFindings, coroutines: &ModeFindings) -> String {
    let cost = |mode: &ModeFindings| {
        let system_threads = mode.peak_threads.map_or_else(String::new, |n| format!("{n} system threads, "));
        format!(
            "{system_threads}{} of memory and {} of CPU time",
            bytes(mode.peak_memory),
            seconds(mode.cpu.mean)
        )
    };
    format!("For that threads took {}; coroutines took {}.", cost(threads), cost(coroutines))
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::{ALL, findings, usual};
    use super::*;

    #[test]
    fn three_sentences_are_made_of_the_figures() {
        let expected = "
One URL after another took 5.12 s, of which 0.0125 s were work and 100 % waiting
  for an answer.
With up to 10 of them in flight the waits overlap: 0.616 s with threads, 0.613 s
  with coroutines, where the slowest URL alone takes 0.600 s.
For that threads took 14 system threads, 7.0 MB of memory and 0.0125 s of CPU
  time; coroutines took 14 system threads, 7.0 MB of memory and 0.0125 s of CPU
  time.
";
        assert_eq!(sentences(&usual()), expected);
    }

    #[test]
    fn other_figures_make_other_sentences_and_fewer_modes_none() {
        let other = sentences(&findings(&ALL, 50, &[&[2_000, 900, 1_000]; 2]));
        assert!(other.contains("took 2.00 s") && other.contains("0.900 s with threads"), "{other}");
        assert_eq!(sentences(&findings(&ALL[..2], 50, &[&[1, 1]; 2])), "");
    }
}
