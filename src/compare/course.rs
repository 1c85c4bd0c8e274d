//! The course of a comparison: one run that does not count, then every mode in turn, run after run.
//!
//! Knows the order and when to give up. Refuses to know what a run measures.

use std::io::{self, Write};
use std::sync::Arc;

use super::spool::Spool;
use super::{Run, child};
use crate::config::{Comparison, Mode, Verbosity};
use crate::exit::ExitStatus;
use crate::runtime::children::Leash;

/// How a course ended.
pub(super) enum Ended {
    /// With all runs: `runs` times each mode in the order typed, then the next round.
    Whole(Vec<Run>),
    /// Before that, and what the process says of it.
    Early(ExitStatus),
}

/// A comparison under way.
pub(super) struct Course<'a> {
    pub(super) comparison: &'a Comparison,
    pub(super) spool: &'a Spool,
    pub(super) leash: &'a Arc<Leash>,
    pub(super) stderr: &'a mut dyn Write,
}

impl Course<'_> {
    /// Runs it. The one that does not count fills the caches of names, pages and servers, so that the first mode does
    /// not pay for all.
    pub(super) fn run(mut self) -> io::Result<Ended> {
        let modes = &self.comparison.modes;
        let warm_up = modes.last().copied().unwrap_or(Mode::Coroutines);
        if let Some(early) = self.warm_up(warm_up)? {
            return Ok(Ended::Early(early));
        }
        let (n_modes, rounds) = (modes.len(), self.comparison.runs as usize);
        let mut slots: Vec<Option<Run>> = vec![None; n_modes * rounds];
        let mut statuses = Vec::new();
        for (place, (round, index)) in order(n_modes, rounds).enumerate() {
            let mode = modes[index];
            self.announce(format_args!("run {} of {}: {}", place + 1, slots.len(), mode.as_str()));
            let told = match child::run(self.comparison, mode, self.spool, self.leash) {
                Err(_) if self.leash.pulled().is_some() => return Ok(self.stopped()),
                told => told?,
            };
            self.announce(format_args!(""));
            if self.leash.pulled().is_some() {
                return Ok(self.stopped());
            }
            // Failures are told once; a status that nobody had before comes with its own words.
            if !statuses.contains(&told.run.status) {
                self.say(&told.stderr);
                statuses.push(told.run.status);
            }
            slots[round * n_modes + index] = Some(told.run);
        }
        Ok(Ended::Whole(slots.into_iter().flatten().collect()))
    }

    /// A list or a machine with which nothing can be compared shows here, before anything counts.
    fn warm_up(&mut self, mode: Mode) -> io::Result<Option<ExitStatus>> {
        self.announce(format_args!("warming up: {}", mode.as_str()));
        let told = child::run(self.comparison, mode, self.spool, self.leash);
        self.announce(format_args!(""));
        if self.leash.pulled().is_some() {
            let Ended::Early(status) = self.stopped() else { return Ok(None) };
            return Ok(Some(status));
        }
        let told = told?;
        if matches!(
            told.run.status,
            ExitStatus::Usage | ExitStatus::Empty | ExitStatus::Bug | ExitStatus::Signal(_)
        ) {
            self.say(&told.stderr);
            return Ok(Some(told.run.status));
        }
        Ok(None)
    }

    fn stopped(&mut self) -> Ended {
        self.announce(format_args!(""));
        self.say("greenfetch: the comparison was stopped before its end, so nothing is compared\n");
        Ended::Early(ExitStatus::Signal(self.leash.pulled().unwrap_or(2)))
    }

    /// On a terminal one line that is written over: which run is under way; nothing takes it away again.
    fn announce(&mut self, words: std::fmt::Arguments<'_>) {
        if self.comparison.config.output.progress {
            // A terminal that went away is no reason to stop.
            let _ = write!(self.stderr, "\r\x1b[K{words}").and_then(|()| self.stderr.flush());
        }
    }

    fn say(&mut self, words: &str) {
        if self.comparison.config.output.verbosity != Verbosity::Silent {
            let _ = self.stderr.write_all(words.as_bytes()).and_then(|()| self.stderr.flush());
        }
    }
}

/// Round and mode of each run: from round to round another mode goes first, so that what drifts with time, such as a
/// processor that gets warm, meets all modes alike.
fn order(n_modes: usize, rounds: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rounds).flat_map(move |round| (0..n_modes).map(move |place| (round, (place + round) % n_modes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_every_mode_once_and_begins_with_another() {
        let rounds: Vec<(usize, usize)> = order(3, 4).collect();
        let modes = |round: usize| rounds[round * 3..][..3].iter().map(|(_, mode)| *mode).collect::<Vec<_>>();
        assert_eq!([modes(0), modes(1), modes(2), modes(3)], [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
        assert!(rounds.iter().enumerate().all(|(place, (round, _))| place / 3 == *round));
    }
}
