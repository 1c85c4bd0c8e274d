//! The comparison of two runs as one JSON document, with what was compared, so that anybody can judge it anew.
//!
//! Knows its names: the record's where it has one, times in seconds. Refuses to round what was measured.

use serde::Serialize;

use super::Results;
use super::differences::{Change, Difference, Differences};
use crate::record::{ErrorRecord, Record, SCHEMA_VERSION};

/// The whole.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    r#type: &'static str,
    schema_version: u32,
    old: Run<'a>,
    new: Run<'a>,
    /// Entries that both runs have and finished.
    compared: usize,
    /// Entries that both have, and one of them did not finish.
    unfinished: usize,
    /// Entries whose times were compared.
    timed: usize,
    regression: bool,
    /// What all times have in common; null for nothing that is no noise.
    everything: Option<Everything>,
    differences: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    file: &'a str,
    /// Null for bare records.
    run_id: Option<&'a str>,
    started_at: Option<&'a str>,
    results: usize,
    /// Whether it came to its end; null for bare records, which do not say.
    whole: Option<bool>,
}

#[derive(Serialize)]
struct Everything {
    /// The median of new by old.
    factor: f64,
    /// The median of new less old.
    seconds: f64,
    regression: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    url: &'a str,
    changes: Vec<&'static str>,
    regression: bool,
    /// Seconds before and after, as they were compared; null where they could not be.
    times: Option<[f64; 2]>,
    /// Null for what was added.
    old: Option<Side<'a>>,
    /// Null for what was removed.
    new: Option<Side<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    source: &'a str,
    line: u32,
    name: Option<&'a str>,
    method: &'a str,
    outcome: &'a str,
    error: Option<&'a ErrorRecord>,
    response_code: Option<u16>,
    size_delivered: u64,
    sha256: Option<&'a str>,
    url_effective: Option<&'a str>,
    num_connects: u32,
    num_retries: u64,
    time_total: f64,
}

/// What is written.
pub(super) fn of<'a>(old: &'a Results, new: &'a Results, differences: &'a Differences<'a>) -> Document<'a> {
    Document {
        r#type: "diff",
        schema_version: SCHEMA_VERSION,
        old: run(old),
        new: run(new),
        compared: differences.compared,
        unfinished: differences.unfinished,
        timed: differences.timed,
        regression: differences.has_regression(),
        everything: differences.shift.map(|shift| Everything {
            factor: shift.factor,
            seconds: shift.seconds,
            regression: shift.is_grave(),
        }),
        differences: differences.all.iter().map(entry).collect(),
    }
}

fn run(results: &Results) -> Run<'_> {
    let is_whole =
        |_| results.summary.as_ref().is_some_and(|summary| summary.stop.is_none() && summary.list_ended);
    Run {
        file: &results.name,
        run_id: results.run.as_ref().map(|run| &*run.run_id),
        started_at: results.run.as_ref().map(|run| run.started_at.as_str()),
        results: results.records.len(),
        whole: results.run.as_ref().map(is_whole),
    }
}

fn entry<'a>(difference: &'a Difference<'a>) -> Entry<'a> {
    let (old, new) = (difference.pair.old, difference.pair.new);
    Entry {
        url: new.or(old).map_or("", |record| &record.url),
        changes: difference.changes.iter().copied().map(Change::as_str).collect(),
        regression: difference.is_regression(),
        times: difference.times.map(|times| [times.old, times.new]),
        old: old.map(side),
        new: new.map(side),
    }
}

fn side(record: &Record) -> Side<'_> {
    Side {
        source: &record.source,
        line: record.line,
        name: record.name.as_deref(),
        method: &record.method,
        outcome: &record.outcome,
        error: record.error.as_ref(),
        response_code: record.response_code,
        size_delivered: record.size_delivered,
        sha256: record.sha256.as_deref(),
        url_effective: record.url_effective.as_deref(),
        num_connects: record.num_connects,
        num_retries: record.num_retries,
        time_total: record.marks.time_total,
    }
}
