//! `greenfetch report`: the files that a run could have written, from its results; several runs or shards as one.
//!
//! Knows how results are put together and what is wrong with a set of them. Refuses to judge: counts are those of the
//! records.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Results, reading};
use crate::config::{Config, Mode};
use crate::event::{RunInfo, Summary};
use crate::exit::{ExitStatus, SIGPIPE, Told, exit_status};
use crate::record::{Record, RunRecord, SummaryRecord, Tally, wall_now};
use crate::report::{self, InPlace, Streams};
use crate::sanitize::escape;

/// So many doubled entries are named.
const MOST_NAMED: usize = 3;

/// Reads results and writes the reports that were asked for; with `--json` the records go to standard output.
///
/// # Errors
/// A sentence for exit 2: results that cannot be read, or a file that cannot be begun.
pub fn report(
    config: &Config,
    mut streams: Streams,
    in_place: InPlace<'_>,
    now: Instant,
) -> Result<ExitStatus, String> {
    let all: Vec<Results> = config.operands.iter().map(reading::read).collect::<Result<_, _>>()?;
    let mut warnings: Vec<String> = all.iter().flat_map(|results| results.warnings.clone()).collect();
    warnings.extend(doubled(&all));
    warnings.extend(missing_shards(&all));
    let run = run(&all, config, now);
    let summary = summary(&all, &run);
    let mut records: Vec<Record> = all.into_iter().flat_map(|results| results.records).collect();
    records.sort_by_key(|record| record.urlnum);
    warnings.extend(config.output.failed.as_ref().and_then(|_| without_their_settings(&records)));

    let written = report::write_again(&config.output, run, &records, &summary, in_place)?;
    let mut status = if written.complaints.is_empty() { ExitStatus::Pass } else { ExitStatus::Write };
    for words in warnings.iter().map(|words| format!("warning: {words}")).chain(written.complaints) {
        // Nothing is left to say it to when this fails.
        let _ = writeln!(streams.stderr, "greenfetch: {}", escape(&words));
    }
    let lines =
        if config.output.json { records.iter().flat_map(report::json_line).collect() } else { Vec::new() };
    let drawing = written.text.unwrap_or_default();
    let (stdout, stderr) =
        if config.output.json { (lines, drawing.into_bytes()) } else { (drawing.into_bytes(), lines) };
    let _ = streams.stderr.write_all(&stderr);
    status = ExitStatus::worst([status, print(&mut streams.stdout, &stdout)]);
    Ok(status)
}

/// Writes to standard output as the last thing to do.
pub(super) fn print(stdout: &mut dyn Write, text: &[u8]) -> ExitStatus {
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Ok(()) => ExitStatus::Pass,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Signal(SIGPIPE),
        Err(_) => ExitStatus::Write,
    }
}

/// Entries that several results have: the same place in the same list.
fn doubled(all: &[Results]) -> Option<String> {
    let mut seen: HashMap<(&str, u64), usize> = HashMap::new();
    let mut named: Vec<String> = Vec::new();
    let mut count = 0;
    for (index, results) in all.iter().enumerate() {
        for record in &results.records {
            let before = seen.insert((&record.source, record.urlnum), index);
            if before.is_some_and(|before| before != index) {
                count += 1;
                if named.len() < MOST_NAMED {
                    named.push(format!("{}:{}", record.source, record.line));
                }
            }
        }
    }
    let more = count - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (count > 0)
        .then(|| format!("{}{more} stand in several of these results, and count each time", named.join(", ")))
}

/// Entries that are to be fetched again otherwise than they were: results have no checks, as a list writes them, no
/// headers and no bodies, and what failed for a check would pass.
fn without_their_settings(records: &[Record]) -> Option<String> {
    let failed = records.iter().filter(|record| matches!(&*record.outcome, "fail" | "cancelled"));
    let poorer = failed.filter(|record| !record.checks.is_empty() || record.size_upload > 0).count();
    (poorer > 0).then(|| {
        format!("--failed: results have no checks, headers and bodies to send, which {poorer} of these entries had; the run's own --failed has them")
    })
}

/// Shards of which others are here, and which are not.
fn missing_shards(all: &[Results]) -> Option<String> {
    let shards = all.iter().filter_map(|results| {
        let (index, of) = results.run.as_ref()?.shard.as_deref()?.split_once('/')?;
        Some((index.parse::<u32>().ok()?, of.parse::<u32>().ok()?))
    });
    let shards: Vec<(u32, u32)> = shards.collect();
    let of = shards.iter().map(|(_, of)| *of).collect::<BTreeSet<u32>>();
    let mut words = String::new();
    for of in of {
        let here: BTreeSet<u32> = shards.iter().filter(|shard| shard.1 == of).map(|shard| shard.0).collect();
        for index in (1..=of).filter(|index| !here.contains(index)) {
            let comma = if words.is_empty() { "" } else { ", " };
            // A String takes everything.
            let _ = write!(words, "{comma}{index}/{of}");
        }
    }
    (!words.is_empty()).then(|| format!("the results of shard {words} are missing"))
}

/// The first run's words for all of them.
fn run(all: &[Results], config: &Config, now: Instant) -> RunRecord {
    let mut runs = all.iter().filter_map(|results| results.run.as_ref());
    let Some(first) = runs.next() else { return unknown_run(all, config, now) };
    let mut run = first.clone();
    for other in runs {
        for source in &other.sources {
            if !run.sources.contains(source) {
                run.sources.push(source.clone());
            }
        }
        let is_shard = run.shard.is_some() && other.shard.is_some();
        run.entries = if is_shard { run.entries } else { run.entries.zip(other.entries).map(|(a, b)| a + b) };
    }
    if all.len() > 1 {
        run.shard = None;
    }
    run
}

/// Of bare lines only what each of them says is known.
fn unknown_run(all: &[Results], config: &Config, now: Instant) -> RunRecord {
    let first = all.iter().find_map(|results| results.records.first());
    let info = RunInfo {
        run_id: first.map_or_else(String::new, |record| record.run_id.to_string()),
        mode: Mode::Coroutines,
        started: now,
        started_at: wall_now(),
        entries: None,
    };
    let mut run = RunRecord::new(&info, config, &config.concurrency, None);
    if let Some(first) = first {
        run.mode = first.mode.clone();
        run.started_at = first.started_at.clone();
    }
    run.sources.clear();
    for record in all.iter().flat_map(|results| &results.records) {
        if !run.sources.iter().any(|source| **source == *record.source) {
            run.sources.push(record.source.to_string());
        }
    }
    run
}

/// The summary of a whole run as it was; else the records counted.
fn summary(all: &[Results], run: &RunRecord) -> SummaryRecord {
    if let [Results { summary: Some(summary), .. }] = all {
        return summary.clone();
    }
    let (mut tally, mut counts) = (Tally::default(), Summary { list_ended: true, ..Summary::default() });
    for record in all.iter().flat_map(|results| &results.records) {
        tally.add(record);
        counts.taken_up += 1;
        *match &*record.outcome {
            "pass" => &mut counts.passed,
            "soft" => &mut counts.soft,
            "cancelled" => &mut counts.cancelled,
            _ => &mut counts.failed,
        } += 1;
        let end = Duration::try_from_secs_f64(record.t_end).unwrap_or_default();
        counts.wall = counts.wall.max(end);
    }
    let summaries = || all.iter().filter_map(|results| results.summary.as_ref());
    let cpu: f64 = summaries().map(|summary| summary.cpu).sum();
    counts.cpu = Duration::try_from_secs_f64(cpu).unwrap_or_default();
    counts.most_in_flight = summaries().map(|summary| summary.most_in_flight).max().unwrap_or_default();
    counts.list_ended = summaries().count() == all.len() && summaries().all(|summary| summary.list_ended);
    let status = exit_status(&counts, Told::default(), false);
    let mut whole = SummaryRecord::new(&Arc::clone(&run.run_id), &counts, &mut tally, status);
    whole.stop = summaries().find_map(|summary| summary.stop.clone());
    whole.gates = summaries().flat_map(|summary| summary.gates.clone()).collect();
    whole
}
