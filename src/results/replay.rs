//! `--what-if … --from RESULTS`: what a run that is over would have taken with other numbers of jobs.
//!
//! Knows which limits the run had and how long it took. Refuses to replay (`what_if`), and to guess the jobs of bare
//! records.

use std::io::Write;
use std::time::{Duration, Instant};

use super::again::print;
use super::{Results, reading};
use crate::config::{Concurrency, Mode, Operand};
use crate::exit::ExitStatus;
use crate::record::RunRecord;
use crate::report::Streams;
use crate::what_if::{Seen, Visits, answer};

/// Prints the forecasts for these numbers of jobs; `now` stands for the run's beginning.
///
/// # Errors
/// A sentence for exit 2: results that cannot be read, or say too little, or of a run that was bound by the processor.
pub fn what_if(
    from: &Operand,
    jobs: &[u32],
    mut streams: Streams,
    now: Instant,
) -> Result<ExitStatus, String> {
    let results = reading::read(from)?;
    let run = results.run.as_ref().ok_or_else(|| {
        format!(
            "{}: bare records do not say how many jobs there were; a json or jsonl report does",
            results.name
        )
    })?;
    let seen = Seen { began: now, jobs: run.jobs, wall: wall(&results), cpu: cpu(&results, run.processes) };
    let mut visits = Visits::default();
    results.records.iter().for_each(|record| visits.add(record));
    let told = answer(&visits, &limits(run)?, jobs, seen)?;
    for words in &results.warnings {
        // Nothing is left to say it to when this fails.
        let _ = writeln!(streams.stderr, "greenfetch: warning: {words}");
    }
    Ok(print(&mut streams.stdout, told.as_bytes()))
}

/// Those that the run went by.
fn limits(run: &RunRecord) -> Result<Concurrency, String> {
    let interval = |rate: f64| {
        Duration::try_from_secs_f64(1.0 / rate)
            .map_err(|_| format!("there is no rate of {rate} starts a second"))
    };
    Ok(Concurrency {
        jobs: run.jobs,
        per_host: run.per_host,
        per_host_given: run.per_host_given,
        start_interval: run.rate.map(interval).transpose()?,
        // The replay has neither: it is a reckoning.
        mode: Mode::Coroutines,
        processes: 1,
    })
}

/// Of a run that was cut, to its last result.
fn wall(results: &Results) -> Duration {
    let last = || results.records.iter().map(|record| record.t_end).fold(0.0, f64::max);
    duration(results.summary.as_ref().map_or_else(last, |summary| summary.wall))
}

/// Of one processor: each process had its own.
fn cpu(results: &Results, processes: u32) -> Option<Duration> {
    results.summary.as_ref().map(|summary| duration(summary.cpu) / processes.max(1))
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
