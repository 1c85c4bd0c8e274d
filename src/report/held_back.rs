//! What limited a run, in the words of the option that changes it (pure).
//!
//! Knows when a limit is worth a line. Refuses to measure: the loop counted, `stats` divided.

use std::time::Duration;

use super::figures::{rate, seconds};
use crate::config::{Concurrency, Mode};
use crate::event::Summary as Counts;

/// A limit that held the run back for less than this part of it is not worth naming.
const WORTH_NAMING: f64 = 0.1;
/// From this part of the ceiling on, only a faster slowest URL would help.
const AT_THE_CEILING: f64 = 0.9;

/// The speed-up and its ceiling; `None` when no time passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    /// What it was.
    pub(super) reached: Option<f64>,
    /// What no number of jobs exceeds.
    pub(super) most: Option<f64>,
}

/// What to change for more speed; `None` when nothing stands out.
pub(super) fn held_back(counts: &Counts, limits: &Concurrency, speed: Speed) -> Option<String> {
    let (duration, words) = longest(counts, limits);
    let is_worth_naming = duration.as_secs_f64() >= counts.wall.as_secs_f64() * WORTH_NAMING;
    if is_worth_naming && !duration.is_zero() {
        return Some(format!("held back by {words} for {}", seconds(duration)));
    }
    (speed.reached? >= speed.most? * AT_THE_CEILING).then(|| "held back by the slowest URL alone".to_owned())
}

fn longest(counts: &Counts, limits: &Concurrency) -> (Duration, String) {
    let held = &counts.limiters;
    let named = |option: &str, value: Option<String>| match value {
        Some(value) => format!("{option} {value}"),
        None => option.to_owned(),
    };
    let jobs = match limits.mode {
        Mode::Sync => "--sync, one URL at a time,".to_owned(),
        Mode::Threads | Mode::Coroutines => named("--jobs", Some(limits.jobs.to_string())),
    };
    let limiters = [
        (held.jobs, jobs),
        (held.per_host, named("--per-host", limits.per_host.map(|most| most.to_string()))),
        (held.rate, named("--rate", limits.start_interval.map(rate))),
        (held.backoff, "waits before further tries".to_owned()),
        (held.list, "the list, which had nothing to offer,".to_owned()),
        (held.output, "the reader of the output".to_owned()),
    ];
    limiters.into_iter().max_by_key(|(duration, _)| *duration).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Limiters;

    const MILLI: Duration = Duration::from_millis(1);

    fn of(limiters: Limiters, mode: Mode, reached: f64) -> Option<String> {
        let counts = Counts { limiters, wall: 1000 * MILLI, ..Counts::default() };
        let limits = Concurrency {
            jobs: 50,
            per_host: Some(10),
            per_host_given: false,
            start_interval: Some(200 * MILLI),
            processes: 1,
            mode,
        };
        held_back(&counts, &limits, Speed { reached: Some(reached), most: Some(10.0) })
    }

    #[test]
    fn the_longest_limiter_is_named_by_the_option_that_changes_it() {
        let none = Limiters::default;
        for (limiters, mode, expected) in [
            (Limiters { jobs: 500 * MILLI, ..none() }, Mode::Coroutines, "--jobs 50 for 0.50 s"),
            (Limiters { jobs: 500 * MILLI, ..none() }, Mode::Sync, "--sync, one URL at a time, for 0.50 s"),
            (
                Limiters { jobs: 300 * MILLI, per_host: 400 * MILLI, ..none() },
                Mode::Threads,
                "--per-host 10 for 0.40 s",
            ),
            (Limiters { rate: 100 * MILLI, ..none() }, Mode::Coroutines, "--rate 5/s for 0.10 s"),
            (
                Limiters { list: 900 * MILLI, ..none() },
                Mode::Coroutines,
                "the list, which had nothing to offer, for 0.90 s",
            ),
            (
                Limiters { backoff: 200 * MILLI, ..none() },
                Mode::Coroutines,
                "waits before further tries for 0.20 s",
            ),
            (
                Limiters { output: 900 * MILLI, ..none() },
                Mode::Coroutines,
                "the reader of the output for 0.90 s",
            ),
        ] {
            assert_eq!(of(limiters, mode, 10.0), Some(format!("held back by {expected}")));
        }
    }

    #[test]
    fn a_short_wait_is_not_named_and_near_the_ceiling_it_is_the_slowest_url() {
        let short = Limiters { jobs: 99 * MILLI, ..Limiters::default() };
        assert_eq!(of(short.clone(), Mode::Coroutines, 8.9), None);
        assert_eq!(of(short, Mode::Coroutines, 9.0).as_deref(), Some("held back by the slowest URL alone"));
        let no_time = Speed { reached: None, most: None };
        let limits = Concurrency {
            jobs: 1,
            per_host: None,
            per_host_given: false,
            start_interval: None,
            processes: 1,
            mode: Mode::Sync,
        };
        assert_eq!(held_back(&Counts::default(), &limits, no_time), None);
    }
}
