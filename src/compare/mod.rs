//! `--compare`: the same list in several modes, several times, and what can be said of it.
//!
//! Knows the order of things: spool, warm up, run, judge, tell. Every run is a child of greenfetch itself, because
//! may's set-up, peak memory and threads are a process's. Refuses to know how a mode works: a mode is a word on the
//! child's command line.

mod child;
mod course;
mod document;
mod findings;
mod lesson;
mod spool;
mod table;
mod verdicts;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Comparison, Config, Mode, Verbosity};
use crate::exit::{ExitStatus, SIGPIPE};
use crate::list::{self, Credits, Delivery, List, Reading};
use crate::plan::{Listed, Planner};
use crate::report::timeline::{Drawings, Lane};
use crate::report::{self, Streams};
use crate::runtime::children::Leash;
use crate::sanitize::escape;
use crate::signal;

use course::{Course, Ended};
use findings::Findings;
use spool::Spool;

/// Why a comparison did not begin or did not go on: exit 2, and the whole text for standard error.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The list is wrong; its page says where.
    #[error("{0}")]
    List(String),
    /// Something that the comparison needs is not to be had.
    #[error("greenfetch: --compare: {0}")]
    Because(String),
}

impl Refused {
    fn because(what: impl std::fmt::Display) -> Refused {
        Refused::Because(what.to_string())
    }
}

/// One run: what it used and what came of it.
#[derive(Debug, Clone)]
struct Run {
    mode: Mode,
    status: ExitStatus,
    wall: Duration,
    user: Duration,
    system: Duration,
    voluntary_switches: u64,
    involuntary_switches: u64,
    /// `None` when the process died before it could say so.
    peak_threads: Option<u64>,
    /// Bytes.
    peak_memory: u64,
    /// Bytes resident before the first request.
    memory_before: Option<u64>,
    most_in_flight: u32,
    results: Results,
    /// When each URL was where; empty unless somebody wants to see it.
    lane: Lane,
}

/// What the records of one run come to.
#[derive(Debug, Clone, Default)]
struct Results {
    passed: u64,
    failed: u64,
    soft: u64,
    cancelled: u64,
    /// Of body, decoded.
    bytes: u64,
    /// Of what each URL took from its first slot to its end.
    sum_of_times: Duration,
    /// The one that took longest, and how long.
    slowest: Option<(String, Duration)>,
}

/// Compares the modes on a list: the table, or with `--json` the document.
///
/// # Errors
/// `Refused` when nothing was sent: errors in the list, or a file or machine that cannot be used.
pub fn run(comparison: &Comparison, reading: &Reading, streams: Streams) -> Result<ExitStatus, Refused> {
    compare(comparison, reading, streams, |_| String::new())
}

/// The same on the demo's list: the table, and in three sentences what it shows.
///
/// # Errors
/// As for `run`.
pub fn lesson(comparison: &Comparison, reading: &Reading, streams: Streams) -> Result<ExitStatus, Refused> {
    compare(comparison, reading, streams, lesson::sentences)
}

fn compare(
    comparison: &Comparison,
    reading: &Reading,
    mut streams: Streams,
    teach: impl FnOnce(&Findings) -> String,
) -> Result<ExitStatus, Refused> {
    let config = &comparison.config;
    let spool = Spool::of(&config.operands).map_err(|error| Refused::because(spool::unreadable(&error)))?;
    let list = list::check(spool.operands(), reading)
        .map_err(|refusal| Refused::List(spool.with_names(&refusal.to_string())))?;
    let n_urls = list.entries().unwrap_or(0);
    if n_urls == 0 {
        return Ok(nothing(config, &mut streams));
    }
    refuse_what_is_not_idempotent(list, config, &spool)?;
    let drawings = Drawings::begin(&config.output, &report::as_it_is).map_err(Refused::because)?;
    let leash = Arc::new(Leash::default());
    signal::pass_on(Arc::clone(&leash)).map_err(Refused::because)?;

    let ended = Course { comparison, spool: &spool, leash: &leash, stderr: &mut streams.stderr }.run();
    match ended.map_err(Refused::because)? {
        Ended::Early(status) => Ok(status),
        Ended::Whole(runs) => {
            let status = ExitStatus::worst(runs.iter().map(|run| run.status));
            let lanes = lanes(comparison, &runs);
            let findings = Findings::new(comparison, n_urls, runs);
            let text = if config.output.json {
                report::json_line(&document::of(&findings))
            } else {
                format!("{}\n{}{}", table::of(&findings), verdicts::of(&findings), teach(&findings))
                    .into_bytes()
            };
            let written = write(&mut streams, config, &text);
            let drawn =
                drawings.map_or(ExitStatus::Pass, |drawings| draw(drawings, &lanes, &mut streams, config));
            Ok(ExitStatus::worst([status, written, drawn]))
        }
    }
}

/// Of each mode the run that took as long as half of its runs: what it shows is typical.
fn lanes(comparison: &Comparison, runs: &[Run]) -> Vec<Lane> {
    let n_modes = comparison.modes.len();
    let median = |index: usize| {
        let mut of_mode: Vec<&Run> = runs.iter().skip(index).step_by(n_modes).collect();
        of_mode.sort_by_key(|run| run.wall);
        of_mode.get(of_mode.len().saturating_sub(1) / 2).map(|run| run.lane.clone())
    };
    (0..n_modes).filter_map(median).collect()
}

/// The pictures: files, and what goes to the terminal, on stderr beside a document.
fn draw(drawings: Drawings, lanes: &[Lane], streams: &mut Streams, config: &Config) -> ExitStatus {
    let drawn = drawings.finish(lanes);
    let mut status = ExitStatus::Pass;
    for words in &drawn.complaints {
        status = ExitStatus::Write;
        // Nothing is left to say it to when this fails.
        let _ = writeln!(streams.stderr, "greenfetch: {}", escape(words));
    }
    let Some(text) = drawn.text else { return status };
    let written = if config.output.json {
        // As for what is said of the runs.
        let _ = streams.stderr.write_all(text.as_bytes());
        ExitStatus::Pass
    } else {
        write(streams, config, format!("\n{text}").as_bytes())
    };
    ExitStatus::worst([status, written])
}

/// There is nothing to compare, and it is said as of any run.
fn nothing(config: &Config, streams: &mut Streams) -> ExitStatus {
    if config.run.allow_empty {
        return ExitStatus::Pass;
    }
    if config.output.verbosity != Verbosity::Silent {
        // Nothing is left to say it to when this fails.
        let _ = writeln!(streams.stderr, "greenfetch: warning: nothing to fetch: the list is empty");
    }
    ExitStatus::Empty
}

/// With `-qq` nothing is said, as of any run.
fn write(streams: &mut Streams, config: &Config, text: &[u8]) -> ExitStatus {
    if config.output.verbosity == Verbosity::Silent {
        return ExitStatus::Pass;
    }
    match streams.stdout.write_all(text).and_then(|()| streams.stdout.flush()) {
        Ok(()) => ExitStatus::Pass,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Signal(SIGPIPE),
        Err(error) => {
            // Nothing is left to say it to when this fails too.
            let _ = writeln!(
                streams.stderr,
                "greenfetch: cannot write to standard output: {}",
                report::reason(&error)
            );
            ExitStatus::Write
        }
    }
}

/// Looks through the whole list before anything is sent: everything is sent several times.
fn refuse_what_is_not_idempotent(list: List, config: &Config, spool: &Spool) -> Result<(), Refused> {
    let mut planner = Planner::new(config);
    let credits = Arc::new(Credits::new());
    credits.give(usize::MAX);
    let (tell, told) = std::sync::mpsc::channel();
    let find = move |delivery| {
        if let Delivery::Listed(batch) = delivery {
            // Nobody is left to hear of the second one.
            batch.iter().filter_map(offence).for_each(|offence| _ = tell.send(offence));
        }
    };
    let reading = list.start(move |urlnum, entry| planner.plan(urlnum, entry), credits, find);
    drop(reading.map_err(Refused::because)?);
    match told.recv() {
        Ok(offence) => Err(Refused::List(format!("greenfetch: {}", spool.with_names(&offence)))),
        Err(_) => Ok(()),
    }
}

fn offence(listed: &Listed) -> Option<String> {
    let Listed::Request(request) = listed else { return None };
    let subject = &request.subject;
    (!subject.method.is_idempotent()).then(|| {
        let place = format!("{}:{}", subject.location.source, subject.location.line);
        let place = escape(&place).into_owned();
        let method = &subject.method;
        format!(
            "{place}: --compare sends everything several times, which {method} does not bear: not idempotent"
        )
    })
}
